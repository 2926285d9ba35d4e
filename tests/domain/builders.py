"""Small factories: a household, suppliers with bundles, an incentive. Vary a value with `dataclasses.replace`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from hypothesis import settings

from igent.domain.incentives import Amount, Incentive
from igent.domain.pricing import Line, lines_for
from igent.domain.records import Finance, Json, Offer, Price, Product, Registration, Supplier, Want
from igent.markets.sbus.prices import PriceRow, PriceRows

__all__ = [
    "HOUSEHOLD",
    "INCENTIVE",
    "LAW",
    "battery",
    "bundles",
    "dollars",
    "lines",
    "panels",
    "resolve",
    "row",
    "rows_of",
    "supplier",
]

# The same examples in every run: a law that fails here fails everywhere.
LAW = settings(derandomize=True, deadline=None, max_examples=60)

HOUSEHOLD = Registration(
    id="R1",
    campaign="Summer",
    source="registrations.json#/0",
    area="55407",
    wants=(Want(product_type="Solar", quantity=10),),
    low_income=False,
)


def dollars(number: str) -> Amount:
    return Amount(kind="dollar_amount", number=Decimal(number))


INCENTIVE = Incentive(
    id="I1",
    name="A rebate",
    source="incentives.json#/0",
    product_types=frozenset({"Solar"}),
    timing="after-purchase",
    amount=dollars("500"),
)


def row(quantity: int, cash: str, *, lmi: str | None = None, instalment: str | None = None) -> PriceRow:
    """A price row whose pointers name their own column."""
    place = f"offers.json#/{quantity}"
    return PriceRow(
        quantity=quantity,
        cash=Price(amount=Decimal(cash), source=f"{place}/CashPrice"),
        lmi_cash=None if lmi is None else Price(amount=Decimal(lmi), source=f"{place}/LMICashPrice"),
        instalment=None if instalment is None else Price(amount=Decimal(instalment), source=f"{place}/LoanInstallment"),
    )


def rows_of(product: Product) -> Mapping[int, PriceRow]:
    """The price rows of a product that has such rows."""
    assert isinstance(product.prices, PriceRows)
    return product.prices.rows


def panels(name: str, *rows: PriceRow) -> Product:
    prices = PriceRows({one.quantity: one for one in rows})
    return Product(type="Solar", name=name, prices=prices, source=f"#/{name}", capacity=Decimal(400), unit="watt")


def battery(name: str, *rows: PriceRow) -> Product:
    prices = PriceRows({one.quantity: one for one in rows})
    return Product(
        type="Battery", name=name, prices=prices, source=f"#/{name}", capacity=Decimal("13.5"), unit="kilowatt_hour"
    )


def supplier(
    name: str, *products: Product, capacity: int = 10, used: int = 0, finance: Finance | None = None
) -> Supplier:
    return Supplier(
        id=name,
        capacity=capacity,
        used=used,
        areas=frozenset({HOUSEHOLD.area}),
        products=products,
        source=f"offers.json#/{name}",
        finance=finance,
    )


def bundles(prices: Mapping[str, Sequence[str]]) -> list[Offer]:
    """Offers `o1`, `o2`, ... in file order: per supplier, one of 10 panels for each of its prices."""
    found: list[Offer] = []
    for name, totals in prices.items():
        products = [panels(f"{name}{n}", row(10, total)) for n, total in enumerate(totals)]
        own = supplier(name, *products)
        found += [Offer(id=f"o{len(found) + n}", supplier=own, products=(p,)) for n, p in enumerate(products, start=1)]
    return found


def lines(**prices: str) -> tuple[Line, ...]:
    """Lines of 10 panels (`Solar`) and 2 batteries (`Battery`) at the given totals."""
    makers = {"Solar": (panels, 10), "Battery": (battery, 2)}
    products = tuple(makers[kind][0](kind, row(makers[kind][1], total)) for kind, total in prices.items())
    wants = tuple(Want(product_type=kind, quantity=makers[kind][1]) for kind in prices)
    offer = Offer(id="o1", supplier=supplier("A", *products), products=products)
    return lines_for(offer, replace(HOUSEHOLD, wants=wants))


def resolve(document: Json, source: str) -> Json:
    """The value that `<file>#/<path>` points to (RFC 6901, without escapes)."""
    value = document
    for step in source.partition("#/")[2].split("/"):
        match value:
            case list():
                value = value[int(step)]
            case dict():
                value = value[step]
            case _:
                raise LookupError(source)
    return value
