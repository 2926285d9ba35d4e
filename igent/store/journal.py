"""The journal on disk: append now, know later that it is durable, and read it all back after a crash.

`append` encodes and buffers. One task writes whatever has gathered since its last write as one group, with one
write and one fdatasync in the journal's own thread, and then releases everybody who waits for that group. So the cost
of a sync is shared by all that happened during the one before it. See `frames` for what survives a power failure.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from igent.codec import dump
from igent.domain.records import Json
from igent.errors import JournalError
from igent.store.disk import DISK, Disk
from igent.store.frames import MAGIC, Frame, FrameScanner, Tip, encode_frame
from igent.store.places import disk_errors
from igent.store.scan import FIND_REMEDY, READ_BYTES, record_of, sound

__all__ = ["Entry", "Journal", "Recovery"]

_DISK_REMEDY = "What is durable stays: see to the disk, then resume the run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record of the journal, `offset_bytes` from the start of the file."""

    sequence: int
    offset_bytes: int
    record: dict[str, Json]


class Recovery:
    """The records of a journal in order, one pass, in bounded memory; then the place to append at.

    Iterating raises `JournalError` for a file that is missing, foreign or unreadable, and `JournalCorrupt` on reaching
    a bad frame that later groups prove to have been durable. A torn tail is cut off. When the iteration is
    through, everything it gave is durable, also what a killed process had left in the page cache.
    """

    def __init__(self, path: Path, disk: Disk = DISK) -> None:
        self._path, self._disk = path, disk
        self._group_bytes = len(MAGIC)
        self._tip: Tip | None = None

    @property
    def state(self) -> Tip:
        """Where to append; there is one only after the last record was read."""
        assert self._tip is not None, "the journal has not been read to its end"
        return self._tip

    def __iter__(self) -> Iterator[Entry]:
        try:
            with self._disk.opened(self._path, os.O_RDWR) as descriptor:
                yield from self._entries(descriptor)
        except FileNotFoundError as exc:
            raise _unusable(self._path, f"cannot be read: {exc.strerror}", FIND_REMEDY) from exc
        except OSError as exc:
            raise _unusable(self._path, f"cannot be gone on with: {exc.strerror}", _DISK_REMEDY) from exc

    def _entries(self, descriptor: int) -> Iterator[Entry]:
        scanner, found_bytes = FrameScanner(), 0
        while data := self._disk.read(descriptor, READ_BYTES, at=found_bytes):
            found_bytes += len(data)
            yield from map(self._entry, scanner.feed(data))
        end_bytes = sound(scanner.finish(), self._path).offset_bytes
        self._secure(descriptor, end_bytes, torn=found_bytes > end_bytes)
        self._tip = scanner.tip

    def _entry(self, frame: Frame) -> Entry:
        record = record_of(frame, self._path)
        if frame.group == frame.sequence:
            self._group_bytes = frame.offset_bytes
        return Entry(sequence=frame.sequence, offset_bytes=frame.offset_bytes, record=record)

    def _secure(self, descriptor: int, end_bytes: int, *, torn: bool) -> None:
        """Cut off what is torn and have the rest on disk."""
        if torn:
            self._disk.truncate(descriptor, end_bytes)
        # Something is left of the file's header only where the crash came while the file was being created.
        self._disk.write_all(descriptor, MAGIC[end_bytes:], at=end_bytes)
        # The last group is written again: where its sync had failed the kernel takes it for written, and a sync that
        # then succeeds says nothing. Those before it were on disk before it was begun.
        at = min(self._group_bytes, end_bytes)
        while last := self._disk.read(descriptor, min(READ_BYTES, end_bytes - at), at=at):
            self._disk.write_all(descriptor, last, at=at)
            at += len(last)
        self._disk.sync(descriptor)
        self._disk.sync_directory(self._path.parent)


class _Group:
    """Frames that are written and synced together; `written` is set when that is done or has failed."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.data = bytearray()
        self.written = asyncio.Event()


class Journal:
    """The one writer of a journal file, to be used as an async context manager.

    Leaving the context writes what was appended, also after an exception or a cancellation. An error of a write or
    a sync is final: the kernel may have dropped the pages, so trying again could succeed without the data.
    The buffer has no bound of its own: a registration appends a few records between two waits for `durable`,
    and the caller bounds how many registrations are under way.
    """

    def __init__(self, path: Path, *, descriptor: int, state: Tip, disk: Disk = DISK) -> None:
        self._path, self._disk = path, disk
        self._descriptor = descriptor
        self._tip = state
        self._durable = state
        self._gathering = _Group(state.sequence)
        self._writing = self._gathering
        self._wake = asyncio.Event()
        self._closing = False
        self._failure: str | None = None

    @classmethod
    def create(cls, path: Path, disk: Disk = DISK) -> Journal:
        """A new journal, mode 0600, durably named in its directory. Raises `JournalError`, also where one exists."""
        try:
            with disk.opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as descriptor:
                disk.write_all(descriptor, MAGIC, at=0)
                disk.sync_data(descriptor)
            disk.sync_directory(path.parent)
        except OSError as exc:
            raise _unusable(path, f"cannot be created: {exc.strerror}", _DISK_REMEDY) from exc
        return cls.resume(path, Tip(), disk)

    @classmethod
    def resume(cls, path: Path, state: Tip, disk: Disk = DISK) -> Journal:
        """Append behind what a `Recovery` of this file has read. Raises `JournalError`, also where it grew since."""
        try:
            found_bytes = path.stat().st_size
            descriptor = disk.open(path, os.O_WRONLY)
        except OSError as exc:
            raise _unusable(path, f"cannot be opened: {exc.strerror}", _DISK_REMEDY) from exc
        if found_bytes != state.offset_bytes:
            disk.close(descriptor)
            raise _unusable(path, "was changed since it was read", "Let only one igent use this run at a time")
        return cls(path, descriptor=descriptor, state=state, disk=disk)

    @property
    def position_bytes(self) -> int:
        """How much of the file is durable."""
        return self._durable.offset_bytes

    @property
    def durable_sequence(self) -> int:
        """The last durable record; -1 where there is none."""
        return self._durable.sequence - 1

    async def __aenter__(self) -> Journal:
        async with AsyncExitStack() as stack:
            stack.callback(self._close)
            thread = stack.enter_context(ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal"))
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            tasks.create_task(self._write_groups(thread))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, _: object, exc: BaseException | None, __: object) -> None:
        self._closing = True
        self._wake.set()
        # Without the exception: the task group would answer it by cancelling the writer before the last group.
        await self._stack.aclose()
        if exc is None and self._durable != self._tip:
            raise self._refusal()

    def append(self, record: Mapping[str, object]) -> int:
        """Buffer one record and return its sequence number; it counts only once `durable` has returned for it.

        Raises `JournalError` for a journal that has failed or is closed, and for a record over the size limit.
        """
        if self._failure is not None or self._closing:
            raise self._refusal()
        payload = dump(record)
        at = self._tip
        try:
            self._gathering.data += encode_frame(at, payload, group=self._gathering.first)
        except ValueError as exc:
            raise _unusable(self._path, f"record {at.sequence} was refused: {exc}", "Make the inputs smaller") from exc
        self._tip = at.after(payload)
        self._wake.set()
        return at.sequence

    async def durable(self, sequence: int) -> None:
        """Return once that record, and so every one before it, is on disk. Raises `JournalError` if it cannot be."""
        assert sequence < self._tip.sequence, "no such record was appended"
        if sequence > self.durable_sequence and self._failure is None:
            group = self._gathering if sequence >= self._gathering.first else self._writing
            await group.written.wait()
        if sequence > self.durable_sequence:
            raise self._refusal()

    async def _write_groups(self, thread: ThreadPoolExecutor) -> None:
        while self._failure is None and (self._gathering.data or not self._closing):
            await self._wake.wait()
            self._wake.clear()
            if self._gathering.data:
                await self._write_group(thread)

    async def _write_group(self, thread: ThreadPoolExecutor) -> None:
        tip = self._tip
        group = self._writing = self._gathering
        self._gathering = _Group(tip.sequence)
        try:
            await asyncio.get_running_loop().run_in_executor(thread, self._append, group.data)
        except OSError as exc:
            self._fail(f"cannot be written: {exc.strerror}")
        else:
            self._durable = tip
            group.written.set()

    def _append(self, data: bytearray) -> None:
        """Write behind what is durable, and sync; in the journal's own thread."""
        self._disk.write_all(self._descriptor, data, at=self._durable.offset_bytes)
        self._disk.sync_data(self._descriptor)

    def _fail(self, problem: str) -> None:
        self._failure = problem
        self._writing.written.set()
        self._gathering.written.set()

    def _close(self) -> None:
        """Give up the file once the thread has ended; what a second cancellation kept from being written is refused."""
        if self._failure is None:
            self._fail("is closed")
        with disk_errors(self._path):
            self._disk.close(self._descriptor)

    def _refusal(self) -> JournalError:
        return _unusable(self._path, self._failure or "is being closed", _DISK_REMEDY)


def _unusable(path: Path, problem: str, remedy: str) -> JournalError:
    return JournalError(path=str(path), problem=problem, remedy=remedy)
