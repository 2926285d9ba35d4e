"""Price rows by quantity, each for the whole of it: those of the file, and which one a household's quantity takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from igent.domain.records import Price, Quote, Registration, Want

__all__ = ["CURRENCY", "MAX_QUANTITY_GAP", "PriceRow", "PriceRows"]

CURRENCY = "USD"

# One unit more or less is what a roof plan can absorb; a larger gap is another order, and a person's to make.
MAX_QUANTITY_GAP = 1


@dataclass(frozen=True, kw_only=True)  # without slots, so that its quotes, the same for all, are made once
class PriceRow:
    """The total prices for one quantity; None where the supplier quotes no such price."""

    quantity: int
    cash: Price
    lmi_cash: Price | None = None
    instalment: Price | None = None
    lmi_instalment: Price | None = None

    @cached_property
    def usual(self) -> Quote:
        """What the row is for most households."""
        return Quote(quantity=self.quantity, price=self.cash, instalment=self.instalment)

    @cached_property
    def reduced(self) -> Quote:
        """What it is for low and medium incomes: a price for them goes before the other, where it is."""
        price, instalment = self.lmi_cash or self.cash, self.lmi_instalment or self.instalment
        return Quote(quantity=self.quantity, price=price, instalment=instalment)


@dataclass(frozen=True, slots=True)
class PriceRows:
    """The rows of one product by quantity."""

    rows: Mapping[int, PriceRow]

    def row(self, quantity: int) -> PriceRow | None:
        """The row of the exact quantity, else the nearest (a tie goes to the lower); None past `MAX_QUANTITY_GAP`."""
        if (exact := self.rows.get(quantity)) is not None:
            return exact
        for gap in range(1, MAX_QUANTITY_GAP + 1):
            for near in (quantity - gap, quantity + gap):
                if near in self.rows:
                    return self.rows[near]
        return None

    def quote(self, want: Want, registration: Registration) -> Quote | None:
        """The price of the nearest row."""
        row = self.row(want.quantity)
        if row is None:
            return None
        return row.reduced if registration.low_income is True else row.usual
