"""Price rows by quantity, each for the whole of it: those of the file, and which one a household's quantity takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from igent.domain.records import Price, Quote, Registration, Want

__all__ = ["CURRENCY", "MAX_QUANTITY_GAP", "PriceRow", "PriceRows"]

CURRENCY = "USD"

# One unit more or less is what a roof plan can absorb; a larger gap is another order, and a person's to make.
MAX_QUANTITY_GAP = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """The total prices for one quantity; None where the supplier quotes no such price."""

    quantity: int
    cash: Price
    lmi_cash: Price | None = None
    instalment: Price | None = None
    lmi_instalment: Price | None = None

    def quote(self, *, low_income: bool) -> Quote:
        """What the row is for a household: a price for low and medium incomes goes before the other, where it is."""
        return Quote(
            quantity=self.quantity,
            price=self.lmi_cash if low_income and self.lmi_cash else self.cash,
            instalment=self.lmi_instalment if low_income and self.lmi_instalment else self.instalment,
        )


@dataclass(frozen=True, slots=True)
class PriceRows:
    """The rows of one product by quantity."""

    rows: Mapping[int, PriceRow]

    def row(self, quantity: int) -> PriceRow | None:
        """The row of the exact quantity, else the nearest (a tie goes to the lower); None past `MAX_QUANTITY_GAP`."""
        for gap in range(MAX_QUANTITY_GAP + 1):
            for near in (quantity - gap, quantity + gap):
                if near in self.rows:
                    return self.rows[near]
        return None

    def quote(self, want: Want, registration: Registration) -> Quote | None:
        """The price of the nearest row."""
        row = self.row(want.quantity)
        return None if row is None else row.quote(low_income=registration.low_income is True)
