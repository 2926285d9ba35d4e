"""The inputs of a run over the public data: its tables in one file, generated households, and offers for all of them.

Nothing of the public data is changed. What it leaves out stands here, with its source: the federal programme, and the
ZIP codes of four cities whose geographies have none in the table.
"""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.workflows.inputs import Inputs

__all__ = ["CITIES", "Row", "document", "generate", "needs_data", "write_inputs", "zips_of"]

Row: TypeAlias = dict[str, Any]  # untyped JSON: the checker's subject, not its vocabulary

_SHARED = Path(__file__).parents[2] / "../shared/data"
_DATA = _SHARED / "incentives"
needs_data = pytest.mark.skipif(
    not (_DATA.is_dir() and (_SHARED / "mn1").is_dir()), reason="the public incentives are not beside this checkout"
)

_FEDERAL = {
    "residentialCleanEnergyCredit": {
        "name": {"en": "Residential Clean Energy Credit"},
        "authority": "us-irs",
        "authority_type": "federal",
    }
}

# Edina, Hopkins, St. Louis Park and Plymouth: ZIP codes that the postal service gives these city names, 1 where the
# city is most of it. The public table has no row for any of them.
CITIES = {
    3338: {"55424": 1, "55435": 1, "55436": 1, "55439": 1, "55410": 0},
    3333: {"55343": 1, "55305": 0},
    3334: {"55416": 1, "55426": 1, "55424": 0},
    5611: {"55441": 1, "55442": 1, "55446": 1, "55447": 1, "55391": 0},
}


def document(*, cities: bool) -> Row:
    """The incentives file: Minnesota's and the federal ones with their tables; with `cities`, their ZIP codes too."""
    rows: list[Row] = [
        {"zip": row["zip"], "geography_id": int(row["geography_id"]), "predominant": int(row["predominant"])}
        for row in csv.DictReader((_DATA / "mn-zip-to-geography.csv").read_text("utf-8").splitlines())
    ]
    if cities:
        rows += [
            {"zip": area, "geography_id": place, "predominant": main}
            for place, areas in CITIES.items()
            for area, main in areas.items()
        ]
    return {
        "incentives": [*_read("mn-incentives.json"), *_read("federal-ira.json")],
        "programs": _read("mn-programs.json") | _FEDERAL,
        "authorities": _read("mn-authorities.json"),
        "zip_to_geography": rows,
        "relationships": _read("mn-incentive_relationships.json"),
    }


def zips_of(tables: Row) -> list[str]:
    """Every ZIP code of the tables, sorted."""
    return sorted({str(row["zip"]) for row in tables["zip_to_geography"]})


def generate(count: int, areas: list[str], *, seed: int) -> list[Row]:
    """Households with and without owner status and income; one in three in the four cities."""
    draw = random.Random(seed)
    cities = sorted(_city_zips())
    chosen = [draw.choice(areas if draw.random() < 2 / 3 else cities) for _ in range(count)]
    return [_household(number, draw, area) for number, area in enumerate(chosen)]


def write_inputs(folder: Path, tables: Row, households: list[Row]) -> Inputs:
    """The three files of a run; the offers are those of the sample programme, with room for all, in every ZIP code.

    The last supplier does not say how large its panels are.
    """
    offers = json.loads((_SHARED / "mn1/offers.json").read_text("utf-8"))
    for supplier in offers["SupplierOffers"]:
        supplier |= {"Capacity": len(households), "ServiceAreas": zips_of(tables) + sorted(_city_zips())}
    for product in offers["SupplierOffers"][0]["Offers"]:
        for price in product["ProductPrices"]:
            price["LMICashPrice"] = round(price["CashPrice"] * 0.8725, 2)
    for product in offers["SupplierOffers"][-1]["Offers"]:
        product.pop("ProductCapacity") if product["ProductType"] == "Solar" else None
    named = {"registrations": households, "offers": offers, "incentives": tables}
    for name, value in named.items():
        (folder / f"{name}.json").write_text(json.dumps(value), "utf-8")
    registrations, offers, incentives = (folder / f"{name}.json" for name in named)
    return Inputs(registrations=registrations, offers=offers, incentives=incentives)


def _city_zips() -> set[str]:
    return {area for places in CITIES.values() for area in places}


def _household(number: int, draw: random.Random, area: str) -> Row:
    panels, batteries = draw.choice(((1, 0), (0, 1), (1, 1), (1, 1)))
    ways = ("East", "South", "SouthEast", "SouthWest", "West", "North", None)
    facts = {
        "Contact_state": draw.choice(("MN", "MN", "MN", "MN", "IA", "84", None)),
        "Product_RoofPitch": draw.choice(("Flat", "Inclined", "Inclined", "Sharp", None)),
        "Product_RoofOrientation": draw.choice(ways),
        "Contact_LowMediumIncome": draw.choice((0, 1, "1", None)),
        "Contact_OwnerStatus": draw.choice(("homeowner", "Homeowner", "renter", None)),
    }
    return {
        "RegistrationNumber": f"MN{number:05}",
        "CampaignName": "Minnesota, generated",
        "RegistrationStatus": "Accepted",
        "Contact_Zip": area,
        "Proposal_OptimalAmountOfPanels": draw.randint(8, 55) if panels else None,
        "Proposal_OptimalAmountOfBatteries": draw.randint(1, 2) if batteries else 0,
        **{name: value for name, value in facts.items() if value is not None},
    }


def _read(name: str) -> Any:
    return json.loads((_DATA / name).read_text("utf-8"))
