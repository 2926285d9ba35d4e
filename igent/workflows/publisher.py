"""What is durable becomes visible: records are folded once they are on disk, and files published in batches.

A batch is due when the pending outcomes reach `flush_every` or a tenth of what is published, whichever is more: at
first nearly every outcome shows at once, and the total that is written stays linear in the number of registrations.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping

from igent.accounting.budget import Most
from igent.accounting.usage import Usage
from igent.domain.records import Json
from igent.models.base import ModelRequest
from igent.store.files import Document, Outputs
from igent.store.journal import Journal
from igent.workflows.projection import Projection

__all__ = ["CallBook", "Publisher"]

_GROWTH = 10


class Publisher:
    """Appends records to the journal, folds them when they are durable and publishes when a batch is due."""

    def __init__(self, journal: Journal, projection: Projection, outputs: Outputs, *, flush_every: int) -> None:
        self._journal, self._projection, self._outputs = journal, projection, outputs
        self._flush_every = flush_every
        self._unfolded: deque[tuple[int, dict[str, Json]]] = deque()
        self._published = projection.committed
        self._committed = asyncio.Event()

    def append(self, record: dict[str, Json]) -> int:
        """Write a record; synchronous, durable later. Returns its sequence number."""
        sequence = self._journal.append(record)
        self._unfolded.append((sequence, record))
        if record["t"] == "commit":
            self._committed.set()
        return sequence

    async def append_durable(self, record: dict[str, Json]) -> None:
        """Write a record and wait until it is on disk."""
        await self._journal.durable(self.append(record))

    async def run(self, on_progress: Callable[[dict[str, Json]], None]) -> None:
        """Fold and publish what is committed, until cancelled.

        Folding goes on while files are written: a record takes ten times the memory of the rows that it becomes.
        """
        async with asyncio.TaskGroup() as tasks:
            publishing: asyncio.Task[None] | None = None
            while True:
                await self._committed.wait()
                self._committed.clear()
                await self.settle()
                on_progress(self._projection.counts())
                if publishing is None or publishing.done():
                    publishing = tasks.create_task(self.publish()) if self._due() else None
                if publishing is None and self._outputs.crowded:
                    await self._outputs.spill()

    def _due(self) -> bool:
        pending = self._projection.committed - self._published
        return pending >= max(self._flush_every, self._published // _GROWTH)

    async def settle(self) -> None:
        """Wait until everything appended so far is on disk, and fold it."""
        if not self._unfolded:
            return
        last = self._unfolded[-1][0]
        await self._journal.durable(last)
        while self._unfolded and self._unfolded[0][0] <= last:
            self._projection.fold(self._unfolded.popleft()[1])

    async def publish(self, documents: Mapping[str, Document] | None = None) -> None:
        """Write every file that changed, then the manifest. Raises `JournalError` where the disk does not take it."""
        self._published = self._projection.committed
        extra = documents or {}
        position = self._journal.position_bytes
        await self._outputs.publish({"capacity.json": self._projection.capacity(), **extra}, journal_bytes=position)


class CallBook:
    """Writes into the journal which calls begin and what they took."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def reserve(self, request: ModelRequest, most: Most) -> None:
        """A call begins, once that is on disk: whatever is sent is counted, also where this process is killed."""
        bound: list[Json] = [most.prompt_tokens, most.output_tokens]
        record: dict[str, Json] = {"t": "reserve", "request": request.digest, "model": request.model, "most": bound}
        await self._publisher.append_durable(record)

    def settle(self, request: ModelRequest, call: Usage | None) -> None:
        """It is over."""
        usage = None if call is None else call.as_record()
        self._publisher.append({"t": "settle", "request": request.digest, "usage": usage})
