"""What panels produce in a year on a household's roof, by where it faces and how it slopes, in Minnesota and Iowa.

Computed with the model of PVWatts (Dobos, PVWatts Version 5 Manual, NREL/TP-6A20-62641, 2014; read 2026-11): losses of
14 %, 3 % of shading among them, inverters of 96 %, panels on the roof; over the hours of NREL's typical year (TMY3) of
Rochester, Minnesota, 45 km from Iowa. That manual: up to 10 % off over many years, up to 20 % in a single one. Pitches
have names in a registration; taken for a sharp one are 45 degrees, for an inclined one 30, for a flat one 0, whichever
way it faces. Trees and chimneys, of which a registration has nothing, make it less.
"""

from __future__ import annotations

from igent.domain.records import Yield
from igent.markets.base import Facts

__all__ = ["YIELDS", "yield_of"]

# kWh a year for each kWp, to the ten.
YIELDS = {
    "Flat": dict.fromkeys(
        ("North", "NorthEast", "East", "SouthEast", "South", "SouthWest", "West", "NorthWest"),
        1100,
    ),
    "Inclined": {
        "North": 750,
        "NorthEast": 830,
        "East": 1030,
        "SouthEast": 1200,
        "South": 1270,
        "SouthWest": 1210,
        "West": 1030,
        "NorthWest": 840,
    },
    "Sharp": {
        "North": 590,
        "NorthEast": 700,
        "East": 960,
        "SouthEast": 1180,
        "South": 1270,
        "SouthWest": 1190,
        "West": 970,
        "NorthWest": 710,
    },
}

_DECIDING = ("Contact_state", "Product_RoofPitch", "Product_RoofOrientation")
_STATES = {"IA", "MN"}
_UNCERTAINTY = "10 % over many years, 20 % in a single year"
_SOURCE = "PVWatts version 5 (https://docs.nlr.gov/docs/fy14osti/62641.pdf) over the TMY3 of Rochester, MN"


_ROOFS = {
    (state, pitch, orientation): Yield(
        kwh_per_kwp=kwh,
        facts={"state": state, "roof_pitch": pitch, "roof_orientation": orientation},
        uncertainty=_UNCERTAINTY,
        source=_SOURCE,
    )
    for state in sorted(_STATES)
    for pitch, by_orientation in YIELDS.items()
    for orientation, kwh in by_orientation.items()
}


def yield_of(facts: Facts) -> Yield | str:
    """The yield of a registration's roof; the name of the fact that is missing for it, or that the table has not."""
    state, pitch, orientation = map(str, map(facts.get, _DECIDING))
    found = _ROOFS.get((state, pitch, orientation))
    if found is not None:
        return found
    if state not in _STATES:
        return "state"
    return "roof_orientation" if pitch in YIELDS else "roof_pitch"
