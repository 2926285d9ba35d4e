"""The vocabulary of this market's stand-in for judgement, in English and Spanish. For simulations, tests and load."""

from __future__ import annotations

import re
from collections.abc import Callable

from igent.domain.records import Json
from igent.markets.base import Facts, Shown
from igent.markets.wishes import ORDERS, largest, low_price, match_by_wishes, says, wishes

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
_LOAN = re.compile(r"\bloan\b|monthly|instal+ments?|financ\w+|pr[eé]stamo|a plazos|mensual\w*", re.IGNORECASE)
_CASH = re.compile(r"\bcash\b|outright|in full|al contado|efectivo", re.IGNORECASE)


def keyword_match(shown: Shown) -> dict[str, Json]:
    """Tiers by the number of recognised wishes that an offer meets best; undecided where none is recognised."""
    return match_by_wishes(shown, _WISHES, paying=(_LOAN, _CASH))


def keyword_order(shown: Shown) -> dict[str, Json]:
    """Cash unless the note asks for a loan; a prose condition is settled by the household's facts or left open."""
    rulings: dict[str, Json] = {str(i["id"]): _ruling(str(i["text"]), shown.household) for i in shown.incentives}
    note = shown.note or ""
    loan, cash = _LOAN.search(note), _CASH.search(note)
    unclear = bool(loan and cash) or bool(ORDERS.search(note))
    payment = None if unclear else "loan" if loan else "cash"
    words: list[Json] = [loan[0]] if loan and payment == "loan" else []
    return {"payment": payment, "incentives": rulings, "words": words, "why": "by keywords"}


def _ruling(text: str, household: Facts) -> str:
    if re.search(r"facing south", text, re.IGNORECASE):
        return _answer(household.get("Product_RoofOrientation"), lambda value: str(value).startswith("South"))
    if re.search(r"two or more stor", text, re.IGNORECASE):
        return _answer(household.get("Product_NumberOfStories"), lambda value: str(value) in "23456789")
    return "unsure"


def _answer(fact: Json, holds: Callable[[Json], bool]) -> str:
    if fact is None:
        return "unsure"
    return "yes" if holds(fact) else "no"
