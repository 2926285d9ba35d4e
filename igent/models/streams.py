"""What the streams of all providers share: how long they may be silent, what breaks them, what may be quoted.

Nothing here knows an SDK; all of them speak over the same transport.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TypeAlias, TypeVar

import httpx2

from igent.errors import ModelError, ModelUnavailable

__all__ = ["BREAKS", "DRAIN_S", "IDLE_S", "OnHeaders", "UNSENDABLE", "drain", "heard_within", "quoted", "seconds_told"]

# Silence before the first event and between two. A first token takes 0.7 to 2 s, and several times that when a provider
# is busy. Pings do not count: a stream that does nothing else is one whose model is gone.
IDLE_S = 15.0
# The end of a body follows the end of its reply in the same packet; a connection read to there can be used again.
DRAIN_S = 0.1
# A provider explains itself in a sentence, a gateway before it in a page of HTML.
_MAX_QUOTED_CHARS = 300

# What comes out of a stream beside an SDK's errors: those of the transport, and of decoding whatever was sent.
BREAKS = (
    httpx2.CookieConflict,
    httpx2.HTTPError,
    httpx2.InvalidURL,
    httpx2.StreamError,
    AssertionError,  # what an SDK takes for granted
    OSError,
    RecursionError,  # JSON that is nested too deep
    ValueError,  # no UTF-8, no JSON, a number past Python's limit
)
UNSENDABLE = (
    httpx2.InvalidURL,
    httpx2.LocalProtocolError,
    httpx2.TooManyRedirects,
    httpx2.UnsupportedProtocol,
    UnicodeEncodeError,
)

OnHeaders: TypeAlias = Callable[[Mapping[str, str]], None]
_T = TypeVar("_T")


async def heard_within(
    idle_s: float,
    step: Awaitable[_T],
    *,
    model: str,
    faults: tuple[type[Exception], ...],
    fault: Callable[..., ModelError],
) -> _T:
    """Wait for the next thing a provider does; its silence and every one of `faults` leave as igent's errors."""
    try:
        async with asyncio.timeout(idle_s) as idle:
            return await step
    except faults as error:
        if idle.expired():
            raise ModelUnavailable(model, f"silent for {idle_s:g} s") from None
        # Without its cause: transports quote headers in their messages, and one of them is the key.
        raise fault(error, model=model) from None


async def drain(rest: AsyncIterator[object], faults: tuple[type[Exception], ...]) -> None:
    """Read a finished stream to the end of its body, `DRAIN_S` at most; the reply is whole whatever comes of it."""
    with suppress(*faults, TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            async for _ in rest:
                pass


def quoted(text: object, request: httpx2.Request) -> str:
    """What a provider said, on one line of at most 300 characters, without the key should it quote that."""
    line = " ".join(str(text or "it does not say why").split())
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    return (line.replace(key, "[key]") if key else line)[:_MAX_QUOTED_CHARS]


def seconds_told(value: str | None) -> float | None:
    """The seconds that a header's value tells, None where it tells none."""
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
