"""Registrations run out of order and commit in order: admission within a window, a turnstile at the end.

A transient failure waits at the turnstile until it is clear whether it was one of a series: a success after it lets it
commit as that registration's failure; ten in a row stop the run with all of them uncommitted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from igent.errors import RunStopped, leaf
from igent.models.halt import Halt

__all__ = ["Breaker", "MAX_TRANSIENT_FAILURES", "Steps", "Turnstile", "run_in_order"]

# One failure is a registration's; ten in a row are an outage: nothing would come of more.
MAX_TRANSIENT_FAILURES = 10


class _Item(Protocol):
    @property
    def index(self) -> int: ...


class _Result(Protocol):
    @property
    def abandoned(self) -> bool: ...
    @property
    def reached(self) -> bool | None: ...


T = TypeVar("T", bound=_Item)
R = TypeVar("R", bound=_Result)


class Breaker:
    """Counts transient failures in a row over all registrations, in the order in which they happen.

    What was settled without a call says nothing about the model and leaves the series as it is.
    """

    def __init__(self, limit: int = MAX_TRANSIENT_FAILURES) -> None:
        self._limit = limit
        self._series: list[int] = []

    def observe(self, index: int, *, reached: bool | None) -> None:
        """Note whether a registration reached the model. Raises `RunStopped` when the series reaches the limit."""
        if reached:
            self._series.clear()
        elif reached is False:
            self._series.append(index)
        if self.tripped:
            raise RunStopped(f"{self._limit} transient failures in a row: the model is out of reach")

    @property
    def tripped(self) -> bool:
        """Whether the series has reached the limit: nothing may commit any more."""
        return len(self._series) >= self._limit

    def undecided(self, index: int) -> bool:
        """Whether this registration's failure may yet turn out to be part of an outage."""
        return index in self._series


class Turnstile(Generic[T, R]):
    """Results arrive in any order and leave in the order in which their items have come."""

    def __init__(self) -> None:
        self._line = deque[int]()
        self._waiting: dict[int, tuple[T, R]] = {}

    def expect(self, item: T) -> None:
        """Let an item be the next in line."""
        self._line.append(item.index)

    def arrive(self, item: T, result: R) -> None:
        """Put a result in line."""
        self._waiting[item.index] = item, result

    def leaving(self, may_leave: Callable[[int], bool]) -> Iterator[tuple[T, R]]:
        """The results whose turn it is, as far as `may_leave` lets them."""
        while self._line and self._line[0] in self._waiting and may_leave(self._line[0]):
            yield self._waiting.pop(self._line.popleft())


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps(Generic[T, R]):
    """What is done with each item: `work` concurrently, then `commit`, synchronous and in order, unless `closed`."""

    work: Callable[[T], Awaitable[R]]
    commit: Callable[[T, R], object]
    closed: Callable[[], bool] = _never


async def run_in_order(items: AsyncIterable[T], steps: Steps[T, R], *, window: int, halt: Halt) -> None:
    """Work on at most `window` uncommitted items at a time until they end, or until `halt` ends the intake.

    What is abandoned by its work, and whatever comes after it, is not committed. Raises `RunStopped` for a series of
    transient failures.
    """
    floor = _Floor(steps, window=window)
    try:
        async with asyncio.TaskGroup() as group:
            async for item in items:
                await floor.make_room()
                if halt.is_set():
                    break
                floor.admit(item, group)
            floor.close()
    except* RunStopped as stopped:
        raise leaf(stopped) from None


class _Floor(Generic[T, R]):
    """The items that are admitted and not committed: at work, or waiting at the turnstile."""

    def __init__(self, steps: Steps[T, R], *, window: int) -> None:
        self._steps = steps
        self._room = asyncio.Semaphore(window)
        self._breaker, self._turnstile = Breaker(), Turnstile[T, R]()
        self._working: set[int] = set()
        self._taking_in = True

    async def make_room(self) -> None:
        """Wait for room for one more item; while there is none, nothing more comes in."""
        self._taking_in = not self._room.locked()
        self._let_leave()
        await self._room.acquire()
        self._taking_in = True

    def admit(self, item: T, group: asyncio.TaskGroup) -> None:
        """Start the work on an item that there is room for."""
        self._working.add(item.index)
        self._turnstile.expect(item)
        group.create_task(self._work_on(item))

    def close(self) -> None:
        """Nothing more comes in."""
        self._taking_in = False
        self._let_leave()

    async def _work_on(self, item: T) -> None:
        result = await self._steps.work(item)
        self._working.discard(item.index)
        if result.abandoned or self._steps.closed():
            self._room.release()
        else:
            self._breaker.observe(item.index, reached=result.reached)
            self._turnstile.arrive(item, result)
        self._let_leave()

    def _let_leave(self) -> None:
        # With no work under way or to come no success can follow any more, and what is finished must not wait for one.
        final = not self._working and not self._taking_in and not self._breaker.tripped

        def may_leave(index: int) -> bool:
            return not self._steps.closed() and (final or not self._breaker.undecided(index))

        for item, result in self._turnstile.leaving(may_leave):
            self._steps.commit(item, result)
            self._room.release()
