"""Why a run comes to an end before its last registration: calls in flight end and are kept, no other begins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from igent.errors import RunStopped, leaf

__all__ = ["Halt"]

T = TypeVar("T")


class Halt:
    """Set once, with a reason; whoever sets it again does not change that."""

    def __init__(self) -> None:
        self._reason: str | None = None
        self._told: list[Callable[[], None]] = []

    @property
    def reason(self) -> str | None:
        """Why, or None while nothing is to end."""
        return self._reason

    def is_set(self) -> bool:
        """Whether the run is to end."""
        return self._reason is not None

    def set(self, reason: str = "interrupted") -> None:
        """Let the run end."""
        if self._reason is None:
            self._reason = reason
            for tell in self._told:
                tell()

    def tell(self, told: Callable[[], None]) -> None:
        """Have `told` called as soon as the run is to end, in whatever sets it: to wake those who wait."""
        self._told.append(told)

    async def rest(self, sleep: Callable[[float], Awaitable[None]], seconds: float) -> None:
        """Sleep, but no longer than until the run is to end."""
        with suppress(RunStopped):
            await self.before(partial(sleep, seconds))

    async def wait(self) -> None:
        """Return as soon as the run is to end."""
        with suppress(RunStopped):
            await self.before(asyncio.Event().wait)

    async def before(self, work: Callable[[], Awaitable[T]]) -> T:
        """What comes of `work`, which is cancelled as soon as the run is to end. Raises `RunStopped` then."""
        results = list[T]()

        async def working() -> None:
            results.append(await work())

        def end() -> None:
            task.cancel()

        self._told.append(end)
        try:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(working())
                if self.is_set():
                    end()
        except ExceptionGroup as group:
            raise leaf(group) from None
        finally:
            self._told.remove(end)
        if not results:
            self.check()
        return results[0]

    def check(self) -> None:
        """Raise `RunStopped` where the run is to end."""
        if self._reason is not None:
            raise RunStopped(self._reason)
