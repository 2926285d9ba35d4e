"""Prices are looked up, exact or nearest, and each is what the input says at the place it points to."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent import codec
from igent.domain.pricing import Line, cheapest, line_for, lines_for, money, offer_total, to_cents
from igent.domain.records import Json, Offer, Product, Registration, Want
from igent.domain.rules import Catalogue
from igent.markets.sbus import read_suppliers
from tests.domain.builders import HOUSEHOLD, LAW, bundles, panels, resolve, row, supplier

CENTS = st.integers(1, 10**9).map(lambda cents: Decimal(cents).scaleb(-2))
QUANTITIES = st.sets(st.integers(1, 12), min_size=1, max_size=6)


def written(amount: Decimal, form: str) -> Json:
    """A price as files write it: a number, or a text."""
    return float(amount) if form == "number" else str(amount)


@st.composite
def offers_files(draw: st.DrawFn) -> Json:
    def product(kind: str, number: int) -> Json:
        price = st.builds(written, CENTS, st.sampled_from(["number", "text"]))
        absent: st.SearchStrategy[Json] = st.sampled_from([0, None, "0"])
        rows: list[Json] = [
            {"Quantity": q, "CashPrice": draw(price), "LMICashPrice": draw(st.one_of(price, absent))}
            for q in draw(st.permutations(sorted(draw(QUANTITIES))))
        ]
        return {"ProductType": kind, "ProductName": f"{kind} {number}", "ProductPrices": rows}

    kinds = st.lists(st.sampled_from(["Solar", "Battery"]), min_size=1, max_size=4)
    rows: list[Json] = [
        {
            "SupplierID": f"S{n}",
            "Capacity": 5,
            "ServiceAreas": [HOUSEHOLD.area],
            "Offers": [product(kind, m) for m, kind in enumerate(draw(kinds))],
        }
        for n in range(draw(st.integers(1, 3)))
    ]
    return {"SupplierOffers": rows} if draw(st.booleans()) else rows


@st.composite
def households(draw: st.DrawFn) -> Registration:
    kinds = draw(st.sampled_from([("Solar",), ("Battery",), ("Solar", "Battery")]))
    wants = tuple(Want(product_type=kind, quantity=draw(st.integers(1, 13))) for kind in kinds)
    low_income = draw(st.sampled_from([True, False, None]))
    return replace(HOUSEHOLD, wants=wants, low_income=low_income)


def priced(product: Product, quantity: int, *, low_income: bool = False) -> Line:
    household = replace(HOUSEHOLD, low_income=low_income)
    return line_for(product, Want(product_type="Solar", quantity=quantity), household)


@LAW
@given(document=offers_files(), household=households())
def test_a_line_says_what_the_input_says_at_the_place_it_points_to(document: Json, household: Registration) -> None:
    read = codec.load(codec.dump(document))
    offers = Catalogue(read_suppliers(read, file="offers.json")).candidates(household).offers
    for line in (line for offer in offers for line in lines_for(offer, household)):
        place, _, column = line.source.rpartition("/")
        found = resolve(read, place)
        assert isinstance(found, dict)
        quoted = Decimal(str(found["LMICashPrice"] or 0))
        assert line.price == Decimal(str(found[column]))
        assert column == ("LMICashPrice" if household.low_income is True and quoted > 0 else "CashPrice")
        assert line.quantity == found["Quantity"]


def test_the_wanted_quantity_is_kept_only_where_another_row_stands_in() -> None:
    product = panels("P", row(10, "1000"))
    assert priced(product, 10).quantity_wanted is None
    assert (priced(product, 11).quantity, priced(product, 11).quantity_wanted) == (10, 11)


def test_a_quantity_without_a_near_row_has_no_price() -> None:
    with pytest.raises(LookupError, match="'P' has no price for 12 units"):
        priced(panels("P", row(10, "1000")), 12)


def test_a_row_prices_the_whole_quantity() -> None:
    assert priced(panels("P", row(10, "1000")), 10).price == Decimal(1000)


@pytest.mark.parametrize(("low_income", "expected"), [(True, "800"), (False, "1000"), (None, "1000")])
def test_the_lmi_price_is_for_a_household_known_to_be_low_income(low_income: bool | None, expected: str) -> None:
    product = panels("P", row(10, "1000", lmi="800"))
    offer = Offer(id="o1", supplier=supplier("A", product), products=(product,))
    [line] = lines_for(offer, replace(HOUSEHOLD, low_income=low_income))
    assert line.price == Decimal(expected)


def test_without_an_lmi_price_a_low_income_household_pays_the_cash_price() -> None:
    line = priced(panels("P", row(10, "1000")), 10, low_income=True)
    assert (line.price, line.source) == (Decimal(1000), "offers.json#/10/CashPrice")


def test_the_cheapest_is_the_lowest_total_and_among_equals_the_first() -> None:
    offers = bundles({"A": ["900", "800", "800"]})
    assert [offer_total(offer, HOUSEHOLD) for offer in offers] == [900, 800, 800]
    assert cheapest(offers, HOUSEHOLD).id == "o2"


@pytest.mark.parametrize(
    ("amount", "expected"),
    [("0.005", "0.01"), ("0.0049", "0.00"), ("1.125", "1.13"), ("2.675", "2.68"), ("2.665", "2.67"), ("7", "7.00")],
)
def test_a_computed_amount_is_rounded_half_up_to_the_cent(amount: str, expected: str) -> None:
    assert str(to_cents(Decimal(amount))) == expected


@LAW
@given(thousandths=st.integers(0, 10**12))
def test_rounding_moves_by_half_a_cent_at_most_and_up_where_it_is_half(thousandths: int) -> None:
    rounded = to_cents(Decimal(thousandths).scaleb(-3))
    assert rounded.scaleb(2) == (thousandths + 5) // 10


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("12012", "12012.00"),
        ("12.5", "12.50"),
        ("0", "0.00"),
        ("1E+3", "1000.00"),
        ("1.005", "1.005"),
        ("9.99", "9.99"),
    ],
)
def test_money_is_a_decimal_string_with_two_places_or_more(amount: str, expected: str) -> None:
    assert money(Decimal(amount)) == expected


@LAW
@given(amount=st.decimals(0, 10**9, places=6).map(lambda amount: amount.normalize()))
def test_money_never_changes_an_amount(amount: Decimal) -> None:
    text = money(amount)
    assert Decimal(text) == amount
    assert len(text.partition(".")[2]) >= 2
    assert "E" not in text
