"""The offers file: suppliers, products and price rows, each with the place it came from."""

from __future__ import annotations

import copy
from decimal import Decimal
from pathlib import Path

import pytest

from igent import codec
from igent.domain.records import Json, Offer, Supplier
from igent.errors import InputError
from igent.markets.sbus import offer_facts, read_suppliers
from tests.domain.builders import resolve, rows_of

REAL = Path(__file__).parents[2] / "../shared/data/mn1/offers.json"
PRICES: dict[str, Json] = {
    "Quantity": "8",
    "CashPrice": 12012.5,
    "LMICashPrice": 0,
    "LoanInstallment": 68,
    "LMILoanInstallment": 0,
}
PRODUCT: dict[str, Json] = {
    "ProductType": "Solar",
    "ProductName": "Jinko",
    "ProductCapacity": "425",
    "ProductPrices": [PRICES],
}
SUPPLIER: dict[str, Json] = {
    "SupplierID": "iSoalr",
    "Capacity": "70",
    "InterestRate": 7.73,
    "LoanTermMonths": 360,
    "ServiceAreas": ["55407", 1001],
    "Offers": [PRODUCT],
}


def changed(path: str, value: Json) -> Json:
    """The file of one supplier with the value at a pointer replaced."""
    document: Json = {"SupplierOffers": [copy.deepcopy(SUPPLIER)]}
    place, _, key = path.rpartition("/")
    parent = resolve(document, f"#{place}")
    assert isinstance(parent, dict)
    parent[key] = value
    return document


def only(document: Json) -> Supplier:
    [found] = read_suppliers(document, file="offers.json")
    return found


def refusal(document: Json) -> InputError:
    with pytest.raises(InputError) as caught:
        read_suppliers(document, file="offers.json")
    assert caught.value.file == "offers.json"
    return caught.value


def test_a_supplier_is_read_and_its_spelling_is_kept() -> None:
    found = only([SUPPLIER])
    assert (found.id, found.capacity, found.used, found.areas) == ("iSoalr", 70, 0, frozenset({"55407", "01001"}))
    [product] = found.products
    assert (product.type, product.name, product.capacity, product.unit) == ("Solar", "Jinko", Decimal(425), "watt")


@pytest.mark.parametrize(
    ("document", "base"), [([SUPPLIER], "/0"), ({"SupplierOffers": [SUPPLIER]}, "/SupplierOffers/0")]
)
def test_an_array_and_the_sample_files_object_are_both_read(document: Json, base: str) -> None:
    price = rows_of(only(document).products[0])[8].cash
    assert price.source == f"offers.json#{base}/Offers/0/ProductPrices/0/CashPrice"
    assert (price.amount, resolve(document, price.source)) == (Decimal("12012.5"), 12012.5)


def test_used_places_are_read() -> None:
    assert only([{**SUPPLIER, "Used": "12"}]).used == 12


@pytest.mark.parametrize("absent", [0, "0", 0.0, None, ""])
def test_a_price_of_0_is_no_price(absent: Json) -> None:
    prices = {**PRICES, "LMICashPrice": absent, "LoanInstallment": absent, "LMILoanInstallment": absent}
    row = rows_of(only([{**SUPPLIER, "Offers": [{**PRODUCT, "ProductPrices": [prices]}]}]).products[0])[8]
    assert (row.lmi_cash, row.instalment, row.lmi_instalment) == (None, None, None)


def test_every_price_column_points_to_itself() -> None:
    prices: dict[str, Json] = {**PRICES, "LMICashPrice": 10000, "LMILoanInstallment": "45.5"}
    row = rows_of(only([{**SUPPLIER, "Offers": [{**PRODUCT, "ProductPrices": [prices]}]}]).products[0])[8]
    found = [row.cash, row.lmi_cash, row.instalment, row.lmi_instalment]
    amounts = [(p.source.rpartition("/")[2], str(p.amount)) for p in found if p]
    assert amounts == [
        ("CashPrice", "12012.5"),
        ("LMICashPrice", "10000"),
        ("LoanInstallment", "68"),
        ("LMILoanInstallment", "45.5"),
    ]


@pytest.mark.parametrize(
    ("rate", "months", "offered"), [(7.73, 360, True), (0, 12, True), (None, 360, False), (7, 0, False)]
)
def test_a_loan_needs_a_rate_and_a_term(rate: Json, months: Json, offered: bool) -> None:
    found = only([{**SUPPLIER, "InterestRate": rate, "LoanTermMonths": months}])
    assert (found.finance is not None) == offered


def test_a_loan_keeps_its_rate_as_it_is_written() -> None:
    finance = only([SUPPLIER]).finance
    assert finance is not None
    assert (str(finance.rate_percent), finance.months, finance.source) == ("7.73", 360, "offers.json#/0/InterestRate")


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("/SupplierOffers/0/SupplierID", None, "SupplierID"),
        ("/SupplierOffers/0/Capacity", "many", "Capacity"),
        ("/SupplierOffers/0/Capacity", None, "Capacity"),
        ("/SupplierOffers/0/Used", -1, "Used"),
        ("/SupplierOffers/0/ServiceAreas", "55407", "ServiceAreas"),
        ("/SupplierOffers/0/ServiceAreas", [None], "ServiceAreas"),
        ("/SupplierOffers/0/Offers", None, "Offers"),
        ("/SupplierOffers/0/Offers", [3], "Offers"),
        ("/SupplierOffers/0/Offers/0/ProductType", "", "ProductType"),
        ("/SupplierOffers/0/Offers/0/ProductPrices", [PRICES, PRICES], "ProductPrices"),
        ("/SupplierOffers/0/Offers/0/ProductPrices/0/Quantity", 0, "Quantity"),
        ("/SupplierOffers/0/Offers/0/ProductPrices/0/CashPrice", 0, "CashPrice"),
        ("/SupplierOffers/0/Offers/0/ProductPrices/0/CashPrice", None, "CashPrice"),
        ("/SupplierOffers/0/Offers/0/ProductPrices/0/CashPrice", "$12", "CashPrice"),
        ("/SupplierOffers/0/Offers/0/ProductPrices/0/LMICashPrice", -5, "LMICashPrice"),
    ],
)
def test_a_bad_field_is_named_with_its_supplier(path: str, value: Json, field: str) -> None:
    place = refusal(changed(path, value)).place
    assert place.startswith("/SupplierOffers/0")
    assert place.endswith(f", field {field!r}")


def test_a_bad_price_is_named_with_its_row() -> None:
    rows: list[Json] = [PRICES, {**PRICES, "Quantity": 9, "CashPrice": "twelve"}]
    place = refusal(changed("/SupplierOffers/0/Offers/0/ProductPrices", rows)).place
    assert place == "/SupplierOffers/0/Offers/0/ProductPrices/1, field 'CashPrice'"


@pytest.mark.parametrize("document", [None, [], {}, {"SupplierOffers": []}, {"SupplierOffers": {}}, [3], "x"])
def test_a_file_without_suppliers_is_refused(document: Json) -> None:
    refusal(document)


def test_a_supplier_that_stands_there_twice_is_refused() -> None:
    assert "supplier 'iSoalr' stands there 2 times" in refusal([SUPPLIER, SUPPLIER]).problem


def test_what_a_prompt_shows_of_an_offer_has_no_price_and_no_capacity() -> None:
    terms: dict[str, Json] = {"Warranty": "25 years"}
    found = only([{**SUPPLIER, "Used": 69, "Terms": {"Local": True}, "Offers": [{**PRODUCT, "Terms": terms}]}])
    assert offer_facts(Offer(id="o1", supplier=found, products=found.products)) == {
        "id": "o1",
        "supplier": "iSoalr",
        "products": [{"type": "Solar", "name": "Jinko", "size": "425 watt", "Warranty": "25 years"}],
        "terms": {"Local": True},
    }


@pytest.mark.skipif(not REAL.exists(), reason=f"the real offers are not beside this checkout: {REAL}")
def test_every_price_of_the_real_offers_is_what_its_pointer_says() -> None:
    document = codec.load(REAL.read_bytes())
    suppliers = read_suppliers(document, file="offers.json")
    assert [supplier.id for supplier in suppliers] == ["All Energy Solar", "iSoalr", "TruNorthSolar"]
    rows = [row for supplier in suppliers for product in supplier.products for row in rows_of(product).values()]
    prices = [p for row in rows for p in (row.cash, row.lmi_cash, row.instalment, row.lmi_instalment) if p]
    assert len(prices) >= len(rows) == 159
    assert all(Decimal(str(resolve(document, price.source))) == price.amount for price in prices)
