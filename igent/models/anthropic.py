"""Claude over the Messages API: requests out, text and usage back, every fault as one of igent's errors."""

from __future__ import annotations

import anthropic
import httpx2

from igent.models.anthropic_body import message_body
from igent.models.anthropic_errors import FAULTS, mapped, told
from igent.models.anthropic_reply import HeardMessage
from igent.models.base import ModelRequest
from igent.models.streams import TIMEOUT, Access, StreamedModel

__all__ = ["Access", "AnthropicModel"]

# Unasked, the SDK would go where the environment points.
_BASE_URL = "https://api.anthropic.com"


class AnthropicModel(StreamedModel[anthropic.AsyncAnthropic]):
    """Claude as a `ChatModel`."""

    faults, mapped, told = FAULTS, staticmethod(mapped), staticmethod(told)

    @staticmethod
    def connected(access: Access) -> anthropic.AsyncAnthropic:
        """A client of the SDK."""
        return anthropic.AsyncAnthropic(
            api_key=access.api_key,
            base_url=access.base_url or _BASE_URL,
            http_client=access.transport(anthropic.DefaultAioHttpClient),
            max_retries=0,
            timeout=TIMEOUT,
            open_telemetry=False,
        )

    def heard(self, request: ModelRequest) -> HeardMessage:
        """A message."""
        return HeardMessage()

    async def ask(self, request: ModelRequest, model: str) -> httpx2.Response:
        """Send a request."""
        try:
            events = await self.client.messages.create(**message_body(request, model=model))
        except anthropic.APIStatusError as error:
            self.tell(error.response)
            raise
        self.tell(events.response)
        return events.response
