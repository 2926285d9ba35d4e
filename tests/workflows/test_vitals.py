from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest

from igent.accounting.vitals import MEMORY_BYTES, Warned
from igent.workflows import Control, Pace, Rim, RunResult, make_settings, start
from igent.workflows.vitals import PERIOD_S, Watch, memory_bound, resident_bytes
from tests.workflows.runs import AS_OF, Setup


class Over(Exception):
    """The end of a test's time."""


@dataclass
class Time:
    """A clock that only sleeping moves, each time by as much more as `late` has it; it is over when that is."""

    late: list[float]
    now: float = 100.0
    told: list[Warned] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        if not self.late:
            raise Over
        self.now += seconds + self.late.pop(0)

    async def watched(self, resident: Callable[[], int]) -> Watch:
        watch = Watch(lambda: self.now, self.told.append, sleep=self.sleep, resident=resident)
        with pytest.raises(Over):
            await watch.run()
        return watch


async def test_it_looks_at_once_and_then_twice_a_second() -> None:
    watch = await Time([0.0, 0.25]).watched(lambda: 7)
    assert [one.at_us for one in watch.vitals.samples] == [100_000_000, 100_500_000, 101_250_000]
    assert [one.lag_us for one in watch.vitals.samples] == [0, 0, 250_000]


async def test_a_clock_that_is_early_is_not_late() -> None:
    watch = await Time([-0.1]).watched(lambda: 7)
    assert watch.vitals.max_lag_us == 0


async def test_what_is_past_its_bound_is_told_once() -> None:
    clock, memory = Time([0.0, 0.6, 0.7, 0.0]), count(MEMORY_BYTES)
    await clock.watched(lambda: next(memory))
    assert [about["what"] for _, about in clock.told] == ["memory", "event-loop-lag"]


def test_the_memory_of_this_process_is_read_in_bytes() -> None:
    assert 2**24 < resident_bytes() < 2**34


def test_the_bound_is_never_above_our_own() -> None:
    assert 0 < memory_bound() <= MEMORY_BYTES


async def test_a_look_takes_next_to_nothing() -> None:
    watch = Watch(time.perf_counter, lambda _: None, sleep=asyncio.sleep, resident=resident_bytes)
    began = time.process_time()
    for _ in range(1_000):
        watch.look()
    assert (time.process_time() - began) / 1_000 / PERIOD_S < 0.01  # measured: 0.0001


def log_of(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "run.log").read_text().splitlines()]


def counters_of(directory: Path) -> list[dict[str, Any]]:
    events = json.loads((directory / "trace.json").read_text())["traceEvents"]
    return [event for event in events if event["ph"] == "C"]


class Pause:
    """A clock that is a minute ahead from the first sleep on, as after a pause; that sleep lasts for another look."""

    def __init__(self) -> None:
        self._ahead = 0

    def __call__(self) -> float:
        return time.perf_counter() + self._ahead

    async def sleep(self, seconds: float) -> None:
        """What a mock does between the pieces of its reply."""
        first, self._ahead = not self._ahead, 60
        await asyncio.sleep(1.5 * PERIOD_S if first else seconds / 200)


def ran(out: Path, clock: Pause, warn: Callable[[str], None]) -> Awaitable[RunResult]:
    settings = make_settings("p1m1m2c", {}, as_of=AS_OF, model="mock", mock_latency="haiku", max_items=3)
    rim = Rim(sleep=clock.sleep, monotonic=clock)
    return start(settings, Pace(), out, control=Control(warn=warn), rim=rim)


async def test_a_run_says_how_its_process_fared(tmp_path: Path) -> None:
    warnings = list[str]()
    result = await ran(tmp_path / "run", Pause(), warnings.append)
    timing = cast("dict[str, Any]", result.summary["timing"])
    assert [warning.partition(" was ")[0] for warning in warnings] == ["the event loop"]
    assert timing["max_lag_seconds"] > 50
    assert 2**24 < timing["peak_memory_bytes"] < 2**34
    [line] = [line for line in log_of(tmp_path / "run") if line["event"] == "warning"]
    assert (line["what"], line["bound_seconds"], line["seconds"]) == ("event-loop-lag", 0.5, timing["max_lag_seconds"])
    drawn = counters_of(tmp_path / "run")
    lag = max(one["args"]["ms"] for one in drawn if one["name"] == "event loop lag")
    assert lag / 1e3 == pytest.approx(timing["max_lag_seconds"], abs=1e-6)
    peak = max(one["args"]["MiB"] for one in drawn if one["name"] == "memory")
    assert peak == pytest.approx(timing["peak_memory_bytes"] / 2**20, abs=0.001)


def test_what_a_finished_run_has_told_stays_when_it_is_resumed(tmp_path: Path) -> None:
    ended = Setup().run(tmp_path / "run", model="mock", max_items=2)
    drawn = counters_of(tmp_path / "run")
    again = Setup().resume(tmp_path / "run")
    assert len(drawn) >= 2
    assert (counters_of(tmp_path / "run"), again.summary) == (drawn, ended.summary)


def test_a_resumed_run_draws_every_process_and_sums_up_the_last(tmp_path: Path) -> None:
    stopped = Setup().run(tmp_path / "run", model="mock", mock_latency="haiku", stop_at_wait=100)
    first = counters_of(tmp_path / "run")
    ended = Setup().resume(tmp_path / "run")
    assert stopped.stopped is not None
    assert ended.stopped is None
    assert len(counters_of(tmp_path / "run")) > len(first) >= 2
    assert ended.summary["timing"]["peak_memory_bytes"] > 0  # type: ignore[call-overload, index, operator]
