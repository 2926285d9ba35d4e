"""What the calls of an earlier run were like, in few numbers: what an estimate of the next run is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TypeAlias

from igent.domain.records import Json

__all__ = ["Figures", "History", "Pattern", "STEPS", "Spread", "value_at"]

STEPS = 20  # quantiles stand 5 % apart
_MAX_CALLS = 1_000  # of one agent for one registration: past any number of rounds and retries

Pattern: TypeAlias = Mapping[str, int]  # the calls for one registration, by agent


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a number is spread: `mean` and `deviation` of `count` values, and their quantiles 0, 5, ... 100 %."""

    count: int
    mean: float
    deviation: float
    quantiles: tuple[float, ...]

    @property
    def scale(self) -> float:
        """What draws from the quantiles are to be multiplied by to have the mean: straight lines miss long tails."""
        drawn = (sum(self.quantiles) - (self.quantiles[0] + self.quantiles[-1]) / 2) / STEPS
        return self.mean / drawn if drawn else 1.0

    def as_record(self) -> dict[str, Json]:
        """The JSON form, to six decimals."""
        quantiles: list[Json] = [round(value, 6) for value in self.quantiles]
        mean, deviation = round(self.mean, 6), round(self.deviation, 6)
        return {"count": self.count, "mean": mean, "deviation": deviation, "quantiles": quantiles}

    @classmethod
    def from_record(cls, record: Json) -> Spread:
        """The spread of `as_record`. Raises `ValueError` for anything else."""
        match record:
            case {"count": int(count), "mean": mean, "deviation": deviation, "quantiles": [*found]} if (
                count > 0 and len(found) == STEPS + 1
            ):
                quantiles = tuple(_number(value) for value in found)
                if quantiles == tuple(sorted(quantiles)):
                    return cls(count=count, mean=_number(mean), deviation=_number(deviation), quantiles=quantiles)
        raise ValueError(f"a record of a spread cannot be {record!r}")


def value_at(quantiles: tuple[float, ...], uniform: float) -> float:
    """The value at a share in [0, 1) of the values that have these quantiles."""
    place = uniform * STEPS
    below = int(place)
    return quantiles[below] + (place - below) * (quantiles[below + 1] - quantiles[below])


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One agent on one model; times run from when a call is sent, and are None where all replies were cached."""

    prompt_chars: int
    prompt_tokens: int
    output_tokens: Spread
    first_seconds: Spread | None
    seconds: Spread | None

    def as_record(self) -> dict[str, Json]:
        """The JSON form."""
        return {
            "prompt_chars": self.prompt_chars,
            "prompt_tokens": self.prompt_tokens,
            "output_tokens": self.output_tokens.as_record(),
            "first_seconds": self.first_seconds.as_record() if self.first_seconds else None,
            "seconds": self.seconds.as_record() if self.seconds else None,
        }

    @classmethod
    def from_record(cls, record: Json) -> Figures:
        """The figures of `as_record`. Raises `ValueError` for anything else."""
        match record:
            case {
                "prompt_chars": int(chars),
                "prompt_tokens": int(tokens),
                "output_tokens": output,
                "first_seconds": first,
                "seconds": seconds,
            } if min(chars, tokens) > 0:
                return cls(
                    prompt_chars=chars,
                    prompt_tokens=tokens,
                    output_tokens=Spread.from_record(output),
                    first_seconds=None if first is None else Spread.from_record(first),
                    seconds=None if seconds is None else Spread.from_record(seconds),
                )
        raise ValueError(f"a record of an agent's calls cannot be {record!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """`figures` by (agent, model); `patterns` of registrations with a note (True) and without, and how many each."""

    figures: Mapping[tuple[str, str], Figures]
    patterns: Mapping[bool, tuple[tuple[Pattern, int], ...]]

    def maybe_tokens_per_char(self, agent: str, model: str) -> float | None:
        """How many tokens a character of a prompt has: of the agent, else of its model, None where neither was seen."""
        own = self.figures.get((agent, model))
        seen = [own] if own else [one for (_, asked), one in self.figures.items() if asked == model]
        return sum(one.prompt_tokens for one in seen) / sum(one.prompt_chars for one in seen) if seen else None

    def as_record(self) -> dict[str, Json]:
        """The JSON form."""
        agents: dict[str, dict[str, Json]] = defaultdict(dict)
        for (agent, model), figures in sorted(self.figures.items()):
            agents[agent][model] = figures.as_record()
        noted, plain = (_rows(self.patterns.get(kind, ())) for kind in (True, False))
        return {"agents": {**agents}, "registrations": {"noted": noted, "plain": plain}}

    @classmethod
    def from_record(cls, record: Json) -> History:
        """What `as_record` wrote. Raises `ValueError` for anything else."""
        match record:
            case {"agents": dict(agents), "registrations": {"noted": [*noted], "plain": [*plain]}}:
                return cls(figures=dict(_figures(agents)), patterns={True: _patterns(noted), False: _patterns(plain)})
        raise ValueError(f"a record of earlier calls cannot be {record!r}")


def _number(value: Json) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value >= 0:
        return value
    raise ValueError(f"{value!r} is not a number from 0")


def _figures(agents: Mapping[str, Json]) -> Iterator[tuple[tuple[str, str], Figures]]:
    for agent, models in agents.items():
        match models:
            case dict():
                yield from (((agent, model), Figures.from_record(record)) for model, record in models.items())
            case _:
                raise ValueError(f"a record of {agent!r} cannot be {models!r}")


def _rows(patterns: tuple[tuple[Pattern, int], ...]) -> Json:
    return [[{**calls}, count] for calls, count in patterns]


def _patterns(rows: list[Json]) -> tuple[tuple[Pattern, int], ...]:
    found: list[tuple[Pattern, int]] = []
    for row in rows:
        match row:
            case [dict(calls), int(count)] if calls and count > 0:
                found.append(({agent: _count(number) for agent, number in calls.items()}, count))
            case _:
                raise ValueError(f"a record of registrations cannot be {row!r}")
    return tuple(found)


def _count(value: Json) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MAX_CALLS:
        return value
    raise ValueError(f"{value!r} is not a number of calls")
