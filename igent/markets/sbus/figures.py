"""The amounts that a text of the plain format names, in dollars or percent, each with its place.

What cannot be computed is not read: a text with a sum by the piece, a range, or a figure in any other writing has no
amount at all, since a part of what it says would be a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from igent.domain.incentives import Amount, AmountKind, Figure
from igent.domain.notes import Passage

__all__ = ["by_yield", "ceiling", "figures_in", "figures_of"]

# At most fifteen digits: more is a slip, and no amount that could be computed with.
_NUMBER = r"(?<![\d.,])(?:\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.\d{1,6})?"
_ENDS = r"(?!\d|[.,]\d|\s?(?:k|m|thousand|million)\b|\s?[¢%])"
_PERCENT = r"\s?(?:%|per\s?cent\b)"
_FIGURE = re.compile(
    rf"(?i)(?:\$|\bUSD)\s?(?P<dollars>{_NUMBER}){_ENDS}|(?P<spelt>{_NUMBER})\s?(?:dollars?|USD)\b"
    rf"|(?P<cents>{_NUMBER})\s?(?:¢|cents?\b)|(?P<percent>{_NUMBER}){_PERCENT}"
)
# Each stands within a figure, or the text names an amount that was not read.
_MARK = re.compile(r"(?i)[$%¢€£]|\b(?:dollars?|USD|cents?|per\s?cent)\b")
_TO, _OR = r"(?:[-\u2013\u2014]|\bto\b)", r"(?:\bor\b|\band\b|/)"
_RANGE = re.compile(
    rf"(?i)\$\s?[\d.,]*\d\s*(?:{_TO}\s*\$?\s?|{_OR}\s*)\d"
    rf"|\d(?:\s?%?\s*{_TO}|\s*(?:{_OR}|&))\s*\d[\d.,]*(?:{_PERCENT}|\s?dollars)"
)
_PER_UNIT = re.compile(
    r"(?i)(?:\bper\b|\beach\b|\bevery\b|/)(?!\s*(?:cent\b|household|home|installation|project))"
    r"|\ban? (?:month|year|kw|kilo\s?watt|watt)\b|\b(?:month|year|annual)ly\b"
)
_PER_KWH = re.compile(r"(?i)\b(kwh|kilo\s?watt[- ]?hours?)\b")
_CEILING = re.compile(
    r"(?i)\bup to\b|\beither\b|\bas (?:much|high) as\b|\bmax(?:imum)?\b|\bat most\b|\bcap(?:s|ped)?\b"
    r"|\bless(?:er)? of\b|\bwhichever\b|\b(?:no|not) (?:more|greater|higher) than\b|\bnot (?:to )?exceed\w*|\branging\b"
    r"|\bbetween \$?\d|\blimit(?:ed)? (?:to|of) \$?\s?\d|\bfirst \$?\s?\d"
)


def figures_in(text: str) -> Iterator[Figure]:
    """Every amount in dollars or percent that can be read; the number of a percent is a fraction."""
    for found in _FIGURE.finditer(text):
        passage = Passage(text=found[0], start=found.start(), end=found.end())
        dollars, part = found["dollars"] or found["spelt"], found["cents"] or found["percent"]
        number = Decimal(dollars.replace(",", "")) if dollars else Decimal(part.replace(",", "")) / 100
        kind: AmountKind = "percent" if found["percent"] else "dollar_amount"
        yield Figure(amount=Amount(kind=kind, number=number), passage=passage)


def figures_of(text: str, *, types: int) -> tuple[Figure, ...]:
    """The amounts that a text names; none where one of them cannot be read or computed.

    `types` is how many types of product it names: of which one a percentage is, is not said where they are several.
    """
    figures = tuple(figures_in(text))
    spans = [(figure.passage.start, figure.passage.end) for figure in figures]
    unread = any(not any(s <= mark.start() < e for s, e in spans) for mark in _MARK.finditer(text))
    shares = types > 1 and any(figure.amount.kind == "percent" for figure in figures)
    uncountable = _RANGE.search(text) or _PER_UNIT.search(text) or by_yield(text)
    return () if unread or shares or uncountable else figures


def by_yield(text: str) -> bool:
    """Whether it pays for what is produced."""
    return _PER_KWH.search(text) is not None


def ceiling(text: str) -> bool:
    """Whether it states the most that it pays rather than what it pays."""
    return _CEILING.search(text) is not None
