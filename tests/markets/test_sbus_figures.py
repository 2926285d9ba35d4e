"""The amounts that a text names: all of them or none, each where it stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.markets.sbus.figures import by_yield, ceiling, figures_in, figures_of
from tests.domain.builders import LAW


def read(text: str, types: int = 0) -> list[tuple[str, str, str]]:
    found = figures_of(text, types=types)
    return [(one.passage.text, one.amount.kind, f"{one.amount.number.normalize():f}") for one in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$500 rebate", [("$500", "dollar_amount", "500")]),
        ("$ 1,500.50.", [("$ 1,500.50", "dollar_amount", "1500.5")]),
        ("USD 500, 1,200 dollars", [("USD 500", "dollar_amount", "500"), ("1,200 dollars", "dollar_amount", "1200")]),
        ("75¢ back", [("75¢", "dollar_amount", "0.75")]),
        ("30% or 12.5 percent", [("30%", "percent", "0.3"), ("12.5 percent", "percent", "0.125")]),
        ("8 per cent per household", [("8 per cent", "percent", "0.08")]),
        ("$500, $800", [("$500", "dollar_amount", "500"), ("$800", "dollar_amount", "800")]),
        ("for roofs built before 2000", []),
    ],
)
def test_amounts_are_read_with_the_words_that_name_them(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "$1.5k",
        "$5 million",
        "$1,50",
        "$1.500.000",
        "€500 or $500",
        "$" + "9" * 16,
        "$500-$800",
        "$500 to 800",
        "$500 or 800",
        "5 or 10%",
        "5% \u2013 10%",
        "$500, $2 per watt",
        "$300/kW",
        "$50 a month",
        "$50 monthly",
        "5¢ per kWh",
        "some dollars, or $500",
    ],
)
def test_a_text_with_an_amount_that_cannot_be_read_or_computed_has_none(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize(("types", "count"), [(0, 2), (1, 2), (2, 0)])
def test_which_of_two_products_a_percentage_is_of_is_not_told(types: int, count: int) -> None:
    assert len(read("10% if flat, $500 if not", types)) == count
    assert len(read("$10 if flat, $500 if not", types)) == 2


@pytest.mark.parametrize(
    "text",
    [
        "Up to $500",
        "either $5 or $9",
        "as high as 9%",
        "at most $5",
        "30%, max. $9",
        "capped at $9",
        "the lesser of 9% and $9",
        "9% or $9, whichever is less",
        "no more than $9",
        "not to exceed $9",
        "between $5 and $9",
        "30%, limited to $9",
        "30% of the first $900",
    ],
)
def test_the_most_that_is_paid_is_a_ceiling(text: str) -> None:
    assert ceiling(text)


@pytest.mark.parametrize("text", ["$5, first come first served", "$5, limited to flat roofs", "$5 by capacity"])
def test_other_words_are_none(text: str) -> None:
    assert not ceiling(text)


@pytest.mark.parametrize(("text", "expected"), [("5¢ per kiloWatt hour", True), ("$5 kWh", True), ("$5 per kW", False)])
def test_what_is_paid_by_yield_is_told(text: str, expected: bool) -> None:
    assert by_yield(text) is expected


@LAW
@given(st.text(st.sampled_from("0123456789,.$%¢ kdolarsUSDpercnt-/"), max_size=40))
def test_every_amount_stands_where_it_says(text: str) -> None:
    for figure in figures_in(text):
        assert text[figure.passage.start : figure.passage.end] == figure.passage.text
        assert figure.amount.number >= 0
