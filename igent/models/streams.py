"""What the streams of all providers share: how long they may be silent, what breaks them, what may be quoted.

Nothing here knows an SDK; all of them speak over the same transport.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import closing, suppress
from typing import TypeAlias, TypeVar, cast

import httpx2

from igent.errors import ModelError, ModelUnavailable

__all__ = [
    "BREAKS",
    "DRAIN_S",
    "IDLE_S",
    "OnHeaders",
    "Patience",
    "UNREACHED",
    "UNSENDABLE",
    "drain",
    "heard_within",
    "quoted",
    "seconds_told",
]

# Silence before the first event and between two. A first token takes 0.7 to 2 s, and several times that when a provider
# is busy. Pings do not count: a stream that does nothing else is one whose model is gone.
IDLE_S = 15.0
# The end of a body follows the end of its reply in the same packet; a connection read to there can be used again.
DRAIN_S = 0.1
# A provider explains itself in a sentence, a gateway before it in a page of HTML.
_MAX_QUOTED_CHARS = 300
# Longer than the names of fields and models, shorter than anything a household would say of itself.
_ECHO_CHARS = 20

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

UNREACHED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)

OnHeaders: TypeAlias = Callable[[Mapping[str, str]], None]
_T = TypeVar("_T")


class Patience:
    """Every wait of one call for its provider, as `with`: silence and all `faults` leave it as igent's errors.

    Each may take `idle_s`. They share one timer, which looks when the silence began: setting one for every event takes
    as long as reading the event. It is closed by an error, and to be closed at the end.
    """

    def __init__(
        self,
        idle_s: float,
        *,
        model: str,
        faults: tuple[type[Exception], ...],
        fault: Callable[..., ModelError],
    ) -> None:
        self._idle_s, self._model, self._faults, self._fault = idle_s, model, faults, fault
        self._loop = asyncio.get_running_loop()
        self._since_s, self._expired = 0.0, False
        self._waiting: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        # Waits of one stream need not be of one task: it lingers in another.
        self._waiting = task = cast("asyncio.Task[object]", asyncio.current_task())
        self._cancelling, self._since_s = task.cancelling(), self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_at(self._since_s + self._idle_s, self._look)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        task, self._waiting = self._waiting, None
        if error is not None:
            self.close()
        if self._expired and task is not None and task.uncancel() <= self._cancelling:
            raise ModelUnavailable(self._model, f"silent for {self._idle_s:g} s") from None
        if isinstance(error, self._faults):
            # Without its cause: transports quote headers in their messages, and one of them is the key.
            raise self._fault(error, model=self._model) from None

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        """Give up a wait that has taken too long, or look again when it will have; without one the next starts anew."""
        self._timer = None
        if self._waiting is None:
            return
        due_s = self._since_s + self._idle_s
        if self._loop.time() < due_s:
            self._timer = self._loop.call_at(due_s, self._look)
        else:
            self._expired = self._waiting.cancel()


async def heard_within(
    idle_s: float,
    step: Awaitable[_T],
    *,
    model: str,
    faults: tuple[type[Exception], ...],
    fault: Callable[..., ModelError],
) -> _T:
    """Wait for one thing that a provider does, with patience."""
    with closing(Patience(idle_s, model=model, faults=faults, fault=fault)) as patience, patience:
        return await step


async def drain(rest: AsyncIterator[object], faults: tuple[type[Exception], ...]) -> None:
    """Read a finished stream to the end of its body, `DRAIN_S` at most; the reply is whole whatever comes of it."""
    with suppress(*faults, TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            async for _ in rest:
                pass


def quoted(text: object, request: httpx2.Request) -> str:
    """What a provider said, on one line of at most 300 characters, unless it quotes the key or the prompt."""
    line = " ".join(str(text or "it does not say why").split())[:_MAX_QUOTED_CHARS]
    keys = (request.headers.get("authorization", "").removeprefix("Bearer "), request.headers.get("x-api-key", ""))
    sent = request.content.decode("utf-8", "replace")
    echoed = any(line[at : at + _ECHO_CHARS] in sent for at in range(len(line) - _ECHO_CHARS + 1))
    return "it quotes the request" if echoed or any(key and key in line for key in keys) else line


def seconds_told(value: str | None) -> float | None:
    """The seconds that a header's value tells, None where it tells none."""
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
