"""Replies that were paid for once answer the same request again: a model around another one, with a store behind it.

What is kept must verify, and so must what is answered from the store, by the rules of the request that asks now. Equal
requests at the same time make one call: the first one leads, the others wait for what it keeps, without holding
anything that it needs. Where it keeps nothing the next one leads; where it fails all do, for each of them would.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import Protocol

from igent import codec
from igent.accounting.spans import span
from igent.accounting.usage import Usage
from igent.errors import ModelError
from igent.models.base import ChatModel, ModelEvent, ModelRequest, ReplyEnd
from igent.models.tally import Tally

__all__ = ["CachedModel", "ENTRY_BYTES", "ReplyStore", "is_answered"]

# Several times the longest reply that a constellation's `max_tokens` allows; a longer entry was not written here.
ENTRY_BYTES = 64 * 2**10

# No prompt is longer; sums of counts within it stay within 64 bits.
_MOST_TOKENS = 10**9

_VERSION = 1
_WHOLE = ("end_turn", "stop_sequence")


class ReplyStore(Protocol):
    """Where entries are kept, by the digest of their request; another one may be shared between machines.

    It may forget anything at any time, and fails by forgetting. What it returns is not trusted.
    """

    async def get(self, key: str) -> bytes | None:
        """The entry last put under that key, or None."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Keep an entry, durably some time later; never blocks."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A reply, who gave it and what it took."""

    model: str
    text: str
    usage: Usage

    def encoded(self) -> bytes:
        return codec.dump({"v": _VERSION, "model": self.model, "text": self.text, "usage": self.usage.as_record()})

    @classmethod
    def maybe(cls, data: bytes) -> _Kept | None:
        """The reply of `encoded`; None for any other bytes, which are worth nothing."""
        if len(data) > ENTRY_BYTES:
            return None
        try:
            match codec.load(data):
                case {"v": 1, "model": str(model), "text": str(text), "usage": record, **others} if not others:
                    usage = Usage.from_record(record)
                    return cls(model=model, text=text, usage=usage) if _is_possible(usage) else None
        except ValueError:
            pass
        return None


@dataclass(slots=True)
class _Flight:
    """One request under way; once it is `over`, `kept` is what equal ones may be answered from, or `error` theirs."""

    over: asyncio.Event = field(default_factory=asyncio.Event)
    kept: _Kept | None = None
    error: ModelError | None = None


class CachedModel:
    """Another model, asked only what the store cannot answer.

    A request without `verified` passes through: nothing is kept for it or answered from the store. An answer from the
    store is one piece of text and a `ReplyEnd` with `saved`. Streams that are closed before their end are worth keeping
    only where their readers are content with the beginning: `early`.
    """

    def __init__(self, inner: ChatModel, store: ReplyStore, *, early: bool = True) -> None:
        self.name, self._inner, self._store, self._early = inner.name, inner, store, early
        self._flights: dict[str, _Flight] = {}

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream a kept reply, else the inner model's. Raises what that raises."""
        return self._inner.stream(request) if request.verified is None else self._shared(request)

    async def _shared(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        with span("equal request", "wait"):
            kept = await self._awaited(request)
        if kept is None:
            # Nothing is awaited between the last look at the flights and this one's entry.
            flight = self._flights[request.digest] = _Flight()
            try:
                with span("reply cache", "wait"):
                    kept = flight.kept = await _maybe_stored(request, self._store, model=self._asked_model(request))
                if kept is None:
                    async with aclosing(self._asked(request, flight)) as events:
                        async for event in events:
                            yield event
                    return
            except ModelError as exc:
                flight.error = exc
                raise
            finally:
                del self._flights[request.digest]
                flight.over.set()
        yield kept.text
        yield ReplyEnd(stop_reason="end_turn", usage=Usage(), saved=kept.usage)

    async def _awaited(self, request: ModelRequest) -> _Kept | None:
        """What equal requests under way keep, or None once there is none under way."""
        while (flight := self._flights.get(request.digest)) is not None:
            await flight.over.wait()
            if flight.kept is not None and _answers(request, flight.kept.text):
                return flight.kept
            if flight.error is not None:
                raise flight.error
        return None

    async def _asked(self, request: ModelRequest, flight: _Flight) -> AsyncGenerator[ModelEvent, None]:
        """Pass the inner stream through and keep its reply; a reader who has heard enough may close it early."""
        heard = Tally(request=request)
        try:
            async with aclosing(self._inner.stream(request)) as events:
                async for event in events:
                    heard.take(event)
                    if isinstance(event, ReplyEnd) and event.stop_reason in _WHOLE:
                        flight.kept = self._keep(heard)
                    yield event
        except (GeneratorExit, asyncio.CancelledError, ModelError):
            if heard.end is None and self._early:
                flight.kept = self._keep(heard)
            raise

    def _keep(self, heard: Tally) -> _Kept | None:
        request, text = heard.request, heard.text
        if not _answers(request, text):
            return None
        kept = _Kept(model=self._asked_model(request), text=text, usage=heard.usage())
        self._store.put(request.digest, kept.encoded())
        return kept

    def _asked_model(self, request: ModelRequest) -> str:
        return request.model or self.name


async def is_answered(request: ModelRequest, store: ReplyStore) -> bool:
    """Whether a store would answer a request, which names its model, now."""
    return await _maybe_stored(request, store, model=request.model or "") is not None


async def _maybe_stored(request: ModelRequest, store: ReplyStore, *, model: str) -> _Kept | None:
    data = await store.get(request.digest)
    kept = None if data is None else _Kept.maybe(data)
    if kept is None or kept.model != model or not _answers(request, kept.text):
        return None
    return kept


def _answers(request: ModelRequest, text: str) -> bool:
    """Whether a text may answer a request: it verifies, and is not what the request asks to repair."""
    said = (message.text.strip() for message in request.messages if message.author == "assistant")
    if any(one and text.strip().startswith(one) for one in said):
        return False
    return request.verified is not None and request.verified(text)


def _is_possible(usage: Usage) -> bool:
    return all(count <= _MOST_TOKENS for count in asdict(usage).values())
