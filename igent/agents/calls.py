"""One registration's model calls: a deadline, the answer at its closing brace, the reply kept, usage settled.

The answer is used at the brace that completes the first object of the asked form. The stream then has a moment to end
by itself, for exact usage and a connection that can be used again; whoever waits for the answer does not wait for that.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from igent.accounting.calls import CallFacts
from igent.accounting.spans import Clock, span
from igent.agents.reading import Reading
from igent.errors import ModelError, ModelTimeout, ModelUnavailable, ReplyUnusable
from igent.models.base import ChatModel, ModelEvent, ModelRequest, Unusable
from igent.models.retry import RetryBudget, RetryPolicy

__all__ = ["CallJournal", "CallSettings", "Calls", "Kept", "LINGER_S", "Recorded", "Retries"]

# What a stream gets to end by itself after its answer: a provider's closing events follow within a round trip.
LINGER_S = 0.25


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

    `deadline_s` bounds each attempt, from when it is sent to its answer; `retries` bounds how many there are.
    """

    model: ChatModel
    deadline_s: float
    early_json: bool
    clock: Clock
    retries: Retries | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A reply as the journal keeps it; `unusable` is how it ended where that makes it no answer."""

    request: ModelRequest
    text: str
    unusable: Unusable | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A reply that an earlier process paid for, in so many `calls`; not `settled` where its usage was not known yet."""

    text: str
    unusable: Unusable | None
    settled: bool
    calls: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CallJournal:
    """Where a registration's calls are written down: `keep` makes a reply durable, `settle` notes what a call took."""

    keep: Callable[[Kept], Awaitable[None]]
    settle: Callable[[ModelRequest, CallFacts], None]


class Calls:
    """The calls of one registration. `recorded` are replies that an earlier process paid for, by request digest.

    `lingering` owns the streams that were answered and have not ended; leaving it settles every usage.
    """

    def __init__(
        self,
        settings: CallSettings,
        journal: CallJournal,
        *,
        lingering: asyncio.TaskGroup,
        recorded: Mapping[str, Recorded] | None = None,
    ) -> None:
        self._settings, self._journal, self._lingering = settings, journal, lingering
        self._recorded = dict(recorded or {})
        self.made: Counter[str] = Counter()

    async def ask(self, request: ModelRequest) -> str:
        """The reply to a request: what was said up to its answer.

        Raises `ReplyUnusable` where the way it ended makes it no answer, `ModelTimeout` past the deadline, `RunStopped`
        where no more calls are to begin, and whatever `ModelError` the model raises.
        """
        recorded = self._recorded.pop(request.digest, None)
        if recorded is not None:
            self._replay(request, recorded)
            return _usable(recorded.text, recorded.unusable, request)
        with span("call", "wait"):
            kept = await self._persist(request)
        with span("journal", "wait"):
            await self._journal.keep(kept)
        return _usable(kept.text, kept.unusable, request)

    def _replay(self, request: ModelRequest, recorded: Recorded) -> None:
        self.made[request.kind if recorded.calls else "batched"] += recorded.calls or 1
        self.made["replayed"] += recorded.calls or 1
        if not recorded.settled:
            reading = Reading.of(request, recorded.text, at_s=self._settings.clock())
            self._journal.settle(request, reading.facts())

    async def _persist(self, request: ModelRequest) -> Kept:
        """Make the call, and again while it fails for a passing reason and there is a try and budget left."""
        retries = self._settings.retries
        while True:
            try:
                kept = await self._read(request)
            except ModelUnavailable as exc:
                if retries is None or request.attempt + 1 >= retries.policy.attempts or not retries.budget.spend():
                    raise
                pause_s = retries.policy.backoff_s(request.attempt, retries.uniform(), exc.retry_after_s)
            else:
                if retries is not None:
                    retries.budget.earn()
                return kept
            self.made["retries"] += 1
            with span("backoff", "wait"):
                await retries.sleep(pause_s)
            request = replace(request, attempt=request.attempt + 1)

    async def _read(self, request: ModelRequest) -> Kept:
        stream = self._settings.model.stream(request)
        reading = Reading(request=request, clock=self._settings.clock)
        try:
            with span("slot", "wait"):
                reading.take(await _next(stream, request))
            with span("model", "wait"):
                await self._until_answer(stream, reading)
        except BaseException as exc:
            await self._close(stream, reading, exc)
            raise
        kept = Kept(request=request, text=reading.answer or reading.text, unusable=reading.unusable)
        self._lingering.create_task(self._linger(stream, reading))
        await asyncio.sleep(0)  # from its first step on the lingering task closes the stream, whatever happens here
        return kept

    async def _until_answer(self, stream: AsyncGenerator[ModelEvent, None], reading: Reading) -> None:
        deadline_s = self._settings.deadline_s
        try:
            async with asyncio.timeout(deadline_s):
                with span("first token", "wait"):
                    answered = await self._hear(stream, reading, first=True)
                if not answered and reading.pieces:
                    with span("decoding", "wait"):
                        answered = await self._hear(stream, reading)
        except TimeoutError:
            raise ModelTimeout(_name(reading.request), deadline_s) from None
        if not answered:
            raise _cut_off(reading.request)

    async def _hear(self, stream: AsyncGenerator[ModelEvent, None], reading: Reading, *, first: bool = False) -> bool:
        """Read on to the answer, or only to the `first` text; whether the answer is there, or the end."""
        async for event in stream:
            reading.take(event)
            if reading.end is not None or (reading.answer is not None and self._settings.early_json):
                return True
            if first and reading.pieces:
                return False
        return False

    async def _linger(self, stream: AsyncGenerator[ModelEvent, None], reading: Reading) -> None:
        """Read an answered stream to its end, unless it says more than white space or takes too long."""
        task = asyncio.current_task()
        assert task is not None, "a coroutine runs in a task"
        # This task does nothing else, so that it can be cancelled as a whole.
        late = asyncio.get_running_loop().call_later(LINGER_S, task.cancel)
        try:
            while not reading.over:
                reading.take(await anext(stream))
        except (StopAsyncIteration, ModelError):
            pass  # the answer is in use already; only its usage is less exact
        finally:
            late.cancel()
            await self._close(stream, reading)

    async def _close(
        self, stream: AsyncGenerator[ModelEvent, None], reading: Reading, error: BaseException | None = None
    ) -> None:
        """End a call: its turn, its connection, its usage."""
        if reading.sent:
            self.made[reading.request.kind if reading.calls else "batched"] += reading.calls or 1
        elif reading.end is not None:
            self.made["cache_hits"] += 1
        try:
            if reading.sent or reading.end is not None:
                self._journal.settle(reading.request, reading.facts(error))
        finally:
            await stream.aclose()


async def _next(stream: AsyncGenerator[ModelEvent, None], request: ModelRequest) -> ModelEvent:
    """The next event. Raises `ModelUnavailable` for a stream that is over before its reply is."""
    try:
        return await anext(stream)
    except StopAsyncIteration:
        raise _cut_off(request) from None


def _cut_off(request: ModelRequest) -> ModelUnavailable:
    return ModelUnavailable(_name(request), "the stream was cut off before the reply was complete")


def _name(request: ModelRequest) -> str:
    return request.model or "unnamed"


def _usable(text: str, unusable: Unusable | None, request: ModelRequest) -> str:
    if unusable is not None:
        raise ReplyUnusable(_name(request), unusable)
    return text
