"""Which incentives a household can count on, and how much: conditions that are structured are code.

`standing` answers with one of four: `applies` (every condition is settled), `excluded` (one fails), `undecided` (with
the reason: a missing fact, a ceiling instead of an amount, an estimate) or `open` (only a condition in prose is left,
which a matcher may judge). Money that is not decided is listed and never deducted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache, partial
from typing import Literal, NamedTuple

from igent.domain.notes import Passage
from igent.domain.pricing import Line, to_cents
from igent.domain.records import Registration

__all__ = [
    "Amount",
    "AmountKind",
    "BY_YIELD",
    "Figure",
    "Incentive",
    "Programmes",
    "Standing",
    "StandingKind",
    "Timing",
    "amount_of",
    "standing",
    "standings",
]

Timing = Literal["point-of-sale", "after-purchase", "yearly-estimate"]
StandingKind = Literal["applies", "excluded", "undecided", "open"]
AmountKind = Literal["dollar_amount", "percent", "dollars_per_unit"]

# The reason of what is settled but for how much will be produced.
BY_YIELD = "performance-based"

# Households that conditions cannot tell apart, of whose standings so many are kept, at a kilobyte each.
_KEPT_SHAPES = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What an incentive pays; `number` of a percent is a fraction (0.3 is 30 %), `unit` that of `dollars_per_unit`."""

    kind: AmountKind
    number: Decimal
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """An amount that a text names, and where."""

    amount: Amount
    passage: Passage


@dataclass(frozen=True, slots=True, kw_only=True)
class Incentive:
    """An incentive as a market has read it; None in a condition means that there is no such condition.

    `areas` are those where it certainly applies, `uncertain_areas` those where perhaps only part of the households are
    covered (None: everywhere else, since where it applies is not known in full). `never_decided` names why code may
    never promise its amount; `low_income_unclear` marks one that is surely for low and medium incomes and perhaps for
    others; `income_limit` marks one with a limit that no household fact settles. `prose` is a text with a condition to
    be judged, as it stands at `prose_source`. `figures` are the amounts that code has read out of a text: of several
    none is the `amount`, until a matcher has picked one. What is paid by the kWh that panels produce has the timing
    `yearly-estimate`, and its rate as the amount, where that is known.
    """

    id: str
    name: str
    source: str
    product_types: frozenset[str]
    timing: Timing
    amount: Amount | None
    owner_status: frozenset[str] | None = None
    low_income: bool = False
    low_income_unclear: bool = False
    income_limit: bool = False
    starts: date | None = None
    ends: date | None = None
    paused: bool = False
    areas: frozenset[str] | None = None
    uncertain_areas: frozenset[str] | None = frozenset()
    never_decided: str | None = None
    prose: str | None = None
    prose_source: str = ""
    figures: tuple[Figure, ...] = ()
    excludes: frozenset[str] = frozenset()
    requires: frozenset[str] = frozenset()

    @property
    def choices(self) -> dict[str, Figure]:
        """The amounts to pick from, by the id that models see; none where there is nothing to pick."""
        several = self.figures if len(self.figures) > 1 else ()
        return {f"a{number}": figure for number, figure in enumerate(several, start=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one incentive stands for one household; `reason` is a code, None for `applies` and `open`."""

    incentive: Incentive
    kind: StandingKind
    reason: str | None = None


class _Shape(NamedTuple):
    """All of a household that conditions are about."""

    wanted: tuple[str, ...]
    area: str
    owner_status: str | None
    low_income: bool | None


def _shape(registration: Registration) -> _Shape:
    wanted = tuple([want.product_type for want in registration.wants])
    return _Shape(wanted, registration.area, registration.owner_status, registration.low_income)


class Programmes:
    """The incentives of a run on one day; where they stand for households of one shape is found out once."""

    def __init__(self, incentives: Sequence[Incentive], as_of: date) -> None:
        self._of = lru_cache(maxsize=_KEPT_SHAPES)(partial(_standings, incentives, as_of))

    def of(self, registration: Registration) -> tuple[Standing, ...]:
        """The `standings` of a household."""
        return self._of(_shape(registration))


def standings(incentives: Sequence[Incentive], registration: Registration, as_of: date) -> tuple[Standing, ...]:
    """The incentives that concern a household, in file order; excluded ones are left out.

    An incentive that another one excludes, or that needs another one first, is undecided: combining is a person's call.
    """
    return _standings(incentives, as_of, _shape(registration))


def _standings(incentives: Sequence[Incentive], as_of: date, shape: _Shape) -> tuple[Standing, ...]:
    found = [_concerning(one, shape) for one in incentives if _exclusion(one, shape, as_of) is None]
    present = {s.incentive.id for s in found}
    barred = {other for s in found for other in s.incentive.excludes if other in present}
    return tuple(_combined(s, barred) if barred else s for s in found)


def standing(incentive: Incentive, registration: Registration, as_of: date) -> Standing:
    """Where one incentive stands by its own conditions."""
    code = _exclusion(incentive, shape := _shape(registration), as_of)
    return Standing(incentive=incentive, kind="excluded", reason=code) if code else _concerning(incentive, shape)


def amount_of(incentive: Incentive, lines: Sequence[Line]) -> Decimal | None:
    """What it pays on these lines, to the cent; None where no amount can be computed from them."""
    eligible = [line for line in lines if line.product.type in incentive.product_types]
    amount = incentive.amount
    if amount is None or not eligible:
        return None
    computed = _computed(amount, eligible)
    if computed is None:
        return None
    if amount.minimum is not None:
        computed = max(computed, amount.minimum)
    if amount.maximum is not None:
        computed = min(computed, amount.maximum)
    return to_cents(computed)


def _concerning(incentive: Incentive, shape: _Shape) -> Standing:
    """Where an incentive stands for a household that it is not closed to."""
    kind: StandingKind = "open" if incentive.prose else "applies"
    code = _obstacle(incentive, shape)
    return Standing(incentive=incentive, kind="undecided" if code else kind, reason=code)


def _exclusion(incentive: Incentive, shape: _Shape, as_of: date) -> str | None:
    """The first condition that fails."""
    if incentive.product_types.isdisjoint(shape.wanted):
        return "product"
    if incentive.starts is not None and as_of < incentive.starts:
        return "not-started"
    if incentive.ends is not None and as_of > incentive.ends:
        return "expired"
    if incentive.paused:
        return "paused"
    if not _maybe_here(incentive, shape.area):
        return "area"
    owner = shape.owner_status
    if owner and incentive.owner_status is not None and owner not in incentive.owner_status:
        return "owner-status"
    return "income" if incentive.low_income and shape.low_income is False else None


def _maybe_here(incentive: Incentive, area: str) -> bool:
    if incentive.areas is None or incentive.uncertain_areas is None:
        return True
    return area in incentive.areas or area in incentive.uncertain_areas


def _obstacle(incentive: Incentive, shape: _Shape) -> str | None:
    """The first thing that is not settled."""
    by_yield = incentive.timing == "yearly-estimate"
    if incentive.never_decided is not None:
        return incentive.never_decided
    if incentive.areas is not None and shape.area not in incentive.areas:
        return "fact-missing: geography"
    if incentive.owner_status is not None and shape.owner_status is None:
        return "fact-missing: owner_status"
    if incentive.low_income or incentive.income_limit:
        return "fact-missing: income"
    if incentive.low_income_unclear and shape.low_income is not True:
        return "income-condition-unclear"
    if incentive.amount is None and not incentive.choices and not by_yield:
        return "amount-unclear"
    if incentive.requires:
        return "prerequisite"
    return BY_YIELD if by_yield else None


def _combined(found: Standing, barred: set[str]) -> Standing:
    if found.incentive.id in barred and (found.kind != "undecided" or found.reason == BY_YIELD):
        return Standing(incentive=found.incentive, kind="undecided", reason="not-combinable")
    return found


def _computed(amount: Amount, lines: Sequence[Line]) -> Decimal | None:
    if amount.kind == "dollar_amount":
        return amount.number
    if amount.kind == "percent":
        return amount.number * sum([line.price for line in lines], Decimal(0))
    units = [_units(amount.unit, line) for line in lines]
    known = [count for count in units if count is not None]
    return amount.number * sum(known, Decimal(0)) if len(known) == len(units) else None


def _units(unit: str | None, line: Line) -> Decimal | None:
    capacity = line.product.capacity
    if capacity is None or line.product.unit is None:
        return None
    total = capacity * line.quantity
    scales = {line.product.unit: Decimal(1), f"kilo{line.product.unit}": Decimal("0.001")}
    return total * scales[unit] if unit in scales else None
