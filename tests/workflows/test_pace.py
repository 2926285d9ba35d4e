"""How a run goes about it: what may end it early, and that none of that changes what comes of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from igent.workflows import Pace, Rim, RunResult
from tests.workflows.checker import check
from tests.workflows.runs import OUTCOMES, SAMPLE, Setup, bytes_of, counts_of, quick

DEADLINE_S = 3_600.0
PACE = Pace(deadline_s=DEADLINE_S)


@dataclass
class Hour:
    """A sleep for which the hour of the deadline is over after so many waits of the mock."""

    waits: int
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def sleep(self, seconds: float) -> None:
        if seconds == DEADLINE_S:
            await self.over.wait()
        else:
            self.waits -= 1
            if self.waits == 0:
                self.over.set()
            await quick.sleep(seconds)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The sample data in one go."""
    return Setup().run(tmp_path_factory.mktemp("whole") / "run", model="mock", mock_latency="haiku")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "run"


def tokens_of(result: RunResult) -> int:
    usage: Any = result.summary["usage"]
    total: int = usage["input_tokens"] + usage["output_tokens"]
    return total


def test_a_deadline_ends_the_run_which_goes_on_where_it_stopped(out: Path, whole: RunResult) -> None:
    first = Setup(rim=Rim(sleep=Hour(200).sleep)).run(out, pace=PACE, model="mock", mock_latency="haiku")
    assert first.stopped == "the deadline of 3600 s has passed"
    assert 0 < counts_of(first)["registrations"] < 100
    last = Setup().resume(out)
    assert (last.stopped, bytes_of(out)) == (None, bytes_of(whole.directory))


def test_calls_under_way_at_a_deadline_end_and_are_not_made_again(out: Path, whole: RunResult) -> None:
    Setup(rim=Rim(sleep=Hour(200).sleep)).run(out, pace=PACE, model="mock", mock_latency="haiku")
    last = Setup().resume(out)
    assert (last.summary["usage"], last.summary["agents"]) == (whole.summary["usage"], whole.summary["agents"])


def test_a_run_that_is_in_time_takes_no_notice_of_its_deadline(out: Path, whole: RunResult) -> None:
    result = Setup(rim=Rim(sleep=Hour(-1).sleep)).run(out, pace=PACE, model="mock", mock_latency="haiku")
    assert (result.stopped, bytes_of(out)) == (None, bytes_of(whole.directory))


def test_each_process_has_its_own_deadline(out: Path, whole: RunResult) -> None:
    done = [counts_of(Setup(rim=Rim(sleep=Hour(200).sleep)).run(out, pace=PACE, model="mock", mock_latency="haiku"))]
    while done[-1].get("registrations", 0) < 100:
        done.append(counts_of(Setup(rim=Rim(sleep=Hour(200).sleep)).resume(out, pace=PACE)))
    assert len(done) > 2
    assert bytes_of(out) == bytes_of(whole.directory)


@pytest.mark.parametrize("concurrency", [1, 8, None])
def test_a_cap_of_tokens_is_never_passed(out: Path, whole: RunResult, concurrency: int | None) -> None:
    pace = Pace(concurrency=concurrency, max_tokens=60_000)
    first = Setup().run(out, pace=pace, model="mock")
    assert "the cap of 60000 tokens is reached" in str(first.stopped)
    assert 30_000 < tokens_of(first) <= 60_000
    last = Setup().resume(out, pace=replace(pace, max_tokens=None))
    assert (last.stopped, bytes_of(out)) == (None, bytes_of(whole.directory))


def test_a_resumed_run_counts_what_was_spent_before(out: Path) -> None:
    pace = Pace(max_tokens=60_000)
    first = Setup().run(out, pace=pace, model="mock")
    again = Setup().resume(out, pace=pace)
    assert "the cap of 60000 tokens is reached" in str(again.stopped)
    assert tokens_of(first) <= tokens_of(again) <= 60_000


def test_models_that_cost_nothing_fit_under_any_cap_in_dollars(out: Path) -> None:
    result = Setup().run(out, pace=Pace(max_usd=Decimal("0.000001")), model="mock")
    assert (result.stopped, result.summary["cost_usd"]) == (None, "0.000000")


def test_a_concurrency_that_is_found_on_the_way_gives_the_same_bytes(out: Path, whole: RunResult) -> None:
    result = Setup().run(out, pace=Pace(concurrency=None), model="mock", mock_latency="haiku")
    assert bytes_of(out, (*OUTCOMES, "audit.jsonl")) == bytes_of(whole.directory, (*OUTCOMES, "audit.jsonl"))
    assert check(out, SAMPLE) == []
    timing: Any = result.summary["timing"]
    providers: Any = result.summary["providers"]
    assert timing["concurrency"] is None
    assert providers["gates"]["mock"]["concurrency"]["highest"] > 8
