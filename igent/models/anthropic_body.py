"""A request as the Messages API takes it: the same bytes for the same request, and nothing left to a model's defaults.

There is no temperature and no prefilled answer, which the API refuses. The form of a reply is its grammar, where it has
one.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, cast

import anthropic
from anthropic import types as wire
from anthropic.types.message_create_params import MessageCreateParamsStreaming

from igent.dialogue.replies import ReplyKind, reply_schema
from igent.domain.records import Json
from igent.models.base import Message, ModelRequest

__all__ = ["message_body"]

# https://platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting (November 2026): unasked, the newest
# models think, which is hidden output and seconds of latency. Some always do; one has another word for not doing so.
_ALWAYS_THINK = ("claude-opus-5-5", "claude-fable-", "claude-mythos-")
_THINK_BETWEEN_TOOLS = ("claude-sonnet-5-5",)
# https://platform.claude.com/docs/en/build-with-claude/effort (November 2026): these answer 400 to any effort.
_WITHOUT_EFFORT = ("claude-haiku-4-5", "claude-sonnet-4-5")


def message_body(request: ModelRequest, *, model: str) -> MessageCreateParamsStreaming:
    """The body of `POST /v1/messages` that asks `model` for a stream."""
    body: MessageCreateParamsStreaming = {
        "model": model,
        "max_tokens": request.max_tokens,
        "messages": [_message(message) for message in request.messages],
        "thinking": _thinking(model),
        "stream": True,
    }
    if output := _output(request, model):
        body["output_config"] = output
    if request.system:  # an empty block is refused
        body["system"] = [{"type": "text", "text": request.system}]
    return body


def _output(request: ModelRequest, model: str) -> wire.OutputConfigParam:
    output: wire.OutputConfigParam = {}
    grammar = _grammar(request.kind)
    if grammar is not None:
        output["format"] = grammar
    if request.effort is not None and not model.startswith(_WITHOUT_EFFORT):
        output["effort"] = cast(Literal["low", "medium", "high"], request.effort)
    return output


def _message(message: Message) -> wire.MessageParam:
    content: list[wire.TextBlockParam] = [{"type": "text", "text": message.text}]
    return cast(wire.MessageParam, {"role": message.author, "content": content})


def _thinking(model: str) -> wire.ThinkingConfigParam:
    if model.startswith(_ALWAYS_THINK):
        return {"type": "adaptive"}
    return {"type": "between_tools"} if model.startswith(_THINK_BETWEEN_TOOLS) else {"type": "disabled"}


@cache
def _grammar(kind: ReplyKind) -> wire.JSONOutputFormatParam | None:
    """What a reply's schema is to the provider, which closes every object: None for a reply with free keys."""
    schema = reply_schema(kind)
    if not _closed(schema):
        return None
    return {"type": "json_schema", "schema": anthropic.transform_schema(schema)}


def _closed(schema: Json) -> bool:
    if isinstance(schema, list):
        return all(map(_closed, schema))
    if not isinstance(schema, dict):
        return True
    free = schema.get("type") == "object" and schema.get("additionalProperties") is not False
    return not free and all(map(_closed, schema.values()))
