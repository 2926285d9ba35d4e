"""What a run's critics were worth: how often they changed a right or a wrong answer, and what asking them took.

A veto of what the rules prove has no effect and is of a right answer, always. Any other veto stands against an answer
of which nobody knows yet whether it is right. It leads to another answer, to the same one again, or to review. There a
person may decide, and that speaks of the phase that was in review:

- it is taken as it was proposed: vetoes of that answer were of a right one, those of others before of wrong ones;
- something else is taken, or nothing: vetoes of that answer were of a wrong one, and of others nothing is known.

Nothing is known of what a critic has agreed with or could not decide. Turns count with the outcome of their
registration, those of a phase that failed not at all; calls count when they are made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from igent.accounting.calls import CallFacts
from igent.accounting.prices import Bill, PriceTable, usd_text
from igent.domain.records import Json

__all__ = ["CriticYield"]

Effect = Literal["no_effect", "another_answer", "same_answer", "review"]
_EFFECTS: tuple[Effect, ...] = ("no_effect", "another_answer", "same_answer", "review")
_TURNS = {"approve": "agreed", "veto": "vetoed", "undecided": "undecided"}
_STANDING = ("proven", "plausible")
Record = Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pending:
    """A phase in review: the answers of which a veto had an effect, the last answer, and what accepting that gives."""

    phase: str
    vetoed: tuple[int, ...]
    last: int
    proposal: Record


class CriticYield:
    """The account of a run's critics: records of its journal as they come, and what they amount to."""

    def __init__(self, prices: PriceTable) -> None:
        self._prices = prices
        self._turns, self._effects, self._known = Counter[str](), Counter[Effect](), Counter[str]()
        self._calls = self._hits = self._us = self._skipped = 0
        self._bill = Bill()
        self._pending: dict[int, _Pending] = {}

    def call(self, facts: CallFacts) -> None:
        """Add one call, of whomever; only those of critics count."""
        if facts.kind != "critique":
            return
        if facts.saved is not None:
            self._hits += 1
            return
        self._calls += 1
        self._us += round(facts.seconds * 1e6)
        self._bill += Bill.of(facts.usage, self._prices.maybe(facts.model))

    def commit(self, record: Record) -> None:
        """Add the turns of one registration; where it was judged before, a person decides what it has come to now."""
        self._pending.pop(cast("int", record["n"]), None)
        self._skipped += cast("dict[str, int]", record["calls"]).get("critic_skipped", 0)
        for phase in cast("list[Record]", cast("Record", record["audit"]).get("phases", [])):
            turns = cast("list[Record]", phase.get("turns", []))
            for turn in turns:
                if turn["speaker"] == "critic":
                    self._turns[_TURNS.get(str(turn["verdict"]), "unreadable")] += 1
            vetoes = [*_vetoes(turns)]
            for _, effect in vetoes:
                self._effects[effect] += 1
            row = cast("Record", record.get("row", {}))
            vetoed = tuple(answer for answer, effect in vetoes if effect != "no_effect")
            if vetoed and row.get("phase") == phase["phase"] and "proposal" in row:
                last = _answer([turn for turn in turns if turn["verdict"] in _STANDING][-1])
                proposal = cast("Record", row["proposal"])
                found = _Pending(phase=str(phase["phase"]), vetoed=vetoed, last=last, proposal=proposal)
                self._pending[cast("int", record["n"])] = found

    def review(self, record: Record) -> None:
        """Add what a person has decided."""
        found = self._pending.pop(cast("int", record["n"]), None)
        if found is None:
            return
        taken = _taken(record, found)
        for answer in found.vetoed:
            if answer == found.last:
                self._known["right" if taken else "wrong"] += 1
            elif taken:
                self._known["wrong"] += 1

    def as_record(self) -> Json:
        """The part of `run.json` about critics; None where there was none that could have been asked.

        `turns` by what was said, `vetoes` by what they led to; `against` says of those with an effect what the answers
        were that they stood against. `seconds` are those of the calls, from each one's way out to its answer, added up.
        """
        if not (self._turns or self._calls or self._skipped):
            return None
        right, wrong, effective = self._known["right"], self._known["wrong"], _EFFECTS[1:]
        unknown = sum(self._effects[effect] for effect in effective) - right - wrong
        return {
            "turns": {name: self._turns[name] for name in ("agreed", "undecided", "unreadable", "vetoed")},
            "vetoes": {effect: self._effects[effect] for effect in _EFFECTS},
            "against": {"right": right, "wrong": wrong, "unknown": unknown},
            "calls": self._calls,
            "cache_hits": self._hits,
            "usage": self._bill.usage.as_record(),
            "cost_usd": usd_text(self._bill.usd),
            "seconds": self._us / 1e6,
        }


def _vetoes(turns: Sequence[Record]) -> Iterator[tuple[int, Effect]]:
    """Each veto of a phase: the number of the answer it was of, and what it led to."""
    standing: Record = {}
    vetoed: int | None = None
    for turn in turns:
        if turn["speaker"] == "matcher" and turn["verdict"] in _STANDING:
            standing = turn
            if vetoed is not None:
                yield vetoed, "same_answer" if _answer(turn) == vetoed else "another_answer"
            vetoed = None
        elif turn["speaker"] == "critic" and turn["verdict"] == "veto":
            if standing["verdict"] == "proven":
                yield _answer(standing), "no_effect"
            else:
                vetoed = _answer(standing)
    if vetoed is not None:
        yield vetoed, "review"


def _answer(turn: Record) -> int:
    return cast("int", turn.get("answer", 0))


def _taken(record: Record, found: _Pending) -> bool:
    """Whether a person has taken what the phase proposed; offers are of the first phase, the payment of the second."""
    if record["outcome"] != "matched":
        return False
    if found.phase == "match":
        offer = cast("Record", cast("Record", record["match"])["offer"])
        return offer["id"] == found.proposal["offer"]
    order = cast("Record", record["order"])
    return record["action"] == "accept" and order["payment_type"] == found.proposal["payment_type"]
