"""What is sound JSON and cannot be meant: a row is rejected, an offer or incentive stops the run."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from igent.errors import InputError, RowError
from igent.workflows.plan import Planned, load, plan_rows, survey
from tests.malformed.test_refused import given
from tests.workflows.runs import SAMPLE, registrations, write

ID, ZIP, PANELS = "RegistrationNumber", "Contact_Zip", "Proposal_OptimalAmountOfPanels"


def planned(path: Path, rows: list[dict[str, Any]]) -> list[Planned]:
    settings = given("registrations", write(path, rows))

    async def plan() -> list[Planned]:
        inputs = await load(settings)
        async with aclosing(plan_rows(inputs, await survey(inputs, settings), settings)) as found:
            return [one async for one in found]

    return asyncio.run(plan())


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        (ID, None, "is missing or empty"),
        (ID, "", "is missing or empty"),
        (ID, " \t ", "is missing or empty"),
        (ID, "\u00a0\u2003", "is missing or empty"),
        (ID, 1.5, "a text is needed"),
        (ID, True, "a text is needed"),
        (ID, ["R1"], "a text is needed"),
        (ID, "R" * 129, "has 129 characters; at most 128"),
        (ID, "R1\u200b", "characters that cannot be seen"),
        (ID, "R\u202e1", "characters that cannot be seen"),
        (ID, "R1\x1b[2J", "characters that cannot be seen"),
        (ID, "R\n1", "characters that cannot be seen"),
        (ID, "R\0", "characters that cannot be seen"),
        (ZIP, "NaN", "is no ZIP code"),
        (ZIP, "52901-", "is no ZIP code"),
        (ZIP, "٥٢٩٠١", "is no ZIP code"),
        (ZIP, "\uff15\uff12\uff19\uff10\uff11", "is no ZIP code"),
        (ZIP, -52901, "is no ZIP code"),
        (ZIP, 529010, "is no ZIP code"),
        (PANELS, -1, "a whole number from 0 to 1000000"),
        (PANELS, "-8", "a whole number from 0 to 1000000"),
        (PANELS, 1_000_001, "a whole number from 0 to 1000000"),
        (PANELS, 10**18, "a whole number from 0 to 1000000"),
        (PANELS, 8.5, "a whole number from 0 to 1000000"),
        (PANELS, "NaN", "a number is needed"),
        (PANELS, "Infinity", "a number is needed"),
        (PANELS, "-inf", "a number is needed"),
        (PANELS, "1e3", "a number is needed"),
        (PANELS, "0x10", "a number is needed"),
        (PANELS, "1_000", "a number is needed"),
        (PANELS, "\uff18", "a number is needed"),
        (PANELS, True, "a number is needed"),
        (PANELS, [8], "a number is needed"),
        ("Contact_LowMediumIncome", "perhaps", "0 or 1 is needed"),
        ("Notes", {"text": "black panels"}, "a text is needed"),
        ("CampaignName", "x" * 10_001, "has 10001 characters"),
    ],
)
def test_a_row_that_cannot_be_meant_is_rejected_by_its_field_and_the_others_go_on(
    field: str, value: object, problem: str, tmp_path: Path
) -> None:
    first, second = registrations()[:2]
    bad, good = planned(tmp_path / "broken.json", [first | {field: value}, second])
    assert isinstance(bad.registration, RowError)
    assert (bad.outcome, bad.registration.row, bad.registration.field) == ("rejected", 0, field)
    assert problem in bad.registration.problem
    assert good.outcome is None


@pytest.mark.parametrize(
    ("ids", "outcomes"),
    [
        (("R1", "R1"), ["rejected", "rejected"]),
        (("R1", " R1 "), ["rejected", "rejected"]),
        ((7, "7"), ["rejected", "rejected"]),
        (("Ros\u00e9", "Rose\u0301"), ["rejected", "rejected"]),
        (("R1a", "R1A"), [None, None]),
        (("R1", "\uff32\uff11"), [None, None]),
    ],
    ids=["equal", "spaces", "a number", "unicode form", "case", "width"],
)
def test_ids_are_the_same_where_unicode_says_so_and_whatever_else_differs_is_another(
    ids: tuple[object, object], outcomes: list[str | None], tmp_path: Path
) -> None:
    rows = [row | {ID: one} for row, one in zip(registrations(), ids, strict=False)]
    assert [one.outcome for one in planned(tmp_path / "broken.json", rows)] == outcomes


def refusal(role: str, path: Path, document: object) -> InputError:
    with pytest.raises(InputError) as caught:
        asyncio.run(load(given(role, write(path, document))))
    return caught.value


SUPPLIER = "/SupplierOffers/0"
PRODUCT = f"{SUPPLIER}/Offers/0"


@pytest.mark.parametrize(
    ("pointer", "value", "problem"),
    [
        (f"{SUPPLIER}/SupplierID", "  ", "is missing or empty"),
        (f"{SUPPLIER}/SupplierID", "x" * 129, "has 129 characters"),
        (f"{SUPPLIER}/SupplierID", "Sun\u200bny", "characters that cannot be seen"),
        (f"{SUPPLIER}/Capacity", -1, "a whole number from 0"),
        (f"{SUPPLIER}/Capacity", "-1", "a whole number from 0"),
        (f"{SUPPLIER}/Capacity", 10**7, "a whole number from 0"),
        (f"{SUPPLIER}/Capacity", 0.5, "a whole number from 0"),
        (f"{SUPPLIER}/Capacity", "NaN", "a number is needed"),
        (f"{SUPPLIER}/Capacity", "unlimited", "a number is needed"),
        (f"{SUPPLIER}/Capacity", None, "is missing"),
        (f"{SUPPLIER}/Used", -3, "a whole number from 0"),
        (f"{SUPPLIER}/ServiceAreas", ["5290A"], "ZIP codes are needed"),
        (f"{SUPPLIER}/ServiceAreas", [[52901]], "ZIP codes are needed"),
        (f"{SUPPLIER}/ServiceAreas", [True], "ZIP codes are needed"),
        (f"{SUPPLIER}/Currency", "EUR", "is 'EUR'; all prices of this market are in USD"),
        (f"{PRODUCT}/Currency", "GBP", "is 'GBP'; all prices of this market are in USD"),
        (f"{PRODUCT}/ProductPrices/1/currency", "CAD", "is 'CAD'; all prices of this market are in USD"),
        (f"{PRODUCT}/ProductType", "solar", "is 'solar'; allowed: Solar, Battery"),
        (f"{PRODUCT}/ProductType", "Wind", "is 'Wind'; allowed: Solar, Battery"),
        (f"{PRODUCT}/ProductName", "x" * 10_001, "has 10001 characters"),
        (f"{PRODUCT}/ProductPrices/0/CashPrice", -1, "an amount from 0"),
        (f"{PRODUCT}/ProductPrices/0/CashPrice", 10**12, "an amount from 0"),
        (f"{PRODUCT}/ProductPrices/0/CashPrice", "€100", "a number is needed"),
        (f"{PRODUCT}/ProductPrices/0/CashPrice", "1.000,00", "a number is needed"),
        (f"{PRODUCT}/ProductPrices/0/CashPrice", "NaN", "a number is needed"),
        (f"{PRODUCT}/ProductPrices/0/Quantity", -4, "a whole number from 0"),
        (f"{PRODUCT}/ProductPrices/0/Quantity", 10**9, "a whole number from 0"),
        (f"{PRODUCT}/ProductPrices/0/LMICashPrice", -1, "an amount from 0"),
    ],
)
def test_an_offer_that_cannot_be_meant_stops_the_run_by_its_place(
    pointer: str, value: object, problem: str, tmp_path: Path
) -> None:
    document = json.loads(SAMPLE.offers.read_text())
    *steps, field = pointer.split("/")[1:]
    target: Any = document
    for step in steps:
        target = target[int(step)] if isinstance(target, list) else target[step]
    target[field] = value
    found = refusal("offers", tmp_path / "offers.json", document)
    assert found.place == f"/{'/'.join(steps)}, field {field!r}"
    assert problem in found.problem


@pytest.mark.parametrize(
    ("other", "also"),
    [("Quillroof", ""), ("QUILLROOF", ", also as"), ("Quill\u200d", None), ("\uff31uillroof", ", also as")],
)
def test_suppliers_that_a_person_takes_for_one_are_refused(other: str, also: str | None, tmp_path: Path) -> None:
    suppliers = json.loads(SAMPLE.offers.read_text())["SupplierOffers"]
    found = refusal("offers", tmp_path / "offers.json", [*suppliers, suppliers[0] | {"SupplierID": other}])
    expected = f"supplier 'Quillroof' stands there 2 times{also}" if also is not None else "cannot be seen"
    assert expected in found.problem


def test_a_product_that_stands_there_again_is_refused(tmp_path: Path) -> None:
    supplier = json.loads(SAMPLE.offers.read_text())["SupplierOffers"][0]
    first = supplier["Offers"][0]
    again = supplier | {"Offers": [first, first | {"ProductName": first["ProductName"].upper()}]}
    found = refusal("offers", tmp_path / "offers.json", [again])
    assert re.search(r"has the product 'CORVANE 430 BLACK' \(Solar\) more than once", found.problem)


PUBLIC = {
    "id": "G-1",
    "payment_methods": ["rebate"],
    "items": ["rooftop_solar_installation"],
    "amount": {"type": "percent", "number": 0.1},
    "short_description": {"en": "10% of the cost."},
}
PLAIN = {"Incentive name": "Grant", "Applicable community": "ALL", "Incentive specs": "10% of the total cost"}


@pytest.mark.parametrize(
    ("entries", "place", "problem"),
    [
        ([PUBLIC | {"start_date": "2026-02-01", "end_date": "2026-01-31"}], "/0, field 'end_date'", "before the start"),
        ([PUBLIC | {"start_date": "2026", "end_date": "2025"}], "/0, field 'end_date'", "before the start"),
        ([PLAIN | {"Start date": "1 jan 2026", "End date": "31 dec 2025"}], "/0, field 'End date'", "before the start"),
        ([PUBLIC | {"start_date": "0026-01-01"}], "/0, field 'start_date'", "is before 1900"),
        ([PUBLIC | {"start_date": "1899-12-31"}], "/0, field 'start_date'", "is before 1900"),
        ([PUBLIC | {"end_date": "2026-02-30"}], "/0, field 'end_date'", "day is out of range"),
        ([PUBLIC | {"end_date": "2026-13"}], "/0, field 'end_date'", "month"),
        ([PUBLIC | {"end_date": "31/12/2026"}], "/0, field 'end_date'", "is not a date"),
        ([PUBLIC | {"end_date": "٢٠٢٦"}], "/0, field 'end_date'", "is not a date"),
        ([PUBLIC | {"amount": {"type": "percent", "number": 10}}], "/0/amount, field 'number'", "a fraction of 1"),
        ([PUBLIC | {"amount": {"type": "percent", "number": -0.1}}], "/0/amount, field 'number'", "an amount from 0"),
        (
            [PUBLIC | {"amount": {"type": "percent", "number": "NaN"}}],
            "/0/amount, field 'number'",
            "a number is needed",
        ),
        ([PUBLIC | {"amount": {"type": "gift", "number": 1}}], "/0/amount, field 'type'", "an unknown type"),
        (
            [PUBLIC | {"amount": {"type": "dollar_amount", "number": 5, "minimum": 9, "maximum": 8}}],
            "/0/amount, field 'minimum'",
            "more than the maximum",
        ),
        (
            [PUBLIC | {"amount": {"type": "dollar_amount", "number": 5, "currency": "EUR"}}],
            "/0/amount, field 'currency'",
            "all prices of this market are in USD",
        ),
        ([PUBLIC, PUBLIC], "/1", "incentive 'G-1' stands there again, first at"),
        ([PUBLIC, PUBLIC | {"id": "g-1 "}], "/1", "stands there again, first at"),
        ([PLAIN, PLAIN | {"Incentive name": "GRANT"}], "/1", "stands there again, first at"),
        ([PUBLIC | {"id": " "}], "/0, field 'id'", "is missing or empty"),
        ([PUBLIC | {"id": "G\u00ad1"}], "/0, field 'id'", "characters that cannot be seen"),
        ([PLAIN | {"Incentive specs": "x" * 10_001}], "/0, field 'Incentive specs'", "has 10001 characters"),
    ],
)
def test_an_incentive_that_cannot_be_meant_stops_the_run_by_its_place(
    entries: list[object], place: str, problem: str, tmp_path: Path
) -> None:
    found = refusal("incentives", tmp_path / "incentives.json", entries)
    assert found.place == place
    assert problem in found.problem


@pytest.mark.parametrize("dates", [("1900-01-01", "9999-12-31"), ("No start date", "No end date"), ("2199", None)])
def test_dates_that_mean_no_limit_and_those_to_come_are_read(dates: tuple[str, str | None], tmp_path: Path) -> None:
    entry = PUBLIC | {"start_date": dates[0], "end_date": dates[1]}
    inputs = asyncio.run(load(given("incentives", write(tmp_path / "i.json", [entry]))))
    assert len(inputs.incentives) == 1


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([{"supplier_id": "Quillroof", "used": 1}, {"supplier_id": "Quillroof", "used": 2}], "stands there again"),
        ([{"supplier_id": "Quillroof", "used": True}], "is not the record"),
        ([{"supplier_id": "Quillroof", "used": 10**9}], "is not the record"),
        ([{"supplier_id": "Quillroof", "used": 1.0}], "is not the record"),
        ([{"supplier_id": "quillroof", "used": 1}], "is not the record"),
    ],
)
def test_a_capacity_that_cannot_be_meant_stops_the_run(rows: list[object], problem: str, tmp_path: Path) -> None:
    found = refusal("capacity", tmp_path / "capacity.json", rows)
    assert problem in found.problem
    assert found.place.startswith("/")
