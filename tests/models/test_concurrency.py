"""Concurrency: doubles until something objects, is cut at most once per round trip, then grows by one each round."""

from __future__ import annotations

from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from igent.models.concurrency import FIRST, MOST, Concurrency


def rounds(concurrency: Concurrency, count: int) -> list[int]:
    """The limit after each of so many rounds, in each of which every call is answered while others wait."""
    seen = []
    for _ in range(count):
        for _ in range(concurrency.limit):
            concurrency.answered()
        seen.append(concurrency.limit)
    return seen


def test_it_doubles_each_round_up_to_its_most() -> None:
    assert rounds(Concurrency(), 6) == [16, 32, 64, 128, MOST, MOST]


def test_a_fixed_one_begins_slowly_too_and_ends_there() -> None:
    assert rounds(Concurrency(40), 4) == [16, 32, 40, 40]
    assert Concurrency(3).limit == 3


def test_an_objection_cuts_it_and_ends_the_doubling() -> None:
    concurrency = Concurrency()
    rounds(concurrency, 3)
    concurrency.objected("overload", sent_s=1.0, now_s=2.0)
    assert concurrency.limit == 44
    assert rounds(concurrency, 2) == [45, 46]


def test_calls_that_were_sent_before_a_cut_do_not_cut_again() -> None:
    concurrency = Concurrency()
    rounds(concurrency, 3)
    for _ in range(20):
        concurrency.objected("rate", sent_s=1.0, now_s=2.0)
    assert concurrency.limit == 44
    concurrency.objected("rate", sent_s=2.0, now_s=3.0)
    assert concurrency.limit == 31


def test_a_rate_limit_does_not_cut_it_below_its_first_and_an_overload_does_down_to_one() -> None:
    concurrency = Concurrency()
    for second in range(30):
        concurrency.objected("rate", sent_s=second, now_s=second)
    assert concurrency.limit == FIRST
    for second in range(30, 60):
        concurrency.objected("overload", sent_s=second, now_s=second)
    assert concurrency.limit == 1


def test_a_fixed_one_is_cut_by_an_overload_only() -> None:
    concurrency = Concurrency(8)
    concurrency.objected("rate", sent_s=0.0, now_s=1.0)
    assert concurrency.limit == 8
    concurrency.objected("overload", sent_s=0.0, now_s=1.0)
    assert concurrency.limit == 5
    assert rounds(concurrency, 5)[-1] == 8


Event = Literal["answered", "rate", "overload"]


@given(st.none() | st.integers(1, 300), st.lists(st.sampled_from(["answered", "answered", "rate", "overload"])))
def test_it_is_never_below_one_or_above_its_most(fixed: int | None, events: list[Event]) -> None:
    concurrency = Concurrency(fixed)
    for second, event in enumerate(events):
        if event == "answered":
            concurrency.answered()
        else:
            concurrency.objected(event, sent_s=second, now_s=second)
        assert 1 <= concurrency.limit <= (fixed or MOST)
