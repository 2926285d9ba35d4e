"""What must not be taken for settled by the schema, each alone in an entry that is settled without it.

Schema: https://github.com/rewiringamerica/api.rewiringamerica.org, src/data/state_incentive_relationships.ts
and types/amount.ts (read in a public archive of the source, 2026-11).
"""

from __future__ import annotations

from datetime import date

import pytest

from igent.domain.incentives import standings
from igent.domain.records import Json, Registration, Want
from igent.markets.sbus import read_incentives
from tests.incentives.households import Row, document, needs_data

HOUSEHOLD = Registration(
    id="R1",
    campaign="",
    source="registrations.json#/0",
    area="55407",
    wants=(Want(product_type="Solar", quantity=20),),
    low_income=False,
    owner_status="homeowner",
)
OTHER: Row = {
    "id": "B",
    "items": ["rooftop_solar_installation"],
    "program": "credit",
    "owner_status": ["homeowner"],
    "payment_methods": ["rebate"],
    "amount": {"type": "dollar_amount", "number": 300},
    "short_description": {"en": "$300 rebate for rooftop solar."},
}
ENTRY: Row = OTHER | {
    "id": "A",
    "amount": {"type": "dollar_amount", "number": 500},
    "short_description": {"en": "$500 rebate for rooftop solar."},
}


def decided(entry: Row, relationships: Row | None = None, household: Registration = HOUSEHOLD) -> set[str]:
    """The ids of the entry and another one that a household can count on."""
    given: Json = {
        "incentives": [entry, OTHER],
        "programs": {"credit": {"authority": "us", "authority_type": "federal"}},
        "relationships": relationships or {},
    }
    found = standings(read_incentives(given, file="incentives.json"), household, date(2026, 6, 1))
    return {one.incentive.id for one in found if one.kind == "applies"}


def test_an_entry_without_conditions_is_decided() -> None:
    assert decided(ENTRY) == {"A", "B"}


@pytest.mark.parametrize(
    ("relationships", "left"),
    [
        ({"exclusions": {"A": ["B"]}}, {"A"}),
        ({"exclusions": {"A": {"ids": ["B"], "description": ""}}}, {"A"}),
        ({"prerequisites": {"A": {"ids": ["B"]}}}, {"B"}),
        pytest.param({"prerequisites": {"A": "B"}}, {"B"}),
        pytest.param({"prerequisites": {"A": {"allOf": ["B"]}}}, {"B"}),
        pytest.param({"prerequisites": {"A": {"anyOf": ["B"]}}}, {"B"}),
        pytest.param({"combinations": [{"ids": ["A", "B"], "max_value": 600}]}, set()),
    ],
)
def test_what_depends_on_another_incentive_is_not_decided(relationships: Row, left: set[str]) -> None:
    assert decided(ENTRY, relationships) == left


@pytest.mark.parametrize(
    "fields",
    [
        {"low_income": "default"},
        {"end_date": "2025"},
        {"start_date": "2027"},
        {"paused": True},
        {"owner_status": ["renter"]},
        {"amount": {"type": "dollar_amount", "number": 500, "maximum": 500}},
        {"amount": {"type": "dollars_per_unit", "number": 0.03, "unit": "kilowatt_hour"}},
        pytest.param(
            {"amount": {"type": "dollar_amount", "number": 500, "minimum": 100}},
        ),
    ],
    ids=str,
)
def test_what_a_field_makes_conditional_is_not_decided(fields: Row) -> None:
    assert "A" not in decided(ENTRY | fields)


# Of Minnesota's incentives, whatever they are for: texts with a condition or a unit, read by hand.
CONDITIONAL = {
    "MN-67": "for income-qualified",
    "MN-69": "for income-qualified",
    "MN-83": "per condensing unit",
    "MN-84": "per condensing unit",
    "MN-85": "per condensing unit",
    "MN-86": "per condensing unit",
    "MN-100": "per qualified unit",
    "MN-120": "per condensing unit",
    "MN-121": "per condensing unit",
    "MN-133": "subject to",
    "MN-142": "subject to",
    "MN-426": "Restrictions apply",
    "MN-434": "is required",
}


@needs_data
@pytest.mark.parametrize("name", CONDITIONAL)
def test_a_condition_is_seen_in_whatever_words(name: str) -> None:
    [entry] = [one for one in document(cities=False)["incentives"] if one["id"] == name]
    assert CONDITIONAL[name] in entry["short_description"]["en"]
    kept = {key: entry[key] for key in ("amount", "short_description")}
    assert "A" not in decided(ENTRY | kept)


@needs_data
@pytest.mark.parametrize("words", ["Must ", "only", "Up to ", "Either ", " if ", "depend"])
def test_no_public_text_with_such_words_is_decided(words: str) -> None:
    texts = [one for one in document(cities=False)["incentives"] if words in one["short_description"]["en"]]
    fields = [{key: one[key] for key in ("amount", "short_description")} for one in texts]
    assert [one for one in fields if "A" in decided(ENTRY | one)] == []
