"""Which row a quantity takes: the exact one, else one next to it, the lower first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.domain.records import Want
from igent.markets.sbus.prices import PriceRows
from tests.domain.builders import HOUSEHOLD, LAW, row

QUANTITIES = st.sets(st.integers(1, 12), min_size=1, max_size=6)


@LAW
@given(quantities=QUANTITIES, wanted=st.integers(1, 14))
def test_the_row_is_the_exact_one_else_one_below_else_one_above(quantities: set[int], wanted: int) -> None:
    rows = PriceRows({q: row(q, str(q)) for q in quantities})
    expected = next((q for q in (wanted, wanted - 1, wanted + 1) if q in quantities), None)
    found = rows.row(wanted)
    assert (found.quantity if found else None) == expected


@pytest.mark.parametrize(
    ("rows", "wanted", "expected"),
    [([9, 10, 11], 10, 10), ([9, 11], 10, 9), ([11, 9], 10, 9), ([11], 10, 11), ([8, 12], 10, None), ([], 10, None)],
    ids=["exact", "tie to the lower", "tie, whatever the order", "one more", "gap of two", "no rows"],
)
def test_the_row_for_a_quantity(rows: list[int], wanted: int, expected: int | None) -> None:
    found = PriceRows({q: row(q, "1") for q in rows}).row(wanted)
    assert (found.quantity if found else None) == expected


def test_what_a_row_is_for_a_household_is_made_once() -> None:
    rows, want = PriceRows({10: row(10, "1000", lmi="900")}), Want(product_type="Solar", quantity=10)
    reduced = replace(HOUSEHOLD, low_income=True)
    quotes = [rows.quote(want, household) for household in (HOUSEHOLD, HOUSEHOLD, reduced, reduced)]
    assert [str(quote.price.amount) for quote in quotes if quote] == ["1000", "1000", "900", "900"]
    assert (quotes[0] is quotes[1], quotes[2] is quotes[3]) == (True, True)
