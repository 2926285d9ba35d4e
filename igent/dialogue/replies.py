"""What agents may answer, as strict schemas, and reading an answer out of a reply.

A reply counts only where a complete object in it fits its schema; the first such object is the answer, whatever stands
around it. Nothing is repaired and nothing defaults.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema

from igent.dialogue.extract import JsonExtractor
from igent.domain.records import Json, Payment
from igent.domain.rules import MAX_OFFERS
from igent.domain.verify import MatchDecision, OrderDecision, Ruling

__all__ = ["Answer", "Critique", "ReplyKind", "find_answer", "maybe_answer", "reply_schema"]

ReplyKind = Literal["match", "order", "critique"]

# Bounds on what one household's answer can need; a reply past them is a runaway. Ids are as short as igent makes them.
_Id = Annotated[str, Field(max_length=16)]
_Words = Annotated[str, Field(min_length=1, max_length=300)]
_Why = Annotated[str, Field(max_length=1_000)]
_MAX_IDS = MAX_OFFERS
_MAX_WORDS = 16

_PerOffer = Annotated[dict[_Id, Ruling], Field(max_length=_MAX_IDS)]

VetoCode = Literal["note-ignored", "tier-order", "offer-excluded", "payment", "incentive", "other"]


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Match(_Reply):
    fit: Annotated[list[Annotated[list[_Id], Field(max_length=_MAX_IDS)]], Field(max_length=_MAX_IDS)] | None
    words: Annotated[list[_Words], Field(max_length=_MAX_WORDS)] = []
    why: _Why = ""


class _Order(_Reply):
    payment: Payment | None
    incentives: Annotated[dict[_Id, Ruling | _PerOffer], Field(max_length=_MAX_IDS)]
    words: Annotated[list[_Words], Field(max_length=_MAX_WORDS)] = []
    why: _Why = ""


class Critique(_Reply):
    """A critic's answer; `codes` say what a veto is about."""

    verdict: Literal["approve", "veto", "undecided"]
    codes: Annotated[list[VetoCode], Field(max_length=8)] = []
    why: _Why = ""


Answer: TypeAlias = MatchDecision | OrderDecision | Critique


class _Plain(GenerateJsonSchema):
    """JSON Schema without titles and defaults, which say nothing about what fits and cost a model tokens."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def reply_schema(kind: ReplyKind) -> dict[str, Json]:
    """The JSON Schema of an answer of that kind, bounds included.

    An order's incentives are keyed by id, so its schema has objects with free keys; the others have none.
    """
    forms: dict[ReplyKind, type[BaseModel]] = {"match": _Match, "order": _Order, "critique": Critique}
    schema = forms[kind].model_json_schema(schema_generator=_Plain)
    return {key: value for key, value in schema.items() if key not in ("title", "description")}


def maybe_answer(kind: ReplyKind, candidate: bytes) -> Answer | None:
    """The answer that one complete JSON object is, or None where it does not fit the schema."""
    try:
        if kind == "match":
            return _match(_Match.model_validate_json(candidate))
        if kind == "order":
            return _order(_Order.model_validate_json(candidate))
        return Critique.model_validate_json(candidate)
    except ValidationError:
        return None


def find_answer(kind: ReplyKind, reply: str) -> Answer | None:
    """The first answer in a whole reply, or None."""
    answers = (maybe_answer(kind, candidate) for candidate in JsonExtractor().feed(reply.encode("utf-8", "replace")))
    return next((answer for answer in answers if answer is not None), None)


def _match(reply: _Match) -> MatchDecision:
    fit = None if reply.fit is None else tuple(tuple(tier) for tier in reply.fit)
    return MatchDecision(fit=fit, words=tuple(reply.words), why=reply.why)


def _order(reply: _Order) -> OrderDecision:
    return OrderDecision(payment=reply.payment, incentives=reply.incentives, words=tuple(reply.words), why=reply.why)
