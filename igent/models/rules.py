"""The embedded, offline model: it answers what the rules settle and says "undecided" to everything else.

It reads the prompt and nothing but the prompt, through the same agents and streams as any model. What it does about a
note or a condition in prose is its `Judgement`: `CAUTIOUS` never guesses; a market's keyword functions make the mock.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import cast

from igent import codec
from igent.accounting.usage import Usage
from igent.dialogue.batch import batch_reply
from igent.dialogue.prompts import read_shown
from igent.dialogue.replies import order_reply
from igent.domain.grounds import Ground
from igent.domain.records import Json
from igent.markets.base import Facts, Market, Shown
from igent.models.base import ModelEvent, ModelRequest, ReplyEnd, Sent, singles

__all__ = ["CAUTIOUS", "Judgement", "RulesModel", "keyword_judgement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How to answer a matcher's two tasks: functions from what a prompt shows to a decision: its record and `why`."""

    match: Callable[[Shown], dict[str, Json]]
    order: Callable[[Shown], dict[str, Json]]


class RulesModel:
    """A model that decides by rules. Its replies depend on the prompt alone."""

    def __init__(self, judgement: Judgement | None = None) -> None:
        self._judgement = judgement or CAUTIOUS

    @property
    def name(self) -> str:
        """The name that a run records."""
        return "rules"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Give the reply, in one piece: it is there at once."""
        yield Sent()
        alone = singles(request)
        text = batch_reply([self.reply(one) for one in alone]) if alone else self.reply(request)
        yield text
        yield ReplyEnd(stop_reason="end_turn", usage=Usage.estimate(prompt=request.prompt, reply=text))

    def reply(self, request: ModelRequest) -> str:
        """The whole reply about one household."""
        return codec.dump(self._reply(request)).decode()

    def _reply(self, request: ModelRequest) -> dict[str, Json]:
        shown = read_shown(_opening(request))
        own = self._judgement.match(shown) if shown.task == "match" else self._judgement.order(shown)
        if request.kind == "critique":
            return _critique(own, shown)
        return own if shown.task == "match" else order_reply(own)


def keyword_judgement(market: Market) -> Judgement:
    """The judgement of the mock: a market's keyword functions."""
    return Judgement(match=market.keyword_match, order=market.keyword_order)


def _cautious_match(shown: Shown) -> dict[str, Json]:
    if shown.note is not None:
        return {"fit": None, "words": [], "why": "a note needs judgement"}
    return {"fit": [[str(offer["id"]) for offer in shown.offers]], "words": [], "why": "no wishes"}


def _cautious_order(shown: Shown) -> dict[str, Json]:
    rulings: dict[str, Json] = {str(incentive["id"]): "unsure" for incentive in shown.incentives}
    return {"payment": "cash" if shown.note is None else None, "incentives": rulings, "words": [], "why": "rules only"}


CAUTIOUS = Judgement(match=_cautious_match, order=_cautious_order)


def _critique(own: dict[str, Json], shown: Shown) -> dict[str, Json]:
    """Approve what one would have answered oneself; where one would not have answered, say so."""
    proposal = shown.proposal or {}
    differing = [key for key in ("fit", "payment", "incentives") if own.get(key) != proposal.get(key)]
    if not differing and _amounts(own) == _amounts(proposal):
        return {"verdict": "approve", "codes": [], "why": "agrees with the rules"}
    if differing and (own.get(differing[0]) is None or _open_rulings(own, proposal)):
        return {"verdict": "undecided", "codes": [], "why": "not for rules to judge"}
    codes = {"fit": "tier-order", "payment": "payment"}
    return {"verdict": "veto", "codes": [codes.get("".join(differing[:1]), "incentive")], "why": "differs"}


def _amounts(decision: Facts) -> dict[tuple[str, str], str | None]:
    """Which amount each yes is for, by incentive and offer ("" for all), whatever words it quotes."""
    grounds = [Ground.from_record(one) for one in cast(list[Facts], decision.get("grounds", []))]
    return {(one.id, offer): one.amount for one in grounds for offer in one.offers or ("",)}


def _open_rulings(own: dict[str, Json], proposal: Facts) -> bool:
    """Whether all that differs is a ruling where one is unsure oneself."""
    mine, theirs = own.get("incentives"), proposal.get("incentives")
    if own.get("payment") != proposal.get("payment") or not isinstance(mine, dict) or not isinstance(theirs, dict):
        return False
    return mine.keys() == theirs.keys() and all(mine[key] in ("unsure", theirs[key]) for key in mine)


def _opening(request: ModelRequest) -> str:
    """The latest message that shows a household; repairs and vetoes after it show only what to mend."""
    for message in reversed(request.messages):
        if message.author == "user" and message.text.startswith("TASK\n"):
            return message.text
    return ""
