from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audit.checker import Files, Row, check
from tests.audit.samples import audited, codes, good

Edit = Callable[[Files], object]

# What a field of an output may be changed to: right elsewhere, nearly right, of the wrong type, nothing.
VALUES: list[Any] = [
    *("R00", "R04", "R15", "R99", "Alder Sun", "Birchlight", "Cedar Roof", "Ceder Roof", "Panel A", "Panel B"),
    *("Store A", "Store C", "Solar", "Battery", "Cash", "Loan", "Cash or Loan", "10", "11", 12, "0", "", " ", None),
    *("10000", "11022", [], ["Sun Grant", "Roof Bonus"], ["Sun Grand"]),
]
FIELDS = (
    *("registration_id", "supplier_id", "num_panels", "payment_type", "product_type", "panel_name"),
    *("product_price", "eligible_subsidies"),
)


def of_field(field: str, value: Any) -> bool:
    """Whether the field can hold such a value without the file being another kind of thing."""
    return isinstance(value, list) == (field == "eligible_subsidies")


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    """One change of a good set of files: of a field, of rows, or of an input behind them."""
    rows = draw(st.sampled_from(["matches", "orders"]))
    place = draw(st.integers(0, 13))
    other = draw(st.integers(0, 13))
    field = draw(st.sampled_from(FIELDS))
    value = draw(st.sampled_from([one for one in VALUES if of_field(field, one)]))

    def change(files: Files) -> None:
        found = getattr(files, rows)
        if place < len(found) and (field in found[place]):
            found[place][field] = value

    def move(files: Files) -> None:
        found = getattr(files, rows)
        found.insert(other, found.pop(min(place, len(found) - 1)))

    def serve(files: Files) -> None:
        areas = files.offers[place % 3]["ServiceAreas"]
        areas[:] = areas[1:]

    kinds: list[Edit] = [
        *[change] * 6,
        move,
        serve,
        lambda files: getattr(files, rows).pop(min(place, len(getattr(files, rows)) - 1)),
        lambda files: getattr(files, rows).insert(other, dict(getattr(files, rows)[place % 10])),
        lambda files: files.offers[place % 3].update(Capacity=other % 5 + 1),
        lambda files: files.offers[place % 3].update(Offers=files.offers[place % 3]["Offers"][: other % 2]),
        lambda files: files.registrations[place].update(RegistrationStatus="Cancelled"),
        lambda files: files.registrations[place].update(Contact_Zip="10003"),
        lambda files: files.registrations[place].update(Proposal_OptimalAmountOfPanels=other),
        lambda files: files.registrations.append(dict(files.registrations[place])),
        lambda files: files.accounted.add(f"R{place:02}"),
    ]
    return draw(st.sampled_from(kinds))


def test_files_in_which_nothing_is_wrong_have_no_findings() -> None:
    assert audited(good()) == []


@settings(max_examples=150, deadline=None)
@given(st.lists(edits(), min_size=1, max_size=3))
def test_after_any_changes_the_independent_checker_finds_the_same(changes: list[Edit]) -> None:
    files = good()
    for change in changes:
        change(files)
    assert check(files) == codes(audited(files))


def order(files: Files, name: str, kind: str = "Solar") -> Row:
    return next(one for one in files.orders if (one["registration_id"], one["product_type"]) == (name, kind))


def match(files: Files, name: str) -> Row:
    return next(one for one in files.matches if one["registration_id"] == name)


def drop(rows: list[Row], name: str, kind: str | None = None) -> None:
    rows[:] = [r for r in rows if r["registration_id"] != name or kind not in (None, r["product_type"])]


def a_panel(files: Files, name: str) -> Row:
    return {"product_type": "Solar", "panel_name": f"Panel {match(files, name)['supplier_id'][0]}"}


def drop_both(files: Files, name: str) -> None:
    drop(files.matches, name)
    drop(files.orders, name)


def with_price(files: Files, name: str, price: object) -> None:
    order(files, name)["product_price"] = price


ONE_CHANGE: list[tuple[str, Edit]] = [
    ("registration-unknown", lambda f: f.matches.insert(3, match(f, "R03") | {"registration_id": "R77"})),
    ("registration-unknown", lambda f: f.orders.append({"supplier_id": "Birchlight"})),
    ("duplicate", lambda f: f.matches.append(dict(match(f, "R03")))),
    ("duplicate", lambda f: f.orders.append(dict(order(f, "R03")))),
    ("supplier-unknown", lambda f: match(f, "R15").update(supplier_id="Aldersun")),
    ("supplier-unknown", lambda f: order(f, "R03").update(supplier_id="alder sun")),
    ("area-not-served", lambda f: f.offers[0]["ServiceAreas"].remove("10001")),
    ("product-not-offered", lambda f: match(f, "R03").update(panel_name="Panel X")),
    ("product-not-offered", lambda f: order(f, "R01").update(panel_name="Store A")),
    ("product-not-wanted", lambda f: f.orders.append(order(f, "R05", "Battery") | a_panel(f, "R05"))),
    ("quantity-differs", lambda f: order(f, "R03").update(num_panels="11")),
    ("quantity-differs", lambda f: match(f, "R03").update(num_panels=None)),
    ("price-differs", lambda f: with_price(f, "R03", "10000.01")),
    ("price-differs", lambda f: with_price(f, "R03", 70)),  # the instalment
    ("price-differs", lambda f: with_price(f, "R10", "11000")),  # cash, of a household of low income
    ("payment-inconsistent", lambda f: order(f, "R03").update(payment_type="LoanInstallment: 70")),
    ("capacity-exceeded", lambda f: f.offers[2].update(Capacity=0)),
    ("match-missing", lambda f: match(f, "R03").update(supplier_id=None)),
    ("match-missing", lambda f: match(f, "R15").update(supplier_id=" ")),
    ("match-missing", lambda f: drop(f.matches, "R15")),
    ("match-missing", lambda f: drop_both(f, "R03")),
    ("order-missing", lambda f: drop(f.orders, "R03")),
    ("order-missing", lambda f: order(f, "R03").update(supplier_id="")),
    ("line-missing", lambda f: drop(f.orders, "R01", "Battery")),
    ("incentive-unknown", lambda f: order(f, "R03").update(eligible_subsidies=["Sun Grand"])),
]


@pytest.mark.parametrize(("code", "change"), ONE_CHANGE)
def test_one_change_is_found_as_what_it_is(code: str, change: Edit) -> None:
    files = good()
    change(files)
    # Who has the least used share after a match was changed is another question, and the checker's to answer above.
    assert {finding.code for finding in audited(files)} - {"balance"} == {code}
    assert check(files) == codes(audited(files))


@pytest.mark.parametrize(
    "shaped",
    [lambda rows: {"matches": rows}, lambda rows: [[row] for row in rows], lambda rows: [rows[:5], rows[5:]]],
)
def test_rows_may_come_in_an_object_or_in_lists_of_lists(shaped: Callable[[list[Row]], Any]) -> None:
    files = good()
    files.matches, files.orders = shaped(files.matches), shaped(files.orders)
    assert audited(files) == []


def test_a_single_match_may_stand_alone() -> None:
    files = good()
    files.matches, files.orders = files.matches[0], files.orders[0]
    assert audited(files) == []


def test_a_near_miss_is_told_with_the_name_that_may_be_meant() -> None:
    files = good()
    files.matches[-1]["supplier_id"] = "Ceder Roof"
    (found,) = (one for one in audited(files) if one.code == "supplier-unknown")
    assert (found.expected, found.found) == ("Cedar Roof", "Ceder Roof")
    assert found.source == ("matches.json#/13/supplier_id", "offers.json#/SupplierOffers/2")


def test_a_registration_that_stands_twice_can_be_nobodys_match() -> None:
    files = good()
    files.registrations.append(dict(files.registrations[3]))
    assert {one.code for one in audited(files)} - {"balance"} == {"registration-unknown"}


def test_a_taken_place_counts_once_however_often_a_household_is_matched() -> None:
    files = good()
    files.offers[2]["Capacity"] = sum(row["supplier_id"] == "Cedar Roof" for row in files.matches)
    files.matches.append(dict(next(row for row in files.matches if row["supplier_id"] == "Cedar Roof")))
    assert "capacity-exceeded" not in {one.code for one in audited(files)}


def test_a_row_that_gives_a_registration_to_nobody_is_a_missing_match_wherever_it_stands() -> None:
    files = good()
    match(files, "R15")["supplier_id"] = None
    drop(files.orders, "R15")
    assert [(one.registration_id, one.code) for one in audited(files)] == [("R15", "match-missing")]


def test_a_registration_that_stands_three_times_is_no_better_than_one_that_stands_twice() -> None:
    files = good()
    files.registrations += [dict(files.registrations[15]), dict(files.registrations[15])]
    assert {one.code for one in audited(files)} == {"registration-unknown"}


def test_a_flat_order_has_the_wanted_quantity_at_the_price_of_the_nearest_row() -> None:
    files = good()
    files.registrations[3]["Proposal_OptimalAmountOfPanels"] = 14
    for row in (match(files, "R03"), order(files, "R03")):
        row["num_panels"] = "14"
    product = next(s for s in files.offers if s["SupplierID"] == order(files, "R03")["supplier_id"])["Offers"][0]
    with_price(files, "R03", product["ProductPrices"][-1]["CashPrice"])
    assert audited(files) == []
