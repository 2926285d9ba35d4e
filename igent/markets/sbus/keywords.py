"""The vocabulary of this market's stand-in for judgement, in English and Spanish. For simulations, tests and load."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast

from igent.domain.records import Json
from igent.markets.base import Facts, Shown
from igent.markets.wishes import ORDERS, largest, low_price, match_by_wishes, said, says, wishes

__all__ = ["keyword_match", "keyword_order"]

_WISHES = wishes(
    (
        (
            r"all[- ]black|black (?:panels?|ones|frames?)|(?:paneles?|placas?) (?:totalmente )?negr[oa]s?",
            says("all-black"),
        ),
        (
            r"(?:long(?:est)?|best|good|\d+[- ]year) (?:possible )?warrant\w+|garant[ií]a(?: m[aá]s)? larga",
            largest("years"),
        ),
        (
            r"as soon as possible|(?:fast|quick)\w* install\w*|the sooner the better|lo antes posible",
            largest("weeks", sign=-1),
        ),
        (r"(?:made in (?:the )?(?:usa?|america)|american[- ]made)", says(r"american|made in (?:the )?u")),
        (r"local (?:company|firm|installer|business)|empresa local", says(r"\blocal\b|family")),
        (r"(?:cheapest|lowest price|best price|m[aá]s barat[oa]|precio m[aá]s bajo)", low_price),
        (r"(?:highest|most)[- ](?:watt\w*|powerful)", largest("watt")),
    )
)
_LOAN = re.compile(r"\bloan\b|monthly|instal+ments?|financ\w+|pr[eé]stamo|a plazos|mensual\w*")
_SOUTH = re.compile(r"facing south\b")
_STOREYS = re.compile(r"two or more stor(?:ie|ey)s\b")
_CASH = re.compile(r"\bcash\b|outright|in full|al contado|efectivo")


def keyword_match(shown: Shown) -> dict[str, Json]:
    """Tiers by the number of recognised wishes that an offer meets best; undecided where none is recognised."""
    return match_by_wishes(shown, _WISHES, paying=(_LOAN, _CASH))


def keyword_order(shown: Shown) -> dict[str, Json]:
    """Cash unless the note asks for a loan; a prose condition is settled by the household's facts or left open."""
    ruled = [(one, *_ruling(str(one["text"]), shown.household)) for one in shown.incentives]
    rulings: dict[str, Json] = {str(one["id"]): ruling for one, ruling, _ in ruled}
    grounds: list[Json] = [_ground(one, words) for one, ruling, words in ruled if ruling == "yes"]
    note = shown.note or ""
    loan, cash = said(_LOAN, note), said(_CASH, note)
    unclear = bool(loan and cash) or bool(said(ORDERS, note))
    payment = None if unclear else "loan" if loan else "cash"
    words: list[Json] = [loan] if loan and payment == "loan" else []
    quoted: dict[str, Json] = {"grounds": grounds} if grounds else {}
    return {"payment": payment, "incentives": rulings, **quoted, "words": words, "why": "by keywords"}


def _ruling(text: str, household: Facts) -> tuple[str, str]:
    """The ruling, and the words of the condition that it is about."""
    if south := said(_SOUTH, text):
        facing = household.get("Product_RoofOrientation")
        return _answer(facing, lambda value: str(value).startswith("South")), south
    if storeys := said(_STOREYS, text):
        number = household.get("Product_NumberOfStories")
        return _answer(number, lambda value: str(value) in "23456789"), storeys
    return "unsure", ""


def _ground(incentive: Facts, words: str) -> dict[str, Json]:
    """A yes by these words; of several amounts for the last one that is named before them, or else the first."""
    amounts = cast("list[dict[str, Json]]", incentive.get("amounts", []))
    place = str(incentive["text"]).index(words)
    before = [one for one in amounts if cast(int, one["start"]) <= place] or amounts[:1]
    amount: dict[str, Json] = {"amount": before[-1]["id"]} if before else {}
    return {"id": incentive["id"], "words": words, **amount}


def _answer(fact: Json, holds: Callable[[Json], bool]) -> str:
    if fact is None:
        return "unsure"
    return "yes" if holds(fact) else "no"
