"""The provider's rate limits: who is let in, what is said about it, and that nobody gets more than there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.provider.bodies import LONG, asking, block
from tests.provider.limits import Limit, Limits, Rates
from tests.provider.state import Provider, Settings

NOW = 1_000_000.0  # 1970-01-12T13:46:40Z


def admitted(limits: Limits, times: list[float]) -> list[bool]:
    """Of requests at these times, those that are let in."""
    return [limits.admit(1, now) is None for now in times]


def test_a_bucket_fills_continuously() -> None:
    limits = Limits(Rates(requests=Limit(amount=60)))
    assert admitted(limits, [NOW] * 61) == [True] * 60 + [False]
    assert admitted(limits, [NOW + 0.9, NOW + 1, NOW + 1.1, NOW + 3, NOW + 3, NOW + 3]) == [
        False,
        True,
        False,
        True,
        True,
        False,
    ]


def test_a_window_begins_anew() -> None:
    limits = Limits(Rates(requests=Limit(amount=2, period_s=1, fixed=True)))
    times = [NOW, NOW + 0.5, NOW + 0.9, NOW + 1, NOW + 1, NOW + 1]
    assert admitted(limits, times) == [True, True, False, True, True, False]


def test_a_burst_is_enforced_and_not_told() -> None:
    limits = Limits(Rates(requests=Limit(amount=300, burst=5)))
    assert admitted(limits, [NOW] * 6) == [True] * 5 + [False]
    assert ("anthropic-ratelimit-requests-remaining", "295") in limits.headers(NOW)


def test_headers_say_what_is_left_and_when_it_is_all_there_in_whole_seconds() -> None:
    limits = Limits(Rates(requests=Limit(amount=60), input_tokens=Limit(amount=6_000)))
    limits.admit(150, NOW)
    assert limits.headers(NOW, wait_s=0.2) == [
        ("anthropic-ratelimit-requests-limit", "60"),
        ("anthropic-ratelimit-requests-remaining", "59"),
        ("anthropic-ratelimit-requests-reset", "1970-01-12T13:46:41Z"),
        ("anthropic-ratelimit-input-tokens-limit", "6000"),
        ("anthropic-ratelimit-input-tokens-remaining", "5850"),
        ("anthropic-ratelimit-input-tokens-reset", "1970-01-12T13:46:42Z"),
        ("retry-after", "1"),
    ]


def test_a_server_can_keep_its_limits_to_itself() -> None:
    limits = Limits(Rates(requests=Limit(amount=60), told=False, retry_after=False))
    assert limits.headers(NOW, wait_s=0.2) == []


def test_what_is_refused_takes_nothing() -> None:
    limits = Limits(Rates(requests=Limit(amount=2), input_tokens=Limit(amount=10)))
    assert [limits.admit(tokens, NOW) for tokens in (11, 10)] == [pytest.approx(6), None]


def test_output_counts_as_it_is_said_and_can_be_owed() -> None:
    limits = Limits(Rates(output_tokens=Limit(amount=60)))
    limits.admit(1, NOW)
    limits.produced(90, NOW)
    assert [limits.admit(1, NOW), limits.admit(1, NOW + 31)] == [pytest.approx(31), None]


def test_input_that_is_read_from_the_cache_does_not_count() -> None:
    rates = Rates(input_tokens=Limit(amount=1_500))
    provider = Provider(Settings(prompt_cache=True, rates=rates, answer=lambda _: "{}", clock=lambda: NOW))
    bodies = [asking(system=[block(LONG, "5m")]), asking(system=[block(LONG)])]
    statuses = []
    for body in [bodies[0]] * 5 + [bodies[1]]:
        played = provider.message(body, keyed=True)
        provider.begin(played)
        statuses.append(played.script.status)
    assert statuses == [200] * 5 + [429]


@given(st.floats(1, 50), st.integers(1, 20), st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_nobody_gets_more_than_a_burst_and_what_has_come_since(rate: float, burst: int, pauses: list[float]) -> None:
    limits, now, passed = Limits(Rates(requests=Limit(amount=60 * rate, burst=burst))), NOW, 0
    for pause in pauses:
        now += pause
        passed += limits.admit(1, now) is None
    assert passed <= burst + (now - NOW) * rate + 1e-6
