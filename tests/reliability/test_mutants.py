"""What the enumeration of power failures is worth: each mutant that leaves out one precaution is caught by it."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from igent.store.disk import Disk
from igent.store.places import TEMPORARY
from igent.workflows import run as run_module
from tests.reliability.disks import Without
from tests.reliability.mutants import mutated
from tests.reliability.outages import Outages
from tests.reliability.recorder import Slow
from tests.reliability.tiny import Tiny

LONE = "await publisher.append_durable(first)"


def no_sync_of_temporary_files(disk: Disk) -> Disk:
    return Without(disk, "sync", lambda path: path.name.endswith(TEMPORARY))


def no_sync_of_the_journal(disk: Disk) -> Disk:
    return Without(disk, "sync_data")


def no_sync_of_directories(disk: Disk) -> Disk:
    return Without(disk, "sync_directory")


@pytest.mark.parametrize("mutant", [no_sync_of_temporary_files, no_sync_of_the_journal, no_sync_of_directories])
def test_a_run_that_leaves_out_a_sync_is_caught(tiny: Tiny, quick_path: Path, mutant: Callable[[Disk], Disk]) -> None:
    outages = Outages(tiny, quick_path, Random(1), mutant=mutant)
    outages.first(each=1)
    assert outages.wrong != []


@pytest.mark.parametrize("instead", [LONE.replace("await publisher.append_durable", "publisher.append"), "pass"])
def test_a_resume_without_its_lone_record_is_caught(tiny: Tiny, quick_path: Path, instead: str) -> None:
    resuming = mutated(run_module, LONE, instead).resume
    outages = Outages(tiny, quick_path, Random(1), mutant=Slow, resuming=resuming)
    outages.ended(errno.EINTR, each=1, at=[16, 20])
    assert {problem.partition(":")[0] for problem in outages.wrong} == {"unknown process"}
