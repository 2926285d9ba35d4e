"""What a year of energy costs: a fee for each day and a rate for each kWh, by region, in exact pounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from igent.domain.pricing import money, to_cents
from igent.domain.records import Json, Price, Quote, Registration, Want
from igent.markets.enuk.names import NIGHT, USE

__all__ = ["DAYS", "Rates", "Tariff"]

# A year of contract; that one in four is a day longer changes a price by a standing charge.
DAYS = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The prices of one region in pounds: `fee` a day, `primary` a kWh, and `secondary` a kWh at night (two rates)."""

    fee: Price
    primary: Price
    secondary: Price | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """So many days or kWh at a rate; `counted` are the pointers to where the number comes from."""

    name: str
    rate: Price
    quantity: int
    counted: tuple[str, ...] = ()

    def as_record(self) -> dict[str, Json]:
        record: dict[str, Json] = {"part": self.name, "rate": money(self.rate.amount), "source": self.rate.source}
        return record | {"quantity": self.quantity, **({"quantity_source": [*self.counted]} if self.counted else {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """One tariff's rates by region; `vat_percent` comes on top of them, where they are quoted without it."""

    contract: str
    rates: Mapping[str, Rates]
    vat_percent: Price | None = None

    def quote(self, want: Want, registration: Registration) -> Quote | None:
        """The cost of a year, rounded once and to the penny; None outside of its regions."""
        rates = self.rates.get(registration.area)
        if rates is None:
            return None
        parts = [*_parts(rates, want, registration.source)]
        net = sum((part.rate.amount * part.quantity for part in parts), Decimal(0))
        vat = self.vat_percent
        cost = net if vat is None else net * (100 + vat.amount) / 100
        taxed: dict[str, Json] = {} if vat is None else {"vat_percent": f"{vat.amount:f}", "vat_source": vat.source}
        return Quote(
            quantity=want.quantity,
            price=Price(amount=to_cents(cost), source=rates.source),
            details={
                "unit": "kWh",
                "price_per": "year",
                "contract": self.contract,
                "parts": [part.as_record() for part in parts],
                **taxed,
            },
        )


def _parts(rates: Rates, want: Want, row: str) -> Iterator[_Part]:
    used = f"{row}/{USE[want.product_type]}"
    yield _Part(name="standing charge", rate=rates.fee, quantity=DAYS)
    if rates.secondary is None:
        yield _Part(name="units", rate=rates.primary, quantity=want.quantity, counted=(used,))
        return
    night, at_night = want.parts["night"], f"{row}/{NIGHT}"
    yield _Part(name="day units", rate=rates.primary, quantity=want.quantity - night, counted=(used, at_night))
    yield _Part(name="night units", rate=rates.secondary, quantity=night, counted=(at_night,))
