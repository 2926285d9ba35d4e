"""Slots: never more than the limit, the lowest number first, and none lost or gained by whoever gives up waiting."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import chain, combinations, permutations, product
from typing import Literal, TypeAlias

from hypothesis import example, given
from hypothesis import strategies as st

from igent.models.limits import CallSlots

# How often the loop runs until every client has gone as far as it can: more turns than a hand-over takes.
_TURNS = 10


async def settled() -> None:
    """Let every client go as far as it can."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


async def free(slots: CallSlots) -> int:
    """How many slots can be had at once; they are given back."""
    taken = 0
    try:
        while True:
            async with asyncio.timeout(0):
                await slots.acquire(0)
            taken += 1
    except TimeoutError:
        for _ in range(taken):
            slots.release()
    return taken


class Room:
    """Clients of one set of slots; `held` names those that hold one, `served` all that ever did, in order."""

    def __init__(self, limit: int) -> None:
        self.slots = CallSlots(limit)
        self.held: list[int] = []
        self.served: list[int] = []
        self.most = 0
        self.clients: list[asyncio.Task[None]] = []
        self._leave: dict[int, asyncio.Event] = {}

    def arrive(self, priority: int) -> None:
        number = len(self.clients)
        self._leave[number] = asyncio.Event()
        self.clients.append(asyncio.create_task(self._client(number, priority)))

    def leave(self, number: int) -> None:
        self._leave[number].set()

    async def _client(self, number: int, priority: int) -> None:
        await self.slots.acquire(priority)
        self.held.append(number)
        self.served.append(number)
        self.most = max(self.most, len(self.held))
        try:
            await self._leave[number].wait()
        finally:
            self.held.remove(number)
            self.slots.release()

    async def close(self) -> None:
        """Let everybody leave and wait until they are gone."""
        for number in self._leave:
            self.leave(number)
        for client in self.clients:
            with suppress(asyncio.CancelledError):
                await client


Move: TypeAlias = tuple[Literal["arrive", "leave", "cancel", "settle"], int]
MOVES: st.SearchStrategy[list[Move]] = st.lists(
    st.tuples(st.sampled_from(["arrive", "arrive", "leave", "cancel", "settle"]), st.integers(0, 5)), max_size=30
)


async def play(limit: int, moves: list[Move]) -> None:
    """Make the moves and check after each that no slot is left idle, and at the end that all of them are back."""
    room = Room(limit)
    for kind, number in moves:
        if kind == "arrive":
            room.arrive(number)
        elif kind == "settle":
            await settled()
            left = sum(not client.done() for client in room.clients)
            assert len(room.held) == min(limit, left)
        elif kind == "leave" and room.held:
            room.leave(room.held[number % len(room.held)])
        elif kind == "cancel" and room.clients:
            room.clients[number % len(room.clients)].cancel()
    await room.close()
    assert room.most <= limit
    assert await free(room.slots) == limit


@given(st.integers(1, 3), MOVES)
@example(1, [("arrive", 0), ("arrive", 1), ("settle", 0), ("leave", 0), ("cancel", 1), ("arrive", 2), ("settle", 0)])
def test_slots_are_never_exceeded_left_idle_or_lost(limit: int, moves: list[Move]) -> None:
    asyncio.run(play(limit, moves))


async def test_waiters_are_served_by_priority_whoever_gives_up() -> None:
    everyone = range(4)
    gone = chain.from_iterable(combinations(everyone, count) for count in range(5))
    for order, cancelled in product(permutations(everyone), gone):
        room = Room(1)
        await room.slots.acquire(0)
        for priority in order:
            room.arrive(priority)
        await settled()
        for priority in cancelled:
            room.clients[order.index(priority)].cancel()
        room.slots.release()
        await room.close()
        assert [order[number] for number in room.served] == [each for each in everyone if each not in cancelled]
        assert await free(room.slots) == 1


async def test_equals_are_served_in_order_of_arrival() -> None:
    room = Room(1)
    for priority in (5, 5, 5, 0, 5):
        room.arrive(priority)
    await settled()
    await room.close()
    assert room.served == [0, 3, 1, 2, 4]


async def test_a_newcomer_does_not_overtake_the_one_that_a_slot_was_given_to() -> None:
    room = Room(1)
    room.arrive(9)
    room.arrive(5)
    await settled()
    room.leave(0)
    room.arrive(0)
    await room.close()
    assert room.served == [0, 1, 2]


async def test_a_slot_given_to_a_waiter_that_is_cancelled_at_that_moment_goes_to_the_next() -> None:
    room = Room(1)
    await room.slots.acquire(0)
    room.arrive(1)
    room.arrive(2)
    await settled()
    room.slots.release()
    room.clients[0].cancel()
    await settled()
    assert room.held == [1]
    await room.close()
    assert await free(room.slots) == 1


async def test_a_free_slot_is_had_without_waiting() -> None:
    slots = CallSlots(2)
    assert await free(slots) == 2
    await slots.acquire(0)
    assert await free(slots) == 1
