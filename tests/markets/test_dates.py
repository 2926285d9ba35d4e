"""Dates as files write them; a bare year or month is its first or its last day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.markets.dates import read_date
from tests.domain.builders import LAW

DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2200, 1, 1))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2025", date(2025, 1, 1), date(2025, 12, 31)),
        ("2025-06", date(2025, 6, 1), date(2025, 6, 30)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2025-12-31", date(2025, 12, 31), date(2025, 12, 31)),
        ("1 jan 2024", date(2024, 1, 1), date(2024, 1, 1)),
        ("1 June 2024", date(2024, 6, 1), date(2024, 6, 1)),
        ("30 Sept. 2024", date(2024, 9, 30), date(2024, 9, 30)),
    ],
)
def test_the_day_that_is_meant(text: str, first: date, last: date) -> None:
    assert (read_date(text, last=False), read_date(text, last=True)) == (first, last)


@LAW
@given(day=DAYS, last=st.booleans())
def test_a_whole_date_is_itself(day: date, last: bool) -> None:
    assert read_date(day.isoformat(), last=last) == day
    assert read_date(f"{day.day} {day:%B} {day.year}", last=last) == day


@LAW
@given(day=DAYS)
def test_a_month_and_a_year_end_on_their_last_day(day: date) -> None:
    month, year = read_date(f"{day:%Y-%m}", last=True), read_date(f"{day:%Y}", last=True)
    assert month is not None
    assert year is not None
    assert month >= day
    assert (month + timedelta(days=1)).day == 1
    assert (year + timedelta(days=1)) == date(day.year + 1, 1, 1)


@pytest.mark.parametrize("text", [None, "No end date", "no start date", "open", "Ongoing", "none"])
def test_no_limit_is_none(text: str | None) -> None:
    assert read_date(text, last=True) is None


@pytest.mark.parametrize(
    "text",
    ["soon", "2025-13", "2025-02-30", "31 feb 2024", "12/31/2025", "20255", "1 foo 2024", "2025-1-1", "0000", ""],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_date(text, last=True)


@pytest.mark.parametrize("text", ["2025-00", "2025-06-00", "1 junk 2024"])
def test_a_slip_of_the_keyboard_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_date(text, last=True)
