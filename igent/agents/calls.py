"""One registration's model calls: a slot, a deadline, the answer at its closing brace, the reply kept, usage settled.

The answer is used at the brace that completes the first object of the asked form. The stream then has a moment to end
by itself, for exact usage and a connection that can be used again; whoever waits for the answer does not wait for that.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field

from igent.accounting.spans import span
from igent.accounting.usage import Usage, estimate_tokens
from igent.dialogue.extract import JsonExtractor
from igent.dialogue.replies import ReplyKind, maybe_answer
from igent.errors import ModelError, ModelTimeout, ModelUnavailable
from igent.models.base import ChatModel, ModelEvent, ModelRequest, ReplyEnd
from igent.models.limits import CallSlots

__all__ = ["LINGER_S", "CallSettings", "Calls", "Kept"]

# What a stream gets to end by itself after its answer: a provider's closing events follow within a round trip.
LINGER_S = 0.25

_ANSWERED = ("end_turn", "stop_sequence")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """What all calls of a run share: `deadline_s` bounds one call from request to answer."""

    model: ChatModel
    slots: CallSlots
    deadline_s: float
    early_json: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A paid reply as the journal keeps it; `accepted` is False where the way it ended makes it no answer."""

    request: ModelRequest
    text: str
    accepted: bool


Keep = Callable[[Kept], Awaitable[None]]


@dataclass(slots=True)
class _Reading:
    """What has been read of one stream."""

    kind: ReplyKind
    extractor: JsonExtractor = field(default_factory=JsonExtractor)
    pieces: list[str] = field(default_factory=list)
    answered: bool = False
    end: ReplyEnd | None = None

    def take(self, event: ModelEvent) -> None:
        """Add one event; `answered` once an object of the asked form is complete."""
        if isinstance(event, ReplyEnd):
            self.end = event
            return
        self.pieces.append(event)
        if not self.answered:
            found = self.extractor.feed(event.encode())
            self.answered = any(maybe_answer(self.kind, candidate) is not None for candidate in found)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Calls:
    """The calls of one registration. `recorded` are replies that an earlier process paid for, by request digest.

    `lingering` owns the streams that were answered and have not ended; leaving it settles every usage.
    """

    def __init__(
        self,
        settings: CallSettings,
        *,
        keep: Keep,
        lingering: asyncio.TaskGroup,
        recorded: dict[str, str] | None = None,
    ) -> None:
        self._settings, self._keep, self._lingering = settings, keep, lingering
        self._recorded = recorded or {}
        self.made: Counter[str] = Counter()
        self.usage = Usage()
        self.failed: ModelError | None = None

    async def ask(self, request: ModelRequest) -> str:
        """The reply to a request: what was said up to its answer, "" where the way it ended makes it none.

        Raises `ModelTimeout` past the deadline and whatever `ModelError` the model raises.
        """
        recorded = self._recorded.pop(request.digest, None)
        if recorded is not None:
            self.made["replayed"] += 1
            return recorded
        with span("call", "wait"):
            reading = await self._read(request)
        complete = reading.end is None or reading.end.stop_reason in _ANSWERED
        kept = Kept(request=request, text=reading.text, accepted=complete)
        with span("journal", "wait"):
            await self._keep(kept)
        return kept.text if kept.accepted else ""

    async def _read(self, request: ModelRequest) -> _Reading:
        with span("slot", "wait"):
            await self._settings.slots.acquire(request.priority)
        self.made[request.kind] += 1
        stream = self._settings.model.stream(request)
        reading = _Reading(kind=request.kind)
        try:
            with span("model", "wait"):
                await self._until_answer(stream, reading)
        except BaseException:
            await self._close(stream, request, reading)
            raise
        self._lingering.create_task(self._linger(stream, request, reading))
        return reading

    async def _until_answer(self, stream: AsyncGenerator[ModelEvent, None], reading: _Reading) -> None:
        name, deadline_s = self._settings.model.name, self._settings.deadline_s
        try:
            async with asyncio.timeout(deadline_s):
                async for event in stream:
                    reading.take(event)
                    if reading.end or (reading.answered and self._settings.early_json):
                        return
        except TimeoutError:
            raise ModelTimeout(name, deadline_s) from None
        raise ModelUnavailable(name, "the stream was cut off before the reply was complete")

    async def _linger(self, stream: AsyncGenerator[ModelEvent, None], request: ModelRequest, reading: _Reading) -> None:
        """Read an answered stream to its end, unless it says more than white space or takes too long."""
        rest = _Reading(kind=request.kind, answered=True, end=reading.end)
        try:
            async with asyncio.timeout(LINGER_S):
                while rest.end is None and not rest.text.strip():
                    rest.take(await anext(stream))
        except (TimeoutError, StopAsyncIteration, ModelError):
            pass  # the answer is in use already; only its usage is less exact
        finally:
            reading.end = rest.end
            await self._close(stream, request, reading)

    async def _close(self, stream: AsyncGenerator[ModelEvent, None], request: ModelRequest, reading: _Reading) -> None:
        self._settings.slots.release()
        await stream.aclose()
        self.usage += reading.end.usage if reading.end else _estimated(request, reading)


def _estimated(request: ModelRequest, reading: _Reading) -> Usage:
    """The usage of a stream that was closed before it was told: from the texts, and marked."""
    prompt, text = estimate_tokens(request.prompt), estimate_tokens(reading.text)
    return Usage(input_tokens=prompt, output_tokens=text, estimated=True)
