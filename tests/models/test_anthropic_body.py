"""What a provider is asked: within the SDK's own types, as little thinking as can be, and a grammar if one fits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import anthropic
import pytest
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from pydantic import TypeAdapter, ValidationError

from igent.dialogue.replies import ReplyKind, reply_schema
from igent.domain.records import Json
from igent.models.base import Message, ModelRequest
from tests.models.loopback import HAIKU, REQUEST, Play, good_stream, heard, provider

CONTRACT = TypeAdapter(MessageCreateParamsStreaming)
MODELS = [HAIKU, "claude-haiku-4-5", "claude-sonnet-5-5", "claude-opus-5-5"]
KINDS: tuple[ReplyKind, ...] = get_args(ReplyKind)


def exhausted(value: object) -> object:
    """The value with every iterator in it run through: only then does pydantic look at what is in it."""
    if isinstance(value, Mapping):
        return {key: exhausted(each) for key, each in value.items()}
    return value if isinstance(value, str | int | float | None) else [exhausted(each) for each in value]  # type: ignore[attr-defined]


def within_contract(body: bytes) -> bool:
    try:
        exhausted(CONTRACT.validate_json(body, extra="forbid"))
    except ValidationError:
        return False
    return True


async def sent(*requests: ModelRequest) -> list[bytes]:
    """The bodies of some requests."""
    async with provider(*[Play(parts=[good_stream(["{}"])])] * len(requests)) as (server, model):
        for request in requests:
            assert (await heard(model, request))[1] is None
        return [asked.body for asked in server.asked]


DIALOGUE = (*REQUEST.messages, Message(author="assistant", text="{}"), Message(author="user", text="VIOLATIONS"))


async def test_every_body_is_what_the_sdks_types_allow() -> None:
    requests = [
        replace(REQUEST, kind=kind, model=model, effort=effort, messages=messages, system=system)
        for kind in KINDS
        for model in (None, *MODELS)
        for effort, messages, system in ((None, REQUEST.messages, ""), ("low", DIALOGUE, "Order."))
    ]
    bodies = await sent(*requests)
    assert len(bodies) == 30
    assert all(within_contract(body) for body in bodies)


@pytest.mark.parametrize(
    "extra",
    [
        {"temperature": 0},
        {"system": [{"type": "text", "text": "", "temperature": 0}]},
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        {"output_config": {"format": {"type": "json_object"}}},
    ],
    ids=lambda extra: next(iter(extra)),
)
async def test_the_contract_would_refuse_another_body(extra: dict[str, Json]) -> None:
    body = json.loads((await sent(REQUEST))[0])
    assert not within_contract(json.dumps({**body, **extra}).encode())


async def test_a_request_is_sent_as_it_stands() -> None:
    body = json.loads((await sent(REQUEST))[0])
    schema = anthropic.transform_schema(reply_schema("match"))
    assert body == {
        "model": HAIKU,
        "max_tokens": 512,
        "system": [{"type": "text", "text": "Match."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "TASK"}]}],
        "thinking": {"type": "disabled"},
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
        "stream": True,
    }


async def test_a_dialogue_is_sent_turn_by_turn() -> None:
    messages = json.loads((await sent(replace(REQUEST, messages=DIALOGUE)))[0])["messages"]
    turns = [(each["role"], each["content"][0]["text"]) for each in messages]
    assert turns == [("user", "TASK"), ("assistant", "{}"), ("user", "VIOLATIONS")]


async def test_what_is_empty_is_not_sent() -> None:
    body = json.loads((await sent(replace(REQUEST, kind="order", system="")))[0])
    assert body.keys() == {"model", "max_tokens", "messages", "thinking", "stream"}


async def test_a_request_names_its_model_and_its_effort() -> None:
    bodies = await sent(*[replace(REQUEST, model=model, effort="low") for model in MODELS])
    told = [json.loads(body) for body in bodies]
    assert [body["model"] for body in told] == MODELS
    assert [body["output_config"].get("effort") for body in told] == ["low", None, "low", "low"]


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        ("claude-haiku-5-5", "disabled"),
        ("claude-haiku-4-5-20251001", "disabled"),
        ("claude-sonnet-5", "disabled"),
        ("claude-sonnet-5-5", "between_tools"),
        ("claude-opus-5", "disabled"),
        ("claude-opus-5-5", "adaptive"),
        ("claude-fable-5-2", "adaptive"),
        ("claude-mythos-5-2", "adaptive"),
    ],
)
async def test_thinking_is_as_little_as_a_model_can(model: str, thinking: str) -> None:
    assert json.loads((await sent(replace(REQUEST, model=model)))[0])["thinking"] == {"type": thinking}


async def test_a_reply_with_free_keys_goes_without_a_grammar() -> None:
    bodies = await sent(*[replace(REQUEST, kind=kind) for kind in KINDS])
    formats = {
        kind: json.loads(body).get("output_config", {}).get("format") for kind, body in zip(KINDS, bodies, strict=True)
    }
    assert [kind for kind, grammar in formats.items() if grammar is None] == ["order"]
    assert formats["critique"]["schema"]["required"] == ["verdict"]
