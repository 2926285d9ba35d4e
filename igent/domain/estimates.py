"""What an incentive paid by the kWh comes to in a year: an estimate of what panels produce, and never a deduction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from igent.domain.incentives import Incentive
from igent.domain.pricing import Line, money, to_cents
from igent.domain.records import Json, Registration, Yield

__all__ = ["Estimate", "estimate_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A year's money: `kwp` of panels, what each kWp of them produces, and the `rate` for a kWh."""

    kwp: Decimal
    produced: Yield
    rate: Decimal

    @property
    def amount(self) -> Decimal:
        """To the cent, rounded once."""
        return to_cents(self.kwp * self.produced.kwh_per_kwp * self.rate)

    def as_record(self) -> dict[str, Json]:
        """The part of an order's entry that says how much it is, and by which numbers."""
        computed: dict[str, Json] = {
            "kwp": f"{self.kwp.normalize():f}",
            "kwh_per_kwp": self.produced.kwh_per_kwp,
            **self.produced.facts,
            "rate_per_kwh": f"{self.rate:f}",
            "uncertainty": self.produced.uncertainty,
            "source": self.produced.source,
        }
        return {"estimate": money(self.amount), "timing": "yearly-estimate", "computed": computed}


def estimate_of(incentive: Incentive, lines: Sequence[Line], registration: Registration) -> Estimate | str | None:
    """The estimate on these lines; the code of a fact that is missing for it; None where nothing is produced."""
    panels = [line for line in lines if line.product.unit == "watt" and line.product.type in incentive.product_types]
    watts = [line.product.capacity * line.quantity for line in panels if line.product.capacity]
    produced, rate = registration.solar_yield, incentive.amount
    if not panels:
        return None
    if rate is None:
        return "fact-missing: rate"
    if len(watts) < len(panels):
        return "fact-missing: panel_wattage"
    if isinstance(produced, str):
        return f"fact-missing: {produced}"
    return Estimate(kwp=sum(watts, Decimal(0)) / 1000, produced=produced, rate=rate.number)
