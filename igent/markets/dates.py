"""Dates as incentive files write them: `2025-12-31`, `2025-06`, `2025`, `1 jan 2024`, `No end date`."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date

__all__ = ["read_date"]

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_ISO = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?(?:-([0-9]{2}))?")
_WORDS = re.compile(r"([0-9]{1,2})\s+([a-z]+)\.?,?\s+([0-9]{4})", re.IGNORECASE)
# 1900-01-01 and 9999-12-31 are how databases write that there is no limit; a year before is a slip of the keyboard.
_FIRST_YEAR = 1900
_OPEN = re.compile(r"no (end|start) date|open|ongoing|none", re.IGNORECASE)


def read_date(text: str | None, *, last: bool) -> date | None:
    """The day that is meant, None where there is no limit. Raises `ValueError` for anything else.

    `last` takes the last day of a bare year or month, as an end date means; otherwise the first.
    """
    if text is None or _OPEN.fullmatch(text):
        return None
    if found := _ISO.fullmatch(text):
        year, month, day = (None if part is None else int(part) for part in found.groups())
        return _believed(_edge(year or 0, month, day, last=last))
    if (found := _WORDS.fullmatch(text)) and (months := _months_like(found[2].lower())):
        return _believed(date(int(found[3]), months[0], int(found[1])))
    raise ValueError(f"{text!r} is not a date like 2025-12-31, 2025 or 1 jan 2024")


def _believed(day: date) -> date:
    if day.year < _FIRST_YEAR:
        raise ValueError(f"{day} is before {_FIRST_YEAR}")
    return day


def _edge(year: int, month: int | None, day: int | None, *, last: bool) -> date:
    whole_month = month if month is not None else (12 if last else 1)
    return date(year, whole_month, day if day is not None else (monthrange(year, whole_month)[1] if last else 1))


def _months_like(word: str) -> list[int]:
    """The months whose name begins with three letters or more of it."""
    return [number for number, name in enumerate(_MONTHS, start=1) if len(word) > 2 and name.startswith(word)]
