"""What the calls of a run are like, folded one by one into what an estimate of the next run is made of.

Per agent and model the size of prompts and replies and the time they took; per kind of registration, with a note or
without, how many calls of each agent one took, so that repairs, second rounds and critics are in it. What is held does
not grow with the run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import sqrt

from igent.accounting.calls import CallFacts
from igent.accounting.history import STEPS, Figures, History, Spread
from igent.accounting.prices import prompt_tokens
from igent.accounting.usage import Usage
from igent.domain.records import Json

__all__ = ["Observed"]

_SAMPLE = 1_000  # values that quantiles are taken of: each is then within about 1.5 % of its true rank
_PATTERNS = 64  # courses that registrations take, told apart: beyond them come only rare numbers of retries


class Observed:
    """Folds the calls of a run."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], _Sums] = defaultdict(_Sums)
        self._patterns: dict[bool, Counter[frozenset[tuple[str, int]]]] = {True: Counter(), False: Counter()}

    def add(self, facts: CallFacts, *, prompt_chars: int) -> None:
        """Add one call. A reply from the response cache counts as what it once took, without a time."""
        if not _paid_for(facts):
            return
        usage, sums = facts.saved or facts.usage, self._sums[facts.agent, facts.model]
        sums.prompt_chars += prompt_chars
        sums.prompt_tokens += prompt_tokens(usage)
        sums.output.add(usage.output_tokens)
        if facts.saved is None:
            sums.seconds.add(facts.seconds)
        if facts.saved is None and facts.first_seconds is not None:
            sums.first.add(facts.first_seconds)

    def close(self, facts: Iterable[CallFacts], *, noted: bool) -> None:
        """Add the course of one registration, with a note or without, from all its calls."""
        calls = Counter(one.agent for one in facts if _paid_for(one))
        course, seen = frozenset(calls.items()), self._patterns[noted]
        if course and (course in seen or len(seen) < _PATTERNS):
            seen[course] += 1

    def history(self) -> History:
        """What was seen so far."""
        figures = {key: sums.maybe_figures() for key, sums in self._sums.items()}
        return History(
            figures={key: one for key, one in figures.items() if one is not None},
            patterns={
                noted: tuple((dict(sorted(course)), count) for course, count in seen.most_common())
                for noted, seen in self._patterns.items()
            },
        )

    def as_record(self) -> dict[str, Json]:
        """What was seen so far, for `run.json`; `History.from_record` reads it."""
        return self.history().as_record()


@dataclass(slots=True)
class _Values:
    """Numbers as they come: all of them in sums, the first of them as they are."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    first: list[float] = field(default_factory=list)

    def add(self, value: float) -> None:
        self.count, self.total, self.squares = self.count + 1, self.total + value, self.squares + value * value
        if len(self.first) < _SAMPLE:
            self.first.append(value)

    def maybe_spread(self) -> Spread | None:
        """The spread, None of no values."""
        if not self.count:
            return None
        mean, ordered = self.total / self.count, sorted(self.first)
        variance = (self.squares - self.count * mean * mean) / max(self.count - 1, 1)
        quantiles = tuple(_quantile(ordered, step / STEPS) for step in range(STEPS + 1))
        return Spread(count=self.count, mean=mean, deviation=sqrt(max(variance, 0.0)), quantiles=quantiles)


@dataclass(slots=True)
class _Sums:
    """The calls of one agent to one model."""

    prompt_chars: int = 0
    prompt_tokens: int = 0
    output: _Values = field(default_factory=_Values)
    first: _Values = field(default_factory=_Values)
    seconds: _Values = field(default_factory=_Values)

    def maybe_figures(self) -> Figures | None:
        """The figures, None where nothing can be said of prompts."""
        output = self.output.maybe_spread()
        if output is None or not self.prompt_chars or not self.prompt_tokens:
            return None
        return Figures(
            prompt_chars=self.prompt_chars,
            prompt_tokens=self.prompt_tokens,
            output_tokens=output,
            first_seconds=self.first.maybe_spread(),
            seconds=self.seconds.maybe_spread(),
        )


def _paid_for(facts: CallFacts) -> bool:
    """Whether somebody paid for it, now or when its reply was first given: what a provider refused, nobody did."""
    return (facts.saved or facts.usage) != Usage()


def _quantile(ordered: list[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = int(place)
    return ordered[below] + (place - below) * (ordered[min(below + 1, len(ordered) - 1)] - ordered[below])
