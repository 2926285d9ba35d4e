"""Time that passes at once, and a provider in it: minutes of traffic in milliseconds, the same each time.

`run` runs a coroutine in a loop whose clock jumps to the next timer whenever nothing is left to do.
"""

from __future__ import annotations

import asyncio
import math
import random
import selectors
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from igent.accounting.usage import Usage
from igent.errors import ModelUnavailable
from igent.models.base import ModelEvent, ModelRequest, PromptRead, ReplyEnd, Sent

__all__ = ["Bucket", "Free", "Policy", "Provider", "Verdict", "Window", "headers_of", "run", "time_of_day"]

_T = TypeVar("_T")
# Not a whole second, as no run begins on one.
_START = datetime(2026, 11, 3, 9, 30, 0, 370_000, tzinfo=UTC)


class _Jumps(selectors.DefaultSelector):
    """Does not wait: what would have been waited for is added to the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "nothing is left that could ever happen"
            self.now_s += timeout
        return ready


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumps = _Jumps()
        super().__init__(self._jumps)

    def time(self) -> float:
        return self._jumps.now_s


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """What a coroutine returns, in a loop of its own."""
    with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
        return runner.run(work)


def time_of_day() -> datetime:
    """The time of day in the running loop."""
    return _START + timedelta(seconds=asyncio.get_running_loop().time())


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a provider says to one request."""

    accepted: bool
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after_s: float | None = None


class Policy(Protocol):
    """How a provider limits what it accepts."""

    def judge(self, now_s: float) -> Verdict:
        """Take one request or refuse it."""
        ...


def headers_of(resource: str, limit: int, remaining: float, full_in_s: float) -> dict[str, str]:
    """One limit as response headers tell it: in whole units, and whole seconds rounded up."""
    moment = time_of_day() + timedelta(seconds=full_in_s)
    whole = moment.replace(microsecond=0) + timedelta(seconds=moment.microsecond > 0)
    prefix = f"anthropic-ratelimit-{resource}"
    return {
        f"{prefix}-limit": str(limit),
        f"{prefix}-remaining": str(int(remaining)),
        f"{prefix}-reset": whole.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


@dataclass(slots=True, kw_only=True)
class Free:
    """No limit at all."""

    def judge(self, now_s: float) -> Verdict:
        return Verdict(accepted=True)


@dataclass(slots=True, kw_only=True)
class Bucket:
    """5 requests a second in a token bucket; its headers tell of one that holds 300, whatever `burst` is."""

    burst: float = 300.0
    level: float
    headers: bool = True
    retry_after: bool = True
    told: float = 300.0
    at_s: float = 0.0

    def judge(self, now_s: float) -> Verdict:
        came, self.at_s = 5 * (now_s - self.at_s), now_s
        self.level, self.told = min(self.burst, self.level + came), min(300.0, self.told + came)
        accepted = self.level >= 1
        if accepted:
            self.level, self.told = self.level - 1, max(0.0, self.told - 1)
        told = min(self.told, self.level) if self.burst == 300 else self.told
        headers = headers_of("requests", 300, told, (300 - told) / 5) if self.headers else {}
        wait_s = math.ceil(max(0.0, 1 - self.level) / 5) if self.retry_after else None
        return Verdict(accepted=accepted, headers=headers, retry_after_s=wait_s)


@dataclass(slots=True, kw_only=True)
class Window:
    """5 requests in each second of the clock."""

    headers: bool = True
    retry_after: bool = True
    second: int = 0
    taken: int = 0

    def judge(self, now_s: float) -> Verdict:
        now = time_of_day().timestamp()
        if int(now) != self.second:
            self.second, self.taken = int(now), 0
        accepted = self.taken < 5
        self.taken += accepted
        rest_s = self.second + 1 - now
        headers = headers_of("requests", 5, 5 - self.taken, rest_s) if self.headers else {}
        return Verdict(accepted=accepted, headers=headers, retry_after_s=1.0 if self.retry_after else None)


class Provider:
    """A model behind a policy: 50 ms away, and about a second per call; `sigma` 0 is the same for each.

    `sent_s`, `refused_s`, `retried_s` and `done_s` are when, `flying_s` when there were first so many in flight.
    """

    name = "virtual"

    def __init__(self, policy: Policy, *, seed: int = 0, sigma: float = 0.5) -> None:
        self.observe: Callable[[Mapping[str, str]], None] = lambda _: None
        self.sent_s: list[float] = []
        self.retried_s: list[float] = []
        self.done_s: list[float] = []
        self.flying_s: list[float] = []
        self._policy, self._sigma, self._random = policy, sigma, random.Random(seed)
        self._flying = 0

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        yield Sent()
        await asyncio.sleep(self._random.uniform(0.024, 0.026))
        now_s = asyncio.get_running_loop().time()
        self.sent_s.append(now_s)
        if request.attempt:
            self.retried_s.append(now_s)
        verdict = self._policy.judge(now_s)
        if not verdict.accepted:
            await asyncio.sleep(0.025)
            self.observe(verdict.headers)
            raise ModelUnavailable(self.name, "429", retry_after_s=verdict.retry_after_s, throttle="rate")
        self._flying += 1
        if self._flying > len(self.flying_s):
            self.flying_s.append(now_s)
        try:
            latency_s = math.exp(self._random.gauss(0, self._sigma))
            await asyncio.sleep(latency_s / 2)
            self.observe(verdict.headers)
            yield PromptRead(usage=Usage(input_tokens=500))
            await asyncio.sleep(latency_s / 2)
            yield ReplyEnd(stop_reason="end_turn", usage=Usage(input_tokens=500, output_tokens=40))
            self.done_s.append(now_s + latency_s)
        finally:
            self._flying -= 1
