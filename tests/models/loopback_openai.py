"""What an OpenAI-compatible endpoint on loopback says, and a model that talks to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

from igent.accounting.usage import Usage
from igent.domain.records import Json
from igent.errors import ModelError
from igent.models.base import ChatModel, ModelEvent, ModelRequest, ReplyEnd
from igent.models.openai import Access, OpenAIModel
from igent.models.streams import OnHeaders
from tests.models.loopback import REQUEST, SOON_S, Loopback, Play, heard

__all__ = [
    "DONE",
    "END",
    "GPT",
    "TOLD_USAGE",
    "USAGE",
    "data",
    "endpoint",
    "good_chunks",
    "good_stream",
    "replied",
    "said",
]

GPT = "gpt-4.1"
DONE = b"data: [DONE]\n\n"
TOLD_USAGE: dict[str, Json] = {
    "prompt_tokens": 700,
    "completion_tokens": 42,
    "total_tokens": 742,
    "prompt_tokens_details": {"cached_tokens": 512, "cache_write_tokens": 8, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 12},
}
USAGE = Usage(input_tokens=180, output_tokens=42, cache_read_tokens=512, cache_write_tokens=8)
END = ReplyEnd(stop_reason="end_turn", usage=USAGE)


def data(chunk: Json) -> bytes:
    """One event as an endpoint writes it."""
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()


def said(delta: Json, *, reason: Json = None, **others: Json) -> dict[str, Json]:
    """A chunk with one choice."""
    choice: dict[str, Json] = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return {"id": "c1", "object": "chat.completion.chunk", "model": GPT, "choices": [choice], "usage": None, **others}


def good_chunks(texts: Iterable[str], *, reason: Json = "stop", usage: Json = TOLD_USAGE) -> list[dict[str, Json]]:
    """The chunks of a whole reply in OpenAI's order."""
    opening: dict[str, Json] = {"role": "assistant", "content": "", "refusal": None}
    return [
        said(opening),
        *(said({"content": text}) for text in texts),
        said({}, reason=reason),
        {**said({}), "choices": [], "usage": usage},
    ]


def good_stream(texts: Iterable[str], *, reason: Json = "stop") -> bytes:
    """A whole reply as bytes."""
    return b"".join([*map(data, good_chunks(texts, reason=reason)), DONE])


@asynccontextmanager
async def endpoint(
    *plays: Play, idle_s: float = SOON_S, on_headers: OnHeaders | None = None, access: Access | None = None
) -> AsyncIterator[tuple[Loopback, OpenAIModel]]:
    """An endpoint with its script, and a model that talks to it."""
    async with Loopback([*plays]) as server:
        reached = replace(access or Access(api_key="sk-test"), base_url=server.url)
        async with OpenAIModel.open(reached, model=GPT, idle_s=idle_s, on_headers=on_headers) as model:
            yield server, model


async def replied(model: ChatModel, request: ModelRequest = REQUEST) -> tuple[list[ModelEvent], ModelError | None]:
    """All events of a stream, and the error that it ended with."""
    return await heard(model, request)
