"""Cancelling a task at a chosen one of the instants at which it, or a task that it has started, is suspended."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Collection, Coroutine, Generator
from typing import Any

__all__ = ["Suspensions", "watched"]


class Suspensions:
    """Counts how often the tasks of a registration are suspended, and cancels the first of them at some of those."""

    def __init__(self, *, cancel_at: Collection[int]) -> None:
        self.count, self._cancel_at = 0, cancel_at
        self.root: asyncio.Task[None] | None = None

    def make_task(
        self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **given: Any
    ) -> asyncio.Task[Any]:
        """A task factory."""
        return asyncio.Task(self._counted(coro), loop=loop, **given)

    async def _counted(self, coro: Coroutine[Any, Any, Any]) -> Any:
        return await self._stepped(coro)

    @types.coroutine
    def _stepped(self, coro: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        resume: Callable[[Any], Any] = coro.send
        given: Any = None
        while True:
            try:
                awaited = resume(given)
            except StopIteration as stop:
                return stop.value
            self.count += 1
            if self.count in self._cancel_at and self.root is not None:
                self.root.cancel()
            try:
                resume, given = coro.send, (yield awaited)
            except BaseException as exc:  # noqa: BLE001  # whatever is thrown into a task is thrown on
                resume, given = coro.throw, exc


async def watched(coro: Coroutine[Any, Any, None], watch: Suspensions) -> int:
    """Run under watch, cancelled or not; how many tasks it has left behind."""
    loop, before = asyncio.get_running_loop(), asyncio.all_tasks()
    loop.set_task_factory(watch.make_task)  # type: ignore[arg-type]
    root = watch.root = loop.create_task(coro)
    await asyncio.wait([root])
    loop.set_task_factory(None)
    assert root.cancelled() or root.exception() is None, root
    for _ in range(3):
        await asyncio.sleep(0)  # what a generator that was left halfway has asked the loop to do
    return len(asyncio.all_tasks() - before)
