"""What an endpoint is asked: within the SDK's own types, and without what its server does not know."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, get_args

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import TypeAdapter, ValidationError

from igent.dialogue.replies import ReplyKind, reply_schema
from igent.domain.records import Json
from igent.errors import ModelRejected
from igent.models.base import Message, ModelRequest
from igent.models.openai_body import Part, chat_body, first_unknown
from tests.models.loopback import REQUEST, Loopback, Play, failure
from tests.models.loopback_openai import GPT, endpoint, good_stream, replied

CONTRACT = TypeAdapter(CompletionCreateParamsStreaming)
KINDS: tuple[ReplyKind, ...] = get_args(ReplyKind)
GOOD = Play(parts=[good_stream(["{}"])])
DIALOGUE = (*REQUEST.messages, Message(author="assistant", text="{}"), Message(author="user", text="VIOLATIONS"))


def exhausted(value: object) -> object:
    """The value with every iterator in it run through: only then does pydantic look at what is in it."""
    if isinstance(value, Mapping):
        return {key: exhausted(each) for key, each in value.items()}
    return value if isinstance(value, str | int | float | None) else [exhausted(each) for each in value]  # type: ignore[attr-defined]


def in_parts(message: Json) -> Json:
    """The message with its text in the other form that is allowed: pydantic takes a text for any iterable."""
    if isinstance(message, dict) and isinstance(message.get("content"), str):
        return {**message, "content": [{"type": "text", "text": message["content"]}]}
    return message


def within_contract(body: dict[str, Json]) -> bool:
    messages = body["messages"]
    assert isinstance(messages, list)
    try:
        told = json.dumps({**body, "messages": [*map(in_parts, messages)]})
        exhausted(CONTRACT.validate_json(told, extra="forbid"))
    except ValidationError:
        return False
    return True


def bodies(server: Loopback) -> list[dict[str, Json]]:
    """What a server was asked so far."""
    return [json.loads(asked.body) for asked in server.asked]


async def sent(*requests: ModelRequest) -> list[dict[str, Json]]:
    """The bodies of some requests."""
    async with endpoint(*[GOOD] * len(requests)) as (server, model):
        for request in requests:
            assert (await replied(model, request))[1] is None
        return bodies(server)


async def test_every_body_is_what_the_sdks_types_allow() -> None:
    requests = [
        replace(REQUEST, kind=kind, model=model, effort=effort, messages=messages, system=system)
        for kind in KINDS
        for model in (None, "gpt-5.1", "gpt-5-mini", "o3")
        for effort, messages, system in ((None, REQUEST.messages, ""), ("low", DIALOGUE, "Order."))
    ]
    found = await sent(*requests)
    assert len(found) == 24
    assert all(within_contract(body) for body in found)


@pytest.mark.parametrize(
    "extra",
    [{"thinking": {}}, {"messages": [{"role": "user"}]}, {"stream": False}],
    ids=lambda extra: next(iter(extra)),
)
async def test_the_contract_would_refuse_another_body(extra: dict[str, Json]) -> None:
    assert not within_contract({**(await sent(REQUEST))[0], **extra})


STRICT: dict[str, Json] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "fit": {
            "anyOf": [{"type": "array", "items": {"type": "array", "items": {"type": "string"}}}, {"type": "null"}]
        },
        "words": {"type": "array", "items": {"type": "string"}},
        "why": {"type": "string"},
    },
    "required": ["fit", "words", "why"],
}


async def test_a_request_is_sent_as_it_stands() -> None:
    assert await sent(REQUEST) == [
        {
            "model": GPT,
            "messages": [{"role": "system", "content": "Match."}, {"role": "user", "content": "TASK"}],
            "max_tokens": 512,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "match", "strict": True, "schema": STRICT},
            },
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]


async def test_a_dialogue_is_sent_turn_by_turn() -> None:
    [body] = await sent(replace(REQUEST, messages=DIALOGUE, system=""))
    assert body["messages"] == [
        {"role": "user", "content": "TASK"},
        {"role": "assistant", "content": "{}"},
        {"role": "user", "content": "VIOLATIONS"},
    ]


async def test_an_endpoint_is_asked_by_its_own_name_of_a_model() -> None:
    named = [replace(REQUEST, model=model) for model in (None, "openai:gpt-5.1", "qwen3:8b", "openai/gpt-oss-20b")]
    assert [body["model"] for body in await sent(*named)] == [GPT, "gpt-5.1", "qwen3:8b", "openai/gpt-oss-20b"]


# https://developers.openai.com/api/docs/guides/structured-outputs (November 2026): what a strict schema may say, here
# and on servers that know less.
KNOWN = {"type", "properties", "required", "additionalProperties", "items", "enum", "anyOf"}


def schemas(schema: Any) -> Iterator[dict[str, Any]]:
    """The schema and every schema inside it."""
    yield schema
    for inner in [
        *schema.get("properties", {}).values(),
        *schema.get("anyOf", []),
        *filter(None, [schema.get("items")]),
    ]:
        yield from schemas(inner)


@pytest.mark.parametrize("kind", KINDS)
def test_every_reply_has_a_grammar_that_a_strict_server_takes(kind: ReplyKind) -> None:
    told: Any = chat_body(replace(REQUEST, kind=kind), model=GPT)["response_format"]
    form = told["json_schema"]
    found = [*schemas(form["schema"])]
    objects = [each for each in found if each.get("type") == "object"]
    assert (form["name"], form["strict"], form["schema"]["type"]) == (kind, True, "object")
    parts = [["id", "words", "amount", "offers"]] if kind == "order" else []
    assert [(each["additionalProperties"], each["required"]) for each in objects] == [
        (False, [*reply_schema(kind)["properties"]]),  # type: ignore[misc]
        *((False, part) for part in parts),
    ]
    assert {key for each in found for key in each} <= KNOWN
    assert [each for each in found if not each.keys() & {"type", "anyOf"}] == []


@pytest.mark.parametrize(
    ("model", "least"),
    [
        ("gpt-4.1", None),
        ("gpt-5", "minimal"),
        ("gpt-5-mini", "minimal"),
        ("gpt-5.1", "none"),
        ("gpt-5.6-sol", "none"),
        ("gpt-5-chat-latest", None),
        ("gpt-5.1-chat-latest", None),
        ("o3", "low"),
        ("o4-mini", "low"),
        ("openai/gpt-oss-20b", "low"),
        ("olmo-3", None),
        ("glm-4.6", None),
    ],
)
def test_reasoning_is_as_little_as_a_model_can(model: str, least: str | None) -> None:
    efforts = [
        chat_body(request, model=model).get("reasoning_effort")
        for request in (REQUEST, replace(REQUEST, thinking=True), replace(REQUEST, effort="high"))
    ]
    assert efforts == [least, None, "high"]


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("api.openai.com", "max_completion_tokens"),
        ("mine.openai.azure.com", "max_completion_tokens"),
        ("api.openai.com.example.org", "max_tokens"),
        ("localhost", "max_tokens"),
    ],
)
def test_the_limit_has_the_name_that_the_host_knows(host: str, name: str) -> None:
    body = chat_body(REQUEST, model=GPT, unknown=first_unknown(host))
    assert {key: value for key, value in body.items() if key.startswith("max")} == {name: 512}


def refusal(message: str, **fields: Json) -> Play:
    """A 400 as an endpoint tells it."""
    return failure(400, {"error": {"message": message, **fields}})


REFUSALS: list[tuple[Play, Part]] = [
    (refusal("This response_format type is unavailable now", code="invalid_request_error"), "response_format"),
    (refusal("This model does not support response format `json_schema`."), "response_format"),
    (failure(422, {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs"}]}), "stream_options"),
    (refusal("Unrecognized request argument supplied: reasoning_effort"), "reasoning_effort"),
    (
        refusal(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            code="unsupported_parameter",
        ),
        "max_tokens",
    ),
]


@pytest.mark.parametrize(("play", "part"), REFUSALS, ids=lambda each: each if isinstance(each, str) else "")
async def test_what_a_server_does_not_know_is_left_out_from_then_on(play: Play, part: Part) -> None:
    asked = replace(REQUEST, effort="low")
    async with endpoint(play, GOOD, GOOD) as (server, model):
        assert [(await replied(model, asked))[1] for _ in range(2)] == [None, None]
        assert [part in body for body in bodies(server)] == [True, False, False]
        newer = "max_completion_tokens" if part == "max_tokens" else "max_tokens"
        assert [newer in body for body in bodies(server)[1:]] == [True, True]


async def test_a_server_may_know_less_than_one_thing() -> None:
    plays = [play for play, _ in REFUSALS if play is not REFUSALS[1][0]]
    async with endpoint(*plays, GOOD) as (server, model):
        assert (await replied(model, replace(REQUEST, effort="low")))[1] is None
        assert bodies(server)[-1].keys() == {"model", "messages", "max_completion_tokens", "stream"}


async def test_another_model_may_know_more() -> None:
    async with endpoint(REFUSALS[0][0], GOOD, GOOD) as (server, model):
        for request in (REQUEST, replace(REQUEST, model="other")):
            assert (await replied(model, request))[1] is None
        assert ["response_format" in body for body in bodies(server)] == [True, False, True]


async def test_calls_at_the_same_time_find_out_each_for_itself() -> None:
    refused = replace(REFUSALS[0][0], company=4)  # so that none has found out before another has asked
    async with endpoint(*[refused] * 4, *[GOOD] * 4) as (_, model):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(replied(model)) for _ in range(4)]
        assert [task.result()[1] for task in tasks] == [None] * 4


@pytest.mark.parametrize(
    "play",
    [
        refusal("prompt is too long"),
        refusal("'max_tokens' is too large: 512. This model's maximum context length is 400 tokens."),
        failure(405, {"error": {"message": "response_format"}}),
    ],
    ids=["a prompt", "a limit", "a path"],
)
async def test_any_other_refusal_is_one(play: Play) -> None:
    async with endpoint(play) as (server, model):
        assert type((await replied(model))[1]) is ModelRejected
        assert len(server.asked) == 1


async def test_a_server_that_refuses_all_the_same_is_not_asked_for_ever() -> None:
    async with endpoint(*[REFUSALS[0][0]] * 9) as (server, model):
        assert type((await replied(model))[1]) is ModelRejected
        assert len(server.asked) == 2
