"""How a process fared: its memory, and how late its event loop was; in bounded space, with what is past its bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from igent.domain.records import Json

__all__ = ["LAG_S", "MEMORY_BYTES", "SAMPLES", "Sample", "Vitals", "Warned", "samples_from_record"]

# Eight minutes at two a second before any is merged; at most 30 kB of journal and 200 kB of trace.
SAMPLES = 1024

# Seven times what a million registrations take; more is a leak, or an earlier run of that size to be held against.
MEMORY_BYTES = 2**30

# A tenth of what a match may take: from there on the waiting shows in the times of registrations.
LAG_S = 0.5


class Sample(NamedTuple):
    """One look: when, on the run's clock, how much memory is resident, and how late the loop came to it."""

    at_us: int
    memory_bytes: int
    lag_us: int


Warned: TypeAlias = tuple[str, dict[str, Json]]  # for people, and the same as values for the log


class Vitals:
    """All looks together; the older ones are merged, the worst of two standing for both, once they are too many."""

    def __init__(self, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self._memory_bytes = memory_bytes
        self._memory_warned = self._lag_warned = False
        self.samples: list[Sample] = []
        self.peak_memory_bytes = self.max_lag_us = 0

    def add(self, sample: Sample) -> Iterator[Warned]:
        """Add one look; gives what is past its bound for the first time."""
        self.peak_memory_bytes = max(self.peak_memory_bytes, sample.memory_bytes)
        self.max_lag_us = max(self.max_lag_us, sample.lag_us)
        self.samples.append(sample)
        if len(self.samples) >= SAMPLES:
            self.samples = [Sample(*map(max, *pair)) for pair in [*pairwise(self.samples)][::2]]
        if sample.memory_bytes > self._memory_bytes and not self._memory_warned:
            self._memory_warned = True
            yield _memory_warned(sample.memory_bytes, self._memory_bytes)
        if sample.lag_us > LAG_S * 1e6 and not self._lag_warned:
            self._lag_warned = True
            yield _lag_warned(sample.lag_us / 1e6)

    def as_record(self) -> dict[str, Json]:
        """The worst of each, for `run.json`; None where nobody has looked."""
        if not self.samples:
            return {"peak_memory_bytes": None, "max_lag_seconds": None}
        return {"peak_memory_bytes": self.peak_memory_bytes, "max_lag_seconds": self.max_lag_us / 1e6}

    def record(self) -> list[Json]:
        """The looks for the journal, each `[when, bytes, lag]` with times in microseconds."""
        return [[*sample] for sample in self.samples]


def samples_from_record(record: Sequence[Json]) -> Iterator[Sample]:
    """The looks of `Vitals.record`. Raises `ValueError` for one that it cannot have written."""
    for row in record:
        match row:
            case [int(at_us), int(memory_bytes), int(lag_us)]:
                yield Sample(at_us, memory_bytes, lag_us)
            case _:
                raise ValueError(f"a look at a process cannot be {row!r}")


def _memory_warned(found: int, bound: int) -> Warned:
    text = f"it takes {found / 2**20:,.0f} MiB of memory, more than {bound / 2**20:,.0f}; a smaller file takes less"
    return text, {"what": "memory", "bytes": found, "bound_bytes": bound}


def _lag_warned(found: float) -> Warned:
    text = f"the event loop was {found:.2f} s late, more than {LAG_S:g}: times are longer than the models took"
    return text, {"what": "event-loop-lag", "seconds": found, "bound_seconds": LAG_S}
