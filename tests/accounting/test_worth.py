"""How many answers have room in a reply, and whether batches cost less than single calls would have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.accounting.usage import Usage
from igent.accounting.worth import Worth


def single(worth: Worth, output_tokens: int) -> None:
    """A call about one household."""
    worth.learn(Usage(output_tokens=output_tokens), asked=1, prompt_chars=900, reply_chars=60, answered=[(900, 60)])


def batch(
    worth: Worth, usage: Usage, *, asked: int = 4, answered: int = 4, prompt_chars: int = 1_600, reply_chars: int = 400
) -> None:
    """A call about several: 1,200 characters in common, 100 of each one's own, and answers of 80."""
    told = [(1_300, 80)] * answered
    worth.learn(usage, asked=asked, prompt_chars=prompt_chars, reply_chars=reply_chars, answered=told)


def ratio(worth: Worth) -> object:
    return worth.as_record()["cost_ratio"]


def test_before_an_answer_was_seen_it_takes_128_tokens_or_its_bound() -> None:
    assert Worth().room(4_096, most=512) == 4_096 // (128 * 1.5 + 12)
    assert Worth().room(4_096, most=50) == 4_096 // (50 * 1.5 + 12)


def test_there_is_always_room_for_one() -> None:
    assert Worth().room(16, most=512) == 1


def test_what_answers_have_taken_says_how_many_have_room() -> None:
    worth = Worth()
    single(worth, 20)
    single(worth, 40)
    assert worth.room(1_000, most=512) == 1_000 // (30 * 1.5 + 12)


def test_of_a_batch_only_its_answers_say_so_and_not_what_is_around_them() -> None:
    worth = Worth()
    batch(worth, Usage(input_tokens=400, output_tokens=100))  # 320 of 400 characters
    assert worth.room(1_000, most=512) == 1_000 // (20 * 1.5 + 12)


def test_a_call_without_an_answer_says_nothing_of_their_length() -> None:
    worth = Worth()
    worth.learn(Usage(output_tokens=400), asked=1, prompt_chars=900, reply_chars=0, answered=[])
    assert worth.room(4_096, most=512) == Worth().room(4_096, most=512)


def test_single_calls_are_no_batches() -> None:
    worth = Worth()
    single(worth, 20)
    assert worth.as_record() == {"batches": 0, "asked": 0, "answered": 0, "cost_ratio": None}


def test_without_a_cache_everything_is_sent_again_by_single_calls() -> None:
    worth = Worth()
    batch(worth, Usage(input_tokens=400, output_tokens=100))
    assert ratio(worth) == round((400 + 5 * 100) / (4 * 325 + 5 * 80), 3)


def test_what_the_cache_has_single_calls_read_as_cheaply() -> None:
    worth = Worth()
    batch(worth, Usage(input_tokens=100, cache_read_tokens=300, output_tokens=100))
    assert ratio(worth) == round((130 + 500) / (4 * (25 + 30) + 400), 3)


def test_what_is_written_for_a_batch_the_first_of_single_calls_would_have_written() -> None:
    worth = Worth()
    batch(worth, Usage(input_tokens=100, cache_write_tokens=300, output_tokens=100))
    assert ratio(worth) == round((100 + 375 + 500) / (4 * 25 + 375 + 3 * 30 + 400), 3)


def test_who_was_not_answered_was_paid_for_and_has_saved_nothing() -> None:
    worth = Worth()
    batch(worth, Usage(input_tokens=400, output_tokens=100), answered=1)
    batch(worth, Usage(), answered=0)
    assert worth.as_record() == {
        "batches": 2,
        "asked": 8,
        "answered": 1,
        "cost_ratio": round((400 + 500) / (325 + 5 * 20), 3),
    }


@pytest.mark.parametrize(("reply_chars", "room"), [(400, 4_096 // (20 * 1.5 + 12)), (3_200, 1)])
def test_after_four_batches_there_are_more_only_where_they_cost_less(reply_chars: int, room: int) -> None:
    worth = Worth()
    for _ in range(3):
        batch(worth, Usage(input_tokens=400, output_tokens=reply_chars // 4), reply_chars=reply_chars)
    assert worth.room(4_096, most=512) > 1
    batch(worth, Usage(input_tokens=400, output_tokens=reply_chars // 4), reply_chars=reply_chars)
    assert (worth.pays, worth.room(4_096, most=512)) == (room > 1, room)


def test_batches_that_nobody_reads_are_not_gone_on_with() -> None:
    worth = Worth()
    for _ in range(4):
        batch(worth, Usage(), answered=0, reply_chars=0)
    assert (worth.pays, worth.room(4_096, most=512)) == (False, 1)


@given(st.integers(1, 64), st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000))
def test_one_answer_costs_the_same_in_a_batch_of_its_own(prompt: int, read: int, written: int, output: int) -> None:
    worth = Worth()
    usage = Usage(input_tokens=prompt, cache_read_tokens=read, cache_write_tokens=written, output_tokens=output)
    worth.learn(usage, asked=2, prompt_chars=1_000, reply_chars=50, answered=[(1_000, 50)])
    assert ratio(worth) == 1.0
