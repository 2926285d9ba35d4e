"""What the models of all providers share: how a stream is asked for, waited for, read to its end and let go.

An SDK sends the request and names what goes wrong before a reply. The stream itself is read here, which takes an eighth
of the CPU and takes no broken stream for a whole one. Retries, deadlines and stopping early are the caller's.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import KW_ONLY, dataclass, field
from importlib.util import find_spec
from typing import ClassVar, Generic, Self, TypeAlias, TypeVar, cast

import httpx2

from igent.errors import ModelError, ModelUnavailable
from igent.models.base import ModelEvent, ModelRequest, PromptRead, Sent
from igent.models.heard import Heard

__all__ = ["Access", "OnHeaders", "Patience", "StreamedModel", "TIMEOUT"]

# Silence before the first event and between two. A first token takes 0.7 to 2 s, and several times that when a provider
# is busy. Pings do not count: a stream that does nothing else is one whose model is gone.
_IDLE_S = 15.0
# `Patience` bounds every wait for a piece; a transport that does so too sets a timer of its own for each of them.
TIMEOUT = httpx2.Timeout(600, connect=5, read=None)
# The end of a body follows the end of its reply in the same packet; a connection read to there can be used again.
_DRAIN_S = 0.1

OnHeaders: TypeAlias = Callable[[Mapping[str, str]], None]
Client = TypeVar("Client", bound=AbstractAsyncContextManager[object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a provider is reached; an endpoint of one's own may need no key.

    `aiohttp` is the transport where it is installed: it takes 40 % less CPU per event.
    """

    api_key: str = field(repr=False)
    base_url: str | None = None
    aiohttp: bool = True

    def transport(self, aiohttp: Callable[[], httpx2.AsyncClient]) -> httpx2.AsyncClient | None:
        """The transport of a client, None for that of its SDK."""
        return aiohttp() if self.aiohttp and find_spec("aiohttp") else None


@dataclass(eq=False)
class StreamedModel(ABC, Generic[Client]):
    """A `ChatModel` over one client for all calls; `model` is asked where a request names none.

    `idle_s` bounds the silence of a stream. `on_headers` is given the headers of every response, by their names in
    lower case. A provider's own module says what its `faults` are, and with `mapped` and `told` what they and an error
    in a stream are to igent; `prefix` is what tells a run whom to ask, and no part of a model's name.
    """

    faults: ClassVar[tuple[type[Exception], ...]]
    mapped: ClassVar[Callable[..., ModelError]]
    told: ClassVar[Callable[..., ModelError]]
    prefix: ClassVar[str] = ""

    client: Client
    _: KW_ONLY
    model: str
    idle_s: float = _IDLE_S
    on_headers: OnHeaders | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls, access: Access, *, model: str, idle_s: float = _IDLE_S, on_headers: OnHeaders | None = None
    ) -> AsyncIterator[Self]:
        """A model with a client of its own, closed at the end. Raises `ModelRejected` for an unusable base URL."""
        try:
            client = cls.connected(access)
        except cls.faults as error:
            raise cls.mapped(error, model=model) from None
        async with client:
            yield cls(client, model=model, idle_s=idle_s, on_headers=on_headers)

    @staticmethod
    @abstractmethod
    def connected(access: Access) -> Client:
        """A client that never tries again by itself, to be closed by whoever asked for it; making one takes 18 ms."""

    @abstractmethod
    async def ask(self, request: ModelRequest, model: str) -> httpx2.Response:
        """Send a request and `tell` the response, whose body is still to come. Raises `faults`."""

    @abstractmethod
    def heard(self, request: ModelRequest) -> Heard:
        """What will be heard of its reply."""

    @property
    def name(self) -> str:
        """The name that a run records."""
        return self.model

    def tell(self, response: httpx2.Response) -> None:
        """Tell the headers of a response."""
        if self.on_headers is not None:
            self.on_headers(dict(response.headers))

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream the text of the reply, thinking left out, then its `ReplyEnd`; closing it hangs up at once.

        Raises `ModelUnavailable` for a passing fault, `ModelRejected` for a request, or a way to stop, that will not
        get better, and `ModelLocked` where the account has to be seen to.
        """
        model, heard = (request.model or self.model).removeprefix(self.prefix), self.heard(request)
        yield Sent()
        patience = Patience(self.idle_s, model=model, faults=self.faults, fault=self.mapped)
        with patience:
            response = await self.ask(request, model)
        body = _pieces(response)
        try:
            while not heard.over:
                with patience:
                    sign = await _next_sign(heard, body)
                if sign is None:
                    break
                if sign:
                    yield sign
            if heard.error is not None:
                raise self.told(heard.error, response, model=model)
            end = heard.end(model=model)
            await _drain(body, self.faults)
            yield end
        finally:
            patience.close()
            await response.aclose()


def _pieces(response: httpx2.Response) -> AsyncIterator[bytes]:
    """The body as it comes; where nothing is to be unpacked, past two layers that would hand on every piece."""
    if "content-encoding" in response.headers or not isinstance(response.stream, httpx2.AsyncByteStream):
        return response.aiter_bytes()
    return aiter(response.stream)


async def _next_sign(heard: Heard, body: AsyncIterator[bytes]) -> str | PromptRead | None:
    """Read on until the model shows life, or until nothing more comes."""
    while (sign := heard.maybe_sign()) is None:
        if (piece := await anext(body, None)) is None:
            return None
        heard.feed(piece)
    return sign


async def _drain(rest: AsyncIterator[object], faults: tuple[type[Exception], ...]) -> None:
    """Read a finished stream to the end of its body, `_DRAIN_S` at most; the reply is whole whatever comes of it."""
    with suppress(*faults, TimeoutError):
        async with asyncio.timeout(_DRAIN_S):
            async for _ in rest:
                pass


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
