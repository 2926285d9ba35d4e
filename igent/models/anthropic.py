"""Claude over the Messages API: requests out, text and usage back, every fault as one of igent's errors.

The SDK sends the request and names what goes wrong before a reply; the stream itself is read here, which takes a third
of the CPU and takes no broken stream for a whole one. Retries, deadlines and stopping early are the caller's. A reply
counts only once the provider has said that it is over.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Self

import anthropic
import httpx2

from igent.models.anthropic_body import message_body
from igent.models.anthropic_errors import FAULTS, mapped, told
from igent.models.anthropic_reply import HeardMessage
from igent.models.base import ModelEvent, ModelRequest, PromptRead, Sent
from igent.models.streams import IDLE_S, OnHeaders, Patience, drain

__all__ = ["Access", "AnthropicModel"]

_BASE_URL = "https://api.anthropic.com"
# `Patience` bounds every wait for a piece; a transport that does so too sets a timer of its own for each of them.
_TIMEOUT = httpx2.Timeout(600, connect=5, read=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How the provider is reached: with a `base_url` of one's own there, and not where the environment points.

    `aiohttp` asks for that transport, which takes 40 % less CPU per event, where it is installed.
    """

    api_key: str = field(repr=False)
    base_url: str | None = None
    aiohttp: bool = False

    def client(self) -> anthropic.AsyncAnthropic:
        """A client of its own, to be closed by whoever asked for it; making one takes 18 ms."""
        http = anthropic.DefaultAioHttpClient() if self.aiohttp and find_spec("aiohttp") else None
        return anthropic.AsyncAnthropic(
            api_key=self.api_key, base_url=self.base_url or _BASE_URL, http_client=http, open_telemetry=False
        )


class AnthropicModel:
    """A `ChatModel` over one client for all calls; `model` is asked where a request names none.

    `idle_s` bounds the silence of a stream. `on_headers` is given the rate-limit headers of every response, by their
    names in lower case.
    """

    def __init__(
        self,
        client: anthropic.AsyncAnthropic,
        *,
        model: str,
        idle_s: float = IDLE_S,
        on_headers: OnHeaders | None = None,
    ) -> None:
        self._client = client.with_options(max_retries=0, timeout=_TIMEOUT)
        self._model, self._idle_s, self._on_headers = model, idle_s, on_headers

    @classmethod
    @asynccontextmanager
    async def open(
        cls, access: Access, *, model: str, idle_s: float = IDLE_S, on_headers: OnHeaders | None = None
    ) -> AsyncIterator[Self]:
        """A model with a client of its own, closed at the end. Raises `ModelRejected` for an unusable base URL."""
        try:
            client = access.client()
        except FAULTS as error:
            raise mapped(error, model=model) from None
        async with client:
            yield cls(client, model=model, idle_s=idle_s, on_headers=on_headers)

    @property
    def name(self) -> str:
        """The name that a run records."""
        return self._model

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream the text of the reply, thinking left out, then its `ReplyEnd`; closing it hangs up at once.

        Raises `ModelUnavailable` for a passing fault, `ModelRejected` for a request, or a way to stop, that will not
        get better, and `ModelLocked` where the account has to be seen to.
        """
        model, heard = request.model or self._model, HeardMessage()
        yield Sent()
        patience = Patience(self._idle_s, model=model, faults=FAULTS, fault=mapped)
        with patience:
            response = await self._asked(request, model)
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
                raise told(heard.error, response, model=model)
            end = heard.end(model)
            await drain(body, FAULTS)
            yield end
        finally:
            patience.close()
            await response.aclose()

    async def _asked(self, request: ModelRequest, model: str) -> httpx2.Response:
        """The response to a request, its body still to come."""
        try:
            events = await self._client.messages.create(**message_body(request, model=model))
        except anthropic.APIStatusError as error:
            self._tell(error.response)
            raise
        self._tell(events.response)
        return events.response

    def _tell(self, response: httpx2.Response) -> None:
        if self._on_headers is not None:
            # With the provider's own time of day, by which its limits are whole again.
            names = [name for name in response.headers if name == "date" or name.startswith("anthropic-ratelimit-")]
            self._on_headers({name: response.headers[name] for name in names})


def _pieces(response: httpx2.Response) -> AsyncIterator[bytes]:
    """The body as it comes; where nothing is to be unpacked, past two layers that would hand on every piece."""
    if "content-encoding" in response.headers or not isinstance(response.stream, httpx2.AsyncByteStream):
        return response.aiter_bytes()
    return aiter(response.stream)


async def _next_sign(heard: HeardMessage, body: AsyncIterator[bytes]) -> str | PromptRead | None:
    """Read on until the model shows life, or until nothing more comes."""
    while (sign := heard.maybe_sign()) is None:
        if (piece := await anext(body, None)) is None:
            return None
        heard.feed(piece)
    return sign
