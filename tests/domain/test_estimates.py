"""A year's estimate: exact, by facts that are all there, and no part of any sum."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.domain.estimates import Estimate, estimate_of
from igent.domain.incentives import Amount, Standing
from igent.domain.orders import build_order
from igent.domain.records import Json, Offer, Registration, Yield
from igent.domain.verify import OrderDecision, OrderTask
from tests.domain.builders import HOUSEHOLD, INCENTIVE, LAW, lines, panels, row, supplier

RATE = Amount(kind="dollars_per_unit", number=Decimal("0.03"), unit="kilowatt_hour")
YEARLY = replace(INCENTIVE, timing="yearly-estimate", amount=RATE)
ROOF = Yield(kwh_per_kwp=1270, facts={"roof_pitch": "Inclined"}, uncertainty="20 %", source="a table")
HOME = replace(HOUSEHOLD, solar_yield=ROOF)
BOTH = frozenset({"Solar", "Battery"})


def record(standing: Standing, household: Registration = HOME) -> dict[str, Json]:
    """The one entry of an order of 10 panels of 400 W for $10,000, whose sums owe nothing to it."""
    product = panels("P", row(10, "10000"))
    offer = Offer(id="o1", supplier=supplier("A", product), products=(product,))
    task = OrderTask(registration=household, offers=(offer,), standings=(standing,))
    order = build_order(task, offer, OrderDecision(payment="cash", incentives={}), currency="USD").as_record()
    assert [order[name] for name in ("incentive_total", "amount_due", "net_total")] == ["0.00", "10000.00", "10000.00"]
    [grant] = build_order(task, offer, OrderDecision(payment="cash", incentives={}), currency="USD").grants
    return grant.as_record()


def undecided(reason: str = "performance-based") -> Standing:
    return Standing(incentive=YEARLY, kind="undecided", reason=reason)


@LAW
@given(kwh=st.integers(100, 3000), cents=st.integers(1, 10_000))
def test_an_estimate_is_exact_and_rounded_once(kwh: int, cents: int) -> None:
    rate = replace(RATE, number=Decimal(cents).scaleb(-4))
    household = replace(HOME, solar_yield=replace(ROOF, kwh_per_kwp=kwh))
    found = estimate_of(replace(YEARLY, amount=rate), lines(Solar="1"), household)
    assert isinstance(found, Estimate)
    assert found.amount == Decimal(4 * kwh * cents).scaleb(-4).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def test_only_panels_produce() -> None:
    both = replace(YEARLY, product_types=BOTH)
    alone, beside = (estimate_of(both, one, HOME) for one in (lines(Solar="1"), lines(Solar="1", Battery="1")))
    assert alone == beside != None  # noqa: E711
    assert estimate_of(both, lines(Battery="1"), HOME) is None


@pytest.mark.parametrize("size", [None, Decimal(0)])
def test_panels_of_unknown_size_have_no_estimate(size: Decimal | None) -> None:
    [line] = lines(Solar="1")
    unsized = replace(line, product=replace(line.product, capacity=size))
    assert estimate_of(YEARLY, [line, unsized], HOME) == "fact-missing: panel_wattage"


def test_without_a_rate_or_a_yield_the_missing_fact_is_named() -> None:
    assert estimate_of(replace(YEARLY, amount=None), lines(Solar="1"), HOME) == "fact-missing: rate"
    roofless = replace(HOME, solar_yield="roof_pitch")
    assert estimate_of(YEARLY, lines(Solar="1"), roofless) == "fact-missing: roof_pitch"


def test_an_order_says_how_much_and_how_it_was_computed() -> None:
    assert record(undecided()) == {
        "id": "I1",
        "name": "A rebate",
        "undecided": "performance-based",
        "estimate": "152.40",
        "timing": "yearly-estimate",
        "computed": {
            "kwp": "4",
            "kwh_per_kwp": 1270,
            "roof_pitch": "Inclined",
            "rate_per_kwh": "0.03",
            "uncertainty": "20 %",
            "source": "a table",
        },
        "source": "incentives.json#/0",
    }


def test_a_condition_that_is_not_settled_is_named_beside_the_estimate() -> None:
    entry = record(undecided("fact-missing: geography"))
    assert (entry["undecided"], entry["estimate"]) == ("fact-missing: geography", "152.40")


@pytest.mark.parametrize(
    ("reason", "named"),
    [
        ("performance-based", "fact-missing: roof_pitch"),
        ("fact-missing: geography", "fact-missing: geography"),
    ],
)
def test_without_a_fact_there_is_a_reason_and_no_estimate(reason: str, named: str) -> None:
    entry = record(undecided(reason), replace(HOME, solar_yield="roof_pitch"))
    assert entry == {"id": "I1", "name": "A rebate", "undecided": named, "source": "incentives.json#/0"}
