"""The cost of a year: exact until it is rounded once, whatever unit and tax it was quoted in."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from igent.domain.records import Json, Quote
from tests.domain.builders import LAW
from tests.markets.energy import product, registration, supplier_of

RATE = st.decimals("0.005", "2", places=7)
FEE = st.decimals("0", "5", places=6)
USED = st.integers(1, 100_000).flatmap(lambda used: st.tuples(st.just(used), st.integers(0, used)))


def quoted(rates: dict[str, Json], used: tuple[int, int] = (4200, 1700), **terms: Json) -> Quote:
    household = registration(Consumption_Electricity=used[0], Consumption_ElectricityNight=used[1])
    [tariff] = supplier_of(product(rates), **terms).products
    quote = tariff.prices.quote(household.wants[0], household)
    assert quote is not None
    return quote


def test_a_year_is_365_fees_and_the_units_of_day_and_night() -> None:
    quote = quoted({"FixedFee": "0.4", "PrimaryRate": "0.25", "SecondaryRate": "0.1"})
    assert (quote.quantity, quote.price.amount) == (4200, Decimal("941.00"))
    assert quote.price.source == "offers.json#/0/Offers/0/ProductPrices/0"


def test_a_line_shows_what_its_price_is_made_of_and_where_that_stands() -> None:
    row, place = "registrations.json#/0/Consumption_Electricity", "offers.json#/0/Offers/0/ProductPrices/0"
    day = {"part": "day units", "rate": "0.2486715", "source": f"{place}/PrimaryRate", "quantity": 2500}
    night = {"part": "night units", "rate": "0.175896", "source": f"{place}/SecondaryRate", "quantity": 1700}
    fee = {"part": "standing charge", "rate": "0.4295445", "source": f"{place}/FixedFee", "quantity": 365}
    assert quoted({}).details == {
        "unit": "kWh",
        "price_per": "year",
        "contract": "1 year",
        "parts": [fee, day | {"quantity_source": [row, f"{row}Night"]}, night | {"quantity_source": [f"{row}Night"]}],
    }


@LAW
@given(fee=FEE, primary=RATE, secondary=RATE, used=USED, vat=st.sampled_from([None, 0, 5, 17.5, 20]))
def test_the_cost_is_the_exact_one_rounded_half_up_once(
    fee: Decimal, primary: Decimal, secondary: Decimal, used: tuple[int, int], vat: float | None
) -> None:
    rates: dict[str, Json] = {"FixedFee": str(fee), "PrimaryRate": str(primary), "SecondaryRate": str(secondary)}
    night = used[1]
    exact = Fraction(fee) * 365 + Fraction(primary) * (used[0] - night) + Fraction(secondary) * night
    exact *= 1 + Fraction(vat or 0) / 100
    assert quoted(rates, used, VATPercent=vat).price.amount * 100 == (exact * 100 + Fraction(1, 2)) // 1


@LAW
@given(fee=FEE, primary=RATE, secondary=RATE, used=USED)
def test_pence_and_pounds_cost_the_same(
    fee: Decimal, primary: Decimal, secondary: Decimal, used: tuple[int, int]
) -> None:
    numbers = {"FixedFee": fee, "PrimaryRate": primary, "SecondaryRate": secondary}
    pounds, pence = ({key: str(one.scaleb(power)) for key, one in numbers.items()} for power in (0, 2))
    assert quoted({**pence}, used, RateUnit="pence").price == quoted({**pounds}, used).price


def test_tax_that_comes_on_top_is_shown_with_its_place() -> None:
    details = quoted({}, VATPercent=5).details
    assert (details["vat_percent"], details["vat_source"]) == ("5", "offers.json#/0/VATPercent")


def test_outside_of_its_regions_a_tariff_has_no_price() -> None:
    household = registration()
    [tariff] = supplier_of().products
    assert tariff.prices.quote(household.wants[0], replace(household, area="SWEB")) is None
