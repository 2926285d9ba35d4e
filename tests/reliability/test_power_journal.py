"""The journal by itself through two processes and any failure of power: many states, without a run around it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from igent.errors import JournalError
from igent.store import frames
from igent.store.disk import Disk
from igent.store.frames import FrameScanner
from igent.store.journal import Journal, Recovery
from tests.reliability.disks import Ended, Faulty, Quick, Without
from tests.reliability.mutants import mutated
from tests.reliability.power import Platter, states
from tests.reliability.record import record
from tests.reliability.recorder import Event, Recorder
from tests.reliability.trees import Tree, write_tree


def same(disk: Disk) -> Disk:
    return disk


async def append(journal: Journal, recorder: Recorder, *, first: int, groups: int) -> None:
    """Groups of three records each; what is durable is told."""
    for number in range(first, first + 3 * groups, 3):
        for part in range(3):
            sequence = journal.append({"n": number + part, "text": "x" * (200 * part)})
        await journal.durable(sequence)
        recorder.note(Event("acknowledged", number + 3))


async def two_processes(path: Path, recorder: Recorder, mutant: Callable[[Disk], Disk]) -> None:
    """One that ends in the middle of a group, and one that goes on with what it has left."""
    with contextlib.suppress(JournalError):
        async with Journal.create(path, mutant(recorder)) as journal:
            await append(journal, recorder, first=0, groups=4)
    recorder.inner = Quick()
    recovery = Recovery(path, mutant(recorder))
    known = len(list(recovery))
    async with Journal.resume(path, recovery.state, mutant(recorder)) as journal:
        await append(journal, recorder, first=known, groups=3)


def left(root: Path, code: int, at: int, *, each: int, mutant: Callable[[Disk], Disk]) -> Iterator[tuple[Tree, int]]:
    """What failures leave, with the number of the records that had been told to be durable."""
    torn = Faulty(Quick(), "short", at=at - 1)
    recorder = Recorder(Ended(torn, code, at=at), root)
    asyncio.run(two_processes(root / "journal", recorder, mutant))
    platter, draw, told = Platter(root), Random(at), 0
    for change in recorder.log:
        platter.fold(change)
        told = change.number if isinstance(change, Event) else told
        yield from ((tree, told) for tree in states(platter, draw, most=each))


def wrong(root: Path, code: int, at: int, *, each: int, mutant: Callable[[Disk], Disk] = same) -> Iterator[str]:
    """What a recovery gets wrong of each of them; "" where nothing."""
    disk, state = root / "disk", root / "state"
    disk.mkdir()
    for tree, told in left(disk, code, at, each=each, mutant=mutant):
        write_tree(tree, state)
        yield misread(state / "journal", told)


def misread(path: Path, told: int) -> str:
    if not path.exists():
        return "the journal is gone" if told else ""
    try:
        found = [entry.record["n"] for entry in Recovery(path, Quick())]
    except JournalError as exc:
        return str(exc)
    return "" if len(found) >= told and found == [*range(len(found))] else f"{told} were told, {found} are left"


# Operations 6 to 11 write and sync three groups. The first process ends before it has synced the second or the fourth
# one, with half of the fourth written, or by a sync that fails.
@pytest.mark.parametrize(("code", "at"), [(errno.EINTR, 9), (errno.EINTR, 13), (errno.EINTR, 14), (errno.EIO, 3)])
def test_every_recovery_has_what_was_durable_and_nothing_else(quick_path: Path, code: int, at: int) -> None:
    found = list(wrong(quick_path, code, at, each=50))
    assert {*found} == {""}
    assert len(found) > 500


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("code", [errno.EINTR, errno.EIO])
@pytest.mark.parametrize("at", range(3, 15))
def test_many_recoveries(quick_path: Path, code: int, at: int) -> None:
    found = list(wrong(quick_path, code, at, each=300))
    assert {*found} == {""}
    record("power failures: the journal has what was durable and nothing else", states=len(found), wrong=0)


def invented(root: Path, scanner: type[FrameScanner]) -> Iterator[list[bytes]]:
    """What a scanner finds in the states of a journal where that is not the beginning of what was written."""
    trees = [tree for tree, _ in left(root, errno.EINTR, 14, each=50, mutant=same)]
    written = [frame.payload for frame in FrameScanner().feed((root / "journal").read_bytes())]
    for tree in trees:
        journal = tree.get(Path("journal"))
        found = [frame.payload for frame in scanner().feed(journal)] if isinstance(journal, bytes) else []
        if found != written[: len(found)]:
            yield found


def test_no_failure_makes_the_scanner_find_what_was_not_written(quick_path: Path) -> None:
    assert list(invented(quick_path, FrameScanner)) == []


def test_a_scanner_without_checksums_is_caught(quick_path: Path) -> None:
    check = "if _CRC.unpack_from(data, len(_MARKER)) != (crc32(checked),):"
    assert list(invented(quick_path, mutated(frames, check, "if False:").FrameScanner)) != []


def caught(root: Path, left_out: str) -> bool:
    """Whether a mutant gets something wrong, or is refused already when it goes on."""
    found = wrong(root, errno.EINTR, 13, each=20, mutant=lambda disk: Without(disk, left_out))
    try:
        return any(found)
    except JournalError as exc:
        return "was changed since" in str(exc)


@pytest.mark.parametrize("left_out", ["sync", "sync_data", "sync_directory", "truncate"])
def test_leaving_out_a_step_is_caught(quick_path: Path, left_out: str) -> None:
    assert caught(quick_path, left_out)
