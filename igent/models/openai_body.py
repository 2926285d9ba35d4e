"""A request as Chat Completions takes it, for OpenAI and for whoever speaks its language with fewer words.

There is no temperature, which reasoning models refuse. What a server does not know is found out by its refusal: the
parts that a reply can do without are then left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Literal, TypeAlias, cast

from openai.types.chat import ChatCompletionMessageParam
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.shared_params import ResponseFormatJSONSchema

from igent.dialogue.replies import ReplyKind, reply_schema
from igent.domain.records import Json
from igent.models.base import ModelRequest

__all__ = ["Part", "chat_body", "first_unknown", "maybe_unknown"]

# What a body can do without; without `max_tokens`, the same limit goes by its newer name.
Part: TypeAlias = Literal["response_format", "reasoning_effort", "stream_options", "max_tokens"]

# How a refusal names each. That a limit is too large for a model is no reason to call it by another name.
_NAMED: Mapping[Part, re.Pattern[str]] = {
    "response_format": re.compile(r"response.?format|json_schema", re.IGNORECASE),
    "reasoning_effort": re.compile(r"reasoning[._]effort", re.IGNORECASE),
    "stream_options": re.compile(r"stream_options|include_usage", re.IGNORECASE),
    "max_tokens": re.compile(r"unsupported.{0,40}max_tokens|max_tokens.{0,40}not supported", re.IGNORECASE | re.DOTALL),
}
_MAX_READ_CHARS = 2_000

# Hosts whose newest models refuse `max_tokens` and whose older ones know both names. Others may pass over the newer one
# in silence, as Ollama does (https://docs.ollama.com/api/openai-compatibility, November 2026): no limit at all.
_NEWER_HOSTS = ("api.openai.com", ".azure.com")

# https://developers.openai.com/api/docs/guides/reasoning (November 2026): unasked, these think, which is
# hidden output and seconds of latency. The least that each family can has another name.
_LEAST_EFFORT = (
    (re.compile(r"gpt-5(?:\.\d+)?-chat"), None),
    (re.compile(r"gpt-5\.\d"), "none"),
    (re.compile(r"gpt-5"), "minimal"),
    (re.compile(r"gpt-oss|o[134](?:-|$)"), "low"),
)

# Strict schemas know no lengths (https://developers.openai.com/api/docs/guides/structured-outputs, November 2026), nor
# everywhere patterns, and every reply is held against its bounds anyway.
_BOUNDS = {"maxItems", "maxLength", "minItems", "minLength", "pattern"}


def first_unknown(host: str) -> frozenset[Part]:
    """What a server at that host does not know, as far as its name tells."""
    return frozenset({"max_tokens"}) if host.endswith(_NEWER_HOSTS) else frozenset()


def chat_body(
    request: ModelRequest, *, model: str, unknown: frozenset[Part] = frozenset()
) -> CompletionCreateParamsStreaming:
    """The body of `POST /chat/completions` that asks `model` for a stream, without what the server does not know."""
    body: CompletionCreateParamsStreaming = {"model": model, "messages": _messages(request), "stream": True}
    body["max_completion_tokens" if "max_tokens" in unknown else "max_tokens"] = request.max_tokens
    if "stream_options" not in unknown:
        body["stream_options"] = {"include_usage": True}
    if "response_format" not in unknown:
        body["response_format"] = _grammar(request.kind, request.many)
    effort = _effort(request, model)
    if effort is not None and "reasoning_effort" not in unknown:
        body["reasoning_effort"] = cast(Literal["none", "minimal", "low", "medium", "high"], effort)
    return body


def maybe_unknown(body: CompletionCreateParamsStreaming, refusal: object) -> Part | None:
    """The part of a body that its refusal is about, None where that is none which can be left out."""
    text = str(refusal)[:_MAX_READ_CHARS]
    return next((name for name, named in _NAMED.items() if name in body and named.search(text)), None)


def _messages(request: ModelRequest) -> list[ChatCompletionMessageParam]:
    turns = [(message.author, message.text) for message in request.messages]
    system = [("system", request.system)] if request.system else []
    return [cast(ChatCompletionMessageParam, {"role": role, "content": text}) for role, text in [*system, *turns]]


def _effort(request: ModelRequest, model: str) -> str | None:
    if request.effort is not None or request.thinking:
        return request.effort
    name = model.rpartition("/")[2]
    return next((least for family, least in _LEAST_EFFORT if family.match(name)), None)


@cache
def _grammar(kind: ReplyKind, many: bool) -> ResponseFormatJSONSchema:
    strict = cast(dict[str, object], _strict(reply_schema(kind, many=many)))
    return {"type": "json_schema", "json_schema": {"name": kind, "strict": True, "schema": strict}}


def _strict(schema: Json) -> Json:
    """The schema without bounds and with every property required."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: _strict(value) for key, value in schema.items() if key not in _BOUNDS}
    properties = strict.get("properties")
    return {**strict, "required": [*properties]} if isinstance(properties, dict) else strict
