"""A request as the Messages API takes it: the same bytes for the same request, and nothing left to a model's defaults.

There is no temperature and no prefilled answer, which the API refuses. The form of a reply is its grammar. At most two
of the four breakpoints that the API allows are set, and where they are set no word changes.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, cast

import anthropic
from anthropic import types as wire
from anthropic.types.message_create_params import MessageCreateParamsStreaming

from igent.dialogue.prompts import shared_chars
from igent.dialogue.replies import ReplyKind, reply_schema
from igent.models.base import Message, ModelRequest

__all__ = ["message_body"]

# https://platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting (November 2026): unasked, the newest
# models think, which is hidden output and seconds of latency. Some always do; one has another word for not doing so.
_ALWAYS_THINK = ("claude-opus-5-5", "claude-fable-", "claude-mythos-")
_THINK_BETWEEN_TOOLS = ("claude-sonnet-5-5",)
# https://platform.claude.com/docs/en/build-with-claude/extended-thinking (November 2026): these know no other thinking
# than with a budget, of at least so many tokens and fewer than the reply's limit, which they count towards.
_THINK_BY_BUDGET = ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5")
_LEAST_BUDGET_TOKENS = 1_024
# https://platform.claude.com/docs/en/build-with-claude/effort (November 2026): these answer 400 to any effort.
_WITHOUT_EFFORT = ("claude-haiku-4-5", "claude-sonnet-4-5")
# Unasked, the others take "medium" or "high"; a decision of thirty tokens needs neither.
_EFFORT = "low"


def message_body(request: ModelRequest, *, model: str) -> MessageCreateParamsStreaming:
    """The body of `POST /v1/messages` that asks `model` for a stream."""
    shared = shared_chars(request.messages[0].text) if "shared" in request.cache_at else 0
    body: MessageCreateParamsStreaming = {
        "model": model,
        "max_tokens": request.max_tokens,
        "messages": [_message(message, 0 if place else shared) for place, message in enumerate(request.messages)],
        "thinking": _thinking(request, model),
        "output_config": _output(request, model),
        "stream": True,
    }
    if request.system:  # an empty block is refused
        body["system"] = [_text(request.system, kept="system" in request.cache_at)]
    return body


def _text(text: str, *, kept: bool = False) -> wire.TextBlockParam:
    """A block of text; where it is `kept`, the provider's cache keeps the prompt up to its end for five minutes."""
    block: wire.TextBlockParam = {"type": "text", "text": text}
    return {**block, "cache_control": {"type": "ephemeral"}} if kept else block


def _message(message: Message, kept_chars: int) -> wire.MessageParam:
    content = [_text(message.text[kept_chars:])]
    if kept_chars:
        content.insert(0, _text(message.text[:kept_chars], kept=True))
    return cast(wire.MessageParam, {"role": message.author, "content": content})


def _output(request: ModelRequest, model: str) -> wire.OutputConfigParam:
    output: wire.OutputConfigParam = {"format": _grammar(request.kind, request.many)}
    if not model.startswith(_WITHOUT_EFFORT):
        output["effort"] = cast(Literal["low", "medium", "high"], request.effort or _EFFORT)
    return output


def _thinking(request: ModelRequest, model: str) -> wire.ThinkingConfigParam:
    """As asked, as far as the model can: a reply too short for the least budget goes without."""
    if model.startswith(_THINK_BY_BUDGET):
        if request.thinking and request.max_tokens > _LEAST_BUDGET_TOKENS:
            return {"type": "enabled", "budget_tokens": _LEAST_BUDGET_TOKENS}
        return {"type": "disabled"}
    if request.thinking or model.startswith(_ALWAYS_THINK):
        return {"type": "adaptive"}
    return {"type": "between_tools"} if model.startswith(_THINK_BETWEEN_TOOLS) else {"type": "disabled"}


@cache
def _grammar(kind: ReplyKind, many: bool) -> wire.JSONOutputFormatParam:
    """What a reply's schema is to the provider: its bounds and patterns are told, not enforced."""
    return {"type": "json_schema", "schema": anthropic.transform_schema(reply_schema(kind, many=many))}
