"""OpenAI and whoever speaks its language (Azure, vLLM, Ollama, GLM, DeepSeek): Chat Completions as a `ChatModel`.

The SDK sends the request and names what goes wrong before a reply; the stream itself is read here, because the SDK does
not tell whether one ended or broke off. A reply counts only once a reason to stop was told, and then `[DONE]` or the
usage of the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Self, TypeVar

import httpx2

from igent.errors import OptionError
from igent.models.base import ModelEvent, ModelRequest, Sent
from igent.models.openai_reply import HeardReply
from igent.models.streams import IDLE_S, OnHeaders, drain, heard_within

try:
    import openai
except ModuleNotFoundError as missing:
    raise OptionError(
        "models of `openai:` need a package of their own", remedy="pip install 'igent[openai]'"
    ) from missing

from openai.types.chat import ChatCompletionChunk

from igent.models.openai_body import Part, chat_body, first_unknown, maybe_unknown
from igent.models.openai_errors import FAULTS, mapped, told

__all__ = ["Access", "OpenAIModel"]

# What tells a run whom to ask is no part of the name that is asked for.
_PREFIX = "openai:"
# The SDK insists on a key, a server of one's own has none.
_NO_KEY = "no-key-needed"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How the endpoint is reached; without a `base_url`, where the SDK finds it. The key may be empty.

    `aiohttp` asks for that transport, which takes less CPU per event, where it is installed.
    """

    api_key: str = field(repr=False)
    base_url: str | None = None
    aiohttp: bool = False

    def client(self) -> openai.AsyncOpenAI:
        """A client of its own, to be closed by whoever asked for it."""
        http = openai.DefaultAioHttpClient() if self.aiohttp and find_spec("aiohttp") else None
        return openai.AsyncOpenAI(api_key=self.api_key or _NO_KEY, base_url=self.base_url, http_client=http)


class OpenAIModel:
    """A `ChatModel` over one client for all calls; `model` is asked where a request names none.

    `idle_s` bounds the silence of a stream. `on_headers` is given the `x-ratelimit-` headers of every response, by
    their names in lower case. What a model's server turns out not to know is left out from then on.
    """

    def __init__(
        self, client: openai.AsyncOpenAI, *, model: str, idle_s: float = IDLE_S, on_headers: OnHeaders | None = None
    ) -> None:
        self._client = client.with_options(max_retries=0)
        self._model, self._idle_s, self._on_headers = model, idle_s, on_headers
        self._unknown: dict[str, frozenset[Part]] = {}
        self._refused = Counter[Part]()

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

    @property
    def refused(self) -> Mapping[Part, int]:
        """How often each part of a request was refused, and the request sent again without it."""
        return dict(self._refused)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream the text of the reply, reasoning left out, then its `ReplyEnd`; closing it hangs up at once.

        Raises `ModelUnavailable` for a passing fault, `ModelRejected` for a request, or a way to stop, that will not
        get better, and `ModelLocked` where the account has to be seen to.
        """
        model, heard = (request.model or self._model).removeprefix(_PREFIX), HeardReply()
        yield Sent()
        response = (await self._within(self._ask(request, model), model)).response
        body = response.aiter_bytes()
        try:
            self._tell(response)
            while not heard.over and (sign := await self._within(_next_sign(heard, body), model)) is not None:
                if sign:
                    yield sign
            if heard.error is not None:
                raise told(heard.error, response, model=model)
            end = heard.end(request.prompt, model=model)
            await drain(body, FAULTS)
            yield end
        finally:
            await response.aclose()

    async def _ask(self, request: ModelRequest, model: str) -> openai.AsyncStream[ChatCompletionChunk]:
        """Send a request, and at once again without what the server does not know: that is one call, not a retry."""
        at_first = first_unknown(self._client.base_url.host)
        while True:
            body = chat_body(request, model=model, unknown=self._unknown.get(model, at_first))
            try:
                return await self._client.chat.completions.create(**body)
            except openai.APIStatusError as error:
                self._tell(error.response)
                unknown = maybe_unknown(body, error.body) if error.status_code in (400, 422) else None
                if unknown is None:
                    raise
                self._refused[unknown] += 1
                self._unknown[model] = self._unknown.get(model, at_first) | {unknown}

    async def _within(self, step: Awaitable[_T], model: str) -> _T:
        return await heard_within(self._idle_s, step, model=model, faults=FAULTS, fault=mapped)

    def _tell(self, response: httpx2.Response) -> None:
        if self._on_headers is not None:
            names = [name for name in response.headers if name.startswith("x-ratelimit-")]
            self._on_headers({name: response.headers[name] for name in names})


async def _next_sign(heard: HeardReply, body: AsyncGenerator[bytes, None]) -> str | None:
    """Read on until the model shows life, or until nothing more comes."""
    while (sign := heard.maybe_sign()) is None:
        if (piece := await anext(body, None)) is None:
            return None
        heard.feed(piece)
    return sign
