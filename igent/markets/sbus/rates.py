"""The rate of an incentive that is paid by the kWh that panels produce, in either format.

A battery's kWh are its size, which is paid for once; those that a household sends out, saves or uses are not what its
panels produce, and how many there will be is not known.
"""

from __future__ import annotations

import re
from decimal import Decimal

from igent.domain.incentives import Amount
from igent.markets.sbus.figures import ceiling, figures_in

__all__ = ["KWH", "is_flow", "rate_in", "rate_of"]

KWH = "kilowatt_hour"

_PER_KWH = re.compile(r"\s*(?:/|per|for (?:each|every)|each|an?)\s*(?:kwh|kilo\s?watt[- ]?hours?)\b", re.IGNORECASE)
_PRODUCED = re.compile(r"\bproduc|\bgenerat", re.IGNORECASE)
_OTHERWISE = re.compile(
    r"\b(?:export|excess|surplus|sent|fed|sold|saved|savings?|us(?:ed|age)|consum|discharg|deliver)", re.IGNORECASE
)


def is_flow(text: str) -> bool:
    """Whether a text is about energy that flows rather than about a size."""
    return _PRODUCED.search(text) is not None or _OTHERWISE.search(text) is not None


def rate_in(text: str) -> Amount | None:
    """The rate that a text names; None where it is none, one of several, only the most, or not for what is produced."""
    rates = _rates(text)
    if len(rates) != 1 or not _PRODUCED.search(text) or _unsure(text):
        return None
    return Amount(kind="dollars_per_unit", number=rates.pop(), unit=KWH)


def rate_of(amount: Amount, text: str, *, solar: bool) -> Amount | None:
    """An amount that is such a rate; of what is not for solar panels alone, a text has to say that it is produced."""
    rate = amount.kind == "dollars_per_unit" and amount.unit == KWH and amount.minimum is None is amount.maximum
    sure = (solar or _PRODUCED.search(text)) and _rates(text) <= {amount.number} and not _unsure(text)
    return amount if rate and sure else None


def _rates(text: str) -> set[Decimal]:
    dollars = (figure for figure in figures_in(text) if figure.amount.kind == "dollar_amount")
    return {figure.amount.number for figure in dollars if _PER_KWH.match(text, figure.passage.end)}


def _unsure(text: str) -> bool:
    return ceiling(text) or _OTHERWISE.search(text) is not None
