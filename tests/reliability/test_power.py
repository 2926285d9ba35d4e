from __future__ import annotations

import errno
import json
from pathlib import Path
from random import Random

import pytest

from igent.errors import JournalError
from igent.store.frames import FrameScanner
from igent.workflows import Rim
from tests.reliability.disks import Ended, Quick
from tests.reliability.outages import Outages
from tests.reliability.record import record
from tests.reliability.tiny import Tiny, at_once


@pytest.fixture
def outages(tiny: Tiny, quick_path: Path) -> Outages:
    return Outages(tiny, quick_path, Random(1), enough=60)


def held(outages: Outages, *, least: int = 60) -> None:
    """Nothing was wrong, and so many states at least have been tried."""
    assert outages.wrong == []
    assert outages.tried >= least


def test_what_a_power_failure_leaves_of_a_run_is_gone_on_from(outages: Outages) -> None:
    outages.first(each=2)
    held(outages, least=75)


def test_a_second_failure_while_somebody_goes_on_is_gone_on_from(outages: Outages) -> None:
    outages.second(each=2, every=60)
    held(outages)


def test_so_is_one_after_a_process_that_was_killed(outages: Outages) -> None:
    outages.ended(errno.EINTR, each=2, at=range(20, 200, 20))
    held(outages)


def test_so_is_one_after_a_sync_that_failed(outages: Outages) -> None:
    outages.ended(errno.EIO, each=2, at=range(3, 40))
    held(outages)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("hold_reviews", [False, True])
@pytest.mark.parametrize("allocation", ["balanced", "optimal"])
@pytest.mark.parametrize("seed", [0, 1])
def test_ten_thousand_states(tmp_path: Path, quick_path: Path, allocation: str, hold_reviews: bool, seed: int) -> None:
    tiny = Tiny(tmp_path, allocation=allocation, hold_reviews=hold_reviews, seed=seed)
    outages = Outages(tiny, quick_path, Random(seed))
    outages.first(each=8)
    outages.second(each=3, every=30)
    outages.ended(errno.EINTR, each=3, at=range(0, 10_000, 40))
    outages.ended(errno.EIO, each=3, at=range(0, 10_000, 3))
    held(outages, least=1_500)
    record("power failures: whatever is left on disk is gone on from", states=outages.tried, wrong=0)


def test_a_run_is_gone_on_with_by_a_lone_record(tiny: Tiny, quick_path: Path) -> None:
    with pytest.raises(JournalError):
        tiny.go_on(quick_path / "run", rim=Rim(disk=Ended(Quick(), errno.EIO, at=3), sleep=at_once))
    tiny.go_on(quick_path / "run", rim=Rim(disk=Quick(), sleep=at_once))
    frames = FrameScanner().feed((quick_path / "run" / "journal").read_bytes())
    resumed = [frame.group for frame in frames if json.loads(frame.payload)["t"] == "resume"]
    assert [sum(frame.group == group for frame in frames) for group in resumed] == [1]
