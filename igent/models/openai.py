"""OpenAI and whoever speaks its language (Azure, vLLM, Ollama, GLM, DeepSeek): Chat Completions as a `ChatModel`.

A reply counts only once a reason to stop was told, and then `[DONE]` or the usage of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx2

from igent.errors import OptionError
from igent.models.base import ModelRequest
from igent.models.openai_reply import HeardReply
from igent.models.streams import TIMEOUT, Access, StreamedModel

try:
    import openai
except ModuleNotFoundError as missing:
    raise OptionError(
        "models of `openai:` need a package of their own", remedy="pip install 'igent[openai]'"
    ) from missing

from igent.models.openai_body import Part, chat_body, first_unknown, maybe_unknown
from igent.models.openai_errors import FAULTS, mapped, told

__all__ = ["Access", "OpenAIModel"]

# The SDK insists on a key, a server of one's own has none.
_NO_KEY = "no-key-needed"


@dataclass(eq=False)
class OpenAIModel(StreamedModel[openai.AsyncOpenAI]):
    """A model of an endpoint; what its server turns out not to know is left out from then on."""

    faults, mapped, told = FAULTS, staticmethod(mapped), staticmethod(told)
    prefix = "openai:"

    _unknown: dict[str, frozenset[Part]] = field(default_factory=dict, init=False)

    @staticmethod
    def connected(access: Access) -> openai.AsyncOpenAI:
        """A client of the SDK."""
        return openai.AsyncOpenAI(
            api_key=access.api_key or _NO_KEY,
            base_url=access.base_url,
            http_client=access.transport(openai.DefaultAioHttpClient),
            max_retries=0,
            timeout=TIMEOUT,
        )

    def heard(self, request: ModelRequest) -> HeardReply:
        """A chat completion."""
        return HeardReply(prompt=request.prompt)

    async def ask(self, request: ModelRequest, model: str) -> httpx2.Response:
        """Send a request, and at once again without what the server does not know: that is one call, not a retry."""
        self._unknown.setdefault(model, first_unknown(self.client.base_url.host))
        while True:
            body = chat_body(request, model=model, unknown=self._unknown[model])
            try:
                events = await self.client.chat.completions.create(**body)
            except openai.APIStatusError as error:
                self.tell(error.response)
                unknown = maybe_unknown(body, error.body) if error.status_code in (400, 422) else None
                if unknown is None:
                    raise
                self._unknown[model] |= {unknown}
            else:
                self.tell(events.response)
                return events.response
