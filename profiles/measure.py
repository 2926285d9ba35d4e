"""How a figure is taken: the best of many calls, those that are compared taking turns.

Other work on the machine only ever adds time, so the best call is the one least disturbed, and a disturbance that lasts
meets all that take turns. What is judged is the ratio of two such figures of one run.

What takes seconds of CPU is slower in a slow minute however often it is called. So it is told in round trips too, which
are made in the midst of it, twenty times in a second of CPU: what slows the one down slows the other.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from types import FrameType
from typing import Final, Literal

from igent.store.bundled import sample_data

__all__ = ["Better", "Effort", "Measurement", "ROUND_TRIP", "Size", "Unit", "alternately", "effort"]

Unit = Literal["us", "ms", "s", "x", "%", "per s", "MB", "calls", "tokens", "USD", "faults"]
Better = Literal["less", "more"]

# Fewer calls than this say nothing about the best one; slow work gets them whatever the time.
_LEAST_ROUNDS = 3
# Beside one or two others the seconds of one call vary by 5 to 10 %, its round trips by 2.5 %, their median by less.
_EFFORTS, _TRIPS, _EVERY_S = 5, 9, 0.05

ROUND_TRIP: Final = "json round trip of the sample offers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One figure; unit `x` is a ratio, whose `what` says of what to what, `better` whether less of it is or more."""

    suite: str
    what: str
    value: float
    unit: Unit
    better: Better = "less"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured. `seconds` bound each comparison of small things, `wait` scales all latency.

    `grid` has a number of registrations for each concurrency.
    """

    registrations: int = 100_000
    engine: int = 3_000
    households: int = 48
    served: int = 20
    busy: int = 800
    grid: tuple[tuple[int, int], ...] = ((1, 10), (8, 48), (64, 320), (256, 1_000))
    sets: int = 32
    rows: int = 20_000
    starts: int = 5
    seconds: float = 2.0
    wait: float = 1.0


def alternately(
    works: Sequence[Callable[[], object]], *, seconds: float, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Seconds of the best call of each, called in turn until `seconds` are over and each was called three times."""
    best = [float("inf")] * len(works)
    begun, rounds = clock(), 0
    while rounds < _LEAST_ROUNDS or clock() - begun < seconds:
        for index, work in enumerate(works):
            before = clock()
            work()
            best[index] = min(best[index], clock() - before)
        rounds += 1
    return best


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What a piece of work takes of the CPU: seconds, by the best call, and round trips, by the median one."""

    cpu_s: float
    round_trips: float


def effort(work: Callable[[], object], *, times: int = 1) -> Effort:
    """The CPU of some calls, all threads counted; what takes no second is called a number of `times` in a row.

    To be called in the main thread, which makes the round trips. To a few milliseconds: beside a timer Linux counts the
    CPU of a process in ticks.
    """
    taken = [_effort(work, times) for _ in range(_EFFORTS)]
    return Effort(
        cpu_s=min(one.cpu_s for one in taken) / times, round_trips=median(one.round_trips for one in taken) / times
    )


def _effort(work: Callable[[], object], times: int) -> Effort:
    trips_s, whole_s = list[float](), list[float]()

    def travel(_number: int, _frame: FrameType | None) -> None:
        first_s = time.thread_time()
        _round_trip()  # what the work has driven out of the CPU's caches comes back
        begun_s = time.thread_time()
        for _ in range(_TRIPS):
            _round_trip()
        trips_s.append((time.thread_time() - begun_s) / _TRIPS)
        whole_s.append(time.thread_time() - first_s)

    former = signal.signal(signal.SIGPROF, travel)
    begun_s = time.process_time()
    try:
        travel(signal.SIGPROF, None)
        signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)
        for _ in range(times):
            work()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, former)
    cpu_s = time.process_time() - begun_s - sum(whole_s)
    return Effort(cpu_s=cpu_s, round_trips=cpu_s / fmean(trips_s))


def _round_trip() -> None:
    """A piece of work whose speed is that of the machine and of nothing here."""
    json.dumps(json.loads(sample_data().offers.read_bytes()))
