"""Runs that are told to end before there is anything to keep, or with calls in flight that do not end themselves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from igent.errors import OptionError, RunStopped
from igent.workflows import Control, Halt, Pace, Rim, RunResult, make_settings, start
from igent.workflows.together import Together
from tests.workflows.runs import AS_OF, Setup, bytes_of, counts_of, rows_of

GRACE_S, FEW = 5.0, 20
# The pause before a reply is longer than this, those between its tokens are shorter.
FIRST_TOKEN_S = 0.1


@dataclass
class Deaf:
    """A model's time, which stands still in the fifteenth call; the run is told to end then."""

    stop: Halt = field(default_factory=Halt)
    calls: int = 0
    graces: int = 0

    async def sleep(self, seconds: float) -> None:
        if seconds == GRACE_S:
            self.graces += 1
            return
        self.calls += seconds > FIRST_TOKEN_S
        if self.calls >= 15:
            self.stop.set()
            await asyncio.Event().wait()


def started(out: Path, deaf: Deaf) -> RunResult:
    settings = make_settings("p1m1m2c", {}, as_of=AS_OF, model="mock", mock_latency="haiku", max_items=FEW)

    async def whole() -> RunResult:
        pace, control = Pace(grace_s=GRACE_S, concurrency=2), Control(stop=deaf.stop)
        return await start(settings, pace, out, control=control, rim=Rim(sleep=deaf.sleep))

    return asyncio.run(whole())


def test_what_is_in_flight_at_the_end_of_the_grace_is_given_up_and_all_else_is_published(tmp_path: Path) -> None:
    deaf = Deaf()
    result = started(tmp_path / "run", deaf)
    assert (result.stopped, deaf.graces, (result.directory / "run.json").exists()) == ("interrupted", 1, True)
    assert len(rows_of(result, "matches.json")) == counts_of(result).get("matched", 0) < FEW
    assert Setup().resume(tmp_path / "run").stopped is None
    whole = Setup().run(tmp_path / "whole", model="mock", mock_latency="haiku", max_items=FEW)
    assert bytes_of(result.directory) == bytes_of(whole.directory)


def test_a_run_that_is_told_to_end_while_it_reads_makes_nothing(tmp_path: Path) -> None:
    deaf = Deaf()
    deaf.stop.set()
    with pytest.raises(RunStopped, match="interrupted"):
        started(tmp_path / "run", deaf)
    assert [*tmp_path.iterdir()] == []


async def test_all_is_on_disk_before_an_allocation_that_may_be_cut_short() -> None:
    done = list[str]()

    class Noting:
        async def settle(self) -> None:
            done.append("settled")

        def allot(self, _: object) -> None:
            done.append("allotted")

    noting: Any = Noting()
    await Together(noting, noting).commit(0)
    assert done == ["settled", "allotted"]


@pytest.mark.parametrize("grace_s", [-1.0, 3_601.0, float("nan")])
def test_a_grace_is_at_most_an_hour(grace_s: float) -> None:
    with pytest.raises(OptionError, match="0 to 3600 seconds"):
        Pace(grace_s=grace_s)
