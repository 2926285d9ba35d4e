"""The offers file as suppliers with their products and price rows, and what a prompt shows of an offer."""

from __future__ import annotations

import re
from decimal import Decimal

from igent.domain.records import Finance, Json, Offer, Price, Product, Supplier
from igent.markets.fields import Fields
from igent.markets.sbus.prices import CURRENCY, PriceRow, PriceRows
from igent.markets.suppliers import facts_of_offer, suppliers_of

__all__ = ["offer_facts", "read_suppliers"]

_ZIP = re.compile(r"[0-9]{1,5}")
_UNITS = {"Solar": "watt", "Battery": "kilowatt_hour"}


def read_suppliers(document: Json, *, file: str) -> tuple[Supplier, ...]:
    """The suppliers of an offers file, in file order. Raises `InputError`."""
    return suppliers_of(document, file=file, currency=CURRENCY, read=_supplier)


def offer_facts(offer: Offer) -> dict[str, Json]:
    """What a prompt shows of an offer: the same for every household, no price and no capacity."""
    products: list[Json] = [
        {"type": p.type, "name": p.name, **({"size": f"{p.capacity} {p.unit}"} if p.capacity else {}), **p.terms}
        for p in offer.products
    ]
    return facts_of_offer(offer, products)


def _supplier(fields: Fields) -> Supplier:
    products = tuple(_product(child) for child in fields.children("Offers"))
    return Supplier(
        id=fields.identifier("SupplierID"),
        capacity=fields.count("Capacity"),
        used=fields.maybe_count("Used") or 0,
        areas=frozenset(_area(fields, value) for value in fields.items("ServiceAreas")),
        products=products,
        source=fields.pointer,
        finance=_finance(fields),
        terms=fields.mapping("Terms"),
    )


def _area(fields: Fields, value: Json) -> str:
    text = str(value).strip() if isinstance(value, str | int) else ""
    if not _ZIP.fullmatch(text):
        raise fields.error("ServiceAreas", f"holds {str(value)[:40]!r}; ZIP codes are needed")
    return text.zfill(5)


def _finance(fields: Fields) -> Finance | None:
    rate, months = fields.maybe_amount("InterestRate"), fields.maybe_count("LoanTermMonths")
    if rate is None or not months:
        return None
    return Finance(rate_percent=rate, months=months, source=f"{fields.pointer}/InterestRate")


def _product(fields: Fields) -> Product:
    kind = fields.text("ProductType")
    if kind not in _UNITS:
        raise fields.error("ProductType", f"is {kind[:40]!r}; allowed: {', '.join(_UNITS)}")
    prices: dict[int, PriceRow] = {}
    for row in map(_price_row, fields.children("ProductPrices")):
        if row.quantity in prices:
            raise fields.error("ProductPrices", f"has more than one row for quantity {row.quantity}")
        prices[row.quantity] = row
    return Product(
        type=kind,
        name=fields.text("ProductName"),
        prices=PriceRows(prices),
        source=fields.pointer,
        capacity=fields.maybe_amount("ProductCapacity"),
        unit=_UNITS[kind],
        terms=fields.mapping("Terms"),
    )


def _price_row(fields: Fields) -> PriceRow:
    quantity = fields.count("Quantity")
    cash = fields.amount("CashPrice")
    if not quantity or not cash:
        raise fields.error("CashPrice" if quantity else "Quantity", "is 0; more is needed")
    return PriceRow(
        quantity=quantity,
        cash=Price(amount=cash, source=f"{fields.pointer}/CashPrice"),
        lmi_cash=_maybe_price(fields, "LMICashPrice"),
        instalment=_maybe_price(fields, "LoanInstallment"),
        lmi_instalment=_maybe_price(fields, "LMILoanInstallment"),
    )


def _maybe_price(fields: Fields, field: str) -> Price | None:
    """A price above 0: in these files 0 means that there is no such price."""
    amount = fields.maybe_amount(field) or Decimal(0)
    return Price(amount=amount, source=f"{fields.pointer}/{field}") if amount else None
