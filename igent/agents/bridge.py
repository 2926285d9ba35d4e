"""igent's calls behind AutoGen's client protocol, so that an `AssistantAgent` can speak through them.

The bridge hands the agent its reply whole: the stream is read, timed and stopped below it, where the answer is found,
and nobody above would look at the pieces (re-yielding them costs 5 us each).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Literal

from autogen_core import CancellationToken
from autogen_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    LLMMessage,
    ModelInfo,
    RequestUsage,
    SystemMessage,
)
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel

from igent.agents.calls import Calls
from igent.models.base import Message, ModelRequest

__all__ = ["BridgeClient", "MakeRequest"]

MakeRequest = Callable[[tuple[Message, ...]], ModelRequest]

_INFO = ModelInfo(vision=False, function_calling=False, json_output=True, family="unknown", structured_output=True)
# Usage is kept below the bridge, with the cache classes that AutoGen's type has no room for.
_NO_USAGE = RequestUsage(prompt_tokens=0, completion_tokens=0)


class BridgeClient(ChatCompletionClient):
    """One agent's client: `make_request` turns what was said into a request, `calls` makes the call."""

    def __init__(self, calls: Calls, make_request: MakeRequest) -> None:
        self._calls, self._make_request = calls, make_request

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = (),
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """Yield the one `CreateResult` of the call; agents have no tools and the reply's form is in the request."""
        yield await self.create(messages)

    async def create(self, messages: Sequence[LLMMessage], **_: Any) -> CreateResult:
        """Make the call. Raises `ModelError`."""
        spoken = tuple([_message(m) for m in messages if not isinstance(m, SystemMessage)])
        text = await self._calls.ask(self._make_request(spoken))
        return CreateResult(finish_reason="stop", content=text, usage=_NO_USAGE, cached=False)

    async def close(self) -> None:
        """Nothing to close: the model belongs to the run."""

    def actual_usage(self) -> RequestUsage:
        """Not kept here."""
        return _NO_USAGE

    def total_usage(self) -> RequestUsage:
        """Not kept here."""
        return _NO_USAGE

    def count_tokens(self, messages: Sequence[LLMMessage], **_: Any) -> int:
        """Not counted here."""
        return 0

    def remaining_tokens(self, messages: Sequence[LLMMessage], **_: Any) -> int:
        """Not bounded here: a constellation's `max_tokens` is in every request."""
        return 0

    @property
    def capabilities(self) -> ModelInfo:
        """What agents may rely on: text in, text out."""
        return _INFO

    @property
    def model_info(self) -> ModelInfo:
        """What agents may rely on: text in, text out."""
        return _INFO


def _message(message: LLMMessage) -> Message:
    author: Literal["user", "assistant"] = "assistant" if isinstance(message, AssistantMessage) else "user"
    if not isinstance(message.content, str):
        raise TypeError(f"agents exchange text only, not {type(message.content).__name__}")
    return Message(author=author, text=message.content)
