from __future__ import annotations

import pytest

from profiles.plays import Play, limit_s, steady


def play(begun_s: float, ended_s: float, *, drawn_s: float | None = None, opens: bool = True) -> Play:
    drawn_s = ended_s - begun_s if drawn_s is None else drawn_s
    return Play(begun_s=begun_s, ended_s=ended_s, drawn_s=drawn_s, opens=opens)


def test_responses_that_follow_each_other_take_all_of_their_waits() -> None:
    assert limit_s([play(0, 3), play(4, 6)]) == 5


def test_of_responses_that_overlap_the_longest_counts() -> None:
    assert limit_s([play(0, 3), play(2, 6), play(5, 6), play(7, 8)]) == 5


def test_what_came_late_is_not_in_the_limit() -> None:
    assert limit_s([play(0, 3, drawn_s=1)]) == 1


def test_two_places_that_are_always_taken_are_the_ideal() -> None:
    plays = [play(second, second + 2) for second in range(10)]
    assert steady(plays, places=2).share == pytest.approx(1)


def test_a_place_that_is_free_half_of_the_time_is_missed() -> None:
    plays = [play(2 * second, 2 * second + 1) for second in range(10)]
    found = steady(plays, places=1)
    assert (found.seconds, found.ideal_per_s, found.share, found.taken) == (18, 1, 0.5, 0.5)


def test_the_time_before_all_places_were_taken_is_left_out() -> None:
    full = [play(second, second + 1) for second in range(10, 20) for _ in range(2)]
    assert steady([play(0, 1), *full], places=2).share == 1


def test_the_time_after_the_last_registration_came_in_is_left_out() -> None:
    full = [play(second, second + 1) for second in range(10)]
    assert steady([*full, play(30, 31, opens=False)], places=1).share == 1


def test_a_response_that_was_held_up_counts_as_what_was_drawn() -> None:
    plays = [play(4 * second, 4 * second + 4, drawn_s=3) for second in range(10)]
    found = steady(plays, places=1)
    assert (found.share, found.taken) == (0.75, 1)


def test_one_response_has_no_middle_and_is_all_there_is() -> None:
    assert steady([play(0, 2)], places=64).seconds == 2
