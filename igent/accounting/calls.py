"""What one model call came to, as the journal keeps it: the unit that costs, savings and forecasts are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from igent.accounting.usage import Usage
from igent.domain.records import Json

__all__ = ["CallFacts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """One call of an agent.

    `saved` is what the reply took when it was paid for, where it came from the response cache; its own usage is then
    none. `cut` says that the stream was closed before its end, so that its output is an estimate. `seconds` run from
    the request to the answer, `first_seconds` to the first text, in the journal to the microsecond. `fault` is the
    code of the error that the call ended with. `calls` is how many it took: none for a reply that came with another
    household's, one more for one that was to.
    """

    agent: str
    kind: str
    model: str
    usage: Usage
    saved: Usage | None = None
    cut: bool = False
    seconds: float = 0.0
    first_seconds: float | None = None
    fault: str | None = None
    calls: int = 1

    def as_record(self) -> list[Json]:
        """The JSON form: the fields in order, a usage as its counts in order, seconds in whole microseconds.

        `calls` are left out where there was one.
        """
        first_us = None if self.first_seconds is None else _us(self.first_seconds)
        saved = None if self.saved is None else _counts(self.saved)
        told: list[Json] = [self.agent, self.kind, self.model, _counts(self.usage), saved]
        calls: list[Json] = [] if self.calls == 1 else [self.calls]
        return [*told, int(self.cut), _us(self.seconds), first_us, self.fault, *calls]

    @classmethod
    def from_record(cls, record: Json) -> CallFacts:
        """The facts of `as_record`. Raises `ValueError` for what it cannot have written."""
        # Unpacked and compared, here and below: a `match` of the same pattern takes five times as long.
        if isinstance(record, list) and len(record) >= _PARTS:
            agent, kind, model, used, saved, cut, us, first_us, fault, *calls = record
            if (
                isinstance(agent, str)
                and isinstance(kind, str)
                and isinstance(model, str)
                and (cut == 0 or cut == 1)
                and isinstance(us, int)
                and (first_us is None or isinstance(first_us, int))
                and min(us, first_us or 0) >= 0
                and (fault is None or isinstance(fault, str))
                and _are_calls(calls)
            ):
                return cls(
                    agent=agent,
                    kind=kind,
                    model=model,
                    usage=_usage(used),
                    saved=None if saved is None else _usage(saved),
                    cut=bool(cut),
                    seconds=us / 1e6,
                    first_seconds=None if first_us is None else first_us / 1e6,
                    fault=fault,
                    calls=cast(int, calls[0]) if calls else 1,
                )
        raise ValueError(f"a record of a call cannot be {record!r}")


_COUNTS = 5  # of a usage in a record, before whether they are estimated
_PARTS = 9  # of a call in a record, and its number of calls where that is not 1


def _are_calls(rest: list[Json]) -> bool:
    """Whether a record may end so: with a number of calls that is not 1, or with nothing."""
    return not rest or (len(rest) == 1 and isinstance(rest[0], int) and rest[0] >= 0 and rest[0] != 1)


def _us(seconds: float) -> int:
    return round(seconds * 1e6)


def _counts(usage: Usage) -> list[Json]:
    return [*usage.counts, usage.estimated]


def _usage(record: Json) -> Usage:
    if isinstance(record, list) and len(record) == _COUNTS + 1:
        *counts, estimated = record
        if isinstance(estimated, bool) and {*map(type, counts)} == {int} and min(cast("list[int]", counts)) >= 0:
            sent, output, read, written, written_1h = cast("list[int]", counts)
            return Usage(
                input_tokens=sent,
                output_tokens=output,
                cache_read_tokens=read,
                cache_write_tokens=written,
                cache_write_1h_tokens=written_1h,
                estimated=estimated,
            )
    raise ValueError(f"counts of a usage cannot be {record!r}")
