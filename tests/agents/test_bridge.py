"""The bridge: AutoGen's messages become a request, its reply comes back whole, and an error stays what it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest
from autogen_core import Image
from autogen_core.models import AssistantMessage, CreateResult, LLMMessage, SystemMessage, UserMessage

from igent.agents.bridge import BridgeClient
from igent.errors import ModelError, ModelRejected, ModelTimeout, ModelUnavailable, ReplyUnusable
from igent.models.base import Message, ModelRequest
from tests.agents.desk import ANSWER, desk
from tests.agents.scripted import SENT, ScriptedModel, Step, end

SPOKEN: list[LLMMessage] = [
    SystemMessage(content="Match."),
    UserMessage(content="TASK", source="igent"),
    AssistantMessage(content="{}", source="matcher"),
    UserMessage(content="VIOLATIONS", source="igent"),
]


def make_request(messages: tuple[Message, ...]) -> ModelRequest:
    return ModelRequest(
        agent="matcher", kind="match", system="Match.", messages=messages, max_tokens=512, model="small"
    )


@asynccontextmanager
async def bridge_to(*scripts: Sequence[Step]) -> AsyncGenerator[tuple[BridgeClient, ScriptedModel], None]:
    async with desk(*scripts, deadline_s=0.01) as at:
        yield BridgeClient(at.calls, make_request), at.model


async def test_messages_become_a_request_from_the_side_of_the_agent() -> None:
    async with bridge_to([SENT, ANSWER, end()]) as (client, model):
        await client.create(SPOKEN)
    spoken = (
        Message(author="user", text="TASK"),
        Message(author="assistant", text="{}"),
        Message(author="user", text="VIOLATIONS"),
    )
    assert model.requests == [make_request(spoken)]


async def test_a_stream_is_one_whole_result() -> None:
    async with bridge_to([SENT, ANSWER[:5], ANSWER[5:], end()]) as (client, _):
        results = [result async for result in client.create_stream(SPOKEN)]
    assert len(results) == 1
    assert isinstance(results[0], CreateResult)
    assert (results[0].content, results[0].cached) == (ANSWER, False)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([SENT, ModelRejected("small", "bad request")], ModelRejected),
        ([SENT, ModelUnavailable("small", "overloaded")], ModelUnavailable),
        ([SENT, '{"fit":'], ModelUnavailable),
        ([SENT, asyncio.Event()], ModelTimeout),
        ([SENT, end("refusal")], ReplyUnusable),
    ],
    ids=["rejected", "overloaded", "cut", "late", "refused"],
)
async def test_an_error_passes_with_its_type(script: list[Step], expected: type[ModelError]) -> None:
    async with bridge_to(script) as (client, _):
        with pytest.raises(ModelError) as caught:
            await client.create(SPOKEN)
    assert type(caught.value) is expected


async def test_anything_but_text_is_a_bug() -> None:
    picture = Image.from_base64(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    async with bridge_to() as (client, model):
        with pytest.raises(TypeError, match="text only, not list"):
            await client.create([UserMessage(content=["see", picture], source="igent")])
    assert model.requests == []


async def test_agents_are_told_that_there_is_text_and_nothing_else() -> None:
    async with bridge_to() as (client, _):
        assert client.model_info == client.capabilities
        assert (client.model_info["vision"], client.model_info["function_calling"]) == (False, False)
        await client.close()


async def test_what_is_not_kept_above_the_calls_is_nothing() -> None:
    async with bridge_to([SENT, ANSWER, end()]) as (client, _):
        result = await client.create(SPOKEN)
        usages = [result.usage, client.actual_usage(), client.total_usage()]
        assert [(usage.prompt_tokens, usage.completion_tokens) for usage in usages] == [(0, 0)] * 3
        assert (client.count_tokens(SPOKEN), client.remaining_tokens(SPOKEN)) == (0, 0)
