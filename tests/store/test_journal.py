from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import stat
import threading
from pathlib import Path

import pytest

from igent.errors import JournalCorrupt, JournalError
from igent.store.disk import Disk
from igent.store.frames import MAGIC, FrameScanner, Tip, encode_frame
from igent.store.journal import Entry, Journal, Recovery
from tests.reliability.disks import Faulty, Quick
from tests.reliability.recorder import Recorder, Synced, SyncedFolder, Wrote


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def numbers(path: Path) -> list[object]:
    return [entry.record["n"] for entry in Recovery(path)]


def state(path: Path) -> Tip:
    recovery = Recovery(path)
    list(recovery)
    return recovery.state


def groups(path: Path) -> list[int]:
    return [frame.group for frame in FrameScanner().feed(content(path))]


def content(path: Path) -> bytes:
    return path.read_bytes()


def put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def size(path: Path) -> int:
    return path.stat().st_size


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def opened(path: Path) -> Journal:
    return Journal.resume(path, state(path)) if path.exists() else Journal.create(path)


async def write(path: Path, *values: int) -> None:
    """Write each value as a group of its own."""
    async with opened(path) as journal:
        for value in values:
            await journal.durable(journal.append({"n": value}))


def full_disk() -> Journal:
    return Journal(Path("/dev/full"), descriptor=os.open("/dev/full", os.O_WRONLY), state=Tip())


async def test_what_was_appended_is_read_back_in_order(path: Path) -> None:
    async with Journal.create(path) as journal:
        assert [journal.append({"n": n}) for n in range(3)] == [0, 1, 2]
    entries = list(Recovery(path))
    assert entries[0] == Entry(sequence=0, offset_bytes=len(MAGIC), record={"n": 0})
    assert [entry.sequence for entry in entries] == [0, 1, 2]


async def test_a_thousand_tasks_share_a_few_groups_and_nothing_is_lost(path: Path) -> None:
    appended: list[int] = []

    async def work(n: int) -> None:
        appended.append(n)
        await journal.durable(journal.append({"n": n}))

    async with Journal.create(path) as journal, asyncio.TaskGroup() as tasks:
        for n in range(1000):
            tasks.create_task(work(n))
    assert appended == numbers(path)
    assert len(set(groups(path))) < 100


async def test_a_record_counts_as_durable_only_after_the_wait(path: Path) -> None:
    async with Journal.create(path) as journal:
        sequence = journal.append({"n": 1})
        assert (journal.durable_sequence, journal.position_bytes) == (-1, len(MAGIC))
        await journal.durable(sequence)
        assert (journal.durable_sequence, journal.position_bytes) == (0, size(path))


async def test_waiting_for_a_record_covers_those_before_it(path: Path) -> None:
    async with Journal.create(path) as journal:
        first, second = journal.append({"n": 1}), journal.append({"n": 2})
        await journal.durable(second)
        await journal.durable(first)
        assert numbers(path) == [1, 2]


async def test_a_cancelled_waiter_disturbs_no_other(path: Path) -> None:
    async with Journal.create(path) as journal, asyncio.TaskGroup() as tasks:
        sequence = journal.append({"n": 1})
        impatient = tasks.create_task(journal.durable(sequence))
        patient = tasks.create_task(journal.durable(sequence))
        tasks.create_task(asyncio.sleep(0)).add_done_callback(lambda _: impatient.cancel())
    assert patient.exception() is None
    assert numbers(path) == [1]


async def test_resuming_continues_sequence_group_and_chain(path: Path) -> None:
    await write(path, 0, 1)
    await write(path, 2)
    assert numbers(path) == [0, 1, 2]
    assert groups(path) == [0, 1, 2]


async def test_resuming_refuses_a_journal_that_grew_since(path: Path) -> None:
    await write(path, 0)
    before = state(path)
    await write(path, 1)
    with pytest.raises(JournalError, match="changed since"):
        Journal.resume(path, before)


async def test_a_torn_tail_is_cut_off_and_the_journal_goes_on(path: Path) -> None:
    await write(path, 0, 1)
    whole = content(path)
    put(path, whole + whole[len(MAGIC) : -1])
    recovery = Recovery(path)
    assert len(list(recovery)) == 2
    assert content(path) == whole
    await write(path, 2)
    assert numbers(path) == [0, 1, 2]


@pytest.mark.parametrize("size", range(len(MAGIC)))
async def test_a_crash_while_creating_leaves_an_empty_journal(path: Path, size: int) -> None:
    put(path, MAGIC[:size])
    assert numbers(path) == []
    assert content(path) == MAGIC


async def test_a_bad_frame_before_a_later_group_is_corrupt_at_its_offset_and_left_alone(path: Path) -> None:
    await write(path, 0, 1, 2)
    second = list(Recovery(path))[1].offset_bytes
    data = bytearray(content(path))
    data[second + 20] ^= 1
    put(path, bytes(data))
    with pytest.raises(JournalCorrupt) as caught:
        numbers(path)
    assert (caught.value.offset_bytes, content(path)) == (second, bytes(data))


@pytest.mark.parametrize("before", [None, b'[{"n": 1}]', bytes(17), b"igent-journal-2\n"])
def test_a_missing_or_foreign_file_is_an_error_and_stays_as_it_is(path: Path, before: bytes | None) -> None:
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(JournalError):
        numbers(path)
    assert (content(path) if path.exists() else None) == before


@pytest.mark.parametrize("payload", [b"[1]", b"no JSON"])
def test_a_frame_without_an_object_is_an_error(path: Path, payload: bytes) -> None:
    path.write_bytes(MAGIC + encode_frame(Tip(), payload, group=0))
    with pytest.raises(JournalError, match="record 0 is not a JSON object"):
        numbers(path)


async def test_a_new_journal_is_private_and_never_replaces_one(path: Path) -> None:
    await write(path, 1)
    assert mode(path) == 0o600
    with pytest.raises(JournalError, match="File exists"):
        Journal.create(path)
    assert numbers(path) == [1]


async def append_and_raise(journal: Journal) -> None:
    async with journal:
        journal.append({"n": 1})
        raise KeyError


async def test_a_write_error_reaches_every_waiter() -> None:
    async def refused(sequence: int) -> None:
        with pytest.raises(JournalError, match="No space left"):
            await journal.durable(sequence)

    with contextlib.suppress(JournalError):
        async with full_disk() as journal, asyncio.TaskGroup() as tasks:
            waits = [tasks.create_task(refused(journal.append({"n": n}))) for n in range(100)]
    assert all(wait.done() and wait.exception() is None for wait in waits)


class Hesitant(Disk):
    """Refuses to write a group, once it is told to."""

    def __init__(self) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()

    def write(self, descriptor: int, data: bytes | memoryview, *, at: int) -> int:
        if not at:
            return super().write(descriptor, data, at=at)
        self.begun.set()
        assert self.ended.wait(10)
        raise OSError(errno.EIO, os.strerror(errno.EIO))


class Unsyncable(Disk):
    """Takes a group and does not sync it, the first time that it is asked to."""

    refusals = 0

    def write(self, descriptor: int, data: bytes | memoryview, *, at: int) -> int:
        self.begun = at > 0
        return super().write(descriptor, data, at=at)

    def sync_data(self, descriptor: int) -> None:
        if self.begun:
            self.refusals += 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))


async def test_a_write_error_reaches_those_who_appended_while_it_was_under_way(path: Path) -> None:
    disk = Hesitant()
    with contextlib.suppress(JournalError):
        async with Journal.create(path, disk) as journal, asyncio.TaskGroup() as tasks:
            journal.append({"n": 1})
            await asyncio.to_thread(disk.begun.wait)
            sequence = journal.append({"n": 2})
            tasks.create_task(asyncio.to_thread(disk.ended.set))
            with pytest.raises(JournalError, match="Input/output error"):
                await journal.durable(sequence)


async def test_a_journal_that_cannot_be_closed_is_named(path: Path) -> None:
    with pytest.raises(JournalError, match="No space left"):
        async with Journal.create(path, Faulty(Quick(), "ENOSPC", at=6)):
            pass


async def test_a_sync_that_failed_is_not_tried_again(path: Path) -> None:
    disk = Unsyncable()
    with contextlib.suppress(JournalError):
        async with Journal.create(path, disk) as journal:
            with pytest.raises(JournalError, match="Input/output error"):
                await journal.durable(journal.append({"n": 1}))
    assert disk.refusals == 1


async def test_the_last_group_is_written_again_before_it_counts(path: Path) -> None:
    await write(path, 0, 1)
    end, second = size(path), list(Recovery(path))[1].offset_bytes
    disk = Recorder(Quick(), path.parent, {path: 1})
    list(Recovery(path, disk))
    expected = [Wrote(1, second, content(path)[second:end]), Synced(1), SyncedFolder(path.parent)]
    assert disk.log == expected


async def test_a_header_that_was_torn_while_it_was_written_is_that_of_an_empty_journal(path: Path) -> None:
    for left in (bytes(len(MAGIC)), MAGIC[:5] + bytes(3), bytes(5) + MAGIC[5:]):
        put(path, left)
        assert (numbers(path), content(path)) == ([], MAGIC)


async def test_a_write_error_is_final() -> None:
    with contextlib.suppress(JournalError):
        async with full_disk() as journal:
            sequence = journal.append({"n": 1})
            for _ in range(2):
                with pytest.raises(JournalError, match="No space left"):
                    await journal.durable(sequence)
            with pytest.raises(JournalError, match="No space left"):
                journal.append({"n": 2})


async def test_leaving_reports_what_could_not_be_written() -> None:
    with pytest.raises(JournalError, match="No space left"):
        async with full_disk() as journal:
            journal.append({"n": 1})


async def test_an_error_of_the_body_is_not_hidden_by_one_of_the_journal() -> None:
    with pytest.raises(KeyError):
        await append_and_raise(full_disk())


async def test_leaving_by_an_exception_still_writes_what_was_appended(path: Path) -> None:
    with pytest.raises(KeyError):
        await append_and_raise(Journal.create(path))
    assert numbers(path) == [1]


async def test_leaving_by_cancellation_still_writes_what_was_appended(path: Path) -> None:
    appended = asyncio.Event()

    async def work() -> None:
        async with Journal.create(path) as journal:
            journal.append({"n": 1})
            appended.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work())
        await appended.wait()
        task.cancel()
    assert task.cancelled()
    assert numbers(path) == [1]


async def test_a_second_cancellation_while_leaving_frees_the_waiters_and_loses_nothing_durable(path: Path) -> None:
    async def kept(sequence: int) -> bool:
        try:
            await journal.durable(sequence)
        except JournalError:
            return False
        return True

    async def leave() -> None:
        async with journal:
            await journal.durable(journal.append({"n": 1}))
            waits.append(tasks.create_task(kept(journal.append({"n": 2}))))
            asyncio.get_running_loop().call_soon(leaving.cancel)

    waits: list[asyncio.Task[bool]] = []
    journal = Journal.create(path)
    async with asyncio.TaskGroup() as tasks:
        leaving = tasks.create_task(leave())
    assert leaving.cancelled()
    assert numbers(path) in ([[1, 2]] if waits[0].result() else [[1], [1, 2]])


async def test_a_closed_journal_takes_no_record(path: Path) -> None:
    async with Journal.create(path) as journal:
        sequence = journal.append({"n": 1})
    await journal.durable(sequence)
    with pytest.raises(JournalError, match="closed"):
        journal.append({"n": 2})


async def test_a_record_that_cannot_be_encoded_leaves_no_gap(path: Path) -> None:
    async with Journal.create(path) as journal:
        with pytest.raises(JournalError, match="over the limit"):
            journal.append({"n": "x" * 2**24})
        with pytest.raises(TypeError):
            journal.append({"n": object()})
        journal.append({"n": 1})
    assert numbers(path) == [1]


async def test_a_short_write_is_not_taken_for_a_whole_one(path: Path) -> None:
    limit, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        with pytest.raises(JournalError, match="File too large"):
            await write(path, 0, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    assert size(path) == 100
    assert numbers(path) == [0]
