"""A response before it is played: which bytes, after which waits, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from igent.domain.records import Json
from igent.models.base import chunks
from igent.models.simulated import CHUNK_TOKENS
from tests.models.loopback import sse
from tests.provider.prompt import CHARACTERS_PER_TOKEN, tokens_of

__all__ = ["End", "JSON", "Part", "Pauses", "Reply", "SSE", "Script", "refusal", "streamed"]

# How a response ends: properly; by a close without its last chunk; or not at all until the client leaves.
End: TypeAlias = Literal["whole", "drop", "stall"]
Headers: TypeAlias = Sequence[tuple[str, str]]

JSON = (("content-type", "application/json"),)
SSE = (("content-type", "text/event-stream; charset=utf-8"),)
_CHUNK_CHARS = int(CHUNK_TOKENS * CHARACTERS_PER_TOKEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Bytes that follow what was sent before after `after_s` seconds; `tokens` is the output in them.

    `answers` is whether they complete the first JSON object of the reply.
    """

    data: bytes
    after_s: float = 0.0
    tokens: int = 0
    answers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One response; where it stalls it sends `beat` every `beat_s` seconds."""

    parts: tuple[Part, ...]
    status: int = 200
    headers: Headers = SSE
    end: End = "whole"
    beat: bytes = b""
    beat_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model says and why it stops; `usage` is its prompt's."""

    id: str
    model: str
    text: str
    stop_reason: str | None
    usage: dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """Seconds before the first event, and before each further chunk of the text."""

    first_s: float = 0.0
    chunk_s: float = 0.0


def streamed(reply: Reply, pauses: Pauses) -> Script:
    """A reply as the events of a stream, one part each, in the provider's order."""
    message: dict[str, Json] = {
        "id": reply.id,
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**reply.usage, "output_tokens": 1},
    }
    end: dict[str, Json] = {
        "type": "message_delta",
        "delta": {"stop_reason": reply.stop_reason, "stop_sequence": None},
        "usage": {"output_tokens": tokens_of(reply.text)},
    }
    begin: dict[str, Json] = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    parts = (
        Part(data=sse({"type": "message_start", "message": message}), after_s=pauses.first_s),
        *_events(begin, {"type": "ping"}),
        *_said(reply.text, pauses.chunk_s),
        *_events({"type": "content_block_stop", "index": 0}, end, {"type": "message_stop"}),
    )
    return Script(parts=parts)


def _events(*events: dict[str, Json]) -> list[Part]:
    return [Part(data=sse(event)) for event in events]


def _said(text: str, chunk_s: float) -> list[Part]:
    answered, position, parts = _end_of_answer(text), 0, list[Part]()
    for chunk in chunks(text, _CHUNK_CHARS):
        data = sse({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": chunk}})
        position += len(chunk)
        answers = answered is not None and position - len(chunk) < answered <= position
        after_s = chunk_s if parts else 0.0
        parts.append(Part(data=data, after_s=after_s, tokens=tokens_of(chunk), answers=answers))
    return parts


def _end_of_answer(text: str) -> int | None:
    """Where the first JSON object of a text is complete."""
    start = text.find("{")
    while start >= 0:
        try:
            return json.JSONDecoder().raw_decode(text, start)[1]
        except ValueError:
            start = text.find("{", start + 1)
    return None


def refusal(status: int, kind: str, message: str, headers: Headers = ()) -> Script:
    """A response that is an error, as the provider tells one."""
    body = json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()
    return Script(parts=(Part(data=body),), status=status, headers=[*JSON, *headers])
