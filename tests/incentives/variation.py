"""Minnesota's other incentives as if they were for solar panels and batteries: what the real ones leave unused.

Of the real ones none is decided. Texts, amounts, owners and areas of the others stay as they are; items and payment
methods go round, and some are paused, end with a bare year, have an income limit or exclude the next one.
"""

from __future__ import annotations

import re
from itertools import pairwise

from tests.incentives.households import Row
from tests.incentives.recomputed import PRODUCTS

__all__ = ["varied"]

# Texts that leave nothing to judge: an amount and an item, and nothing about who, how or when; or a plain ceiling.
_DECIDED = re.compile(
    r"\$[\d,]+ (?:per ton )?rebate for (?:an? )?(?!.*\b(?:with|subject|income|certified)\b)[\w /-]+\.?"
)
_CEILING = re.compile(r"Up to (\$[\d,]+) rebate for (?:an? )?[\w /-]+\. Range is (\$[\d,]+ ?(?:-|to) ?\1)\b[^$%]*")
_METHODS = ("rebate", "pos_rebate", "tax_credit")
_LIMITS: tuple[tuple[int, Row], ...] = (
    (11, {"paused": True}),
    (7, {"low_income": "mn-hennepin-county-80-ami-2024"}),
    (5, {"end_date": "2025"}),
)


def varied(tables: Row) -> tuple[Row, dict[str, str | None]]:
    """The tables with those entries alone, and how their texts read."""
    texts = {entry["id"]: _reading(entry) for entry in tables["incentives"] if not set(entry["items"]) & set(PRODUCTS)}
    kept = [entry for entry in tables["incentives"] if texts.get(entry["id"], "no") != "no"]
    pairs = [pair for pair in pairwise(kept) if pair[0]["program"] == pair[1]["program"]]
    exclusions = {one["id"]: {"ids": [other["id"]]} for one, other in pairs[::3]}
    changed = [_as_if(entry, number) for number, entry in enumerate(kept)]
    readings = {entry["id"]: texts[entry["id"]] or None for entry in kept}
    return tables | {"incentives": changed, "relationships": {"exclusions": exclusions}}, readings


def _reading(entry: Row) -> str:
    """Empty for decided, `ceiling`, or `no` for a text that takes judgement."""
    text = entry["short_description"]["en"].strip()
    if _DECIDED.fullmatch(text):
        return "ceiling" if entry["amount"]["number"] == entry["amount"].get("maximum") else ""
    return "ceiling" if _CEILING.fullmatch(text) else "no"


def _as_if(entry: Row, number: int) -> Row:
    changed = entry | {"items": [list(PRODUCTS)[number % 2]], "payment_methods": [_METHODS[number % 3]]}
    for every, limit in _LIMITS:
        changed |= limit if number % every == 0 else {}
    return changed
