"""The energy market's sample offers: six suppliers with tariffs by region; every company and rate is invented.

Capacities are for a hundred registrations, and fall short of what those want.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from data.suppliers import CAPACITY_BASIS, Json

__all__ = ["NORTH", "REGIONS", "SOLE_REGION", "UNSERVED_REGION", "offers"]

# As price lists spell them, with what a kWh of electricity costs there beside the dearest, in percent.
REGIONS: Final = {
    "Eastern": 96,
    "East Midlands": 92,
    "London Electricity": 95,
    "ManWeb": 100,
    "Midlands": 93,
    "Northern": 91,
    "Norweb": 97,
    "Scottish Hydro Electric": 98,
    "ScottishPower": 94,
    "Seeboard": 99,
    "Southern Electric": 97,
    "SWALEC": 96,
    "SWEB": 95,
    "Yorkshire": 91,
}
SOLE_REGION: Final = "ManWeb"  # served by one supplier
UNSERVED_REGION: Final = "SWALEC"  # served by none
NORTH: Final = ("Northern", "Norweb", "Scottish Hydro Electric", "ScottishPower", "Yorkshire")
_MOST: Final = tuple(region for region in REGIONS if region not in (SOLE_REGION, UNSERVED_REGION))
_SOUTH: Final = tuple(region for region in _MOST if region not in NORTH)

# Product type, name, and pence without tax: a day, a kWh, and a kWh at night.
_PRODUCTS: Final = (
    ("Electricity", "Elec - Single Rate", ("46.200", "24.850", "0")),
    ("Electricity", "Elec - Two Rate", ("47.400", "26.150", "17.300")),
    ("Gas", "Gas - Single Rate", ("24.100", "5.930", "0")),
)
# What a way of paying adds to each, in percent.
_PAYING: Final = {"Direct Debit": 100, "Cash Cheque": 106, "Prepayment": 98}
_VAT: Final = Decimal("1.05")


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """A supplier; `level` is its rates beside the list's, in percent, `plain` one that quotes pence without tax."""

    id: str
    capacity: int
    level: int
    regions: tuple[str, ...]
    paying: tuple[str, ...]
    contracts: tuple[tuple[str, str], ...]
    about: str
    energy: str
    fuels: tuple[str, ...] = ("Electricity", "Gas")
    used: int | None = None
    plain: bool = False


_SUPPLIERS: Final = (
    Supplier(
        id="Wrenfield Energy",
        capacity=24,
        used=1,
        level=101,
        regions=_MOST,
        paying=("Direct Debit", "Cash Cheque", "Prepayment"),
        contracts=(("1 year", "Exit fee of £50 for each fuel"),),
        about="UK call centre, open every day",
        energy="Grid mix",
    ),
    Supplier(
        id="Tidemark Power",
        capacity=18,
        level=99,
        regions=(*_MOST, SOLE_REGION),
        paying=("Direct Debit",),
        contracts=(("2 years", "Exit fee of £75 for each fuel in the first year, none after it"),),
        about="Served online only, answers within two working days",
        energy="100% renewable electricity, gas with carbon offsets",
        plain=True,
    ),
    Supplier(
        id="Cobble & Moss Energy",
        capacity=16,
        level=103,
        regions=_SOUTH,
        paying=("Direct Debit", "Cash Cheque"),
        contracts=(("1 year", "No exit fees"), ("2 years", "No exit fees after the first year")),
        about="UK call centre and a shop in Exeter",
        energy="100% renewable electricity",
    ),
    Supplier(
        id="Larkspur Light",
        capacity=9,
        level=98,
        regions=_MOST,
        paying=("Direct Debit",),
        contracts=(("1 year", "No exit fees"),),
        about="Smart meter needed",
        energy="100% renewable electricity",
        fuels=("Electricity",),
    ),
    Supplier(
        id="North Fell Energy",
        capacity=13,
        used=0,
        level=100,
        regions=NORTH,
        paying=("Direct Debit", "Cash Cheque", "Prepayment"),
        contracts=(("1 year", "Exit fee of £30 for each fuel"),),
        about="Member-owned, call centre in Carlisle",
        energy="Grid mix, a third of it wind",
    ),
    Supplier(
        id="Fenbridge Utilities",
        capacity=12,
        level=97,
        regions=_SOUTH,
        paying=("Direct Debit", "Prepayment"),
        contracts=(("1 year", "Exit fee of £60 for each fuel"),),
        about="Telephone on weekdays until 5 pm",
        energy="Grid mix",
    ),
)


def offers(count: int) -> dict[str, Json]:
    """The offers file for `count` registrations: above `CAPACITY_BASIS`, capacities grow in step."""
    return {"CampaignID": "ENUK Sample", "SupplierOffers": [_supplier(one, count) for one in _SUPPLIERS]}


def _supplier(supplier: Supplier, count: int) -> Json:
    scale = max(count, CAPACITY_BASIS)
    record: dict[str, Json] = {"SupplierID": supplier.id, "Capacity": supplier.capacity * scale // CAPACITY_BASIS}
    if supplier.used is not None:
        record["Used"] = supplier.used * scale // CAPACITY_BASIS
    if supplier.plain:
        record |= {"RateUnit": "pence", "VATPercent": 5}
    terms: dict[str, Json] = {"About": supplier.about, "Energy": supplier.energy}
    return record | {"Terms": terms, "Offers": [*_tariffs(supplier)]}


def _tariffs(supplier: Supplier) -> Iterator[Json]:
    for fuel, name, rates in _PRODUCTS:
        for paying in supplier.paying if fuel in supplier.fuels else ():
            if paying == "Prepayment" and "Two" in name:
                continue  # two rates are not sold to prepayment meters
            for contract, fees in supplier.contracts:
                yield {
                    "ProductType": fuel,
                    "ProductName": name,
                    "PaymentMethod": paying,
                    "ContractType": contract,
                    "Terms": {"ExitFees": fees},
                    "ProductPrices": [*_rows(supplier, rates, paying, years=int(contract[0]))],
                }


def _rows(supplier: Supplier, rates: tuple[str, ...], paying: str, *, years: int) -> Iterator[Json]:
    for region in supplier.regions:
        percents = supplier.level, _PAYING[paying], REGIONS[region], 99 + years
        numbers = (_rate(Decimal(rate), percents, plain=supplier.plain) for rate in rates)
        yield {"ServiceArea": region} | dict(zip(("FixedFee", "PrimaryRate", "SecondaryRate"), numbers, strict=True))


def _rate(pence: Decimal, percents: tuple[int, ...], *, plain: bool) -> float | int:
    """Three places of a penny, then the unit and tax in which the supplier quotes."""
    for percent in percents:
        pence = pence * percent / 100
    net = round(pence, 3)
    return float(net if plain else net / 100 * _VAT) if net else 0
