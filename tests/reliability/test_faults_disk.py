"""A disk that refuses the n-th operation on a run directory, in each of the ways in which disks do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import get_args

import pytest

from igent.errors import JournalError, OptionError
from igent.workflows import Control, Rim
from tests.reliability.disks import Faulty, Kind, Quick
from tests.reliability.record import record
from tests.reliability.tiny import Tiny, at_once
from tests.workflows.runs import stopping

KINDS: tuple[Kind, ...] = get_args(Kind)
SOUND = Rim(disk=Quick(), sleep=at_once)


@pytest.fixture(scope="module")
def stopped(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped on its way, with what it has published."""
    out = tmp_path_factory.mktemp("stopped") / "run"
    control, rim = stopping(SOUND, 21)
    assert tiny.go_on(out, rim=rim, control=control).stopped is not None
    return out


def refused(tiny: Tiny, out: Path, disk: Faulty) -> Iterator[str]:
    """What is wrong with how a run on this disk ends, with what it leaves, and with going on after that."""
    try:
        tiny.go_on(out, rim=Rim(disk=disk, sleep=at_once), control=Control())
    except (JournalError, OptionError) as exc:
        yield from () if disk.fired and len(str(exc)) > 40 else [f"said is {exc!r}"]
    except Exception as exc:  # noqa: BLE001  # a bug is what is looked for
        yield f"ended by {exc!r}"
    else:
        yield from () if disk.kind == "short" or not disk.fired else ["passed over what was refused"]
    yield from tiny.broken_files(out)
    tiny.go_on(out, rim=SOUND)
    yield from tiny.unlike_whole(out)


def every_nth(tiny: Tiny, folder: Path, stopped: Path | None, kind: Kind, *, lasting: bool, step: int) -> int:
    """Try each `step`-th operation until a run or its continuation does fewer: how many were tried."""
    for tried, at in enumerate(count(0, step)):
        out = folder / "run"
        shutil.rmtree(out, ignore_errors=True)
        if stopped is not None:
            shutil.copytree(stopped, out)
        disk = Faulty(Quick(), kind, at=at, lasting=lasting)
        assert list(refused(tiny, out, disk)) == [], f"{kind} at operation {at}"
        if not disk.reached:
            return tried
    raise AssertionError


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_on_a_disk_that_refuses_can_be_gone_on_with(
    tiny: Tiny, quick_path: Path, kind: Kind, lasting: bool
) -> None:
    assert every_nth(tiny, quick_path, None, kind, lasting=lasting, step=37) > 4


@pytest.mark.parametrize("kind", KINDS)
def test_so_can_a_run_that_was_gone_on_with(tiny: Tiny, quick_path: Path, stopped: Path, kind: Kind) -> None:
    assert every_nth(tiny, quick_path, stopped, kind, lasting=True, step=29) > 4


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_operation(tiny: Tiny, quick_path: Path, stopped: Path, kind: Kind, lasting: bool) -> None:
    begun = every_nth(tiny, quick_path, None, kind, lasting=lasting, step=1)
    gone_on = every_nth(tiny, quick_path, stopped, kind, lasting=lasting, step=1)
    record(
        "a disk that refuses the n-th operation, for every n until none is left", operations=begun + gone_on, wrong=0
    )
