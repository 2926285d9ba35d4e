"""One registration's model calls: a slot, a deadline, the answer at its closing brace, the reply kept, usage settled.

The answer is used at the brace that completes the first object of the asked form. The stream then has a moment to end
by itself, for exact usage and a connection that can be used again; whoever waits for the answer does not wait for that.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from itertools import count

from igent.accounting.spans import span
from igent.accounting.usage import Usage, estimate_tokens
from igent.dialogue.extract import JsonExtractor
from igent.dialogue.replies import ReplyKind, maybe_answer
from igent.errors import ModelError, ModelTimeout, ModelUnavailable
from igent.models.base import ChatModel, ModelEvent, ModelRequest, ReplyEnd
from igent.models.limits import CallSlots
from igent.models.retry import RetryBudget, RetryPolicy

__all__ = ["CallSettings", "Calls", "Kept", "LINGER_S", "Retries"]

# What a stream gets to end by itself after its answer: a provider's closing events follow within a round trip.
LINGER_S = 0.25

_ANSWERED = ("end_turn", "stop_sequence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How calls that fail for a passing reason are tried again; nobody else does. `uniform` draws in [0, 1)."""

    policy: RetryPolicy
    budget: RetryBudget
    uniform: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """What all calls of a run share.

    `deadline_s` bounds each attempt from request to answer; `retries` bounds how many there are.
    """

    model: ChatModel
    slots: CallSlots
    deadline_s: float
    early_json: bool
    retries: Retries | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A paid reply as the journal keeps it; `accepted` is False where the way it ended makes it no answer."""

    request: ModelRequest
    text: str
    accepted: bool


Keep = Callable[[Kept], Awaitable[None]]


@dataclass(slots=True)
class _Reading:
    """What has been read of one stream; `answer` is the text up to the first object of the asked form."""

    kind: ReplyKind
    extractor: JsonExtractor = field(default_factory=JsonExtractor)
    pieces: list[bytes] = field(default_factory=list)
    answer: str | None = None
    end: ReplyEnd | None = None

    def take(self, event: ModelEvent) -> None:
        """Add one event."""
        if isinstance(event, ReplyEnd):
            self.end = event
            return
        # Half a surrogate pair, which a lenient JSON decoder lets through, has no UTF-8 form.
        data = event.encode("utf-8", "replace")
        self.pieces.append(data)
        found = self.extractor.feed(data)
        if self.answer is None and any(maybe_answer(self.kind, candidate) is not None for candidate in found):
            self.answer = self.text

    @property
    def text(self) -> str:
        """All that was said so far."""
        return b"".join(self.pieces).decode("utf-8", "replace")

    @property
    def over(self) -> bool:
        """Whether nothing more is worth waiting for: the stream has ended, or goes on after its answer."""
        return self.end is not None or self.extractor.trailing_text


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

    async def ask(self, request: ModelRequest) -> str:
        """The reply to a request: what was said up to its answer, "" where the way it ended makes it none.

        Raises `ModelTimeout` past the deadline, `RunStopped` where no more calls are to begin, and whatever
        `ModelError` the model raises.
        """
        recorded = self._recorded.pop(request.digest, None)
        if recorded is not None:
            self.made[request.kind] += 1
            self.made["replayed"] += 1
            self.usage += _estimated(request, recorded)
            return recorded
        with span("call", "wait"):
            kept = await self._persist(request)
        with span("journal", "wait"):
            await self._keep(kept)
        return kept.text if kept.accepted else ""

    async def _persist(self, request: ModelRequest) -> Kept:
        """Make the call, and again while it fails for a passing reason and there is a try and budget left."""
        retries = self._settings.retries
        for attempt in count():
            try:
                kept = await self._read(replace(request, attempt=attempt) if attempt else request)
            except ModelUnavailable as exc:
                if retries is None or attempt + 1 >= retries.policy.attempts or not retries.budget.spend():
                    raise
                pause_s = retries.policy.backoff_s(attempt, retries.uniform(), exc.retry_after_s)
            else:
                if retries is not None:
                    retries.budget.earn()
                return kept
            self.made["retries"] += 1
            with span("backoff", "wait"):
                await retries.sleep(pause_s)
        raise AssertionError("attempts are counted without end")

    async def _read(self, request: ModelRequest) -> Kept:
        with span("slot", "wait"):
            await self._settings.slots.acquire(request.priority)
        self.made[request.kind] += 1
        stream = self._settings.model.stream(request)
        reading = _Reading(kind=request.kind)
        try:
            with span("model", "wait"):
                await self._until_answer(stream, reading)
        except BaseException as exc:
            refused = isinstance(exc, ModelError) and not isinstance(exc, ModelTimeout) and not reading.pieces
            await self._close(stream, request, reading, billed=not refused)
            raise
        text = reading.text if reading.answer is None else reading.answer
        accepted = reading.end is None or reading.end.stop_reason in _ANSWERED
        self._lingering.create_task(self._linger(stream, request, reading))
        await asyncio.sleep(0)  # from its first step on the lingering task gives the slot back, whatever happens here
        return Kept(request=request, text=text, accepted=accepted)

    async def _until_answer(self, stream: AsyncGenerator[ModelEvent, None], reading: _Reading) -> None:
        name, deadline_s = self._settings.model.name, self._settings.deadline_s
        try:
            async with asyncio.timeout(deadline_s):
                async for event in stream:
                    reading.take(event)
                    if reading.end or (reading.answer is not None and self._settings.early_json):
                        return
        except TimeoutError:
            raise ModelTimeout(name, deadline_s) from None
        raise ModelUnavailable(name, "the stream was cut off before the reply was complete")

    async def _linger(self, stream: AsyncGenerator[ModelEvent, None], request: ModelRequest, reading: _Reading) -> None:
        """Read an answered stream to its end, unless it says more than white space or takes too long."""
        try:
            async with asyncio.timeout(LINGER_S):
                while not reading.over:
                    reading.take(await anext(stream))
        except (TimeoutError, StopAsyncIteration, ModelError):
            pass  # the answer is in use already; only its usage is less exact
        finally:
            await self._close(stream, request, reading)

    async def _close(
        self, stream: AsyncGenerator[ModelEvent, None], request: ModelRequest, reading: _Reading, *, billed: bool = True
    ) -> None:
        """End a call: its slot, its connection, its usage. What was refused before it said anything is not billed."""
        self._settings.slots.release()
        await stream.aclose()
        if reading.end is not None:
            self.usage += reading.end.usage
        elif billed:
            self.usage += _estimated(request, reading.text)


def _estimated(request: ModelRequest, text: str) -> Usage:
    """The usage of a call that never told it: from the texts, and marked."""
    prompt, reply = estimate_tokens(request.prompt), estimate_tokens(text)
    return Usage(input_tokens=prompt, output_tokens=reply, estimated=True)
