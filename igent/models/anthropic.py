"""Claude over the Messages API: requests out, text and usage back, every fault as one of igent's errors.

The SDK is asked for one thing, a stream of raw events; retries, deadlines and stopping early are the caller's. A reply
counts only once the provider has said that it is over: a stream that breaks off is no reply, however whole it looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Self, TypeAlias, TypeVar

import anthropic
import httpx2
from anthropic import types as wire
from anthropic.types.raw_message_delta_event import Delta

from igent.accounting.usage import Usage
from igent.errors import ModelRejected, ModelUnavailable
from igent.models.anthropic_body import message_body
from igent.models.anthropic_errors import FAULTS, mapped
from igent.models.base import ModelEvent, ModelRequest, ReplyEnd, StopReason

__all__ = ["Access", "AnthropicModel", "DRAIN_S", "IDLE_S", "OnHeaders"]

# Silence before the first event and between two. A first token takes 0.7 to 2 s, and several times that when a provider
# is busy. Pings do not count: a stream that does nothing else is one whose model is gone.
IDLE_S = 15.0
# The end of the body follows `message_stop` in the same packet; a connection read to there can be used again.
DRAIN_S = 0.1
_STOPS: Mapping[str, StopReason] = {
    "end_turn": "end_turn",
    "stop_sequence": "stop_sequence",
    "max_tokens": "max_tokens",
    "model_context_window_exceeded": "max_tokens",  # cut off by a limit on tokens as well
    "refusal": "refusal",
}

OnHeaders: TypeAlias = Callable[[Mapping[str, str]], None]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How the provider is reached; without a `base_url`, where the SDK finds it.

    `aiohttp` asks for that transport, which takes 40 % less CPU per event, where it is installed.
    """

    api_key: str = field(repr=False)
    base_url: str | None = None
    aiohttp: bool = False

    def client(self) -> anthropic.AsyncAnthropic:
        """A client of its own, to be closed by whoever asked for it; making one takes 18 ms."""
        http = anthropic.DefaultAioHttpClient() if self.aiohttp and find_spec("aiohttp") else None
        return anthropic.AsyncAnthropic(
            api_key=self.api_key, base_url=self.base_url, http_client=http, open_telemetry=False
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
        self._client = client.with_options(max_retries=0)
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
        model, heard = request.model or self._model, _Heard()
        events = await self._step(self._client.messages.create(**message_body(request, model=model)), model)
        try:
            self._tell(events.response)
            while not heard.over and (event := await self._step(anext(events, None), model)) is not None:
                if text := heard.take(event):
                    yield text
            end = heard.end(model)
            await _drain(events)
            yield end
        finally:
            await events.close()

    async def _step(self, step: Awaitable[_T], model: str) -> _T:
        """Wait for the next thing a provider does."""
        try:
            async with asyncio.timeout(self._idle_s) as idle:
                return await step
        except FAULTS as error:
            if idle.expired():
                raise ModelUnavailable(model, f"silent for {self._idle_s:g} s") from None
            if isinstance(error, anthropic.APIStatusError) and error.response.is_error:
                self._tell(error.response)
            # Without its cause: transports quote headers in their messages, and one of them is the key.
            raise mapped(error, model=model) from None

    def _tell(self, response: httpx2.Response) -> None:
        if self._on_headers is not None:
            names = [name for name in response.headers if name.startswith("anthropic-ratelimit-")]
            self._on_headers({name: response.headers[name] for name in names})


@dataclass(slots=True)
class _Heard:
    """What a stream has told so far. The SDK checks no types: an event that is not as documented tells nothing."""

    prompt: Usage | None = None
    output_tokens: int = 0
    stop_reason: str | None = None
    over: bool = False

    def take(self, event: wire.RawMessageStreamEvent) -> str:
        """Add one event; the reply's text in it."""
        match event:
            case wire.RawContentBlockDeltaEvent(delta=wire.TextDelta(type="text_delta", text=str(text))):
                return text
            case wire.RawMessageStartEvent(type="message_start", message=wire.Message(usage=wire.Usage() as usage)):
                self.prompt = _prompt(usage)
            case wire.RawMessageDeltaEvent(
                type="message_delta",
                delta=Delta(stop_reason=str(reason)),
                usage=wire.MessageDeltaUsage(output_tokens=int(tokens)),
            ) if tokens >= 0:
                self.stop_reason, self.output_tokens = reason, tokens
            case wire.RawMessageStopEvent(type="message_stop"):
                self.over = True
        return ""

    def end(self, model: str) -> ReplyEnd:
        """How the reply ended. Raises `ModelUnavailable` where it did not, and `ModelRejected` for an unknown way."""
        if not self.over or self.prompt is None or self.stop_reason is None:
            raise ModelUnavailable(model, "the stream was cut off before the reply was complete")
        stop_reason = _STOPS.get(self.stop_reason)
        if stop_reason is None:
            raise ModelRejected(model, f"it stopped for {self.stop_reason[:40]!r}, which is no end of an answer")
        return ReplyEnd(stop_reason=stop_reason, usage=self.prompt + Usage(output_tokens=self.output_tokens))


def _prompt(usage: wire.Usage) -> Usage | None:
    """What a prompt took by the counts of `message_start`, None where they are none."""
    match usage.cache_creation:
        case wire.CacheCreation(ephemeral_1h_input_tokens=int(hour)):
            pass
        case _:
            hour = 0
    match usage:
        case wire.Usage(
            input_tokens=int(fresh),
            cache_read_input_tokens=int() | None as read,
            cache_creation_input_tokens=int() | None as made,
        ) if min(fresh, read or 0, (made or 0) - hour, hour) >= 0:
            return Usage(
                input_tokens=fresh,
                cache_read_tokens=read or 0,
                cache_write_tokens=(made or 0) - hour,
                cache_write_1h_tokens=hour,
            )
    return None


async def _drain(events: anthropic.AsyncStream[wire.RawMessageStreamEvent]) -> None:
    """Read a finished stream to the end of its body; the reply is whole whatever comes of it."""
    with suppress(*FAULTS):
        async with asyncio.timeout(DRAIN_S):
            await anext(events, None)
