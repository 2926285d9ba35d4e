"""How many calls are in flight: a counted set of slots that the lowest priority number gets first."""

from __future__ import annotations

import asyncio
import heapq

from igent.errors import RunStopped

__all__ = ["CallSlots"]


class CallSlots:
    """`limit` slots; whoever waits with the lowest priority number is served first, equals in order of arrival.

    Once `closed` is set nobody gets one any more: calls in flight end, no other begins.
    """

    def __init__(self, limit: int, *, closed: asyncio.Event | None = None) -> None:
        self._free = limit
        self._closed = closed or asyncio.Event()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._arrivals = 0

    async def acquire(self, priority: int) -> None:
        """Wait for a slot and take it; every `acquire` that returns needs one `release`. Raises `RunStopped`."""
        if self._free and not self._waiting:
            self._free -= 1
        else:
            await self._turn(priority)
        if self._closed.is_set():
            self.release()
            raise RunStopped("interrupted")

    async def _turn(self, priority: int) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._arrivals += 1
        heapq.heappush(self._waiting, (priority, self._arrivals, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()
            raise

    def release(self) -> None:
        """Give a slot back: to the first who still waits, else to the free ones."""
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
