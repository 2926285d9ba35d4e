"""What a run's calls cost, by agent and model, and what each way of asking less has saved.

Every call is priced by itself as it is added, so a figure is right whatever the lengths of the prompts in it, and is
rounded once, when it is written down.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from igent.accounting.calls import CallFacts
from igent.accounting.prices import Bill, Price, PriceTable, cost_usd, saved_by_cache_usd, usd_text
from igent.accounting.timing import csv_cell
from igent.accounting.usage import Usage
from igent.domain.records import Json

__all__ = ["COSTS_HEADER", "Costs", "bill_of", "costs_line"]

_COUNTS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
_COLUMNS = ("registration_id", "calls", "cache_hits", *_COUNTS, "estimated", "cost_usd")
_NOTHING = Bill()
COSTS_HEADER: bytes = ",".join(_COLUMNS).encode() + b"\n"


class Costs:
    """The account of a run: calls as they come, critic turns that were not taken, and what both amount to."""

    def __init__(self, prices: PriceTable) -> None:
        self._prices = prices
        self._rows: dict[tuple[str, str, str], _Row] = {}
        self._skipped = 0

    def add(self, call: CallFacts) -> None:
        """Add one call, at the price of its model."""
        key = call.agent, call.kind, call.model
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = _Row(price=self._prices.maybe(call.model))
        row.add(call)

    def skipped(self, critic_turns: int) -> None:
        """Add critic turns that the policy left out."""
        self._skipped += critic_turns

    @property
    def bill(self) -> Bill:
        """What all calls took and cost, for a budget to go on from."""
        return _together(row.bill for row in self._rows.values())

    def as_record(self) -> dict[str, Json]:
        """The part of `run.json` about money: dollars to six decimals, null where a call among them has no price."""
        bill, rows = self.bill, sorted(self._rows.items())
        return {
            "usage": bill.usage.as_record(),
            "cost_usd": usd_text(bill.usd),
            "unpriced_models": [*sorted({model for (_, _, model), row in rows if row.bill.usd is None})],
            "agents": [
                {"agent": agent, "kind": kind, "model": model, **row.as_record()} for (agent, kind, model), row in rows
            ],
            "savings": self._savings([*self._rows.values()]),
        }

    def _savings(self, rows: Sequence[_Row]) -> dict[str, Json]:
        """What was not paid for, each way by itself, below 0 where it cost more than it saved.

        - `prompt_cache`: what cached tokens cost less than as input, writes deducted.
        - `response_cache`: what the replies it gave once took, at the prices of now.
        - `critic_skip`: as many mean critic calls of this run, or mean matcher calls where no critic was asked.
        - `early_stop`: what replies closed after their answer were short of the mean reply of their agent that ended by
          itself, at the price of output: too little where they would have rambled on. Null where none ended by itself.
        """
        cached, hits = _together(row.cached.bill for row in rows), _together(row.hits.bill for row in rows)
        stopped = any(row.stopped.calls for row in rows)
        return {
            "prompt_cache": _saving(cached.usd, estimated=cached.usage.estimated),
            "response_cache": _saving(hits.usd, estimated=hits.usage.estimated),
            "critic_skip": _saving(self._critic_skip_usd(), estimated=self._skipped > 0),
            "early_stop": _saving(_total(row.early_stop_usd for row in rows), estimated=stopped),
        }

    def _critic_skip_usd(self) -> Decimal | None:
        critics = [row for (_, kind, _), row in self._rows.items() if kind == "critique"]
        answered = [part for row in critics or self._rows.values() for part in (row.ended, row.stopped)]
        calls, usd = sum(part.calls for part in answered), _total(part.bill.usd for part in answered)
        if not self._skipped:
            return Decimal(0)
        return usd / calls * self._skipped if calls and usd is not None else None


@dataclass(slots=True)
class _Sum:
    """Calls added up in place: the books are kept call by call, and a `bill` of each would take three objects."""

    calls: int = 0
    counts: list[int] = field(default_factory=lambda: [0] * len(_COUNTS))
    estimated: bool = False
    usd: Decimal | None = Decimal(0)

    def add(self, call: Usage, price: Price | None) -> None:
        """Add one call at its price."""
        self.take(call, None if price is None else cost_usd(call, price))

    def take(self, call: Usage, usd: Decimal | None) -> None:
        """Add one call with an amount of dollars, None where that is not known."""
        self.calls += 1
        self.counts = [*map(operator.add, self.counts, call.counts)]
        self.estimated = self.estimated or call.estimated
        self.usd = None if self.usd is None or usd is None else self.usd + usd

    @property
    def bill(self) -> Bill:
        """What they come to."""
        return Bill(usage=Usage(**dict(zip(_COUNTS, self.counts, strict=True)), estimated=self.estimated), usd=self.usd)


@dataclass(slots=True)
class _Row:
    """The calls of one agent to one model.

    Of the `calls` that were made some `ended` by themselves, some were `stopped` after their answer and some `failed`;
    `hits` are those that the response cache saved. `cached` is what the prompt cache was used for, with the saving in
    the place of a cost.
    """

    price: Price | None
    calls: int = 0
    ended: _Sum = field(default_factory=_Sum)
    stopped: _Sum = field(default_factory=_Sum)
    failed: _Sum = field(default_factory=_Sum)
    hits: _Sum = field(default_factory=_Sum)
    cached: _Sum = field(default_factory=_Sum)

    def add(self, call: CallFacts) -> None:
        """Add one call to the sum that it belongs to."""
        usage, price = call.usage, self.price
        if call.saved is not None:
            self.hits.add(call.saved, price)
            return
        self.calls += call.calls
        answered = self.stopped if call.cut else self.ended
        (answered if call.fault is None else self.failed).add(usage, price)
        if usage.cache_read_tokens or usage.cache_write_tokens or usage.cache_write_1h_tokens:
            self.cached.take(usage, saved_by_cache_usd(usage, price) if price else None)

    @property
    def bill(self) -> Bill:
        """What the calls that were made took."""
        return self.ended.bill + self.stopped.bill + self.failed.bill

    @property
    def early_stop_usd(self) -> Decimal | None:
        """What was saved by closing streams; None where that is not known."""
        if not self.stopped.calls:
            return Decimal(0)
        if not self.ended.calls or self.price is None:
            return None
        mean = Decimal(self.ended.bill.usage.output_tokens) / self.ended.calls
        short = mean * self.stopped.calls - self.stopped.bill.usage.output_tokens
        return max(short, Decimal(0)) * self.price.output / 1_000_000

    def as_record(self) -> dict[str, Json]:
        """Calls that were made, replies from the response cache, tokens and dollars."""
        bill = self.bill
        counts: dict[str, Json] = {"calls": self.calls, "cache_hits": self.hits.calls}
        return {**counts, "usage": bill.usage.as_record(), "cost_usd": usd_text(bill.usd)}


def bill_of(calls: Iterable[CallFacts], prices: PriceTable) -> Bill:
    """What some calls, such as those for one registration, took and cost together."""
    return _sum_of(calls, prices).bill


def costs_line(registration_id: str, calls: Sequence[CallFacts], prices: PriceTable) -> bytes:
    """One UTF-8 line of `costs.csv`, its cost empty where a call has no price; ids are guarded as in `timings.csv`."""
    paid, made = _sum_of(calls, prices), sum([call.calls for call in calls if call.saved is None])
    counts = [made, len(calls) - paid.calls, *paid.counts]
    ends = ["true" if paid.estimated else "false", usd_text(paid.usd) or ""]
    return (",".join([csv_cell(registration_id), *map(str, counts), *ends]) + "\n").encode()


def _sum_of(calls: Iterable[CallFacts], prices: PriceTable) -> _Sum:
    """Those that were made."""
    found = _Sum()
    for call in calls:
        if call.saved is None:
            found.add(call.usage, prices.maybe(call.model))
    return found


def _together(bills: Iterable[Bill]) -> Bill:
    several = iter(bills)
    return sum(several, start=next(several, _NOTHING))


def _total(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum of what is known; None where any of it is not."""
    known = [*amounts]
    return None if None in known else sum((amount for amount in known if amount is not None), start=Decimal(0))


def _saving(usd: Decimal | None, *, estimated: bool) -> Json:
    return {"usd": usd_text(usd), "estimated": estimated}
