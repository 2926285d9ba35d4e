"""Every solar and battery incentive, read by a person and by igent: where one sees money, both do."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import pytest

from igent.domain.incentives import Incentive, standing
from igent.domain.records import Json, Registration, Want
from igent.markets.sbus import read_incentives
from tests.incentives.hand import HAND
from tests.incentives.households import CITIES, Row, document, needs_data
from tests.incentives.recomputed import PRODUCTS

pytestmark = needs_data

# A household that leaves nothing open, but for its ZIP code.
KNOWN = Registration(
    id="R1",
    campaign="",
    source="registrations.json#/0",
    area="55435",
    wants=(Want(product_type="Solar", quantity=20), Want(product_type="Battery", quantity=1)),
    low_income=True,
    owner_status="homeowner",
)
HOME = {
    "MN-424": "55419",
    "MN-425": "55416",
    "MN-481": "55343",
    "MN-482": "55343",
    "MN-485": "55447",
    "MN-486": "55447",
}


@cache
def tables() -> Row:
    return document(cities=True)


@cache
def entries() -> dict[str, Row]:
    return {entry["id"]: entry for entry in tables()["incentives"] if set(entry["items"]) & set(PRODUCTS)}


@cache
def read() -> dict[str, Incentive]:
    given: Json = tables()
    return {incentive.id: incentive for incentive in read_incentives(given, file="incentives.json")}


def current(name: str) -> date:
    """A day on which an incentive runs."""
    return date(2025, 6, 1) if name.startswith("IRA") else date(2026, 6, 1)


def test_every_solar_and_battery_incentive_is_read_by_both() -> None:
    assert list(read()) == list(entries())
    assert set(HAND) == set(entries())


@pytest.mark.parametrize("name", HAND)
def test_the_words_that_decide_are_the_incentive_s_own(name: str) -> None:
    text = entries()[name]["short_description"]["en"]
    assert [words for words in HAND[name].words if words not in text] == []


@pytest.mark.parametrize("name", HAND)
def test_igent_reads_an_incentive_as_a_person_does(name: str) -> None:
    household = replace(KNOWN, area=HOME.get(name, KNOWN.area))
    found = standing(read()[name], household, current(name))
    undecided = HAND[name].undecided
    by_hand = {None: ("applies", None), "prose-condition": ("open", None)}.get(undecided, ("undecided", undecided))
    assert (found.kind, found.reason) == by_hand


@pytest.mark.parametrize("name", sorted(HOME))
def test_a_city_without_zip_codes_in_the_table_may_be_anywhere(name: str) -> None:
    place = next((place for place, areas in CITIES.items() if HOME[name] in areas), None)
    without = document(cities=False)
    [found] = [one for one in read_incentives(without, file="incentives.json") if one.id == name]
    assert (found.uncertain_areas is None) == (place is not None)
