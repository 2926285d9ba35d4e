"""A run on Claude told beforehand: by a pilot, by the run before it, and without a single request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from igent.console import rehearsed
from igent.workflows import Pace, RunResult, RunSettings, make_settings
from tests.models.loopback import HAIKU
from tests.provider.faults import Fault, listed
from tests.provider.state import Provider, Settings
from tests.workflows.claude import igent, on_claude, served
from tests.workflows.runs import AS_OF, SAMPLE, Setup

FILES: Any = {"registrations": SAMPLE.registrations, "offers": SAMPLE.offers, "incentives": SAMPLE.incentives}


def settings(max_items: int | None = None) -> RunSettings:
    return make_settings("p1m1m2c", FILES, as_of=AS_OF, model=HAIKU, max_items=max_items)


def calls_of(result: RunResult) -> int:
    calls: Any = result.summary["calls"]
    total: int = calls["matcher"] + calls["critic"]
    return total


def foretold(setup: Setup, pilot: RunResult | None = None, max_items: int | None = None) -> dict[str, Any]:
    return rehearsed(settings(max_items), Pace(), setup.rim, pilot=pilot)


def test_what_was_foretold_from_a_pilot_is_held_against_what_came_of_it(tmp_path: Path) -> None:
    with served(Provider(Settings(prompt_cache=True))) as url:
        pilot = on_claude(url).run(tmp_path / "pilot", model=HAIKU, max_items=30)
        setup = on_claude(url, cache_dir=tmp_path / "cache")
        told = foretold(setup, pilot)
        result = setup.run(tmp_path / "run", model=HAIKU)
    forecast: Any = result.summary["forecast"]
    assert told["registrations"] == 100
    assert "pilot" in told["estimate"]["basis"]
    assert forecast["estimate"] == told["estimate"]
    ratios = forecast["actual_over_p50"]
    assert all(0.5 < ratios[name] < 2 for name in ("cost", "calls")), ratios
    assert ratios["seconds"] > 0


def test_the_next_run_is_foretold_from_the_last_one_and_free_where_its_replies_are_kept(tmp_path: Path) -> None:
    with served(Provider()) as url:
        setup = on_claude(url, cache_dir=tmp_path / "cache")
        first = setup.run(tmp_path / "run", model=HAIKU, max_items=30)
        again, more = foretold(setup, max_items=30), foretold(setup, max_items=60)
    assert (first.summary["forecast"], again["estimate"]["calls"]) == (None, {})
    assert again["estimate"]["cost_usd"]["p90"] == "0.000000"
    assert (more["registrations"], more["estimate"]["basis"]) == (60, f"{calls_of(first)} calls of run")
    assert 0 < more["estimate"]["registrations"] <= 30


@pytest.mark.parametrize("fault", [Fault(kind="status", status=404), None])
def test_a_run_that_nobody_answers_leaves_what_earlier_ones_taught(fault: Fault | None, tmp_path: Path) -> None:
    provider = Provider()
    with served(provider) as url:
        setup = on_claude(url, cache_dir=tmp_path / "cache")
        setup.run(tmp_path / "run", model=HAIKU, max_items=30)
        taught = foretold(setup, max_items=60)
        provider.plan = lambda _: fault
        setup.run(tmp_path / "again", model=HAIKU, max_items=60 if fault else 30)
        provider.plan = listed([])
        assert foretold(setup, max_items=60) == taught


def test_a_run_that_was_stopped_is_held_against_nothing(tmp_path: Path) -> None:
    with served(Provider(plan=listed([*[None] * 20, Fault(kind="status", status=404)]))) as url:
        setup = on_claude(url, cache_dir=tmp_path / "cache")
        foretold(setup, max_items=40)
        stopped = setup.run(tmp_path / "run", model=HAIKU, max_items=40)
        whole = setup.resume(tmp_path / "run")
    assert (stopped.stopped is None, stopped.summary["forecast"]) == (False, None)
    assert (whole.stopped, whole.summary["forecast"] is None) == (None, False)


def test_a_dry_run_asks_nothing_and_leaves_no_run(tmp_path: Path) -> None:
    provider = Provider()
    with served(provider) as url:
        ended = igent(tmp_path, url, "run", "p1m1m2c", "--dry-run", "--as-of", AS_OF, "--out", "run")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("asked     88 of 100 registrations")
    assert "cost      $0.0" in ended.stdout
    assert provider.stats.arrivals_s == []
    assert [*tmp_path.iterdir()] == []
