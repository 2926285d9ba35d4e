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
from contextvars import Context
from dataclasses import replace
from functools import partial

from igent.accounting.worth import Worth
from igent.dialogue.batch import MAX_BATCH, maybe_shared, together
from igent.domain.records import Json
from igent.errors import ModelUnavailable, RunStopped
from igent.models.base import ChatModel, Message, ModelEvent, ModelRequest, ReplyEnd, Sent
from igent.models.flight import Flight, Seat
from igent.models.tally import Tally

__all__ = ["BatchModel"]


class BatchModel:
    """A `ChatModel` around one that lets a request be filled once its turn has come.

    A batch is of at most `max_items`, and of no more than have room in a reply of `max_tokens` by what answers of the
    same agent have taken so far. Whoever is not answered `patience_s` after it was sent is asked about alone. Where
    batches turn out to cost an agent more than they save, it has no more of them.
    """

    def __init__(
        self, inner: ChatModel, tasks: asyncio.TaskGroup, *, max_items: int, max_tokens: int, patience_s: float
    ) -> None:
        self._inner, self._tasks, self._patience_s = inner, tasks, patience_s
        self._max_items, self._max_tokens = min(max_items, MAX_BATCH), max_tokens
        self._waiting: defaultdict[Hashable, dict[Seat, None]] = defaultdict(dict)
        self._worth: defaultdict[str, Worth] = defaultdict(Worth)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, inner: ChatModel, *, max_items: int, max_tokens: int, patience_s: float
    ) -> AsyncIterator[BatchModel]:
        """The model, for as long as its calls may be read."""
        async with asyncio.TaskGroup() as tasks:
            yield cls(inner, tasks, max_items=max_items, max_tokens=max_tokens, patience_s=patience_s)

    @property
    def name(self) -> str:
        """The inner model's."""
        return self._inner.name

    def as_record(self) -> dict[str, Json]:
        """What came of it, by agent, for `run.json`."""
        return {agent: worth.as_record() for agent, worth in sorted(self._worth.items())}

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream the reply about one household, perhaps out of a batch. Raises what the inner model raises."""
        key = _maybe_key(request)
        return self._inner.stream(request) if key is None else self._seated(request, key)

    async def _seated(self, request: ModelRequest, key: Hashable) -> AsyncGenerator[ModelEvent, None]:
        seat = Seat(request)
        self._waiting[key][seat] = None
        fill = partial(self._fill, seat.flight, key)
        seat.flight.task = self._tasks.create_task(self._fly(seat.flight, replace(request, fill=fill), key))
        try:
            while (event := await seat.events.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self._forget(seat, key)
            await _leave(seat)
            del seat.flight  # which refers to its seats

    async def _fly(self, flight: Flight, request: ModelRequest, key: Hashable = None) -> None:
        """Make the call of whoever's turn comes, and see that all whom it is for are answered or asked about alone."""
        (lead,), error = flight.seats, None
        try:
            async with aclosing(self._inner.stream(request)) as events:
                async for event in events:
                    flight.take(event)
                    if isinstance(event, Sent):
                        break
                async with asyncio.timeout(self._patience_s if flight.shared else None):
                    async for event in events:
                        flight.take(event)
                        if isinstance(event, ReplyEnd):
                            break
        except Exception as exc:  # noqa: BLE001  # it is raised where the reply is read, or its households are asked alone
            error = exc
        self._forget(lead, key)
        flight.close(error)
        if not isinstance(error, ModelUnavailable | RunStopped):  # which tell nothing of what they were asked
            self._learn(flight, error)
        for seat in flight.expecting:
            self._ask_alone(seat)

    def _ask_alone(self, seat: Seat) -> None:
        alone = seat.flight = Flight([seat], Tally(request=seat.request))
        # Nothing of whoever's call has failed: what it waits for is no part of theirs.
        alone.task = self._tasks.create_task(self._fly(alone, seat.request), context=Context())

    def _fill(self, flight: Flight, key: Hashable, request: ModelRequest) -> ModelRequest:
        """The request that is sent: for one household, or for all that wait and fit. Nothing is awaited in here."""
        (lead,) = flight.seats
        self._forget(lead, key)
        waiting = sorted(self._waiting.get(key, ()), key=lambda seat: seat.request.priority)
        taken = waiting[: self._size(request) - 1]
        if not taken:
            return request
        for seat in taken:
            self._forget(seat, key)
            seat.flight.cancel()
        text = together([seat.request.messages[0].text for seat in (lead, *taken)])
        filled = replace(
            request,
            messages=(Message(author="user", text=text),),
            max_tokens=min(self._max_tokens, (len(taken) + 1) * request.max_tokens),
            many=True,
            verified=None,
            fill=None,
        )
        flight.board(taken, filled)
        return filled

    def _size(self, request: ModelRequest) -> int:
        """How many one call may ask about, as far as is known by now."""
        return min(self._max_items, self._worth[request.agent].room(self._max_tokens, most=request.max_tokens))

    def _learn(self, flight: Flight, error: Exception | None) -> None:
        heard = flight.tally
        prompt_chars, reply_chars = len(heard.request.prompt), len(heard.text)
        alone = [(prompt_chars, reply_chars)] if heard.end else []
        self._worth[heard.request.agent].learn(
            flight.usage(error),
            asked=len(flight.seats),
            prompt_chars=prompt_chars,
            reply_chars=reply_chars,
            answered=flight.answered if flight.shared else alone,
        )

    def _forget(self, seat: Seat, key: Hashable) -> None:
        """It waits no more."""
        waiting = self._waiting.get(key, {})
        waiting.pop(seat, None)
        if not waiting:
            self._waiting.pop(key, None)


def _maybe_key(request: ModelRequest) -> Hashable | None:
    """What those have in common who can be asked about together; None for what is asked by itself.

    That is whatever is not a first question to a matcher, about a household without a note.
    """
    if request.kind == "critique" or request.attempt or len(request.messages) != 1:
        return None
    shared = maybe_shared(request.messages[0].text)
    told = (request.model, request.agent, request.kind, request.system, request.effort, request.thinking)
    return None if shared is None else (*told, request.max_tokens, shared)


async def _leave(seat: Seat) -> None:
    """Nobody reads it any more: a call that is nobody else's ends here and now."""
    if seat.done:
        return
    seat.done = True
    if not seat.flight.expecting:
        await asyncio.wait([seat.flight.cancel()])
