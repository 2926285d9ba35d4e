"""The bridge: AutoGen's messages become a request, its reply comes back whole, and an error stays what it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest
from autogen_core import Image
from autogen_core.models import AssistantMessage, CreateResult, LLMMessage, SystemMessage, UserMessage

from igent.agents.bridge import BridgeClient
from igent.agents.calls import Calls, CallSettings, Kept
from igent.errors import ModelError, ModelTimeout, ModelUnavailable
from igent.models.base import Message, ModelRequest
from igent.models.limits import CallSlots
from tests.agents.scripted import ScriptedModel, Step, end

ANSWER = '{"fit":[["o1"]]}'
SPOKEN: list[LLMMessage] = [
    SystemMessage(content="Match."),
    UserMessage(content="TASK", source="igent"),
    AssistantMessage(content="{}", source="matcher"),
    UserMessage(content="VIOLATIONS", source="igent"),
]


def make_request(system: str, messages: tuple[Message, ...]) -> ModelRequest:
    return ModelRequest(agent="matcher", kind="match", system=system, messages=messages, max_tokens=512)


async def keep(_: Kept) -> None:
    """Nothing to keep a reply in."""


@asynccontextmanager
async def bridge_to(*scripts: Sequence[Step]) -> AsyncGenerator[tuple[BridgeClient, ScriptedModel], None]:
    model = ScriptedModel(*scripts)
    settings = CallSettings(model=model, slots=CallSlots(1), deadline_s=0.01, early_json=True)
    async with asyncio.TaskGroup() as lingering:
        yield BridgeClient(Calls(settings, keep=keep, lingering=lingering), make_request), model


async def test_messages_become_a_request_from_the_side_of_the_agent() -> None:
    async with bridge_to([ANSWER, end()]) as (client, model):
        await client.create(SPOKEN)
    spoken = (
        Message(author="user", text="TASK"),
        Message(author="assistant", text="{}"),
        Message(author="user", text="VIOLATIONS"),
    )
    assert model.requests == [make_request("Match.", spoken)]


async def test_a_stream_is_one_whole_result() -> None:
    async with bridge_to([ANSWER[:5], ANSWER[5:], end()]) as (client, _):
        results = [result async for result in client.create_stream(SPOKEN)]
    assert len(results) == 1
    assert isinstance(results[0], CreateResult)
    assert (results[0].content, results[0].cached) == (ANSWER, False)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([ModelError("scripted", "bad request")], ModelError),
        ([ModelUnavailable("scripted", "overloaded")], ModelUnavailable),
        (['{"fit":'], ModelUnavailable),
        ([asyncio.Event()], ModelTimeout),
    ],
    ids=["refused", "overloaded", "cut", "late"],
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
    async with bridge_to([ANSWER, end()]) as (client, _):
        result = await client.create(SPOKEN)
        usages = [result.usage, client.actual_usage(), client.total_usage()]
        assert [(usage.prompt_tokens, usage.completion_tokens) for usage in usages] == [(0, 0)] * 3
        assert (client.count_tokens(SPOKEN), client.remaining_tokens(SPOKEN)) == (0, 0)
