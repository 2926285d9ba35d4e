"""A household of the energy market: region, meter and payment settle its tariffs; what is not known is not guessed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from igent.domain.records import Json, Want
from igent.domain.rules import Catalogue
from igent.domain.verify import MatchTask
from igent.markets import enuk
from igent.markets.enuk import REGISTRATION_FIELDS, read_registration
from igent.markets.fields import FieldError
from tests.agents.scripted import opening
from tests.markets.energy import ROW, product, registration, supplier_of


def codes_of(**changes: Json) -> tuple[str, ...]:
    return Catalogue([supplier_of()]).candidates(registration(**changes)).codes


def test_a_row_is_read() -> None:
    found = registration()
    assert (found.id, found.area, found.payment_method, found.source) == (
        "ENUK1",
        "Eastern",
        "Direct Debit",
        "registrations.json#/0",
    )
    [want] = found.wants
    assert want == Want(
        product_type="Electricity", quantity=4200, variant="two rate, Direct Debit", parts={"night": 1700}
    )


def test_a_prompt_names_the_region_and_no_zip_code() -> None:
    household = registration()
    task = MatchTask(registration=household, offers=Catalogue([supplier_of()]).candidates(household).offers)
    assert '\nHOUSEHOLD\n{"region":"Eastern","wants":{"Electricity":4200}}\n' in opening(task, enuk)


def test_every_field_of_a_row_is_known() -> None:
    assert ROW.keys() - REGISTRATION_FIELDS == set()


@pytest.mark.parametrize(
    ("fuel", "expected"),
    [("Electricity", ["Electricity"]), ("Gas", ["Gas"]), ("dual fuel", ["Electricity", "Gas"])],
)
def test_dual_fuel_is_a_want_of_each(fuel: str, expected: list[str]) -> None:
    found = registration(Product_Fuel=fuel, Consumption_Gas=12000)
    assert [want.product_type for want in found.wants] == expected


def test_gas_needs_no_electricity_meter() -> None:
    [want] = registration(Product_Fuel="Gas", Product_Meter=None, Consumption_Gas="900").wants
    assert (want.quantity, want.variant, want.parts) == (900, "single rate, Direct Debit", {})


@pytest.mark.parametrize(
    "unknown",
    [
        {"Consumption_Electricity": None},
        {"Consumption_Electricity": 0},
        {"Consumption_ElectricityNight": None},
        {"Product_Fuel": "Dual Fuel"},
    ],
    ids=["use", "no use", "night", "use of one of two fuels"],
)
def test_use_that_is_not_known_is_a_persons_to_find_out(unknown: dict[str, Json]) -> None:
    assert codes_of(**unknown) == ("quantity-unknown",)


@pytest.mark.parametrize("night", [0, 4200])
def test_all_or_nothing_may_be_used_at_night(night: int) -> None:
    assert registration(Consumption_ElectricityNight=night).wants[0].parts == {"night": night}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"Consumption_ElectricityNight": 4201}, "Consumption_ElectricityNight"),
        ({"Contact_ServiceArea": "Ulster"}, "Contact_ServiceArea"),
        ({"Contact_ServiceArea": None}, "Contact_ServiceArea"),
        ({"Product_PaymentMethod": "later"}, "Product_PaymentMethod"),
        ({"Product_Meter": "Economy 10"}, "Product_Meter"),
        ({"Product_Fuel": "Oil"}, "Product_Fuel"),
        ({"Consumption_Electricity": "lots"}, "Consumption_Electricity"),
        ({"RegistrationNumber": " "}, "RegistrationNumber"),
    ],
)
def test_a_row_that_says_the_impossible_is_rejected_by_its_field(changes: dict[str, Json], field: str) -> None:
    with pytest.raises(FieldError) as caught:
        registration(**changes)
    assert caught.value.field == field


def test_a_brief_reading_differs_in_note_and_facts_alone() -> None:
    row = {**ROW, "Notes": "green, please"}
    whole, brief = read_registration(row, pointer="#"), read_registration(row, pointer="#", brief=True)
    assert brief == replace(whole, note=None, facts={}) != whole
    with pytest.raises(FieldError, match="Notes"):
        read_registration({**row, "Notes": []}, pointer="#", brief=True)


def test_a_row_is_an_object() -> None:
    with pytest.raises(FieldError, match="is not an object"):
        read_registration([], pointer="registrations.json#/0")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, ()),
        ({"Contact_ServiceArea": "SWEB"}, ("area-not-served",)),
        ({"Product_PaymentMethod": "Prepayment"}, ("product-not-offered",)),
        ({"Product_Meter": "Single Rate"}, ("product-not-offered",)),
        ({"Product_Fuel": "Gas", "Consumption_Gas": 9000}, ("product-not-offered",)),
    ],
)
def test_region_meter_payment_and_fuel_settle_the_tariffs(changes: dict[str, Json], code: tuple[str, ...]) -> None:
    assert codes_of(**changes) == code


def test_a_tariff_is_no_candidate_where_only_its_suppliers_others_are_sold() -> None:
    elsewhere = product({"ServiceArea": "SWEB"}, PaymentMethod="Prepayment")
    catalogue = Catalogue([supplier_of(product(), elsewhere)])
    found = catalogue.candidates(registration(Product_PaymentMethod="Prepayment"))
    assert (found.outcome, found.codes) == ("unmatched", ("product-not-offered",))


@pytest.mark.parametrize(
    ("note", "shown"),
    [
        ("ring 07700 900123 today", "ring [number] today"),
        ("(020) 7946 0123 or 01632 960 001", "[number] or [number]"),
        ("MPAN 12 3456 7890 123.", "MPAN [number]."),
        ("we moved to sw1a 1aa", "we moved to [postcode]"),
        ("4200 kWh, or £1000 to £2000 a year", "4200 kWh, or £1000 to £2000 a year"),
        ("2 years from 2026", "2 years from 2026"),
    ],
)
def test_what_identifies_a_british_household_is_masked(note: str, shown: str) -> None:
    assert registration(Notes=note).note == shown


def test_a_fact_that_is_no_word_of_a_list_is_cleaned_too() -> None:
    assert registration(Product_CurrentSupplier="call 07700 900123").facts["Product_CurrentSupplier"] == "call [number]"
