from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from igent import codec
from igent.errors import OptionError
from igent.workflows import Pace, RunSettings
from igent.workflows.settings import provider_of

NAN = float("nan")
GIVEN = RunSettings(
    constellation=Path("/c.yaml"), registrations=Path("/r.json"), offers=Path("/o.json"), as_of=date(2026, 3, 31)
)


@pytest.mark.parametrize(
    ("pace", "told"),
    [
        ({"concurrency": 0}, "concurrency cannot be 0"),
        ({"concurrency": 10_001}, "1 to 10000, or auto"),
        ({"flush_every": 0}, "every 0"),
        ({"call_deadline_s": 0.0}, "a call's deadline cannot be 0"),
        ({"call_deadline_s": NAN}, "cannot be nan"),
        ({"idle_s": -1.0}, "the silence of a call cannot be -1"),
        ({"deadline_s": 0.0}, "the run's deadline cannot be 0"),
        ({"max_usd": Decimal(0)}, r"\(cost\) cannot be 0"),
        ({"max_usd": Decimal("NaN")}, r"\(cost\) cannot be NaN"),
        ({"max_usd": Decimal("Infinity")}, r"\(cost\) cannot be Infinity"),
        ({"max_tokens": -5}, r"\(tokens\) cannot be -5"),
    ],
)
def test_a_pace_that_cannot_be_kept_is_refused(pace: Any, told: str) -> None:
    with pytest.raises(OptionError, match=told):
        Pace(**pace)


def test_what_is_not_bounded_need_not_be() -> None:
    pace = Pace()
    assert (pace.deadline_s, pace.max_usd, pace.max_tokens) == (None, None, None)


@pytest.mark.parametrize(("concurrency", "window"), [(1, 256), (16, 256), (64, 1_024), (None, 1_024)])
def test_the_window_holds_enough_that_one_slow_call_stalls_nobody(concurrency: int | None, window: int) -> None:
    assert Pace(concurrency=concurrency).window == window


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("rules", "offline"),
        ("mock", "offline"),
        ("claude-haiku-5-5", "anthropic"),
        ("openai:gpt-6-luna", "openai"),
        ("openai:org/model:tag", "openai"),
    ],
)
def test_a_models_name_says_who_answers(model: str, provider: str) -> None:
    assert provider_of(model) == provider


@pytest.mark.parametrize("model", ["", "Rules", "gpt-6-luna", "claude", "openai:", "openai:/x", "claude-haiku 5"])
def test_any_other_name_is_refused_with_what_is_allowed(model: str) -> None:
    with pytest.raises(OptionError, match=r"Allowed: rules, mock, .*openai:NAME"):
        provider_of(model)


def test_settings_come_back_from_a_journal_as_they_were() -> None:
    record = codec.load(codec.dump(GIVEN.as_record()))
    assert isinstance(record, dict)
    assert RunSettings.from_record(record) == GIVEN


@pytest.mark.parametrize(
    "wrong", [{"market": "moon"}, {"mock_latency": "slow"}, {"mock_errors": 1.5}, {"max_items": 0}, {"model": "gpt"}]
)
def test_settings_that_name_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="Allowed"):
        RunSettings.from_record(GIVEN.as_record() | wrong)
