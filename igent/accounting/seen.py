"""What the calls of a run were like, in sums that do not grow with it: what an estimate of the next run is made of.

Of each agent on each model how long its replies were and what time they took, of each model how many tokens a character
of a prompt has, and of each kind of registration how many calls of each agent one took, so that repairs, second rounds
and critics are in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from igent.accounting.calls import CallFacts
from igent.accounting.prices import prompt_tokens
from igent.accounting.usage import Usage
from igent.domain.records import Json

__all__ = ["Seen", "Sums", "kind"]

_NOTHING = Usage()
_MOST = 1e30  # past the squares of whatever a run adds up, and far from what overflows


@dataclass(frozen=True, slots=True)
class Sums:
    """How many numbers there were, their sum, and that of their squares."""

    count: float = 0
    total: float = 0
    squares: float = 0

    @property
    def mean(self) -> float:
        """Their mean, 0 of none."""
        return self.total / self.count if self.count else 0.0

    @property
    def variance(self) -> float:
        """Their variance as a share of their mean's square."""
        return max(self.squares * self.count / self.total**2 - 1, 0.0) if self.total else 0.0


def kind(first: str, *, noted: bool) -> str:
    """What a registration is held against others by: who was asked first about it, and whether it has a note."""
    return f"{first} first, {'with' if noted else 'without'} a note"


class Seen:
    """Folds the calls of a run, and tells what they were like."""

    def __init__(self, sums: Mapping[str, Sums] | None = None) -> None:
        self._sums = {name: [one.count, one.total, one.squares] for name, one in (sums or {}).items()}

    def add(self, facts: CallFacts, *, prompt_chars: int) -> None:
        """Add one call. A reply from the response cache counts as what it once took; no replayed one has a time."""
        if not _is_paid_for(facts):
            return
        usage = facts.saved or facts.usage
        self._add(prompt_chars, facts.model, "prompt characters")
        self._add(prompt_tokens(usage), facts.model, "prompt tokens")
        self._add(usage.output_tokens, facts.agent, facts.model, "output tokens")
        if facts.saved is None and facts.seconds:
            self._add(facts.seconds, facts.agent, facts.model, "seconds")

    def close(self, facts: Iterable[CallFacts], *, noted: bool) -> None:
        """Add how many calls of whom one registration took, with a note or without, from all its calls."""
        made = [one for one in facts if _is_paid_for(one)]
        first = next((one.agent for task in ("match", "order") for one in made if one.kind == task), None)
        if first is not None:
            self._add(len(made), kind(first, noted=noted))
            for agent, calls in Counter([one.agent for one in made]).items():
                self._add(calls, kind(first, noted=noted), agent)

    def calls(self, agent: str, of_kind: str) -> Sums:
        """How many calls of an agent each registration of a kind took, those counted that took none."""
        seen = self.of(of_kind, agent)
        return Sums(self.of(of_kind).count, seen.total, seen.squares)

    def of(self, *what: str) -> Sums:
        """An agent's "output tokens" or "seconds" on a model, or a model's "prompt tokens" or "prompt characters"."""
        return Sums(*self._sums.get(": ".join(what), ()))

    @property
    def answers(self) -> int:
        """How many calls were answered, by whoever was called and not from a cache."""
        return round(sum(count for name, (count, *_) in self._sums.items() if name.endswith(": seconds")))

    def as_record(self) -> dict[str, Json]:
        """The JSON form: by what was counted how often, the sum and the sum of squares, to six decimals."""
        return {name: [round(number, 6) for number in sums] for name, sums in sorted(self._sums.items())}

    @classmethod
    def from_record(cls, record: Json) -> Seen:
        """What `as_record` wrote. Raises `ValueError` for anything else."""
        match record:
            case dict():
                return cls({name: _sums(row) for name, row in record.items()})
        raise ValueError(f"a record of earlier calls cannot be {record!r}")

    def _add(self, value: float, *what: str) -> None:
        sums = self._sums.setdefault(": ".join(what), [0, 0, 0])
        sums[0] += 1
        sums[1] += value
        sums[2] += value * value


def _is_paid_for(facts: CallFacts) -> bool:
    """Whether somebody paid for it, now or when its reply was first given: what a provider refused, nobody did."""
    return (facts.saved or facts.usage) != _NOTHING


def _sums(row: Json) -> Sums:
    match row:
        case [int() | float() as count, int() | float() as total, int() | float() as squares] if all(
            0 <= one < _MOST for one in (count, total, squares)
        ):
            return Sums(count, total, squares)
    raise ValueError(f"sums cannot be {row!r}")
