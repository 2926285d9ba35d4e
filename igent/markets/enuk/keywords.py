"""The vocabulary of this market's stand-in for judgement. For simulations, tests and load only."""

from __future__ import annotations

import re

from igent.domain.records import Json
from igent.markets.base import Shown
from igent.markets.wishes import ORDERS, largest, low_price, match_by_wishes, said, says, wishes

__all__ = ["keyword_match", "keyword_order"]

_WISHES = wishes(
    (
        (r"green(?:est)?|renewable\w*|environment\w*", says(r"100% renewable")),
        (r"(?:no|without|free of) exit fees?|(?:leave|switch) (?:at )?any ?time", says(r"no exit fees?")),
        (
            r"(?:fix\w*|lock\w*) (?:\w+ ){0,3}(?:long\w*|(?:2|two) years)|long(?:est)? (?:fix|contract)",
            largest("years?"),
        ),
        (r"short(?:est)? (?:fix|contract|term)|not be tied", largest("years?", sign=-1)),
        (r"(?:uk|british)[- ](?:based )?call cent\w+|someone on the phone", says(r"uk call centre")),
        (r"cheapest|lowest price|best price|as little as possible", low_price),
    )
)
_PAYING = (
    ("Direct Debit", re.compile(r"direct debit")),
    ("Cash Cheque", re.compile(r"\bcheques?\b|\bon (?:receipt of )?(?:the|a) bill\b")),
    ("Prepayment", re.compile(r"pre-?pay\w*|pay as you go|top[- ]?up|key meter")),
)


def keyword_match(shown: Shown) -> dict[str, Json]:
    """Tiers by the number of recognised wishes that an offer meets best; undecided where none is recognised."""
    return match_by_wishes(shown, _WISHES, paying=[pattern for _, pattern in _PAYING])


def keyword_order(shown: Shown) -> dict[str, Json]:
    """As registered; undecided where the note speaks of another way to pay, since that is another tariff."""
    note, registered = shown.note or "", shown.household.get("Product_PaymentMethod")
    others = [method for method, pattern in _PAYING if said(pattern, note) and method != registered]
    rulings: dict[str, Json] = {str(incentive["id"]): "unsure" for incentive in shown.incentives}
    unclear = bool(others) or bool(said(ORDERS, note))
    return {"payment": None if unclear else "cash", "incentives": rulings, "words": [], "why": "by keywords"}
