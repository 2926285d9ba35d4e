"""How a figure is taken: the best of many calls, those that are compared taking turns.

Other work on the machine only ever adds time, so the best call is the one least disturbed, and a disturbance that lasts
meets all that take turns. What is judged is the ratio of two such figures of one run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Better", "Measurement", "Size", "Unit", "alternately"]

Unit = Literal["us", "ms", "s", "x", "%", "per s", "MB", "calls", "tokens", "USD", "faults"]
Better = Literal["less", "more"]

# Fewer calls than this say nothing about the best one; slow work gets them whatever the time.
_LEAST_ROUNDS = 3


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
    households: int = 16
    served: int = 20
    busy: int = 800
    grid: tuple[tuple[int, int], ...] = ((1, 10), (8, 48), (64, 320), (256, 1_000))
    sets: int = 32
    rows: int = 20_000
    starts: int = 5
    seconds: float = 2.0
    wait: float = 1.0


def alternately(works: Sequence[Callable[[], object]], *, seconds: float) -> list[float]:
    """Seconds of the best call of each, called in turn until `seconds` are over and each was called three times."""
    best = [float("inf")] * len(works)
    begun, rounds = time.perf_counter(), 0
    while rounds < _LEAST_ROUNDS or time.perf_counter() - begun < seconds:
        for index, work in enumerate(works):
            before = time.perf_counter()
            work()
            best[index] = min(best[index], time.perf_counter() - before)
        rounds += 1
    return best
