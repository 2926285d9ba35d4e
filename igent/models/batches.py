"""Several households of one candidate set asked about in one call: whoever's turn comes takes along who waits.

Everybody waits as if alone, for a place at the gate and for whatever else a call waits for. Whose turn comes first asks
for all that wait with the same prompt but for the household, up to a size; those stop waiting. So nobody waits for
company, batches are as large as the wait is long, and above nobody sees how they come about: an answer is one
household's, kept, verified and repeated as such. Who is not answered in a batch, or not well, is asked about alone.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Hashable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial

from igent.accounting.worth import Worth
from igent.dialogue.batch import MAX_BATCH, maybe_shared, together
from igent.domain.records import Json
from igent.models.base import ChatModel, Message, ModelEvent, ModelRequest, ReplyEnd
from igent.models.flight import Flight, Seat

__all__ = ["BatchModel"]


class BatchModel:
    """A `ChatModel` around one that lets a request be filled once its turn has come.

    A batch is of at most `max_items`, and of no more than have room in a reply of `max_tokens` by what answers of the
    same agent have taken so far. Where batches turn out to cost an agent more than they save, it has no more of them.
    """

    def __init__(self, inner: ChatModel, tasks: asyncio.TaskGroup, *, max_items: int, max_tokens: int) -> None:
        self._inner, self._tasks = inner, tasks
        self._max_items, self._max_tokens = min(max_items, MAX_BATCH), max_tokens
        self._waiting: dict[Hashable, dict[Seat, None]] = {}
        self._worth: defaultdict[str, Worth] = defaultdict(Worth)

    @classmethod
    @asynccontextmanager
    async def open(cls, inner: ChatModel, *, max_items: int, max_tokens: int) -> AsyncIterator[BatchModel]:
        """The model, for as long as its calls may be read."""
        async with asyncio.TaskGroup() as tasks:
            yield cls(inner, tasks, max_items=max_items, max_tokens=max_tokens)

    @property
    def name(self) -> str:
        """The inner model's."""
        return self._inner.name

    def as_record(self) -> dict[str, Json]:
        """What came of it, by agent, for `run.json`."""
        return {agent: worth.as_record() for agent, worth in sorted(self._worth.items())}

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream the reply about one household, perhaps out of a batch. Raises what the inner model raises."""
        key = self._maybe_key(request)
        return self._inner.stream(request) if key is None else self._seated(request, key)

    def _maybe_key(self, request: ModelRequest) -> Hashable | None:
        """What those have in common who can be asked about together; None for what is asked by itself.

        That is whatever is not a first question to a matcher, about a household without a note.
        """
        if request.kind == "critique" or request.attempt or len(request.messages) != 1:
            return None
        shared = maybe_shared(request.messages[0].text)
        told = (request.model, request.agent, request.kind, request.system, request.effort, request.thinking)
        return None if shared is None else (*told, request.max_tokens, shared)

    async def _seated(self, request: ModelRequest, key: Hashable) -> AsyncGenerator[ModelEvent, None]:
        seat = Seat(request)
        self._waiting.setdefault(key, {})[seat] = None
        seat.task = self._tasks.create_task(self._fly(seat, key))
        try:
            while True:
                event = await seat.events.get()
                if isinstance(event, Exception):
                    raise event
                yield event
                if isinstance(event, ReplyEnd):
                    return
        finally:
            self._leave(seat, key)

    async def _fly(self, seat: Seat, key: Hashable | None) -> None:
        """Make the call of whoever's turn comes, and see that all whom it is for are answered or asked about alone."""
        flight = Flight([seat])
        request = seat.request
        if key is not None:
            request = replace(request, fill=partial(self._fill, flight, key))
        try:
            async with aclosing(self._inner.stream(request)) as events:
                async for event in events:
                    flight.take(event)
                    if isinstance(event, ReplyEnd):
                        self._learn(flight, event)
        except Exception as exc:  # noqa: BLE001  # it is raised where the reply is read
            if not flight.shared:
                seat.hear(exc)
        finally:
            if key is not None:
                self._forget(seat, key)
        flight.broken_off()
        if flight.shared:
            for left in flight.unanswered:
                left.flight, left.task = None, self._tasks.create_task(self._fly(left, None))

    def _fill(self, flight: Flight, key: Hashable, request: ModelRequest) -> ModelRequest:
        """The request that is sent: for one household, or for all that wait and fit. Nothing is awaited in here."""
        (lead,) = flight.seats
        others = sorted(
            (seat for seat in self._waiting[key] if seat is not lead), key=lambda seat: seat.request.priority
        )
        taken = [lead, *others[: self._size(request) - 1]]
        for seat in taken:
            self._forget(seat, key)
        if len(taken) == 1:
            return request
        flight.seats = taken
        for seat in taken:
            seat.flight = flight
            if seat is not lead and seat.task is not None:
                seat.task.cancel()
        text = together([seat.request.messages[0].text for seat in taken])
        return replace(
            request,
            messages=(Message(author="user", text=text),),
            max_tokens=min(self._max_tokens, len(taken) * request.max_tokens),
            many=True,
            verified=None,
            fill=None,
        )

    def _size(self, request: ModelRequest) -> int:
        """How many one call may ask about, as far as is known by now."""
        return min(self._max_items, self._worth[request.agent].room(self._max_tokens, most=request.max_tokens))

    def _learn(self, flight: Flight, end: ReplyEnd) -> None:
        requests = [seat.request for seat in flight.seats]
        shared = len(requests[0].system) + len(maybe_shared(requests[0].messages[0].text) or "")
        self._worth[requests[0].agent].learn(
            end.usage,
            answered=[len(seat.request.prompt) for seat in flight.seats if not seat.open],
            asked=len(flight.seats),
            shared_chars=shared,
        )

    def _forget(self, seat: Seat, key: Hashable) -> None:
        waiting = self._waiting.get(key, {})
        waiting.pop(seat, None)
        if not waiting:
            self._waiting.pop(key, None)

    def _leave(self, seat: Seat, key: Hashable) -> None:
        """Its reader reads no more: a call that nobody reads ends."""
        seat.left = True
        self._forget(seat, key)
        flying = seat.flight
        task, over = seat.task, seat.over
        if flying is not None:
            task, over = flying.seats[0].task, flying.end is not None or not flying.deserted
        if task is not None and not over:
            task.cancel()
