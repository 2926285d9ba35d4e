"""Pacing: what headers allow, what refusals teach, and that neither lasts longer than it must."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.models.pacing import MAX_HOLD_S, ONE_CALL, RESOURCES, Cost, Limit, Pacing, Resource, maybe_limit

NOON = datetime(2026, 11, 3, 12, 0, 0, tzinfo=UTC)
CALL: Cost = {"requests": 1, "input-tokens": 500, "output-tokens": 40}


def told(resource: Resource, limit: int, remaining: int, *, pending: float = 0.0, full_in_s: float = 60.0) -> Pacing:
    """Pacing that was told of one limit, at second 0."""
    pacing = Pacing()
    seen = Limit(limit=limit, remaining=remaining, full_in_s=full_in_s)
    pacing.observe(resource, seen, pending=pending, now_s=0.0)
    return pacing


def begun(pacing: Pacing, seconds: float, *, start_s: float = 0.0) -> list[float]:
    """When calls begin for so long if there is always one more."""
    times, now_s = [], start_s
    while (now_s := now_s + pacing.wait_s(CALL, now_s)) < start_s + seconds:
        pacing.take(CALL, now_s)
        times.append(now_s)
    return times


def refused(pacing: Pacing, at_s: float, *, retry_after_s: float | None = 0.0) -> None:
    """The call that begins now is refused at once."""
    pacing.take(CALL, at_s)
    pacing.refused(sent_s=at_s, retry_after_s=retry_after_s, now_s=at_s)


def per_s(pacing: Pacing) -> float:
    """The pace that refusals have taught."""
    record = pacing.as_record()["pace_per_s"]
    assert isinstance(record, float)
    return record


def test_without_limits_or_refusals_nothing_waits() -> None:
    assert Pacing().wait_s(ONE_CALL, 0.0) == 0


@pytest.mark.parametrize(("resource", "wait_s"), [("requests", 1.0), ("input-tokens", 500.0), ("output-tokens", 40.0)])
def test_each_resource_alone_makes_a_call_wait_until_all_it_takes_is_there(resource: Resource, wait_s: float) -> None:
    assert told(resource, 60, 0, full_in_s=60).wait_s({resource: wait_s}, 0.0) == min(wait_s, 60)
    assert told(resource, 60_000, 0).wait_s(CALL, 0.0) == pytest.approx(wait_s / 1000)


def test_what_remains_can_be_had_at_once_and_then_as_fast_as_it_comes_in() -> None:
    times = begun(told("requests", 60, 10), 5.5)
    assert times == pytest.approx([0.0] * 10 + [1, 2, 3, 4, 5], abs=1e-6)


def test_a_call_larger_than_the_limit_waits_for_all_of_it_and_not_for_ever() -> None:
    assert told("input-tokens", 400, 200).wait_s(CALL, 0.0) == pytest.approx(30)


def test_calls_that_a_response_may_not_have_counted_are_taken_off() -> None:
    assert told("requests", 60, 10, pending=10).wait_s(CALL, 0.0) == pytest.approx(1)


def test_a_response_that_allows_less_is_believed_at_once_and_one_that_allows_more_by_and_by() -> None:
    pacing = told("requests", 60, 50)
    pacing.observe("requests", Limit(limit=60, remaining=0, full_in_s=60), pending=0, now_s=0.0)
    assert pacing.wait_s(CALL, 0.0) == pytest.approx(1)
    pacing.observe("requests", Limit(limit=60, remaining=50, full_in_s=10), pending=0, now_s=0.0)
    assert begun(pacing, 0.5) == [0.0] * 10


def test_a_limit_that_is_whole_again_within_a_second_is_one_of_a_second_and_calls_are_spaced() -> None:
    pacing = told("requests", 5, 4, full_in_s=0.4)
    times = begun(pacing, 10.0)
    assert len(times) == 49
    assert min(later - earlier for earlier, later in pairwise(times)) == pytest.approx(1 / (5 * 0.97), abs=1e-6)
    assert pacing.as_record()["limits"] == {"requests": {"limit": 5, "window_s": 1.0}}


@pytest.mark.parametrize("late_s", [0, 5, 9])
def test_an_answer_that_is_late_does_not_look_like_a_short_window(late_s: float) -> None:
    assert told("requests", 300, 100, full_in_s=40 - late_s).as_record()["limits"] == {
        "requests": {"limit": 300, "window_s": 60.0}
    }


def test_a_refusal_holds_for_as_long_as_it_says_but_for_a_bound() -> None:
    for said_s, held_s in ((3.0, 3.0), (3_600.0, MAX_HOLD_S), (None, 0.5)):
        pacing = Pacing()
        refused(pacing, 0.0, retry_after_s=said_s)
        assert pacing.wait_s(CALL, 0.0) == held_s


def test_where_no_time_is_said_each_first_call_that_fails_doubles_the_hold_and_leaves_the_pace() -> None:
    pacing, now_s, holds = told("requests", 300, 290), 0.0, []
    for _ in range(8):
        refused(pacing, now_s, retry_after_s=None)
        holds.append(pacing.wait_s(CALL, now_s))
        now_s += holds[-1]
    assert holds == [0.5, 1, 2, 4, 8, 16, 20, 20]
    assert per_s(pacing) == 4.85


def test_a_refusal_although_there_should_be_room_spaces_calls_at_the_rate_that_headers_tell() -> None:
    pacing = told("requests", 300, 290)
    refused(pacing, 0.0)
    times = begun(pacing, 60.0)
    assert 0.96 * 300 < len(times) <= 0.97 * 300 + 1
    assert max(later - earlier for earlier, later in pairwise(times)) < 0.21


def test_without_headers_the_pace_is_cut_to_a_little_less_than_what_was_accepted() -> None:
    pacing = Pacing()
    for _ in range(8):
        pacing.take(CALL, 0.0)
    for _ in range(3):
        pacing.refused(sent_s=0.0, retry_after_s=0.0, now_s=0.05)
    assert per_s(pacing) == 0.95 * 5


def test_a_pace_that_ran_for_a_while_is_cut_by_a_twentieth() -> None:
    pacing = told("requests", 300, 290)
    refused(pacing, 0.0)
    times = begun(pacing, 10.0)
    pacing.refused(sent_s=times[-1], retry_after_s=1.0, now_s=10.0)
    assert per_s(pacing) == pytest.approx(0.95 * 4.85, rel=0.01)


def test_a_slow_pace_is_cut_too() -> None:
    pacing = told("requests", 18, 5)
    refused(pacing, 0.0)
    times = begun(pacing, 20.0)
    pacing.refused(sent_s=times[-1], retry_after_s=1.0, now_s=20.0)
    assert per_s(pacing) == pytest.approx(0.95 * 0.3 * 0.97, rel=0.05)


def test_a_pace_that_was_right_is_doubted_when_it_fails_twice_in_a_row_at_once() -> None:
    pacing = told("requests", 300, 290)
    refused(pacing, 0.0)
    times = begun(pacing, 1.0)
    pacing.refused(sent_s=times[-1], retry_after_s=0.0, now_s=1.0)
    assert per_s(pacing) == pytest.approx(0.95 * 4.85, rel=0.01)
    times = begun(pacing, 1.0, start_s=1.0)
    for sent_s in times[-4:]:
        pacing.refused(sent_s=sent_s, retry_after_s=0.0, now_s=2.0)
    assert per_s(pacing) == pytest.approx(0.95 * 4.85 / 2, rel=0.01)


def test_a_pace_that_is_a_guess_doubles_within_ten_seconds() -> None:
    pacing = Pacing()
    for _ in range(8):
        pacing.take(CALL, 0.0)
    for _ in range(8):
        pacing.refused(sent_s=0.0, retry_after_s=0.0, now_s=0.05)
    assert per_s(pacing) == 4.0
    begun(pacing, 10.0)
    assert per_s(pacing) > 8


def test_one_wave_of_refusals_cuts_once() -> None:
    pacing = told("requests", 300, 290)
    refused(pacing, 0.0)
    times = begun(pacing, 10.0)
    for sent_s in times[-5:]:
        pacing.refused(sent_s=sent_s, retry_after_s=1.0, now_s=10.0)
    assert per_s(pacing) == pytest.approx(0.95 * 4.85, rel=0.01)
    assert pacing.refusals == 6


def test_the_pace_doubles_after_some_hundred_quiet_seconds_of_waiting_calls() -> None:
    pacing = Pacing()
    for _ in range(10):
        pacing.take(CALL, 0.0)
    pacing.refused(sent_s=0.0, retry_after_s=0.0, now_s=0.0)
    first = per_s(pacing)
    begun(pacing, 20.0)
    assert per_s(pacing) == pytest.approx(1.03 * first, rel=0.01)
    begun(pacing, 80.0, start_s=20.0)
    assert per_s(pacing) == pytest.approx(2 * first, rel=0.01)


def test_the_pace_does_not_grow_while_nobody_waits_for_it() -> None:
    pacing = Pacing()
    refused(pacing, 0.0)
    for second in range(10, 1_000, 10):
        assert pacing.wait_s(CALL, second) == 0
        pacing.take(CALL, second)
    assert per_s(pacing) == 0.5


def test_a_year_of_quiet_overflows_nothing() -> None:
    pacing = Pacing()
    refused(pacing, 0.0)
    pacing.take(CALL, 0.0)
    pacing.wait_s(CALL, 1.0)
    pacing.take(CALL, 3e7)
    assert per_s(pacing) > 1_000


@given(st.integers(1, 100), st.lists(st.floats(0, 3), max_size=60))
def test_spaced_calls_never_come_closer_than_the_rate_allows(rate: int, pauses: list[float]) -> None:
    pacing, now_s, times = told("requests", rate * 60, 50), 0.0, list[float]()
    refused(pacing, 0.0)
    for pause_s in pauses:
        now_s += pause_s
        now_s += pacing.wait_s(CALL, now_s)
        pacing.take(CALL, now_s)
        times.append(now_s)
    # But for the few milliseconds that a late timer makes up for.
    assert all(later - earlier > 1 / rate - 0.006 for earlier, later in pairwise(times))


def test_a_limit_is_read_from_the_headers_of_its_resource() -> None:
    headers = {
        "anthropic-ratelimit-output-tokens-limit": "8000",
        "anthropic-ratelimit-output-tokens-remaining": "7000",
        "anthropic-ratelimit-output-tokens-reset": "2026-11-03T12:00:08Z",
    }
    assert maybe_limit(headers, "output-tokens", NOON) == Limit(limit=8000, remaining=7000, full_in_s=8.0)
    assert maybe_limit(headers, "requests", NOON) is None


@given(st.sampled_from(RESOURCES), st.dictionaries(st.sampled_from(["limit", "remaining", "reset"]), st.text()))
def test_headers_that_make_no_sense_are_no_limit_or_one_without_a_reset(
    resource: Resource, said: dict[str, str]
) -> None:
    headers = {f"anthropic-ratelimit-{resource}-{what}": text for what, text in said.items()}
    seen = maybe_limit(headers, resource, NOON)
    assert seen is None or (seen.limit > 0 and seen.remaining >= 0)


@pytest.mark.parametrize("limit", ["0", "-5", "5.0", "٣", "9" * 400, ""])
def test_a_limit_has_to_be_a_plain_number_above_zero(limit: str) -> None:
    headers = {"anthropic-ratelimit-requests-limit": limit, "anthropic-ratelimit-requests-remaining": "1"}
    assert maybe_limit(headers, "requests", NOON) is None


@pytest.mark.parametrize("reset", ["", "soon", "2026-11-03T12:00:08", "12"])
def test_a_reset_without_a_zone_or_sense_is_none(reset: str) -> None:
    headers = {
        "anthropic-ratelimit-requests-limit": "5",
        "anthropic-ratelimit-requests-remaining": "1",
        "anthropic-ratelimit-requests-reset": reset,
    }
    assert maybe_limit(headers, "requests", NOON) == Limit(limit=5, remaining=1, full_in_s=None)
