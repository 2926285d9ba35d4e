"""The journal's durable appends by how many wait at once, and publishing an array that grows."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path

from igent.store.files import Outputs
from igent.store.journal import Journal
from profiles.measure import Measurement, Size

__all__ = ["disk"]

_WAITERS = (1, 64, 256)
# About what a commit takes in the journal, and an order in its file.
_RECORD = {"t": "commit", "text": "x" * 2_000}
_ROW = b'{"text":"' + b"x" * 1_400 + b'"}'

# The rule by which a run publishes: every outcome at first, then whenever a tenth has been added.
_FLUSH_EVERY, _GROWTH = 5, 10
_ARRAY = "pos.json"


def disk(size: Size, scratch: Path) -> list[Measurement]:
    """Appends per second, and `size.rows` rows published as a run does against all at once."""
    rates = [asyncio.run(_appends(scratch / f"journal-{n}", waiters=n, seconds=size.seconds / 2)) for n in _WAITERS]
    growing_s = asyncio.run(_published(scratch / "growing", size.rows, every=_FLUSH_EVERY))
    once_s = asyncio.run(_published(scratch / "once", size.rows, every=size.rows))
    row = partial(Measurement, suite="journal")
    return [
        *(
            row(what=f"durable appends, {n} waiting", value=r, unit="per s")
            for n, r in zip(_WAITERS, rates, strict=True)
        ),
        row(
            what=f"durable appends, {_WAITERS[-1]} waiting / 1 waiting",
            value=rates[-1] / rates[0],
            unit="x",
            better="more",
        ),
        row(what=f"publishing {size.rows:,} rows in growing steps", value=growing_s, unit="s"),
        row(what=f"publishing {size.rows:,} rows, growing steps / at once", value=growing_s / once_s, unit="x"),
    ]


async def _appends(path: Path, *, waiters: int, seconds: float) -> float:
    """Durable appends per second of `waiters` tasks, each of which waits for its record before it writes the next."""
    done = 0
    ends = time.perf_counter() + seconds

    async def wait_for_each() -> None:
        nonlocal done
        while not done or time.perf_counter() < ends:
            await journal.durable(journal.append(_RECORD))
            done += 1

    begun = time.perf_counter()
    async with Journal.create(path) as journal, asyncio.TaskGroup() as tasks:
        for _ in range(waiters):
            tasks.create_task(wait_for_each())
    return done / (time.perf_counter() - begun)


async def _published(directory: Path, rows: int, *, every: int) -> float:
    """Seconds to publish so many rows, a batch whenever `every` are pending and a tenth of what is out."""
    outputs, published = Outputs(directory, arrays=[_ARRAY], lines={}), 0
    begun = time.perf_counter()
    for added in range(1, rows + 1):
        outputs.add(_ARRAY, _ROW)
        if added - published >= max(every, published // _GROWTH):
            await outputs.publish({}, journal_bytes=0)
            published = added
    await outputs.publish({}, journal_bytes=0)
    return time.perf_counter() - begun
