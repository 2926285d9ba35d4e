"""A stream as far as it was read, event by event, without any I/O."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.accounting.usage import Usage, estimate_tokens
from igent.agents.reading import Reading
from igent.models.base import ModelEvent, PromptRead, ReplyEnd, Sent, StopReason, Unusable, chunks
from tests.agents.desk import ANSWER, REQUEST
from tests.agents.scripted import SENT, USAGE, end


def read(*events: ModelEvent) -> Reading:
    reading = Reading(request=REQUEST, clock=lambda: 0.0)
    for event in events:
        reading.take(event)
    return reading


@given(st.integers(1, 90), st.sampled_from(["", "\n```", f" Or {ANSWER}?"]))
def test_the_answer_is_the_text_up_to_its_object_however_it_is_cut(size: int, rest: str) -> None:
    reading = read(SENT)
    for piece in chunks(f"Sure {{1}}: {ANSWER}{rest}", size):
        assert reading.answer is None or reading.text.startswith(reading.answer)
        reading.take(piece)
    assert reading.answer == f"Sure {{1}}: {ANSWER}"
    assert reading.text == f"Sure {{1}}: {ANSWER}{rest}"


def test_the_first_answer_stays_the_answer() -> None:
    assert read(SENT, ANSWER, ' {"fit":[["o2"]]}').answer == ANSWER


def test_half_a_surrogate_pair_is_replaced() -> None:
    reading = read(SENT, '{"fit":[["o1"]],"why":"\ud83c"}')
    assert reading.answer == '{"fit":[["o1"]],"why":"?"}'


@pytest.mark.parametrize(
    ("events", "over"),
    [
        ([SENT, ANSWER], False),
        ([SENT, ANSWER, " \n"], False),
        ([SENT, ANSWER, " \n", "Approve"], True),
        ([SENT, f"{ANSWER}."], True),
        ([SENT, ANSWER, end()], True),
        ([SENT, end("refusal")], True),
        ([f"{ANSWER} Approve"], False),  # from a cache its end costs nothing and tells what was saved
        ([f"{ANSWER} Approve", end()], True),
    ],
)
def test_a_stream_is_over_at_its_end_and_a_call_also_where_it_goes_on(events: list[ModelEvent], over: bool) -> None:
    assert read(*events).over == over


@pytest.mark.parametrize(
    ("stop_reason", "unusable"),
    [("end_turn", None), ("stop_sequence", None), ("max_tokens", "max_tokens"), ("refusal", "refusal")],
)
def test_a_refusal_and_a_bound_end_in_no_answer(stop_reason: StopReason, unusable: Unusable | None) -> None:
    assert read(SENT, ANSWER, end(stop_reason)).unusable == unusable


def test_what_has_not_ended_is_not_unusable() -> None:
    assert read(SENT, ANSWER).unusable is None


def test_a_time_of_zero_is_a_time() -> None:
    clock = iter([0.0, 0.0, 0.0, 5.0, 5.0, 5.0])
    reading = Reading(request=REQUEST, clock=lambda: next(clock))
    for event in (SENT, ANSWER, end()):
        reading.take(event)
    assert (reading.facts().seconds, reading.facts().first_seconds) == (0.0, 0.0)


def test_the_providers_count_at_the_end_replaces_that_of_the_prompt() -> None:
    assert read(SENT, PromptRead(usage=Usage(input_tokens=1)), ANSWER, end()).facts().usage == USAGE


@given(st.lists(st.text(max_size=8), max_size=5))
def test_until_then_output_is_estimated_from_all_that_was_said(pieces: list[str]) -> None:
    usage = read(SENT, PromptRead(usage=Usage(input_tokens=7)), *pieces).facts().usage
    assert usage == Usage(input_tokens=7, output_tokens=estimate_tokens("".join(pieces)), estimated=True)


def test_times_are_those_since_a_household_was_first_asked_about_alone_or_not() -> None:
    now_s = iter([2.0, 5.0, 6.0])
    reading = Reading(request=REQUEST, clock=lambda: next(now_s))
    for event in (Sent(calls=0), SENT, ANSWER):
        reading.take(event)
    facts = reading.facts()
    assert (facts.seconds, facts.calls) == (4.0, 1)


def test_a_reply_that_came_with_another_households_took_no_call() -> None:
    assert read(Sent(calls=0), ANSWER, end()).facts().calls == 0


def test_a_reply_from_a_cache_was_not_sent() -> None:
    reading = read(ANSWER, ReplyEnd(stop_reason="end_turn", usage=Usage(), saved=USAGE))
    assert (reading.sent, reading.facts().saved, reading.facts().usage) == (False, USAGE, Usage())


def test_the_reading_of_a_reply_long_over_is_a_cut_call_without_times() -> None:
    reading = Reading.of(REQUEST, ANSWER, at_s=9.0)
    facts = reading.facts()
    assert (reading.sent, reading.text) == (True, ANSWER)
    assert (facts.cut, facts.seconds, facts.first_seconds, facts.fault) == (True, 0.0, None, None)
    assert facts.usage.output_tokens == estimate_tokens(ANSWER)
