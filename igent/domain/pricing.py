"""What an offer costs a household: price rows looked up, never computed by a model, each with its source pointer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from igent.domain.records import Offer, PriceRow, Product, Registration, Want

__all__ = [
    "Line",
    "MAX_QUANTITY_GAP",
    "cheapest",
    "line_for",
    "lines_for",
    "money",
    "offer_total",
    "row_for",
    "to_cents",
]

# One unit more or less is what a roof plan can absorb; a larger gap is another order, and a person's to make.
MAX_QUANTITY_GAP = 1

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One priced product of an order; `price` is the total for `quantity`, copied from `source`.

    `quantity_wanted` is set where the nearest row had to stand in for the wanted quantity.
    """

    product: Product
    row: PriceRow
    quantity: int
    price: Decimal
    source: str
    quantity_wanted: int | None = None


def row_for(product: Product, quantity: int) -> PriceRow | None:
    """The row of the exact quantity, else the nearest (a tie goes to the lower); None past `MAX_QUANTITY_GAP`."""
    for gap in range(MAX_QUANTITY_GAP + 1):
        for near in (quantity - gap, quantity + gap):
            if near in product.prices:
                return product.prices[near]
    return None


def line_for(product: Product, want: Want, *, low_income: bool) -> Line:
    """The line for one want. Raises `LookupError` where the product has no price row near the quantity."""
    row = row_for(product, want.quantity)
    if row is None:
        raise LookupError(f"{product.name!r} has no price for {want.quantity} units")
    price = row.lmi_cash if low_income and row.lmi_cash is not None else row.cash
    return Line(
        product=product,
        row=row,
        quantity=row.quantity,
        price=price.amount,
        source=price.source,
        quantity_wanted=None if row.quantity == want.quantity else want.quantity,
    )


def lines_for(offer: Offer, registration: Registration) -> tuple[Line, ...]:
    """One line per want, in the order of the wants."""
    low_income = registration.low_income is True
    pairs = zip(offer.products, registration.wants, strict=True)
    return tuple(line_for(product, want, low_income=low_income) for product, want in pairs)


def offer_total(offer: Offer, registration: Registration) -> Decimal:
    """The sum of an offer's lines for a household."""
    return sum((line.price for line in lines_for(offer, registration)), Decimal(0))


def cheapest(offers: Sequence[Offer], registration: Registration) -> Offer:
    """The offer with the lowest total; among equals the first in file order."""
    return min(offers, key=lambda offer: offer_total(offer, registration))


def to_cents(amount: Decimal) -> Decimal:
    """Round half up to the cent: the rule for every computed amount. Prices that were read are never rounded."""
    return amount.quantize(_CENT, rounding=ROUND_HALF_UP)


def money(amount: Decimal) -> str:
    """A decimal string with at least two places; finer prices keep the places they were given with."""
    exponent = amount.as_tuple().exponent
    padded = amount.quantize(_CENT) if isinstance(exponent, int) and exponent > -2 else amount
    return f"{padded:f}"
