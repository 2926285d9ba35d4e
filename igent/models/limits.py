"""The gate in front of a model: which call begins next, and when.

One gate serves all calls of a model. Whoever waits with the lowest priority number goes first, equals in order of
arrival, once the concurrency has room and the pacing lets the next call begin. Nobody tries again in here: a retry
comes back through the gate like any other call.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from igent.accounting.usage import estimate_tokens
from igent.domain.records import Json
from igent.errors import ModelUnavailable, RunStopped
from igent.models.base import ChatModel, ModelEvent, ModelRequest, PromptRead, ReplyEnd, Sent
from igent.models.concurrency import Concurrency
from igent.models.halt import Halt
from igent.models.pacing import ONE_CALL, RESOURCES, Cost, Pacing, Resource, maybe_limit

__all__ = ["Gate", "LimitedModel", "Turn"]

# A clock this far from the provider's is wrong; theirs comes in whole seconds and a little late, so small differences
# are better measured with one's own.
_MAX_SKEW = timedelta(seconds=3)
_COUNTED = (PromptRead, ReplyEnd)  # what a provider's counts come with

# How much the latest call counts in the mean of its agent's, so that the last ten or so matter.
_LATEST = 0.1
# What a reply is taken for before one was seen; decisions take less.
_FIRST_OUTPUT_TOKENS = 256


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True, eq=False)
class Turn:
    """One call's place inside the gate, from when it may begin until it leaves."""

    request: ModelRequest
    sent_s: float
    cost: Cost
    answered: bool = False


class Gate:
    """Lets calls begin; at most `concurrency` are in flight, or as many as prove possible where that is None.

    `now` is the time of day by which a provider's limits are whole again.
    """

    def __init__(self, *, concurrency: int | None, halt: Halt, now: Callable[[], datetime] = _utc_now) -> None:
        self._concurrency, self._pacing, self._habits = Concurrency(concurrency), Pacing(), _Habits()
        self._halt, self._now = halt, now
        self._waiting: list[tuple[int, int, asyncio.Future[Turn | None], ModelRequest]] = []
        self._inside: set[Turn] = set()
        self._arrivals = self._highest = 0
        self._held_s = 0.0
        self._held_since_s: float | None = None
        self._soon = False
        self._later: asyncio.TimerHandle | None = None
        halt.tell(self._dismiss)

    async def enter(self, request: ModelRequest) -> Turn:
        """Wait until a call may begin; every turn needs a `leave`. Raises `RunStopped` once the run is to end."""
        self._halt.check()
        coming: asyncio.Future[Turn | None] = asyncio.get_running_loop().create_future()
        self._arrivals += 1
        heapq.heappush(self._waiting, (request.priority, self._arrivals, coming, request))
        self._serve_soon()
        try:
            turn = await coming
        except asyncio.CancelledError:
            if coming.done() and not coming.cancelled() and (turn := coming.result()):
                self.leave(turn)
            self._serve_soon()  # whoever is next may not have to wait for as long
            raise
        if turn is None or self._halt.is_set():
            raise RunStopped(self._halt.reason or "interrupted")
        return turn

    def leave(self, turn: Turn) -> None:
        """End a call; ending it again changes nothing."""
        self._inside.discard(turn)
        self._serve_soon()

    def heard(self, turn: Turn, event: ModelEvent) -> None:
        """Learn from an event of a call's stream."""
        if isinstance(event, _COUNTED):
            self._habits.learn(turn.request, event)
        if not turn.answered and not isinstance(event, Sent):
            turn.answered = True
            if self._waiting and len(self._inside) >= self._concurrency.limit:
                self._concurrency.answered()
                self._serve_soon()

    def refused(self, turn: Turn, error: ModelUnavailable) -> None:
        """Learn from a call that failed for a passing reason."""
        if error.throttle is None:
            return
        now_s = asyncio.get_running_loop().time()
        if error.throttle == "overload" and error.retry_after_s is not None:
            self._pacing.hold(error.retry_after_s, now_s)
        if error.throttle == "overload" or self._pacing.refused(
            sent_s=turn.sent_s, retry_after_s=error.retry_after_s, now_s=now_s
        ):
            self._concurrency.objected(error.throttle, sent_s=turn.sent_s, now_s=now_s)

    def observe(self, headers: Mapping[str, str]) -> None:
        """Follow the rate limits in a response's headers, whose names are in lower case; `date` is their time."""
        now_s, now = asyncio.get_running_loop().time(), _their_time(headers, self._now())
        for resource in RESOURCES:
            if (seen := maybe_limit(headers, resource, now)) is not None:
                self._pacing.observe(resource, seen, pending=self._pending(resource), now_s=now_s)
        self._serve_soon()

    def as_record(self) -> dict[str, Json]:
        """The JSON form, for `run.json`; `held_s` is how long the next call had to wait for the pacing."""
        concurrency: dict[str, Json] = {"now": self._concurrency.limit, "highest": self._highest}
        return {"concurrency": concurrency, "held_s": round(self._held_s, 3), **self._pacing.as_record()}

    def _serve_soon(self) -> None:
        # In the next cycle, so that calls that come in the same one are served by priority.
        if self._waiting and not self._soon:
            self._soon = True
            asyncio.get_running_loop().call_soon(self._serve)

    def _serve(self) -> None:
        """Let in whoever may begin now, and come back when the next one may."""
        loop = asyncio.get_running_loop()
        now_s, self._soon = loop.time(), False
        self._go_on(now_s)
        while self._waiting and len(self._inside) < self._concurrency.limit:
            _, _, coming, request = self._waiting[0]
            if not coming.done():
                cost = self._habits.cost(request) if self._pacing.limits else ONE_CALL
                if (wait_s := self._pacing.wait_s(cost, now_s)) > 0:
                    self._held_since_s, self._later = now_s, loop.call_later(wait_s, self._serve)
                    return
                self._pacing.take(cost, now_s)
                turn = Turn(request, now_s, cost)
                self._inside.add(turn)
                self._highest = max(self._highest, len(self._inside))
                coming.set_result(turn)
            heapq.heappop(self._waiting)

    def _go_on(self, now_s: float) -> None:
        """End being held back."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if self._held_since_s is not None:
            self._held_s += now_s - self._held_since_s
            self._held_since_s = None

    def _dismiss(self) -> None:
        """Send everybody away who waits."""
        for _, _, coming, _ in self._waiting:
            if not coming.done():
                coming.set_result(None)
        self._waiting.clear()

    def _pending(self, resource: Resource) -> float:
        """What calls in flight take of a resource that a response may not have counted yet.

        A prompt is counted before its answer begins, so the one that just did is left out: which that is, is not told.
        """
        if resource == "output-tokens":
            return sum(turn.cost.get(resource, 0) for turn in self._inside)
        costs = [turn.cost.get(resource, 0) for turn in self._inside if not turn.answered]
        return sum(costs) * (1 - 1 / len(costs)) if costs else 0.0


class LimitedModel:
    """A model whose calls go through a gate, and stay inside until their stream has ended, failed or been closed."""

    def __init__(self, inner: ChatModel, gate: Gate) -> None:
        self._inner, self._gate = inner, gate

    @property
    def name(self) -> str:
        """The inner model's."""
        return self._inner.name

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Wait for a turn, then stream the inner model's reply. Raises `RunStopped` once the run is to end."""
        turn = await self._gate.enter(request)
        try:
            asked = request.fill(request) if request.fill else request
            async with aclosing(self._inner.stream(asked)) as events:
                async for event in events:
                    if not (turn.answered and isinstance(event, str)):  # most events, and they tell nothing
                        self._gate.heard(turn, event)
                    yield Sent(filled=asked) if asked is not request and isinstance(event, Sent) else event
        except ModelUnavailable as error:
            self._gate.refused(turn, error)
            raise
        finally:
            self._gate.leave(turn)


class _Habits:
    """What the calls of each agent take on average: a reply's tokens, and how much of a prompt is not cached."""

    def __init__(self) -> None:
        self._output_tokens: dict[str, float] = {}
        self._fresh: dict[str, float] = {}

    def cost(self, request: ModelRequest) -> Cost:
        """What a call is expected to take."""
        reply = self._output_tokens.get(request.agent, min(request.max_tokens, _FIRST_OUTPUT_TOKENS))
        fresh = estimate_tokens(request.prompt) * self._fresh.get(request.agent, 1.0)
        return {**ONE_CALL, "input-tokens": fresh, "output-tokens": reply}

    def learn(self, request: ModelRequest, event: PromptRead | ReplyEnd) -> None:
        """Take what a provider counted into the means."""
        usage = event.usage
        if isinstance(event, ReplyEnd):
            means, latest = self._output_tokens, float(usage.output_tokens)
        else:
            fresh = usage.input_tokens + usage.cache_write_tokens + usage.cache_write_1h_tokens
            means, latest = self._fresh, fresh / max(1, estimate_tokens(request.prompt))
        means[request.agent] = means.get(request.agent, latest) * (1 - _LATEST) + latest * _LATEST


def _their_time(headers: Mapping[str, str], ours: datetime) -> datetime:
    """The time of day by the provider's clock, as exact as can be had."""
    try:
        theirs = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return ours
    return theirs if theirs.tzinfo and abs(theirs - ours) > _MAX_SKEW else ours
