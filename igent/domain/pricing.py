"""What an offer costs a household: price lists are asked, never a model, and each price keeps its source pointer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from igent.domain.records import Offer, Product, Quote, Registration, Want

__all__ = [
    "Line",
    "cheapest",
    "line_for",
    "lines_for",
    "money",
    "offer_total",
    "to_cents",
]

_CENT = Decimal("0.01")
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One priced product of an order; `price` is the total for `quantity`, from `source`.

    `quantity_wanted` is set where another quantity had to stand in for the wanted one.
    """

    product: Product
    quote: Quote
    quantity_wanted: int | None = None

    @property
    def quantity(self) -> int:
        """How much is ordered."""
        return self.quote.quantity

    @property
    def price(self) -> Decimal:
        """The total for the quantity."""
        return self.quote.price.amount

    @property
    def source(self) -> str:
        """Where the price stands."""
        return self.quote.price.source


def line_for(product: Product, want: Want, registration: Registration) -> Line:
    """The line for one want. Raises `LookupError` where the product has no price for it."""
    quote = _quote(product, want, registration)
    return Line(
        product=product, quote=quote, quantity_wanted=None if quote.quantity == want.quantity else want.quantity
    )


def lines_for(offer: Offer, registration: Registration) -> tuple[Line, ...]:
    """One line per want, in the order of the wants."""
    pairs = zip(offer.products, registration.wants, strict=True)
    return tuple([line_for(product, want, registration) for product, want in pairs])


def offer_total(offer: Offer, registration: Registration) -> Decimal:
    """The sum of an offer's lines for a household."""
    pairs = zip(offer.products, registration.wants, strict=True)
    return sum([_quote(product, want, registration).price.amount for product, want in pairs], _NOTHING)


def cheapest(offers: Sequence[Offer], registration: Registration) -> Offer:
    """The offer with the lowest total; among equals the first in file order."""
    return min(offers, key=lambda offer: offer_total(offer, registration))


def _quote(product: Product, want: Want, registration: Registration) -> Quote:
    quote = product.prices.quote(want, registration)
    if quote is None:
        raise LookupError(f"{product.name!r} has no price for {want.quantity} units")
    return quote


def to_cents(amount: Decimal) -> Decimal:
    """Round half up to the cent: the rule for every computed amount. Prices that were read are never rounded."""
    return amount.quantize(_CENT, rounding=ROUND_HALF_UP)


def money(amount: Decimal) -> str:
    """A decimal string with at least two places; finer prices keep the places they were given with."""
    text = f"{amount:f}"
    _, _, places = text.partition(".")
    return text if len(places) > 1 else f"{amount.quantize(_CENT):f}"
