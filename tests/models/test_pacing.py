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
    wave(pacing, at_s, sent=1, refused=1, retry_after_s=retry_after_s)


def wave(pacing: Pacing, at_s: float, *, sent: int, refused: int, retry_after_s: float | None = None) -> list[bool]:
    """Which refusals are too many if so many calls begin at once, and so many of them are refused at once."""
    for _ in range(sent):
        pacing.take(CALL, at_s)
    return [pacing.refused(sent_s=at_s, retry_after_s=retry_after_s, now_s=at_s) for _ in range(refused)]


def guessed() -> Pacing:
    """A pace after the first wave, of 3.88: half of it was refused."""
    pacing = Pacing()
    wave(pacing, 0.0, sent=8, refused=4)
    return pacing


def found() -> Pacing:
    """The same, about as much of which was accepted in the next 2.5 s."""
    pacing = guessed()
    for sent_s in begun(pacing, 2.5)[-3:]:
        pacing.refused(sent_s=sent_s, retry_after_s=None, now_s=2.5)
    return pacing


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


@pytest.mark.parametrize("retry_after_s", [None, 0.0, 3_600.0])
def test_a_few_of_many_are_refused_for_no_reason(retry_after_s: float | None) -> None:
    pacing = told("requests", 6_000, 6_000)
    assert wave(pacing, 0.0, sent=8, refused=2, retry_after_s=retry_after_s) == [False] * 2
    assert wave(pacing, 1.0, sent=100, refused=5, retry_after_s=retry_after_s) == [False] * 5
    assert wave(pacing, 5.0, sent=40, refused=2, retry_after_s=retry_after_s) == [False] * 2
    assert pacing.wait_s(CALL, 5.0) == 0
    assert pacing.as_record()["pace_per_s"] is None
    assert pacing.refusals == 9


def test_one_more_is_too_many() -> None:
    assert wave(Pacing(), 0.0, sent=8, refused=3) == [False, False, True]
    assert wave(Pacing(), 0.0, sent=100, refused=8) == [False] * 7 + [True]
    assert wave(Pacing(), 0.0, sent=1, refused=1) == [True]


def test_where_all_are_refused_the_next_is_held_for_as_long_as_they_say_but_for_a_bound() -> None:
    for said_s, held_s in ((3.0, 3.0), (3_600.0, MAX_HOLD_S)):
        pacing = Pacing()
        wave(pacing, 0.0, sent=8, refused=8, retry_after_s=said_s)
        assert pacing.wait_s(CALL, 0.0) == held_s


def test_where_no_time_is_said_each_first_call_that_fails_doubles_the_hold_and_leaves_the_pace() -> None:
    pacing = guessed()
    now_s, holds = pacing.wait_s(CALL, 0.0), []
    for _ in range(8):
        refused(pacing, now_s, retry_after_s=None)
        holds.append(pacing.wait_s(CALL, now_s))
        now_s += holds[-1]
    gap_s = 1 / 3.88
    assert holds == pytest.approx([2 * gap_s, 4 * gap_s, 8 * gap_s, 16 * gap_s, 32 * gap_s, 64 * gap_s, 20, 20])
    assert per_s(pacing) == pytest.approx(3.88, rel=0.02)


def test_refusals_although_there_should_be_room_space_calls_at_the_rate_that_headers_tell() -> None:
    pacing = told("requests", 60, 50)
    wave(pacing, 0.0, sent=8, refused=3)
    times = begun(pacing, 60.0)
    assert len(times) == 59
    assert min(later - earlier for earlier, later in pairwise(times)) == pytest.approx(1 / 0.97, abs=0.01)


def test_the_pace_is_a_little_less_than_what_was_accepted() -> None:
    pacing = Pacing()
    wave(pacing, 0.0, sent=8, refused=3)
    assert per_s(pacing) == 0.97 * 5
    assert pacing.wait_s(CALL, 0.0) == pytest.approx(1 / (0.97 * 5))


def test_the_pace_is_cut_to_no_less_than_half() -> None:
    pacing = Pacing()
    wave(pacing, 0.0, sent=8, refused=7)
    assert per_s(pacing) == 0.97 * 4
    wave(pacing, 1.0, sent=5, refused=4)
    assert per_s(pacing) == pytest.approx(0.97 * 0.97 * 2, rel=0.02)


def test_however_much_is_refused_a_call_is_tried_now_and_then() -> None:
    pacing, now_s = Pacing(), 0.0
    for number in range(40):
        now_s += pacing.wait_s(CALL, now_s)
        pacing.take(CALL, now_s)
        if number % 4:
            pacing.refused(sent_s=now_s, retry_after_s=None, now_s=now_s)
    assert per_s(pacing) == pytest.approx(0.2, rel=0.1)


def test_only_the_latest_calls_count() -> None:
    pacing = Pacing()
    for second in range(60):
        wave(pacing, second, sent=1, refused=0)
    wave(pacing, 60.0, sent=40, refused=10)
    assert per_s(pacing) == pytest.approx(0.97 * 32 / 3, abs=0.01)


def test_what_was_sent_before_a_cut_and_refused_after_it_cuts_no_more() -> None:
    pacing = guessed()
    begun(pacing, 1.0)
    before = per_s(pacing)
    late = [pacing.refused(sent_s=-0.5, retry_after_s=20.0, now_s=1.0) for _ in range(20)]
    assert late == [False] * 20
    assert per_s(pacing) == before
    assert pacing.wait_s(CALL, 1.0) < 0.3


def test_a_guess_doubles_in_a_few_seconds_and_is_forgotten_in_some_more() -> None:
    pacing = guessed()
    begun(pacing, 3.0)
    assert 2 * 3.88 < per_s(pacing) < 3 * 3.88
    begun(pacing, 7.0, start_s=3.0)
    assert per_s(pacing) > 15 * 3.88


def test_a_pace_that_was_found_again_doubles_in_a_minute() -> None:
    pacing = found()
    first = per_s(pacing)
    assert first == pytest.approx(3.88, rel=0.1)
    begun(pacing, 20.0, start_s=2.5)
    assert per_s(pacing) == pytest.approx(1.11 * first, rel=0.02)
    begun(pacing, 40.5, start_s=22.5)
    assert per_s(pacing) == pytest.approx(2 * first, rel=0.02)


def test_a_pace_that_turns_out_lower_is_a_guess_again() -> None:
    pacing = found()
    for sent_s in begun(pacing, 10.0, start_s=2.5)[-12:]:
        pacing.refused(sent_s=sent_s, retry_after_s=None, now_s=12.5)
    lower = per_s(pacing)
    begun(pacing, 5.0, start_s=12.5)
    assert per_s(pacing) > 2 * lower


def test_a_pace_that_turns_out_higher_is_a_guess_still() -> None:
    pacing = guessed()
    for sent_s in begun(pacing, 5.0)[-4:]:
        pacing.refused(sent_s=sent_s, retry_after_s=None, now_s=5.0)
    higher = per_s(pacing)
    assert higher > 1.5 * 3.88
    begun(pacing, 5.0, start_s=5.0)
    assert per_s(pacing) > 2 * higher


def test_a_slow_pace_grows_by_calls_so_that_the_first_one_too_many_is_soon_known() -> None:
    pacing = Pacing()
    refused(pacing, 0.0)
    assert per_s(pacing) == 0.97 / 2
    begun(pacing, 10.0)
    assert per_s(pacing) < 0.97


def test_the_pace_does_not_grow_while_nobody_waits_for_it() -> None:
    pacing = Pacing()
    refused(pacing, 0.0)
    for second in range(10, 1_000, 10):
        assert pacing.wait_s(CALL, second) == 0
        pacing.take(CALL, second)
    assert per_s(pacing) == 0.485


def test_a_year_of_quiet_overflows_nothing() -> None:
    pacing = found()
    begun(pacing, 10.0, start_s=2.5)
    pacing.take(CALL, 3e7)
    assert per_s(pacing) < 5
    assert wave(pacing, 3e7, sent=4, refused=3) == [False, False, True]


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans(), st.none() | st.floats(0, 1e9))))
def test_whatever_is_refused_a_call_begins_within_the_longest_hold(
    calls: list[tuple[float, bool, float | None]],
) -> None:
    pacing, now_s = Pacing(), 0.0
    for pause_s, fails, said_s in calls:
        wait_s = pacing.wait_s(CALL, now_s)
        assert wait_s < MAX_HOLD_S + 0.001
        now_s += max(pause_s, wait_s)
        pacing.take(CALL, now_s)
        if fails:
            pacing.refused(sent_s=now_s, retry_after_s=said_s, now_s=now_s)


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
