"""What panels produce on a roof: the table follows from the weather, and a roof that is not in it has no yield."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from igent.domain.records import Json, Yield
from igent.markets.sbus import read_registration
from igent.markets.sbus.yields import YIELDS, yield_of
from tests.markets.sunshine import kwh_per_kwp

DATA = Path(__file__).parents[2] / "data"
TILTS = {"Flat": 0, "Inclined": 30, "Sharp": 45}
WAYS = ("North", "NorthEast", "East", "SouthEast", "South", "SouthWest", "West", "NorthWest")
ROOF: dict[str, Json] = {
    "Contact_state": "MN",
    "Product_RoofPitch": "Inclined",
    "Product_RoofOrientation": "South",
}


@pytest.mark.parametrize("pitch", TILTS)
def test_the_table_follows_from_the_weather(pitch: str) -> None:
    computed = {way: round(kwh_per_kwp(45 * n, TILTS[pitch]), -1) for n, way in enumerate(WAYS)}
    assert YIELDS[pitch] == computed


def test_a_roof_has_its_yield_with_the_facts_that_decide_it_and_who_says_so() -> None:
    found = yield_of(ROOF)
    assert isinstance(found, Yield)
    assert (found.kwh_per_kwp, found.facts) == (
        1270,
        {"state": "MN", "roof_pitch": "Inclined", "roof_orientation": "South"},
    )
    assert "PVWatts" in found.source
    assert "%" in found.uncertainty


@pytest.mark.parametrize("value", [None, "", "Somehow", 7])
@pytest.mark.parametrize(
    ("field", "fact"),
    [
        ("Contact_state", "state"),
        ("Product_RoofPitch", "roof_pitch"),
        ("Product_RoofOrientation", "roof_orientation"),
    ],
)
def test_a_fact_that_is_missing_or_not_in_the_table_is_named(field: str, fact: str, value: Json) -> None:
    assert yield_of(ROOF | {field: value}) == fact


def test_every_sample_household_s_roof_is_in_the_table() -> None:
    rows = json.loads((DATA / "registrations.json").read_text())
    found = [read_registration(row, pointer="").solar_yield for row in rows]
    assert [one for one in found if isinstance(one, str)] == []
