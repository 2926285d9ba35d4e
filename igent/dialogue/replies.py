"""What agents may answer, as strict schemas, and reading an answer out of a reply.

A reply counts only where a complete object in it fits its schema; the first such object is the answer, whatever stands
around it. Nothing is repaired and nothing defaults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Literal, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema

from igent.dialogue.extract import MAX_OBJECT_BYTES, JsonExtractor
from igent.domain.grounds import Ground
from igent.domain.records import Json, Payment
from igent.domain.rules import MAX_OFFERS
from igent.domain.verify import MatchDecision, OrderDecision, Ruling

__all__ = ["Answer", "Critique", "ReplyKind", "find_answer", "maybe_answer", "order_reply", "reply_schema"]

ReplyKind = Literal["match", "order", "critique"]

# A default that is a list itself would be copied at every reply.
# Bounds on what one household's answer can need; a reply past them is a runaway. Ids are as short as igent makes them,
# and no incentive has more rulings than there are offers.
_Id = Annotated[str, Field(max_length=16)]
# Of an incentive or an offer.
_Part = Annotated[str, Field(pattern=r"^[^:]{1,16}$")]
# An incentive, or with a colon and an offer behind it where the ruling depends on the offer.
_Ruled = Annotated[str, Field(pattern=r"^[^:]{1,16}(:[^:]{1,16})?$")]
_Words = Annotated[str, Field(min_length=1, max_length=300)]
_Why = Annotated[str, Field(max_length=1_000)]
_MAX_IDS = MAX_OFFERS
_MAX_WORDS = 16

# Of a window's registrations those whose answers are on their way; most answers are some hundred bytes.
_KEPT_ANSWERS = 512

VetoCode = Literal["note-ignored", "tier-order", "offer-excluded", "payment", "incentive", "other"]


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Match(_Reply):
    fit: Annotated[list[Annotated[list[_Id], Field(max_length=_MAX_IDS)]], Field(max_length=_MAX_IDS)] | None
    words: Annotated[list[_Words], Field(max_length=_MAX_WORDS)] = Field(default_factory=list)
    why: _Why = ""


class _Yes(_Reply):
    """What is granted, and by which words of its text. No `offers` are all of them, no `amount` the only one."""

    id: _Part
    words: Annotated[str, Field(max_length=300)]
    amount: Annotated[str, Field(max_length=16)] = ""
    offers: Annotated[list[_Part], Field(max_length=_MAX_IDS)] = Field(default_factory=list)


class _Order(_Reply):
    """An absent list is an empty one: output is what takes time. An incentive that none names is one not ruled on."""

    payment: Payment | None
    yes: Annotated[list[_Yes], Field(max_length=_MAX_IDS)] = Field(default_factory=list)
    no: Annotated[list[_Ruled], Field(max_length=_MAX_IDS)] = Field(default_factory=list)
    unsure: Annotated[list[_Ruled], Field(max_length=_MAX_IDS)] = Field(default_factory=list)
    words: Annotated[list[_Words], Field(max_length=_MAX_WORDS)] = Field(default_factory=list)
    why: _Why = ""


class Critique(_Reply):
    """A critic's answer; `codes` say what a veto is about."""

    verdict: Literal["approve", "veto", "undecided"]
    codes: Annotated[list[VetoCode], Field(max_length=8)] = Field(default_factory=list)
    why: _Why = ""


Answer: TypeAlias = MatchDecision | OrderDecision | Critique


class _Plain(GenerateJsonSchema):
    """JSON Schema without titles and defaults, which say nothing about what fits and cost a model tokens."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def reply_schema(kind: ReplyKind, *, many: bool = False) -> dict[str, Json]:
    """The JSON Schema of an answer of that kind, bounds included, or of a batch of them; its every object is closed."""
    return _listed(_form(kind)) if many else _form(kind)


def _listed(answer: dict[str, Json]) -> dict[str, Json]:
    """The schema of a reply to a batch: answers, each with the number of its household before it."""
    own, required = cast(dict[str, Json], answer["properties"]), cast(list[Json], answer["required"])
    entry: dict[str, Json] = {
        **answer,
        "properties": {"h": {"minimum": 1, "type": "integer"}, **own},
        "required": ["h", *required],
    }
    answers: dict[str, Json] = {"answers": {"items": entry, "type": "array"}}
    return {"additionalProperties": False, "properties": answers, "required": ["answers"], "type": "object"}


def _form(kind: ReplyKind) -> dict[str, Json]:
    forms: dict[ReplyKind, type[BaseModel]] = {"match": _Match, "order": _Order, "critique": Critique}
    schema = forms[kind].model_json_schema(schema_generator=_Plain)
    definitions = schema.pop("$defs", {})
    return cast(dict[str, Json], _whole(schema, definitions))


def _whole(schema: Json, definitions: Mapping[str, Json]) -> Json:
    """The schema without references and descriptions."""
    if isinstance(schema, list):
        return [_whole(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(name := schema.get("$ref"), str):
        return _whole(definitions[name.rpartition("/")[2]], definitions)
    return {key: _whole(value, definitions) for key, value in schema.items() if key not in ("title", "description")}


@lru_cache(maxsize=_KEPT_ANSWERS)
def maybe_answer(kind: ReplyKind, candidate: bytes) -> Answer | None:
    """The answer that one complete JSON object is; None where it does not fit its schema or rules on a thing twice.

    Whoever reads an answer again, as does each that it passes on its way, gets what was made of it the first time.
    """
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
    said = reply.encode("utf-8", "replace")
    if said[:1] == b"{" and len(said) <= MAX_OBJECT_BYTES and (answer := maybe_answer(kind, said)) is not None:
        return answer  # nearly every reply is one object, and then it is the first
    answers = (maybe_answer(kind, candidate) for candidate in JsonExtractor().feed(said))
    return next((answer for answer in answers if answer is not None), None)


def order_reply(decision: Mapping[str, Json]) -> dict[str, Json]:
    """The reply that is read as a decision, which is given as its record and its `why`; what is empty is left out.

    Each yes is among its `grounds`.
    """
    lists: dict[str, list[Json]] = {"yes": [], "no": [], "unsure": []}
    for incentive, ruling in cast(Mapping[str, str | Mapping[str, str]], decision["incentives"]).items():
        if isinstance(ruling, str):
            lists[ruling].append(incentive)
        else:
            for offer, each in ruling.items():
                lists[each].append(f"{incentive}:{offer}")
    lists["yes"] = cast(list[Json], decision.get("grounds", []))
    reply = {"payment": decision["payment"], **lists, "words": decision["words"], "why": decision["why"]}
    return {key: value for key, value in reply.items() if value != []}


def _match(reply: _Match) -> MatchDecision:
    fit = None if reply.fit is None else tuple(tuple(tier) for tier in reply.fit)
    return MatchDecision(fit=fit, words=tuple(reply.words), why=reply.why)


def _order(reply: _Order) -> OrderDecision | None:
    granted = [f"{one.id}:{offer}" if offer else one.id for one in reply.yes for offer in one.offers or [""]]
    rulings = _rulings({"yes": granted, "no": reply.no, "unsure": reply.unsure})
    if rulings is None:
        return None
    return OrderDecision(
        payment=reply.payment,
        incentives=rulings,
        grounds=tuple(
            Ground(id=one.id, words=one.words, amount=one.amount or None, offers=tuple(one.offers)) for one in reply.yes
        ),
        words=tuple(reply.words),
        why=reply.why,
    )


def _rulings(lists: Mapping[Ruling, Sequence[str]]) -> dict[str, Ruling | dict[str, Ruling]] | None:
    """The rulings by incentive, each for all offers or per offer; None where anything is ruled on twice."""
    found: dict[str, dict[str, Ruling]] = {}  # by offer, "" for all of them
    for ruling, entries in lists.items():
        for incentive, _, offer in (entry.partition(":") for entry in entries):
            found.setdefault(incentive, {})[offer] = ruling
    repeated = sum(map(len, found.values())) < sum(map(len, lists.values()))
    if repeated or any("" in by_offer and len(by_offer) > 1 for by_offer in found.values()):
        return None
    return {incentive: by_offer.get("", by_offer) for incentive, by_offer in found.items()}
