"""What a run is expected to cost and to take: ranges, as they are shown, kept, and held against what came of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from igent.accounting.prices import usd_text
from igent.domain.records import Json

__all__ = ["Estimate", "Range", "against"]

Range: TypeAlias = tuple[Decimal, Decimal, Decimal]  # the 10th, 50th and 90th percentile
_NAMES = ("p10", "p50", "p90")
_AMOUNT = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")  # dollars or seconds, as far as they are written down


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Ranges for a run of so many `registrations` that ask a model; `calls` by agent and `tokens` are medians.

    `cost_usd` is None where a model that is asked has no price. `basis` says in words what it is made of.
    """

    registrations: int
    calls: Mapping[str, int]
    tokens: Mapping[str, int]
    cost_usd: Range | None
    seconds: Range
    unpriced_models: tuple[str, ...]
    basis: str

    def as_record(self) -> dict[str, Json]:
        """The JSON form: dollars as text to six decimals, seconds to the millisecond."""
        cost: dict[str, Json] = {name: usd_text(usd) for name, usd in zip(_NAMES, self.cost_usd or (), strict=False)}
        seconds: dict[str, Json] = {name: round(float(s), 3) for name, s in zip(_NAMES, self.seconds, strict=True)}
        return {
            "registrations": self.registrations,
            "calls": {**self.calls},
            "tokens": {**self.tokens},
            "cost_usd": cost or None,
            "seconds": seconds,
            "unpriced_models": [*self.unpriced_models],
            "basis": self.basis,
        }

    @classmethod
    def from_record(cls, record: Json) -> Estimate:
        """The estimate of `as_record`. Raises `ValueError` for anything else."""
        match record:
            case {
                "registrations": int(registrations),
                "calls": dict(calls),
                "tokens": dict(tokens),
                "cost_usd": cost,
                "seconds": seconds,
                "unpriced_models": [*unpriced],
                "basis": str(basis),
            }:
                return cls(
                    registrations=registrations,
                    calls={name: _count(count) for name, count in calls.items()},
                    tokens={name: _count(count) for name, count in tokens.items()},
                    cost_usd=None if cost is None else _range(cost),
                    seconds=_range(seconds),
                    unpriced_models=tuple(str(model) for model in unpriced),
                    basis=basis,
                )
        raise ValueError(f"a record of an estimate cannot be {record!r}")


def against(record: Json, *, cost_usd: Decimal | None, seconds: float, calls: int) -> dict[str, Json]:
    """What came of a run, each as a multiple of the middle of its estimate; None where one of the two is not known.

    Raises `ValueError` for a record that is not of an estimate.
    """
    told = Estimate.from_record(record)
    return {
        "cost": _ratio(cost_usd, told.cost_usd[1] if told.cost_usd else None),
        "seconds": _ratio(Decimal(seconds), told.seconds[1]),
        "calls": _ratio(Decimal(calls), Decimal(sum(told.calls.values()))),
    }


def _ratio(actual: Decimal | None, told: Decimal | None) -> Json:
    return None if actual is None or not told else round(float(actual / told), 3)


def _range(record: Json) -> Range:
    match record:
        case {"p10": low, "p50": middle, "p90": high}:
            found = _amount(low), _amount(middle), _amount(high)
            if [*found] == sorted(found):
                return found
    raise ValueError(f"a range cannot be {record!r}")


def _amount(value: Json) -> Decimal:
    """Dollars or seconds, from text or a number."""
    text = f"{value:f}" if isinstance(value, float) else f"{value}"
    if _AMOUNT.fullmatch(text):
        return Decimal(text)
    raise ValueError(f"{value!r} is not an amount")


def _count(value: Json) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError(f"{value!r} is not a count")
