"""Every solar and battery incentive of Minnesota and the federal ones as a person reads it: decided or not, and why.

Read on the texts of 2026-08-06. A reason here is one that lies in the incentive itself; what a household does not say
comes on top of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["HAND", "Reading", "Reason"]

# `prose-condition` is left to judgement; the others are never decided, whoever the household is.
Reason = Literal["ceiling", "ceiling-unclear", "performance-based", "prose-condition"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Why an incentive is undecided (None: it is decided), the words or fields that say so, and what they mean."""

    undecided: Reason | None
    words: tuple[str, ...]
    because: str


HAND = {
    "MN-420": Reading(
        undecided="prose-condition",
        words=("paired with a new or existing solar system", "Edina residents only"),
        because="no field says whether the house has solar panels",
    ),
    "MN-423": Reading(
        undecided="ceiling",
        words=("Either 10% or 15%", "insulation levels"),
        because="the number is the higher of two",
    ),
    "MN-424": Reading(
        undecided="performance-based",
        words=("$0.03 per kWh", "Performance-based"),
        because="it is paid by yield, for years",
    ),
    "MN-425": Reading(
        undecided="ceiling",
        words=("5%, 10% or 15%", "Contact city staff for eligibility details"),
        because="the number is the highest of three",
    ),
    "MN-481": Reading(
        undecided="ceiling-unclear",
        words=("up to a maximum of $4,000", "up to a maximum of $5,000 for income-qualified"),
        because="the number is a ceiling, and not everybody's",
    ),
    "MN-482": Reading(
        undecided="ceiling-unclear",
        words=("up to a maximum of $2,000", "up to a maximum of $4,000 for income-qualified"),
        because="the number is a ceiling, and not everybody's",
    ),
    "MN-485": Reading(
        undecided="ceiling",
        words=("Up to $750", "income-qualified or climate vulnerable"),
        because="the number equals its maximum, and the income limit is one of a table by size of household",
    ),
    "MN-486": Reading(
        undecided="ceiling",
        words=("Up to $500", "qualify for a larger rebate"),
        because="the number equals its maximum",
    ),
    "IRA-1": Reading(
        undecided="ceiling",
        words=("worth $4,800 on average",),
        because="the text names another figure than the 30%",
    ),
    "IRA-15": Reading(
        undecided="ceiling",
        words=("$4,600 avg.", "10-20% bonuses"),
        because="the text names other figures than the 30%",
    ),
}
