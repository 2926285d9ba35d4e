"""A stand-in for judgement: wishes found by keywords. For simulations, tests and load only.

It answers like a careful reader with a small vocabulary, which each market brings: what it does not understand, or what
contradicts itself, it leaves undecided. Patterns are in lower case, and so is what they are searched in: to search in
either case takes three times as long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

from igent.domain.records import Json
from igent.markets.base import Facts, Shown

__all__ = ["ORDERS", "Score", "Wish", "largest", "low_price", "match_by_wishes", "said", "says", "wishes"]

Score = Callable[[Facts, Facts], float]
Wish: TypeAlias = tuple[re.Pattern[str], Score]

# What is no wish: an attempt to give orders to whoever reads it.
ORDERS = re.compile(r"ignore|instruction|system|override|approve|assistant|\{")
_CONTRADICTION = re.compile(r"\bbut (?:only|not)\b|\bon the other hand\b|\bpero (?:no|s[oó]lo)\b")
_NO_WISH = re.compile(r"no preference|(?:any|either) (?:supplier|company|offer|one) is fine|don.t mind|cualquiera")
_ONLY = re.compile(r"\bonly\b|nothing else|s[oó]lo|solamente")


def wishes(entries: Iterable[tuple[str, Score]]) -> tuple[Wish, ...]:
    """A vocabulary: what a note says of a wish, as a pattern, and how well an offer meets it for a household."""
    return tuple((re.compile(pattern), score) for pattern, score in entries)


def said(pattern: re.Pattern[str], text: str) -> str:
    """The first words of a text that a pattern finds, in the text's own writing; "" where there are none."""
    lower = text.lower()
    found = pattern.search(lower if len(lower) == len(text) else text)  # the lower case of some letters is two
    return text[found.start() : found.end()] if found else ""


def says(pattern: str) -> Score:
    """Prefers the offers whose text has the pattern."""
    found = re.compile(pattern)
    return lambda offer, _household: 1.0 if said(found, _text(offer)) else 0.0


def largest(pattern: str, *, sign: int = 1) -> Score:
    """Prefers the offers whose text has the largest number before `pattern` (the smallest with `sign` -1)."""
    found = re.compile(rf"(\d+)[- ]?(?:{pattern})")
    return lambda offer, _household: (
        sign * float(max(map(int, found.findall(_text(offer).lower())), default=-sign * 10**6))
    )


def low_price(offer: Facts, household: Facts) -> float:
    """Prefers the offer with the lowest total, where the household is shown totals."""
    totals = household.get("totals")
    return -float(Decimal(str(totals[str(offer["id"])]))) if isinstance(totals, dict) else 0.0


def match_by_wishes(shown: Shown, vocabulary: Sequence[Wish], *, paying: Sequence[re.Pattern[str]]) -> dict[str, Json]:
    """A phase-1 reply: tiers by how many of the note's wishes an offer meets best; undecided where none is recognised.

    A note that is only about `paying` does not tell offers apart.
    """
    if shown.note is None:
        return {"fit": [[str(offer["id"]) for offer in shown.offers]], "why": "no wishes"}
    if said(ORDERS, shown.note) or said(_CONTRADICTION, shown.note):
        return {"fit": None, "words": [], "why": "the note contradicts itself or is no wish"}
    if said(_NO_WISH, shown.note):
        return {"fit": [[str(offer["id"]) for offer in shown.offers]], "words": [], "why": "no preference"}
    told = [(words, score) for pattern, score in vocabulary if (words := said(pattern, shown.note))]
    told += _supplier_wishes(shown)
    if not told and any(said(pattern, shown.note) for pattern in paying):
        return {"fit": [[str(offer["id"]) for offer in shown.offers]], "words": [], "why": "only about paying"}
    if not told:
        return {"fit": None, "words": [], "why": "the note is not understood"}
    tiers = _tiers(shown, [score for _, score in told])
    kept = tiers[:1] if said(_ONLY, shown.note) else tiers
    fit: list[Json] = [[*tier] for tier in kept]
    return {"fit": fit, "words": [words for words, _ in told], "why": "offers that meet the wishes first"}


def _supplier_wishes(shown: Shown) -> list[tuple[str, Score]]:
    """A supplier that the note names: preferred, or refused where a refusing word stands just before the name."""
    found: list[tuple[str, Score]] = []
    note = (shown.note or "").casefold()
    names = dict.fromkeys(str(offer["supplier"]) for offer in shown.offers)
    for name in (name for name in names if name.casefold() in note):
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


def _text(value: Json | Facts) -> str:
    """All the words of a nested value, for keyword search."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return " ".join(map(_text, value.values())) if isinstance(value, Mapping) else str(value)
