"""The sample market's places and its nine suppliers; every ZIP code, company and product is invented.

Capacities are for a hundred registrations, and fall just short of what those want.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = [
    "CAPACITY_BASIS",
    "CORE",
    "NORTH",
    "RIVER",
    "SOLE_ZIP",
    "SOUTH",
    "SUPPLIERS",
    "UNSERVED_ZIP",
    "Battery",
    "Json",
    "Panel",
    "Supplier",
]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

CORE = ("52901", "52902", "52903", "52905", "52907", "52908")
NORTH = ("52910", "52912", "52914", "52915", "52917")
SOUTH = ("52921", "52923", "52926", "52928", "52931", "52932")
RIVER = ("52940", "52941", "52943", "52946", "52948")
SOLE_ZIP = "52951"  # served by one supplier
UNSERVED_ZIP = "52959"  # served by none

CAPACITY_BASIS = 100  # registrations that the capacities below are meant for
TAPER = 1.3  # dollars that each further panel gets cheaper

NO_FRAME = "all-black, no visible frame"
BLACK_CELLS = "black cells, silver frame"
BLUE_CELLS = "blue cells, silver frame"
LONG_WARRANTY = "25 years product and performance"
SHORT_WARRANTY = "12 years product, 25 years performance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A solar product; its price in dollars is `base` and `each` per panel, less the taper."""

    name: str
    watts: int
    base: float
    each: float
    looks: str
    warranty: str
    counts: range = range(8, 59)

    def cash(self, quantity: int) -> float:
        return self.base + self.each * quantity - round(TAPER * quantity * (quantity - 1) / 2)

    def record(self) -> dict[str, Json]:
        terms: dict[str, Json] = {"Looks": self.looks, "Warranty": self.warranty, "Brand": self.name.split()[0]}
        return {"ProductType": "Solar", "ProductName": self.name, "ProductCapacity": str(self.watts), "Terms": terms}


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """A battery: the price in dollars of the first one, and of another beside it."""

    name: str
    kilowatt_hours: str
    first: float
    further: float
    counts: range = range(1, 3)

    def cash(self, quantity: int) -> float:
        return self.first + self.further * (quantity - 1)

    def record(self) -> dict[str, Json]:
        brand = self.name.split()[0]
        warranty, backup = ("10 years", "whole house") if brand == "Emberstack" else ("12 years", "selected circuits")
        terms: dict[str, Json] = {"Brand": brand, "Warranty": warranty, "Backup": backup}
        size = self.kilowatt_hours
        return {"ProductType": "Battery", "ProductName": self.name, "ProductCapacity": size, "Terms": terms}


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """A supplier; it lends for what `financed` names, over `months` at a yearly rate."""

    id: str
    capacity: int
    areas: tuple[str, ...]
    products: tuple[Panel | Battery, ...]
    weeks: int
    origin: str
    about: str
    used: int | None = None
    rate_percent: float = 7.49
    months: int = 300
    lmi: bool = False
    financed: Literal["nothing", "panels", "everything"] = "panels"


SUPPLIERS = (
    Supplier(
        id="Brackwater Solar",
        capacity=8,
        areas=CORE + NORTH,
        lmi=True,
        products=(
            Panel(name="Corvane 430 Black", watts=430, base=4210, each=968, looks=NO_FRAME, warranty=LONG_WARRANTY),
            Battery(name="Emberstack 13", kilowatt_hours="13.5", first=15425, further=10980.5),
        ),
        weeks=12,
        origin="Panels assembled in Ohio",
        about="Local company since 2004, own crews, no subcontractors",
    ),
    Supplier(
        id="Quillroof",
        capacity=8,
        areas=CORE + SOUTH,
        rate_percent=6.9,
        months=240,
        products=(
            Panel(name="Helmora Value 405", watts=405, base=4020, each=905, looks=BLUE_CELLS, warranty=SHORT_WARRANTY),
            Panel(
                name="Helmora Night 445", watts=445, base=4390, each=1012.5, looks="all-black", warranty=LONG_WARRANTY
            ),
            Battery(name="Voltcrate Home 10", kilowatt_hours="10.2", first=12890, further=10150),
        ),
        weeks=10,
        origin="Panels made in Malaysia",
        about="Regional company with offices in three states",
    ),
    Supplier(
        id="Tamarrow Energy",
        capacity=6,
        areas=CORE + SOUTH + RIVER[:4],
        lmi=True,
        financed="everything",
        products=(
            Battery(name="Emberstack 13", kilowatt_hours="13.5", first=15990, further=11200),
            Panel(name="Norrisol 420", watts=420, base=4105, each=931, looks=BLACK_CELLS, warranty=LONG_WARRANTY),
        ),
        weeks=6,
        origin="Panels made in the USA",
        about="National installer, subcontracted local crews",
    ),
    Supplier(
        id="Prairie Kestrel Solar",
        capacity=8,
        areas=CORE[:4] + NORTH + RIVER,
        rate_percent=8.25,
        products=(
            Panel(name="Silvane 410", watts=410, base=3880, each=884, looks=BLUE_CELLS, warranty=SHORT_WARRANTY),
        ),
        weeks=16,
        origin="Panels made in Vietnam",
        about="Lowest-cost installer, no showroom",
    ),
    Supplier(
        id="Nine Oaks Roofworks",
        capacity=21,
        areas=SOUTH + RIVER,
        financed="nothing",
        products=(
            Panel(name="Norrisol 400", watts=400, base=4300, each=899, looks=BLACK_CELLS, warranty=SHORT_WARRANTY),
        ),
        weeks=8,
        origin="Panels made in the USA",
        about="Family roofing company, cash only",
    ),
    Supplier(
        id="Hearthvolt Storage",
        capacity=8,
        areas=CORE + NORTH + SOUTH + RIVER,
        months=120,
        financed="everything",
        products=(Battery(name="Voltcrate Home 15", kilowatt_hours="15.3", first=14275.5, further=11640),),
        weeks=3,
        origin="Batteries assembled in Nevada",
        about="Batteries only, own electricians",
    ),
    Supplier(
        id="Cobaltmill Power",
        capacity=12,
        used=3,
        areas=NORTH + SOUTH + RIVER,
        products=(
            Battery(name="Voltcrate Home 10", kilowatt_hours="10.2", first=13240, further=9985),
            Panel(name="Aurelt 425", watts=425, base=4150, each=922.75, looks="all-black", warranty=SHORT_WARRANTY),
        ),
        weeks=9,
        origin="Panels made in Korea",
        about="Large installer, 4,000 roofs a year",
    ),
    Supplier(
        id="Lumenfield Co-op",
        capacity=7,
        areas=CORE + NORTH[:3],
        rate_percent=5.5,
        months=180,
        lmi=True,
        products=(
            Panel(
                name="Corvane 415",
                watts=415,
                base=3990,
                each=940,
                looks=BLACK_CELLS,
                warranty=LONG_WARRANTY,
                counts=range(6, 41),
            ),
            Battery(name="Voltcrate Home 10", kilowatt_hours="10.2", first=12995, further=10300),
        ),
        weeks=14,
        origin="Panels assembled in Ohio",
        about="Member-owned, installs within the county only",
    ),
    Supplier(
        id="Vantry Solar",
        capacity=10,
        areas=(*CORE[4:], *RIVER, SOLE_ZIP),
        rate_percent=7.99,
        products=(
            Panel(
                name="Duskline 470 Prime",
                watts=470,
                base=4820,
                each=1104,
                looks=NO_FRAME,
                warranty="30 years product and performance",
            ),
            Battery(name="Emberstack 13", kilowatt_hours="13.5", first=16480, further=11950),
        ),
        weeks=5,
        origin="Panels made in Germany",
        about="Premium installer, highest-wattage panels of the auction",
    ),
)
