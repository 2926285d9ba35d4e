"""Rows of the registrations file, with the quirks that real exports have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from igent import codec
from igent.domain.notes import MAX_NOTE_CHARS
from igent.domain.records import Json, Registration
from igent.domain.rules import Catalogue
from igent.markets.fields import FieldError
from igent.markets.sbus import REGISTRATION_FIELDS, identify, read_registration, read_suppliers

REAL = Path(__file__).parents[2] / "../shared/data/mn1"
ROW: dict[str, Json] = {
    "RegistrationNumber": "SPUS1",
    "CampaignName": "Summer",
    "RegistrationStatus": "Accepted",
    "Contact_Zip": "55407",
    "Product_KnowsAmountOfPanels": "0",
    "Product_AmountOfPanels": None,
    "Proposal_OptimalAmountOfPanels": 8,
    "Proposal_OptimalAmountOfBatteries": "1",
    "Contact_LowMediumIncome": 0,
}


def read(**changes: Json) -> Registration:
    return read_registration({**ROW, **changes}, pointer="registrations.json#/0")


def wants(**changes: Json) -> dict[str, int]:
    return {want.product_type: want.quantity for want in read(**changes).wants}


def real_rows(name: str) -> list[Json]:
    path = REAL / name
    if not path.exists():
        pytest.skip(f"the real rows are not beside this checkout: {path}")
    rows = codec.load(path.read_bytes())
    assert isinstance(rows, list)
    return rows


def test_a_row_is_read() -> None:
    found = read()
    assert (found.id, found.campaign, found.area, found.source) == (
        "SPUS1",
        "Summer",
        "55407",
        "registrations.json#/0",
    )
    assert (found.low_income, found.withdrawn, found.note, found.owner_status) == (False, False, None, None)


@pytest.mark.parametrize("batteries", ["1", 1, 1.0, " 1 "])
@pytest.mark.parametrize("panels", ["8", 8])
def test_quantities_arrive_as_strings_or_numbers(batteries: Json, panels: Json) -> None:
    found = wants(Proposal_OptimalAmountOfBatteries=batteries, Proposal_OptimalAmountOfPanels=panels)
    assert found == {"Solar": 8, "Battery": 1}


@pytest.mark.parametrize("panels", [None, "", 0, "0"])
def test_no_panels_but_batteries_is_a_battery_only_household(panels: Json) -> None:
    assert wants(Proposal_OptimalAmountOfPanels=panels) == {"Battery": 1}


@pytest.mark.parametrize("batteries", [None, "", 0, "0"])
def test_no_batteries_is_a_solar_only_household(batteries: Json) -> None:
    assert wants(Proposal_OptimalAmountOfBatteries=batteries) == {"Solar": 8}


@pytest.mark.parametrize("panels", [None, 0, "0"])
def test_neither_is_nothing_wanted(panels: Json) -> None:
    assert wants(Proposal_OptimalAmountOfPanels=panels, Proposal_OptimalAmountOfBatteries="0") == {}


@pytest.mark.parametrize(
    ("knows", "own", "expected"),
    [("1", 20, 20), (1, "20", 20), ("1", None, 8), ("1", "", 8), ("0", 20, 8), (None, 20, 8)],
)
def test_the_own_count_is_taken_where_the_household_knows_it(knows: Json, own: Json, expected: int) -> None:
    assert wants(Product_KnowsAmountOfPanels=knows, Product_AmountOfPanels=own)["Solar"] == expected


@pytest.mark.parametrize(
    ("given", "expected"), [("55407", "55407"), (55407, "55407"), ("1001", "01001"), (501, "00501")]
)
def test_a_zip_code_has_five_digits(given: Json, expected: str) -> None:
    assert read(Contact_Zip=given).area == expected


@pytest.mark.parametrize(
    ("given", "expected"), [(1, True), ("1", True), (0, False), ("0", False), (None, None), ("", None)]
)
def test_an_unknown_income_is_not_a_high_one(given: Json, expected: bool | None) -> None:
    assert read(Contact_LowMediumIncome=given).low_income is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Declined", True),
        ("Cancelled", True),
        ("cancelled", True),
        ("Undecided", False),
        ("Accepted", False),
        (None, False),
    ],
)
def test_a_declined_or_cancelled_registration_is_withdrawn(status: Json, expected: bool) -> None:
    assert read(RegistrationStatus=status).withdrawn is expected


def test_the_owner_status_is_compared_in_lower_case() -> None:
    assert read(Contact_OwnerStatus="Homeowner").owner_status == "homeowner"


def test_a_note_is_cleaned() -> None:
    assert read(Notes=" black\u200b panels,\nring 612-555-0199 ").note == "black panels, ring [phone]"


@pytest.mark.parametrize("note", [None, "", "  ", "\u200b"])
def test_an_empty_note_is_none(note: Json) -> None:
    found = read(Notes=note)
    assert (found.note, found.note_problem) == (None, None)


def test_a_note_that_is_too_long_is_a_problem_and_not_a_note() -> None:
    found = read(Notes="x" * (MAX_NOTE_CHARS + 1))
    assert found.note is None
    assert found.note_problem is not None


def test_facts_hold_nothing_that_identifies_and_no_note() -> None:
    found = read(
        Contact_Utility="Xcel", Product_RoofPitch=None, Notes="black", Contact_Name="Jo", Contact_Email="j@x.y"
    )
    assert found.facts == {"Contact_Utility": "Xcel"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("RegistrationNumber", None),
        ("RegistrationNumber", "  "),
        ("RegistrationNumber", []),
        ("Contact_Zip", None),
        ("Contact_Zip", {}),
        ("CampaignName", ["Summer"]),
        ("RegistrationStatus", True),
        ("Product_KnowsAmountOfPanels", "perhaps"),
        ("Proposal_OptimalAmountOfPanels", "eight"),
        ("Proposal_OptimalAmountOfPanels", -8),
        ("Proposal_OptimalAmountOfPanels", 8.5),
        ("Proposal_OptimalAmountOfBatteries", True),
        ("Proposal_OptimalAmountOfBatteries", "1e9"),
        ("Contact_LowMediumIncome", "medium"),
        ("Contact_OwnerStatus", 1.5),
        ("Notes", ["black"]),
    ],
)
def test_a_bad_field_names_itself(field: str, value: Json) -> None:
    with pytest.raises(FieldError) as caught:
        read(**{field: value})
    assert caught.value.field == field


def test_a_bad_own_count_names_itself_where_it_is_needed() -> None:
    with pytest.raises(FieldError) as caught:
        read(Product_KnowsAmountOfPanels="1", Product_AmountOfPanels="many")
    assert caught.value.field == "Product_AmountOfPanels"


@pytest.mark.parametrize("field", ["RegistrationNumber", "Contact_Zip"])
def test_a_missing_field_that_is_needed_names_itself(field: str) -> None:
    with pytest.raises(FieldError) as caught:
        read_registration({key: value for key, value in ROW.items() if key != field}, pointer="")
    assert caught.value.field == field


@pytest.mark.parametrize(
    "changes", [{"Contact_Zip": "x"}, {"Notes": []}, {"RegistrationNumber": None}, {"Contact_LowMediumIncome": 7}]
)
def test_a_brief_reading_refuses_what_a_whole_one_does(changes: dict[str, Json]) -> None:
    told = set[str]()
    for brief in (False, True):
        with pytest.raises(FieldError) as caught:
            read_registration({**ROW, **changes}, pointer="", brief=brief)
        told.add(str(caught.value))
    assert len(told) == 1


def test_a_brief_reading_has_no_note_and_no_facts() -> None:
    row = {**ROW, "Notes": "a wish " * 1_000}
    whole, brief = read_registration(row, pointer="#"), read_registration(row, pointer="#", brief=True)
    assert whole.note_problem is not None
    assert brief == replace(whole, note_problem=None, facts={}, solar_yield="state")


@pytest.mark.parametrize("row", [None, [], "SPUS1", 3])
def test_a_row_is_an_object(row: Json) -> None:
    with pytest.raises(FieldError, match="is not an object"):
        read_registration(row, pointer="")
    assert identify(row) is None


@pytest.mark.parametrize(("number", "expected"), [("SPUS1", "SPUS1"), (17, "17"), ("", None), ([], None)])
def test_a_row_is_identified_as_far_as_it_can_be(number: Json, expected: str | None) -> None:
    assert identify({"RegistrationNumber": number, "Contact_Zip": []}) == expected


@pytest.mark.parametrize("name", ["registrations.json", "registrations-41zips.json"])
def test_all_real_rows_are_read_and_none_of_their_fields_is_unknown(name: str) -> None:
    rows = real_rows(name)
    found = [read_registration(row, pointer=f"{name}#/{n}") for n, row in enumerate(rows)]
    assert len({one.id for one in found}) == len(rows) == 100
    assert all(one.wants for one in found)
    assert {key for row in rows if isinstance(row, dict) for key in row} <= REGISTRATION_FIELDS


@pytest.mark.parametrize("name", ["registrations.json", "registrations-41zips.json"])
def test_every_real_row_has_candidates_or_codes_that_say_why_not(name: str) -> None:
    rows = real_rows(name)
    offers = codec.load((REAL / "offers.json").read_bytes())
    catalogue = Catalogue(read_suppliers(offers, file="offers.json"))
    found = [catalogue.candidates(read_registration(row, pointer="")) for row in rows]
    assert sum(bool(one.offers) for one in found) > 50
    assert all(bool(one.offers) != bool(one.codes) and bool(one.codes) == bool(one.outcome) for one in found)


def test_a_known_count_of_no_panels_buys_none() -> None:
    none = wants(Product_KnowsAmountOfPanels="1", Product_AmountOfPanels="0")
    assert none == {"Battery": 1}


@pytest.mark.parametrize(("given", "expected"), [("55407-1234", "55407"), (" 2134 ", "02134")])
def test_a_zip_code_may_be_longer_or_shortened(given: Json, expected: str) -> None:
    assert read(Contact_Zip=given).area == expected


@pytest.mark.parametrize("given", ["5540A", "554071", "55407 1234", "-5540"])
def test_what_is_no_zip_code_names_itself(given: Json) -> None:
    with pytest.raises(FieldError) as caught:
        read(Contact_Zip=given)
    assert caught.value.field == "Contact_Zip"


def test_a_fact_is_a_short_plain_value() -> None:
    facts = read(Contact_Utility="x" * 65, Product_RoofPitch={"a": 1}, Product_HomeSize="call 612-555-0199").facts
    assert facts == {"Product_HomeSize": "call [phone]"}


def test_what_is_refused_is_not_quoted() -> None:
    with pytest.raises(FieldError) as caught:
        read(Proposal_OptimalAmountOfBatteries="call Kim at 612-555-0199")
    assert "Kim" not in str(caught.value)
