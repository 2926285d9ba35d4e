"""What a provider is asked: within the SDK's own types, no more thinking than asked for, and a grammar.

A breakpoint for the prompt cache changes where the provider may stop reading anew, and not one character of what it
reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import anthropic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.dialogue.prompts import review_text, shared_chars
from igent.dialogue.replies import ReplyKind, reply_schema
from igent.domain.records import Json
from igent.models.anthropic_body import message_body
from igent.models.base import CacheLevel, Message, ModelRequest
from tests.agents.scripted import SBUS, match_task, opening, order_task
from tests.models.loopback import HAIKU, REQUEST, Play, good_stream, heard, provider
from tests.provider.contract import message_problem

MODELS = [HAIKU, "claude-haiku-4-5", "claude-sonnet-5-5", "claude-opus-5-5"]
KINDS: tuple[ReplyKind, ...] = get_args(ReplyKind)
LEVELS: tuple[CacheLevel, ...] = get_args(CacheLevel)
EPHEMERAL = {"type": "ephemeral"}


async def sent(*requests: ModelRequest) -> list[bytes]:
    """The bodies of some requests."""
    async with provider(*[Play(parts=[good_stream(["{}"])])] * len(requests)) as (server, model):
        for request in requests:
            assert (await heard(model, request))[1] is None
        return [asked.body for asked in server.asked]


OPENING = Message(author="user", text=opening(match_task("all black"), SBUS))
DIALOGUE = (*REQUEST.messages, Message(author="assistant", text="{}"), Message(author="user", text="VIOLATIONS"))


async def test_every_body_is_what_the_sdks_types_allow() -> None:
    requests = [
        replace(request, kind=kind, model=model, thinking=thinking, max_tokens=4096)
        for kind in KINDS
        for model in (None, *MODELS)
        for thinking in (False, True)
        for request in (
            replace(REQUEST, system=""),
            replace(REQUEST, messages=DIALOGUE, effort="high"),
            replace(REQUEST, messages=(OPENING,), cache_at=frozenset(LEVELS)),
        )
    ]
    bodies = await sent(*requests)
    assert len(bodies) == 90
    assert {message_problem(body) for body in bodies} == {None}


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
    assert message_problem(json.dumps({**body, **extra}).encode()) is not None


async def test_a_request_is_sent_as_it_stands() -> None:
    body = json.loads((await sent(REQUEST))[0])
    schema = anthropic.transform_schema(reply_schema("match"))
    assert body == {
        "model": HAIKU,
        "max_tokens": 512,
        "system": [{"type": "text", "text": "Match."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "TASK"}]}],
        "thinking": {"type": "disabled"},
        "output_config": {"format": {"type": "json_schema", "schema": schema}, "effort": "low"},
        "stream": True,
    }


async def test_a_dialogue_is_sent_turn_by_turn() -> None:
    messages = json.loads((await sent(replace(REQUEST, messages=DIALOGUE)))[0])["messages"]
    turns = [(each["role"], each["content"][0]["text"]) for each in messages]
    assert turns == [("user", "TASK"), ("assistant", "{}"), ("user", "VIOLATIONS")]


async def test_what_is_empty_is_not_sent() -> None:
    body = json.loads((await sent(replace(REQUEST, kind="order", system="", model="claude-haiku-4-5")))[0])
    assert body.keys() == {"model", "max_tokens", "messages", "thinking", "output_config", "stream"}
    assert body["output_config"].keys() == {"format"}


@pytest.mark.parametrize("effort", [None, "low", "high"])
async def test_a_request_names_its_model_and_its_effort_which_is_low_unless_it_says_otherwise(
    effort: str | None,
) -> None:
    bodies = await sent(*[replace(REQUEST, model=model, effort=effort) for model in MODELS])
    told = [json.loads(body) for body in bodies]
    asked = effort or "low"
    assert [body["model"] for body in told] == MODELS
    assert [body["output_config"].get("effort") for body in told] == [asked, None, asked, asked]


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
    body = json.loads((await sent(replace(REQUEST, model=model, max_tokens=4_096)))[0])
    assert body["thinking"] == {"type": thinking}


@pytest.mark.parametrize(
    ("model", "max_tokens", "thinking"),
    [
        ("claude-haiku-5-5", 512, {"type": "adaptive"}),
        ("claude-sonnet-5-5", 512, {"type": "adaptive"}),
        ("claude-opus-5-5", 512, {"type": "adaptive"}),
        ("claude-haiku-4-5-20251001", 1_025, {"type": "enabled", "budget_tokens": 1_024}),
        ("claude-haiku-4-5-20251001", 1_024, {"type": "disabled"}),
        ("claude-opus-4-5", 4_096, {"type": "enabled", "budget_tokens": 1_024}),
    ],
)
def test_thinking_that_is_asked_for_takes_the_form_that_a_model_knows(
    model: str, max_tokens: int, thinking: dict[str, Json]
) -> None:
    body = message_body(replace(REQUEST, thinking=True, max_tokens=max_tokens), model=model)
    assert body["thinking"] == thinking


def without(schema: object, keys: set[str]) -> object:
    """The schema without some of its keywords, however deep."""
    if isinstance(schema, Mapping):
        return {key: without(value, keys) for key, value in schema.items() if key not in keys}
    return [without(each, keys) for each in schema] if isinstance(schema, list) else schema


async def test_a_grammar_is_the_replys_own_form_with_its_bounds_told_in_words() -> None:
    bodies = await sent(*[replace(REQUEST, kind=kind) for kind in KINDS])
    schemas = [json.loads(body)["output_config"]["format"]["schema"] for body in bodies]
    dropped = {"maxItems", "maxLength", "minLength", "pattern", "type"}  # a type only where values are listed
    own = [without(reply_schema(kind), dropped) for kind in KINDS]
    assert [without(each, {*dropped, "description"}) for each in schemas] == own
    assert [each["required"] for each in schemas] == [["fit"], ["payment"], ["verdict"]]
    assert "{maxLength: 1000}" in {each["properties"]["why"]["description"] for each in schemas}


TEXTS = st.text(max_size=20) | st.sampled_from(["TASK", '\nHOUSEHOLD\n{"zip":"1"}', "\nREGISTRATION\n{}"])
OPENINGS = st.builds(lambda task, note: opening(task(note), SBUS), st.sampled_from([match_task, order_task]), TEXTS)
FIRSTS = OPENINGS | OPENINGS.map(lambda text: review_text(text, {"fit": [["o1"]]})) | TEXTS
REQUESTS = st.builds(
    lambda system, first, later: replace(
        REQUEST, system=system, messages=(replace(OPENING, text=first), *DIALOGUE[1 : 1 + later])
    ),
    st.sampled_from(["", "Match."]),
    FIRSTS,
    st.sampled_from([0, 2]),
)


def blocks(request: ModelRequest) -> list[list[dict[str, str]]]:
    """The blocks of text of the instructions and of each message."""
    body = json.loads(json.dumps(message_body(request, model=HAIKU)))
    return [body.get("system", []), *(message["content"] for message in body["messages"])]


@given(REQUESTS, st.frozensets(st.sampled_from(LEVELS)))
def test_what_a_model_reads_is_the_same_wherever_its_prompt_is_kept(
    request: ModelRequest, levels: frozenset[CacheLevel]
) -> None:
    both = [request, replace(request, cache_at=levels)]
    plain, kept = [["".join(block["text"] for block in each) for each in blocks(one)] for one in both]
    assert plain == kept
    bodies = [{**message_body(one, model=HAIKU), "system": None, "messages": None} for one in both]
    assert bodies[0] == bodies[1]


@given(REQUESTS, st.frozensets(st.sampled_from(LEVELS)))
def test_a_breakpoint_ends_the_instructions_and_what_households_share_and_nothing_else(
    request: ModelRequest, levels: frozenset[CacheLevel]
) -> None:
    request = replace(request, cache_at=levels)
    first = request.messages[0].text
    system = [request.system] if "system" in levels and request.system else []
    shared = [first[: shared_chars(first)]] if "shared" in levels and shared_chars(first) else []
    marked = [block for each in blocks(request) for block in each if "cache_control" in block]
    assert marked == [{"type": "text", "text": text, "cache_control": EPHEMERAL} for text in system + shared]
    assert json.dumps(message_body(request, model=HAIKU)).count("cache_control") == len(marked) <= 4


def test_what_households_share_comes_first_and_the_household_last() -> None:
    request = replace(REQUEST, messages=(OPENING, *DIALOGUE[1:]), cache_at=frozenset({"shared"}))
    first, *others = blocks(request)[1:]
    assert [block["text"].split("\n")[::2] for block in first] == [["TASK", "OFFERS", ""], ["HOUSEHOLD", "NOTE"]]
    assert ["cache_control" in block for block in first] == [True, False]
    assert [len(each) for each in others] == [1, 1]
