"""The schema that a provider is given says what the reader accepts: no more, and as little less as JSON Schema can."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from igent.dialogue.replies import ReplyKind, maybe_answer, reply_schema
from igent.domain.records import Json
from igent.domain.rules import MAX_OFFERS

KINDS: list[ReplyKind] = ["match", "order", "critique"]

MATCH: dict[str, Json] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["fit"],
    "properties": {
        "fit": {
            "anyOf": [
                {
                    "type": "array",
                    "maxItems": MAX_OFFERS,
                    "items": {"type": "array", "maxItems": MAX_OFFERS, "items": {"type": "string", "maxLength": 16}},
                },
                {"type": "null"},
            ]
        },
        "words": {"type": "array", "maxItems": 16, "items": {"type": "string", "minLength": 1, "maxLength": 300}},
        "why": {"type": "string", "maxLength": 1000},
    },
}

LEAST: dict[ReplyKind, dict[str, Json]] = {
    "match": {"fit": None},
    "order": {"payment": None},
    "critique": {"verdict": "undecided"},
}


def parts(schema: Json) -> Iterator[dict[str, Json]]:
    """The schema and every schema inside it."""
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from parts(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from parts(value)


def test_a_match_is_described_with_its_bounds() -> None:
    assert reply_schema("match") == MATCH


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_schema_requires_is_what_the_reader_requires(kind: ReplyKind) -> None:
    least = LEAST[kind]
    assert reply_schema(kind)["required"] == [*least]
    assert maybe_answer(kind, json.dumps(least).encode()) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_the_decision_comes_before_its_reasons(kind: ReplyKind) -> None:
    properties = reply_schema(kind)["properties"]
    assert isinstance(properties, dict)
    assert [*properties][-1] == "why"
    assert [*properties][: len(LEAST[kind])] == [*LEAST[kind]]


@pytest.mark.parametrize("kind", KINDS)
def test_every_object_is_closed(kind: ReplyKind) -> None:
    objects = [part for part in parts(reply_schema(kind)) if part.get("type") == "object"]
    assert [each["additionalProperties"] for each in objects] == [False] * (2 if kind == "order" else 1)


def test_an_order_is_described_with_its_lists_in_the_order_of_their_names_in_the_prompt() -> None:
    ruled = {"type": "string", "pattern": "^[^:]{1,16}(:[^:]{1,16})?$"}
    properties = reply_schema("order")["properties"]
    assert isinstance(properties, dict)
    assert [*properties] == ["payment", "yes", "no", "unsure", "words", "why"]
    for name in ("no", "unsure"):
        assert properties[name] == {"type": "array", "maxItems": MAX_OFFERS, "items": ruled}


def test_a_yes_is_described_with_the_words_that_it_needs() -> None:
    properties = reply_schema("order")["properties"]
    assert isinstance(properties, dict)
    one: Json = {"type": "string", "pattern": "^[^:]{1,16}$"}
    granted: Json = {
        "type": "object",
        "additionalProperties": False,
        "required": ["id", "words"],
        "properties": {
            "id": one,
            "words": {"type": "string", "maxLength": 300},
            "amount": {"type": "string", "maxLength": 16},
            "offers": {"type": "array", "maxItems": MAX_OFFERS, "items": one},
        },
    }
    assert properties["yes"] == {"type": "array", "maxItems": MAX_OFFERS, "items": granted}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_said_that_does_not_decide_what_fits(kind: ReplyKind) -> None:
    said = {key for part in parts(reply_schema(kind)) for key in part}
    assert said & {"title", "default", "description", "$defs", "$ref"} == set()


def test_the_payments_and_the_codes_are_closed_lists() -> None:
    listed = {kind: {tuple(part["enum"]) for part in parts(reply_schema(kind)) if "enum" in part} for kind in KINDS}  # type: ignore[arg-type]
    assert listed["order"] == {("cash", "loan")}
    assert ("approve", "veto", "undecided") in listed["critique"]
    assert listed["match"] == set()
