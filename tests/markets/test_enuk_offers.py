"""The offers file of the energy market: exact rates at their places, and nothing believed that cannot be right."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from igent import codec
from igent.domain.records import Json, Offer, Product
from igent.errors import InputError
from igent.markets.enuk import offer_facts, read_suppliers
from igent.markets.enuk.tariffs import Rates, Tariff
from tests.domain.builders import resolve
from tests.markets.energy import PRICES, PRODUCT, product, supplier, supplier_of

REAL = Path(__file__).parents[2] / "../shared/data/enuk/offers.json"

NAMES = (
    "Eastern, East Midlands, London, Manweb, Midlands, Northern, Norweb, Scottish Hydro, ScottishPower, SEEBOARD, "
    "Southern, SWALEC, SWEB, Yorkshire"
)
REGIONS = [*enumerate(NAMES.split(", "), start=10)]


def rates_of(product: Product) -> dict[str, Rates]:
    assert isinstance(product.prices, Tariff)
    return dict(product.prices.rates)


def refusal(*products: Json, **changes: Json) -> str:
    with pytest.raises(InputError) as caught:
        supplier_of(*products, **changes)
    return str(caught.value)


def test_a_tariff_is_read_with_its_rates_and_their_places() -> None:
    found = supplier_of()
    [tariff] = found.products
    assert (found.id, found.capacity, found.used, found.areas) == ("Ampere", 5, 1, frozenset({"Eastern"}))
    assert (tariff.type, tariff.name, tariff.variant) == ("Electricity", "Elec - Two Rate", "two rate, Direct Debit")
    rates = rates_of(tariff)["Eastern"]
    assert rates.secondary is not None
    assert [str(one.amount) for one in (rates.fee, rates.primary, rates.secondary)] == [
        "0.4295445",
        "0.2486715",
        "0.175896",
    ]
    assert rates.secondary.source == "offers.json#/0/Offers/0/ProductPrices/0/SecondaryRate"


def test_pence_become_pounds_digit_by_digit() -> None:
    pence = product({"FixedFee": 42.95445, "PrimaryRate": "24.86715", "SecondaryRate": 17.5896})
    [tariff] = supplier_of(pence, RateUnit="pence").products
    rates = rates_of(tariff)["Eastern"]
    assert [rates.fee.amount, rates.primary.amount] == [Decimal("0.4295445"), Decimal("0.2486715")]


@pytest.mark.parametrize(
    ("spelling", "region"),
    [
        ("ManWeb", "Manweb"),
        ("London Electricity", "London"),
        ("Seeboard", "SEEBOARD"),
        ("23", "Yorkshire"),
        (" scottish hydro electric ", "Scottish Hydro"),
    ],
)
def test_a_region_is_known_by_its_spellings_and_its_number(spelling: str, region: str) -> None:
    assert supplier_of(product({"ServiceArea": spelling})).areas == {region}


@pytest.mark.parametrize(("number", "region"), REGIONS)
def test_the_regions_are_numbered_as_in_meter_point_numbers(number: int, region: str) -> None:
    assert supplier_of(product({"ServiceArea": number})).areas == {region}


def test_a_tariff_without_a_second_rate_is_for_a_single_rate_meter() -> None:
    single = product({"SecondaryRate": 0}, ProductName="Elec - Single Rate", PaymentMethod="Monthly Direct Debit")
    assert supplier_of(single).products[0].variant == "single rate, Direct Debit"


def test_a_prompt_shows_terms_and_neither_price_nor_capacity() -> None:
    found = supplier_of(product(Terms={"ExitFees": "none"}), Terms={"Energy": "wind"})
    facts = offer_facts(Offer(id="o1", supplier=found, products=found.products))
    shown = {"type": "Electricity", "name": "Elec - Two Rate", "contract": "1 year", "ExitFees": "none"}
    assert facts == {"id": "o1", "supplier": "Ampere", "products": [shown], "terms": {"Energy": "wind"}}


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (product({"ServiceArea": "Atlantis"}), "field 'ServiceArea': is 'Atlantis'; allowed: Eastern, "),
        (product(PaymentMethod="Barter"), "field 'PaymentMethod': is 'Barter'; allowed: Direct Debit, "),
        (product(ProductType="Dual Fuel"), "a tariff is for one of Electricity, Gas"),
        (product({"PrimaryRate": 24.86715}), "Is RateUnit right?"),
        (product({"FixedFee": 42.9}), "Is RateUnit right?"),
        (product({"PrimaryRate": 0}), "Is RateUnit right?"),
        (product({"PrimaryRate": "0.12345678901"}), "at most 10 decimal places"),
        (product({"SecondaryRate": 0}), "says another thing than its rates, which are those of single rate"),
        (product(ProductName="Elec - Single Rate"), "says another thing than its rates, which are those of two rate"),
        (product(ProductType="Gas"), "a SecondaryRate (electricity alone)"),
        (product(ProductPrices=[]), "needs rows"),
        (product(ProductPrices=[PRICES, {**PRICES, "ServiceArea": 10}]), "is 'Eastern' again"),
        (product(ProductPrices=[PRICES, {**PRICES, "ServiceArea": 11, "SecondaryRate": 0}]), "or all without one"),
    ],
)
def test_what_cannot_be_right_stops_the_run(entry: Json, problem: str) -> None:
    assert problem in refusal(entry)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"RateUnit": "shillings"}, "field 'RateUnit': is 'shillings'; allowed: pounds, pence"),
        ({"VATPercent": 5.125}, "field 'VATPercent'"),
        ({"VATPercent": 500}, "field 'VATPercent'"),
        ({"Capacity": None}, "field 'Capacity': is missing"),
        ({"RateUnit": "pence"}, "Is RateUnit right?"),
    ],
)
def test_a_suppliers_terms_are_checked(changes: dict[str, Json], problem: str) -> None:
    assert problem in refusal(PRODUCT, **changes)


def test_a_supplier_stands_there_once() -> None:
    with pytest.raises(InputError, match="supplier 'Ampere' stands there 2 times"):
        read_suppliers([supplier(), supplier()], file="offers.json")


@pytest.mark.skipif(not REAL.is_file(), reason=f"the real tariffs are not beside this checkout: {REAL}")
def test_a_real_table_of_service_areas_has_the_same_numbers_and_names() -> None:
    table = json.loads(REAL.read_text())["ServiceAreas"]
    regions = [supplier_of(product({"ServiceArea": row["ServiceAreaID"]})).areas for row in table]
    assert regions == [{row["Service Area"]} for row in table]


@pytest.mark.skipif(not REAL.is_file(), reason=f"the real tariffs are not beside this checkout: {REAL}")
def test_every_rate_of_the_real_tariffs_is_what_its_pointer_says() -> None:
    document = codec.load(REAL.read_bytes())
    [found] = read_suppliers(document, file="offers.json")
    rates = [rates for one in found.products for rates in rates_of(one).values()]
    prices = [price for one in rates for price in (one.fee, one.primary, one.secondary) if price]
    assert (found.id, found.capacity, found.used, len(found.areas)) == ("British Gas", 10000, 1, 14)
    assert (len(found.products), len(rates), len(prices)) == (6, 84, 196)
    assert all(Decimal(str(resolve(document, price.source))) == price.amount for price in prices)
