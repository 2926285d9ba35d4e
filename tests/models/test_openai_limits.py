"""Rate limits as an OpenAI-compatible endpoint tells them, in the names and form that calls are paced by."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.models.openai_limits import rate_limits
from igent.models.pacing import Limit, maybe_limit

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def told(resource: str, limit: str, remaining: str, reset: str) -> dict[str, str]:
    """The headers of one limit."""
    values = {"limit": limit, "remaining": remaining, "reset": reset}
    return {f"x-ratelimit-{what}-{resource}": value for what, value in values.items()}


def test_limits_have_the_names_that_are_read_elsewhere() -> None:
    headers = {**told("requests", "60", "59", "1s"), **told("tokens", "150000", "149984", "6m0s"), "x-other": "1"}
    assert rate_limits(headers, now=NOW) == {
        "anthropic-ratelimit-requests-limit": "60",
        "anthropic-ratelimit-requests-remaining": "59",
        "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:01+00:00",
        "anthropic-ratelimit-input-tokens-limit": "150000",
        "anthropic-ratelimit-input-tokens-remaining": "149984",
        "anthropic-ratelimit-input-tokens-reset": "2026-11-21T12:06:00+00:00",
    }


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("0s", 0.0),
        ("12ms", 0.012),
        ("500µs", 0.0005),
        ("8.64s", 8.64),
        ("2m59.56s", 179.56),
        ("1h2m3s", 3_723.0),
        ("1m500ms", 60.5),
        ("15", 15.0),
        ("999999999d", 86_400.0),
    ],
)
def test_a_reset_is_a_moment(reset: str, seconds: float) -> None:
    moment = rate_limits(told("requests", "1", "0", reset), now=NOW)["anthropic-ratelimit-requests-reset"]
    assert (datetime.fromisoformat(moment) - NOW).total_seconds() == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize("reset", ["", "soon", "-1s", "1s!", "1 s", "1x", "nan", "s"])
def test_a_reset_that_is_no_duration_is_none(reset: str) -> None:
    seen = maybe_limit(rate_limits(told("requests", "5", "4", reset), now=NOW), "requests", NOW)
    assert seen == Limit(limit=5, remaining=4, full_in_s=None)


@pytest.mark.parametrize(
    ("limit", "remaining"), [("-1", "-1"), ("0", "0"), ("", "5"), ("5", ""), ("5", "x"), ("²", "1")]
)
def test_a_limit_that_is_none_is_not_taken_for_one(limit: str, remaining: str) -> None:
    assert maybe_limit(rate_limits(told("tokens", limit, remaining, "0"), now=NOW), "input-tokens", NOW) is None


@given(st.text(), st.text(), st.text())
def test_no_header_is_an_error(limit: str, remaining: str, reset: str) -> None:
    maybe_limit(rate_limits(told("requests", limit, remaining, reset), now=NOW), "requests", NOW)
