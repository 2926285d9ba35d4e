"""A stand-in for judgement: wishes found by keywords, in English and Spanish. For simulations, tests and load only.

It answers like a careful reader with a small vocabulary: what it does not understand, or what contradicts itself, it
leaves undecided.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from igent.domain.records import Json
from igent.markets.base import Facts, Shown

__all__ = ["keyword_match", "keyword_order"]

Score = Callable[[Facts, Facts], float]


def _says(pattern: str) -> Score:
    found = re.compile(pattern, re.IGNORECASE)
    return lambda offer, _household: 1.0 if found.search(_text(offer)) else 0.0


def _largest(pattern: str, *, sign: int = 1) -> Score:
    """Prefers the offers whose text has the largest number before `pattern` (the smallest with `sign` -1)."""
    found = re.compile(rf"(\d+)[- ]?(?:{pattern})", re.IGNORECASE)
    return lambda offer, _household: sign * float(max(map(int, found.findall(_text(offer))), default=-sign * 10**6))


def _low_price(offer: Facts, household: Facts) -> float:
    totals = household.get("totals")
    return -float(Decimal(str(totals[str(offer["id"])]))) if isinstance(totals, dict) else 0.0


_WISHES: tuple[tuple[re.Pattern[str], Score], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), score)
    for pattern, score in (
        (
            r"all[- ]black|black (?:panels?|ones|frames?)|(?:paneles?|placas?) (?:totalmente )?negr[oa]s?",
            _says("all-black"),
        ),
        (
            r"(?:long(?:est)?|best|good|\d+[- ]year) (?:possible )?warrant\w+|garant[ií]a(?: m[aá]s)? larga",
            _largest("years"),
        ),
        (
            r"as soon as possible|(?:fast|quick)\w* install\w*|the sooner the better|lo antes posible",
            _largest("weeks", sign=-1),
        ),
        (r"(?:made in (?:the )?(?:usa?|america)|american[- ]made)", _says(r"american|made in (?:the )?u")),
        (r"local (?:company|firm|installer|business)|empresa local", _says(r"\blocal\b|family")),
        (r"(?:cheapest|lowest price|best price|m[aá]s barat[oa]|precio m[aá]s bajo)", _low_price),
        (r"(?:highest|most)[- ](?:watt\w*|powerful)", _largest("watt")),
    )
)
_CONTRADICTION = re.compile(r"\bbut (?:only|not)\b|\bon the other hand\b|\bpero (?:no|s[oó]lo)\b", re.IGNORECASE)
_ORDERS = re.compile(r"ignore|instruction|system|override|approve|assistant|\{", re.IGNORECASE)
_NO_WISH = re.compile(
    r"no preference|(?:any|either) (?:supplier|company|offer|one) is fine|don.t mind|cualquiera", re.IGNORECASE
)
_LOAN = re.compile(r"\bloan\b|monthly|instal+ments?|financ\w+|pr[eé]stamo|a plazos|mensual\w*", re.IGNORECASE)
_CASH = re.compile(r"\bcash\b|outright|in full|al contado|efectivo", re.IGNORECASE)
_ONLY = re.compile(r"\bonly\b|nothing else|s[oó]lo|solamente", re.IGNORECASE)


def keyword_match(shown: Shown) -> dict[str, Json]:
    """Tiers by the number of recognised wishes that an offer meets best; undecided where none is recognised."""
    if shown.note is None:
        return {"fit": [[str(offer["id"]) for offer in shown.offers]], "why": "no wishes"}
    if _ORDERS.search(shown.note) or _CONTRADICTION.search(shown.note):
        return {"fit": None, "words": [], "why": "the note contradicts itself or is no wish"}
    if _NO_WISH.search(shown.note):
        return {"fit": [[str(offer["id"]) for offer in shown.offers]], "words": [], "why": "no preference"}
    wishes = [(found[0], score) for pattern, score in _WISHES if (found := pattern.search(shown.note))]
    wishes += _supplier_wishes(shown)
    if not wishes and (_LOAN.search(shown.note) or _CASH.search(shown.note)):
        return {"fit": [[str(offer["id"]) for offer in shown.offers]], "words": [], "why": "only about paying"}
    if not wishes:
        return {"fit": None, "words": [], "why": "the note is not understood"}
    tiers = _tiers(shown, [score for _, score in wishes])
    kept = tiers[:1] if _ONLY.search(shown.note) else tiers
    fit: list[Json] = [[*tier] for tier in kept]
    return {"fit": fit, "words": [words for words, _ in wishes], "why": "offers that meet the wishes first"}


def keyword_order(shown: Shown) -> dict[str, Json]:
    """Cash unless the note asks for a loan; a prose condition is settled by the household's facts or left open."""
    rulings: dict[str, Json] = {str(i["id"]): _ruling(str(i["text"]), shown.household) for i in shown.incentives}
    note = shown.note or ""
    loan, cash = _LOAN.search(note), _CASH.search(note)
    unclear = bool(loan and cash) or bool(_ORDERS.search(note))
    payment = None if unclear else "loan" if loan else "cash"
    words: list[Json] = [loan[0]] if loan and payment == "loan" else []
    return {"payment": payment, "incentives": rulings, "words": words, "why": "by keywords"}


def _supplier_wishes(shown: Shown) -> list[tuple[str, Score]]:
    """A supplier that the note names: preferred, or refused where a refusing word stands just before the name."""
    found: list[tuple[str, Score]] = []
    for name in dict.fromkeys(str(offer["supplier"]) for offer in shown.offers):
        refused = re.compile(
            rf"(?:not|no|never|avoid|except|but|anyone but)\s+(?:\w+\s+){{0,2}}{re.escape(name)}", re.IGNORECASE
        )
        named = refused.search(shown.note or "") or re.search(
            rf"\b{re.escape(name)}\b", shown.note or "", re.IGNORECASE
        )
        if named:
            found.append((named[0], _supplier(name, wanted=named.re is not refused)))
    return found


def _supplier(name: str, *, wanted: bool) -> Score:
    return lambda offer, _household: float((offer["supplier"] == name) == wanted)


def _tiers(shown: Shown, scores: Sequence[Score]) -> list[list[str]]:
    """Offers by how many of the wishes they meet best, best first."""
    met = {str(offer["id"]): 0 for offer in shown.offers}
    for score in scores:
        values = {str(offer["id"]): score(offer, shown.household) for offer in shown.offers}
        best = max(values.values())
        for offer_id, value in values.items():
            met[offer_id] += value == best
    levels = sorted(set(met.values()), reverse=True)
    return [[offer_id for offer_id, level in met.items() if level == wanted] for wanted in levels]


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


def _text(value: Json | Facts) -> str:
    """All the words of a nested value, for keyword search."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return " ".join(map(_text, value.values())) if isinstance(value, Mapping) else str(value)
