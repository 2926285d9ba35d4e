"""Rates by the kWh: those of what panels produce, and of nothing else."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from igent.domain.incentives import Amount, amount_of
from igent.domain.records import Json
from igent.markets.sbus.rates import rate_in, rate_of
from tests.domain.builders import lines
from tests.markets.builders import OWNER, plain, public, read, stands

THREE_CENTS = Amount(kind="dollars_per_unit", number=Decimal("0.03"), unit="kilowatt_hour")
PER_KWH: dict[str, Json] = {"type": "dollars_per_unit", "number": 250, "unit": "kilowatt_hour"}


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("40¢ per kiloWatt hour produced (Watt installed * roof efficiency implications * 0,40)", "0.4"),
        ("5 cents per kWh that the panels produce", "0.05"),
        ("$0.03/kWh generated, and $3.00 per Watt once", "0.03"),
        ("$0.03 for each kilowatt-hour produced", "0.03"),
        ("5¢ per kWh", None),
        ("5¢ per kWh produced in summer, 3¢ per kWh in winter", None),
        ("Up to 5¢ per kWh produced", None),
        ("5¢ per kWh produced and exported", None),
        ("a share of each kWh produced", None),
    ],
)
def test_a_rate_is_read_out_of_a_text_where_it_is_the_only_one_and_for_what_is_produced(
    text: str, rate: str | None
) -> None:
    found = rate_in(text)
    assert (None if found is None else found.number) == (None if rate is None else Decimal(rate))


@pytest.mark.parametrize(
    ("amount", "text", "solar"),
    [
        (replace(THREE_CENTS, maximum=Decimal(500)), "$0.03 per kWh.", True),
        (replace(THREE_CENTS, minimum=Decimal(5)), "$0.03 per kWh.", True),
        (replace(THREE_CENTS, unit="watt"), "$0.03 per kWh.", True),
        (replace(THREE_CENTS, kind="dollar_amount"), "$0.03 per kWh.", True),
        (THREE_CENTS, "$0.05 per kWh.", True),
        (THREE_CENTS, "Up to $0.03 per kWh.", True),
        (THREE_CENTS, "$0.03 per kWh of surplus.", True),
        (THREE_CENTS, "$0.03 per kWh.", False),
    ],
)
def test_a_field_is_no_rate_where_a_bound_or_the_text_leaves_it_open(amount: Amount, text: str, solar: bool) -> None:
    assert rate_of(THREE_CENTS, "$0.03 per kWh.", solar=True) == THREE_CENTS
    assert rate_of(amount, text, solar=solar) is None


def test_a_rate_for_more_than_panels_is_one_where_the_text_says_what_is_produced() -> None:
    assert rate_of(THREE_CENTS, "$0.03 per kWh produced.", solar=False) == THREE_CENTS


def test_a_battery_s_kwh_are_its_size_and_paid_for_once() -> None:
    entry = public("$250 per kWh of storage.", items=["battery_storage_installation"], amount=PER_KWH)
    [found] = read(entry)
    assert (found.timing, found.never_decided) == ("after-purchase", None)
    assert amount_of(found, lines(Battery="9000")) == Decimal("6750.00")


@pytest.mark.parametrize("text", ["$250 per kWh discharged.", "$250 per kWh exported."])
def test_what_a_battery_sends_out_is_not_its_size(text: str) -> None:
    [found] = read(public(text, items=["battery_storage_installation"], amount=PER_KWH))
    assert (found.timing, found.amount) == ("yearly-estimate", None)


def test_a_plain_text_about_what_is_produced_is_about_panels() -> None:
    [found] = read(plain("40¢ per kiloWatt hour produced"))
    assert (found.product_types, found.timing) == (frozenset({"Solar"}), "yearly-estimate")


@pytest.mark.parametrize("specs", ["$200 per kWh of battery", "$200 per kWh for a home battery"])
def test_a_plain_text_about_a_battery_s_kwh_is_not_paid_by_yield(specs: str) -> None:
    [found] = read(plain(specs))
    assert found.timing == "after-purchase"


@pytest.mark.parametrize("field", ["agi_max_limit", "agi_min_limit", "ami_qualification", "filing_status"])
def test_a_limit_on_income_that_no_fact_settles_is_undecided(field: str) -> None:
    assert OWNER.low_income is False
    without: dict[str, Json] = {**public(), field: None}
    assert stands(without | {field: "150000"}) == ("undecided", "fact-missing: income")
    assert stands(without) == ("applies", None)
