"""The journal's durable appends by how many wait at once, and publishing an array that grows.

How fast either is hangs on the disk and its hour, and so does the CPU that the kernel takes for it. What is judged does
not: how many appends share a sync, how often a row is written, and the CPU of both with a disk that does nothing.
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Final

from igent.store.disk import DISK, Disk
from igent.store.files import Outputs
from igent.store.journal import Journal
from profiles.measure import ROUND_TRIP, Measurement, Size, alternately, effort

__all__ = ["disk"]

# How many wait, and how many appends of each row's worth are made: a sync for each takes a hundred times as long.
_WAITERS: Final = {1: 0.05, 64: 1.0, 256: 1.0}
_MANY: Final = 256
_TIMES: Final = 8  # what takes a tenth of a second of CPU
# About what a commit takes in the journal, and an order in its file.
_RECORD = {"t": "commit", "text": "x" * 2_000}
_ROW = b'{"text":"' + b"x" * 1_400 + b'"}'

# The rule by which a run publishes: every outcome at first, then whenever a tenth has been added.
_FLUSH_EVERY, _GROWTH = 5, 10
_ARRAY = "pos.json"


class _Counting(Disk):
    """The real one, which counts what it is asked for."""

    def __init__(self) -> None:
        self.syncs = self.written_bytes = 0

    def write(self, descriptor: int, data: bytes | memoryview, *, at: int) -> int:
        taken = super().write(descriptor, data, at=at)
        self.written_bytes += taken
        return taken

    def copy(self, source: Path, target: Path) -> None:
        super().copy(source, target)
        self.written_bytes += target.stat().st_size

    def sync_data(self, descriptor: int) -> None:
        self.syncs += 1
        super().sync_data(descriptor)


class _Idle(Disk):
    """One that takes everything, and keeps of a file its first bytes."""

    def write(self, descriptor: int, data: bytes | memoryview, *, at: int) -> int:
        return len(data) if at else super().write(descriptor, data, at=at)

    def copy(self, source: Path, target: Path) -> None: ...

    def sync(self, descriptor: int) -> None: ...

    def sync_data(self, descriptor: int) -> None: ...

    def sync_directory(self, path: Path) -> None: ...


def disk(size: Size, scratch: Path) -> list[Measurement]:
    """Appends per second, and `size.rows` rows published as a run does and all at once."""
    counts = {n: n * max(1, round(size.rows * share / n)) for n, share in _WAITERS.items()}
    appends = {n: partial(_appends, scratch / "journal", waiters=n, count=count) for n, count in counts.items()}
    growing = partial(_published, scratch / "growing", size.rows, every=_FLUSH_EVERY)
    once = partial(_published, scratch / "once", size.rows, every=size.rows)
    *taken, growing_s, once_s = alternately([*appends.values(), growing, once], seconds=size.seconds)
    journal, files = _Counting(), _Counting()
    appends[_MANY](disk=journal)
    growing(disk=files)
    many, steps = (effort(partial(work, disk=_Idle()), times=_TIMES) for work in (appends[_MANY], growing))
    row = partial(Measurement, suite="journal")
    ratio, rows = partial(row, unit="x"), f"publishing {size.rows:,} rows"
    return [
        *(
            row(what=f"durable appends, {n} waiting", value=count / seconds, unit="per s")
            for (n, count), seconds in zip(counts.items(), taken, strict=True)
        ),
        row(what=f"{rows} in growing steps", value=growing_s, unit="s"),
        row(what=f"{rows} at once", value=once_s, unit="s"),
        ratio(what=f"durable appends / syncs, {_MANY} waiting", value=counts[_MANY] / journal.syncs, better="more"),
        ratio(
            what=f"CPU of 1,000 durable appends, {_MANY} waiting / {ROUND_TRIP}",
            value=many.round_trips / counts[_MANY] * 1_000,
        ),
        ratio(
            what=f"{rows} in growing steps: bytes written / bytes of the rows",
            value=files.written_bytes / size.rows / len(_ROW),
        ),
        ratio(what=f"{rows} in growing steps: CPU / {ROUND_TRIP}", value=steps.round_trips),
    ]


def _appends(path: Path, *, waiters: int, count: int, disk: Disk = DISK) -> None:
    """So many durable appends of `waiters` tasks, each of which waits for its record before it writes the next."""

    async def wait_for_each() -> None:
        for _ in range(count // waiters):
            await journal.durable(journal.append(_RECORD))

    async def made() -> None:
        async with journal, asyncio.TaskGroup() as tasks:
            for _ in range(waiters):
                tasks.create_task(wait_for_each())

    path.unlink(missing_ok=True)
    journal = Journal.create(path, disk)
    asyncio.run(made())


def _published(directory: Path, rows: int, *, every: int, disk: Disk = DISK) -> None:
    """Publish so many rows, a batch whenever `every` are pending and a tenth of what is out."""

    async def publish() -> None:
        published = 0
        for added in range(1, rows + 1):
            outputs.add(_ARRAY, _ROW)
            if added - published >= max(every, published // _GROWTH):
                await outputs.publish({}, journal_bytes=0)
                published = added
        await outputs.publish({}, journal_bytes=0)

    directory.mkdir(exist_ok=True)
    outputs = Outputs(directory, arrays=[_ARRAY], lines={}, disk=disk)
    asyncio.run(publish())
    outputs.close()
