"""Commits that wait for every judgement: one allocation over all registrations, then each of them in its turn.

A run that is stopped before has committed nothing and asks nothing again, since replies are in the journal. One that is
killed between two commits allocates what is left, and comes to the same: see `igent.domain.optimal`.
"""

from __future__ import annotations

from collections import deque

from igent.workflows.plan import Planned
from igent.workflows.publisher import Publisher
from igent.workflows.worker import Finished, Worker

__all__ = ["Together"]

_COMMITS = 256  # between two waits for the disk: as many records as a window of an ordinary run


class Together:
    """Keeps what is judged until everything is: some ten kilobytes of memory for each registration of the run."""

    def __init__(self, worker: Worker, publisher: Publisher) -> None:
        self._worker, self._publisher = worker, publisher
        self._judged: deque[tuple[Planned, Finished]] = deque()

    def wait(self, planned: Planned, finished: Finished) -> str | None:
        """Keep one judged registration; they come in registration order. `failed` is an outcome that is known."""
        self._judged.append((planned, finished))
        return "failed" if finished.judged.failed else None

    async def commit(self, expected: int) -> None:
        """Allocate and commit all of them; none where fewer than `expected` have come, because the run has to end."""
        if len(self._judged) < expected:
            return
        await self._publisher.settle()  # so that whoever loses patience with the next step can end it
        self._worker.allot(self._judged)
        while self._judged:
            self._worker.commit(*self._judged.popleft())
            if len(self._judged) % _COMMITS == 0:
                await self._publisher.settle()
