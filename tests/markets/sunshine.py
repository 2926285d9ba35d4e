"""A year's yield of a kilowatt of panels, from weather: the PVWatts model over the mean hours of a typical year.

Weather: TMY3 of Rochester, MN (WMO 726440, 43.9 N, 92.5 W, NREL), as the mean of each hour of the day in each month,
from the statistics that EnergyPlus gives with it (read 2026-11 in NREL/openstudio-standards, data/weather): direct
normal and diffuse horizontal radiation in Wh/m2, air in degrees.
Model: Dobos, PVWatts Version 5 Manual, NREL/TP-6A20-62641 (2014): losses of 14 %, an inverter of 96 %, -0.47 % a
degree, with the sky of Hay and Davies (1980) and, for panels on a roof, cells at 49 degrees in 800 W/m2 and 20 degrees.
"""

from __future__ import annotations

from math import asin, cos, pi, radians, sin

__all__ = ["kwh_per_kwp"]

_LATITUDE, _LONGITUDE, _MERIDIAN = 43.9, -92.5, -90.0
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# The day of each month whose sun is that of the month's mean (Klein 1977).
_MEAN_DAYS = (17, 47, 75, 105, 135, 162, 198, 228, 258, 288, 318, 344)
_ALBEDO, _SOLAR_CONSTANT = 0.2, 1367

# The first row is the hour from 4 to 5; a column for each month.
_DIRECT = """
0 0 0 0 2 16 0 0 0 0 0 0
0 0 0 16 91 157 70 35 0 0 0 0
0 1 31 166 222 230 299 206 107 24 1 0
12 78 161 283 328 339 388 314 343 173 51 18
131 201 248 296 404 415 477 344 392 256 129 119
295 366 303 310 433 480 433 367 422 345 200 226
399 318 376 362 414 485 472 377 459 373 282 348
375 391 360 435 411 459 433 423 417 393 261 345
398 434 370 483 396 421 473 412 408 386 283 357
335 395 359 518 404 439 485 455 412 386 274 328
294 406 321 483 374 405 510 432 410 343 210 282
251 359 223 417 326 365 457 422 362 307 179 192
113 278 194 346 269 344 468 367 341 184 53 38
2 58 122 259 218 296 348 306 195 23 0 0
0 0 9 78 105 236 244 118 12 0 0 0
0 0 0 0 7 61 15 6 0 0 0 0
"""
_DIFFUSE = """
0 0 0 0 2 0 0 0 0 0 0 0
0 0 0 1 32 62 47 17 0 0 0 0
0 0 16 67 89 108 93 63 42 13 0 0
1 16 66 116 147 155 138 121 98 56 22 1
40 58 125 140 187 198 163 168 142 100 70 33
86 105 177 169 232 233 206 218 177 146 115 66
114 157 194 194 264 253 240 252 201 183 148 82
151 165 232 222 269 284 259 259 232 178 163 95
152 161 246 213 264 279 279 273 222 186 158 92
162 153 238 205 245 250 265 250 193 172 137 83
110 137 199 182 228 253 256 223 169 148 111 63
68 88 159 162 193 220 203 196 139 102 61 36
23 53 100 114 151 173 148 146 90 50 18 4
0 8 47 67 104 116 115 86 40 10 0 0
0 0 5 15 49 54 55 36 1 0 0 0
0 0 0 0 8 12 8 4 0 0 0 0
"""
_AIR = """
-14.1 -9.3 -2.0 3.7 9.4 14.1 16.3 15.3 10.5 4.4 -1.6 -8.8
-14.5 -9.6 -2.2 3.5 10.1 15.0 17.0 15.4 10.3 4.2 -1.6 -9.2
-14.7 -9.9 -2.1 4.3 11.8 16.3 18.7 17.1 11.5 5.2 -1.9 -9.3
-14.9 -9.9 -1.3 5.2 13.5 18.1 20.1 19.1 14.0 6.2 -1.4 -9.4
-14.5 -9.3 -0.2 6.3 14.8 19.5 21.5 20.9 16.4 7.3 -0.5 -8.7
-13.6 -8.2 0.8 7.2 16.1 20.8 22.3 22.2 18.1 8.6 0.6 -7.8
-12.4 -7.2 1.8 8.2 17.1 21.9 23.1 23.3 19.2 9.9 1.5 -6.7
-11.6 -6.4 2.6 9.2 17.8 22.8 23.9 24.3 20.2 11.3 2.2 -5.9
-11.0 -5.8 3.2 9.9 18.1 22.8 24.8 24.8 20.7 11.7 2.8 -5.3
-10.5 -5.5 3.7 10.6 18.4 23.2 25.0 25.2 20.8 12.2 2.9 -5.1
-10.3 -5.3 4.0 10.9 18.6 23.5 25.3 25.2 20.7 12.6 2.8 -5.3
-10.5 -5.3 3.8 10.9 18.4 23.6 25.2 25.2 20.5 11.1 2.4 -5.7
-11.2 -5.7 3.2 10.6 18.1 23.3 24.8 24.7 19.8 9.6 1.0 -6.7
-11.8 -6.6 1.9 9.9 17.1 22.5 24.2 23.3 17.9 8.1 0.1 -7.0
-12.0 -6.9 0.7 8.6 16.0 21.5 23.0 21.3 15.8 7.4 -0.1 -7.6
-12.1 -7.1 0.2 7.5 14.3 19.8 21.3 19.3 14.4 6.7 -0.5 -7.6
"""


def kwh_per_kwp(azimuth: float, tilt: float) -> float:
    """kWh a year of a kilowatt peak; degrees clockwise from north, and from the horizontal."""
    direct, diffuse, air = (_rows(table) for table in (_DIRECT, _DIFFUSE, _AIR))
    wh = 0.0
    for row, hour in enumerate(range(4, 20)):
        for month, days in enumerate(_DAYS):
            beam, sky = direct[row][month], diffuse[row][month]
            light = _on_panel(_sun(month, hour + 0.5), month, beam, sky, (azimuth, tilt))
            cell = air[row][month] + light / 800 * (49 - 20)
            wh += days * light * (1 - 0.0047 * (cell - 25)) * (1 - 0.14) * 0.96
    return wh / 1000


def _rows(table: str) -> list[list[float]]:
    return [[float(cell) for cell in line.split()] for line in table.split("\n") if line]


def _sun(month: int, clock: float) -> tuple[float, float, float]:
    """Where the sun stands: a unit vector to the south, the west and upwards."""
    day = _MEAN_DAYS[month]
    angle = 2 * pi * (day - 81) / 364
    equation = 9.87 * sin(2 * angle) - 7.53 * cos(angle) - 1.5 * sin(angle)
    solar = clock + (4 * (_LONGITUDE - _MERIDIAN) + equation) / 60
    turn, north = radians(15 * (solar - 12)), radians(_LATITUDE)
    tilt = asin(sin(radians(23.45)) * sin(2 * pi * (day + 284) / 365))
    up = sin(north) * sin(tilt) + cos(north) * cos(tilt) * cos(turn)
    south = sin(north) * cos(tilt) * cos(turn) - cos(north) * sin(tilt)
    return south, cos(tilt) * sin(turn), up


def _on_panel(
    sun: tuple[float, float, float], month: int, beam: float, sky: float, panel: tuple[float, float]
) -> float:
    """W/m2 on a panel: from the sun, from around it, from the rest of the sky, and from the ground."""
    turned, tilt = radians(panel[0] - 180), radians(panel[1])
    south, west, up = sun
    facing = sin(tilt) * (cos(turned) * south + sin(turned) * west) + cos(tilt) * up
    # The mean hour of a month holds light from days on which the sun stands higher than on the mean one.
    height = max(up, sin(radians(3)))
    around = beam / (_SOLAR_CONSTANT * (1 + 0.033 * cos(2 * pi * _MEAN_DAYS[month] / 365)))
    straight = max(facing, 0.0)
    from_sky = sky * (around * straight / height + (1 - around) * (1 + cos(tilt)) / 2)
    return beam * straight + from_sky + (beam * height + sky) * _ALBEDO * (1 - cos(tilt)) / 2
