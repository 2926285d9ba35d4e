"""What was paid for once on Claude is not paid for again: replies that are kept from one run to the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from igent.workflows import RunResult
from tests.models.loopback import HAIKU
from tests.provider.state import Provider
from tests.workflows.claude import on_claude, outcomes_of, served
from tests.workflows.inputs import Inputs
from tests.workflows.runs import SAMPLE, STABLE, Setup, bytes_of, registrations, write

FEW = 20


@dataclass(frozen=True, kw_only=True)
class Paid:
    """A provider that serves, where its replies are kept, and a run that has paid for all of them."""

    provider: Provider
    setup: Setup
    cache_dir: Path
    result: RunResult

    def again(self, out: Path, *, inputs: Inputs = SAMPLE, **options: Any) -> tuple[RunResult, int]:
        """Another run, and how many requests the provider got from it."""
        before = len(self.provider.stats.arrivals_s)
        result = replace(self.setup, inputs=inputs).run(out, **{"model": HAIKU, "max_items": FEW, **options})
        return result, len(self.provider.stats.arrivals_s) - before


@pytest.fixture(scope="module")
def paid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paid]:
    folder, provider = tmp_path_factory.mktemp("paid"), Provider()
    with served(provider) as url:
        setup = on_claude(url, cache_dir=folder / "cache")
        result = setup.run(folder / "run", model=HAIKU, max_items=FEW)
        yield Paid(provider=provider, setup=setup, cache_dir=folder / "cache", result=result)


def test_a_second_run_asks_nothing_costs_nothing_and_says_the_same(paid: Paid, tmp_path: Path) -> None:
    result, requests = paid.again(tmp_path / "run")
    calls: Any = result.summary["calls"]
    once: Any = paid.result.summary["calls"]
    assert (requests, calls["matcher"], calls["critic"]) == (0, 0, 0)
    assert calls["cache_hits"] == once["matcher"] + once["critic"]
    assert result.summary["cost_usd"] == "0.000000" < str(paid.result.summary["cost_usd"])
    assert bytes_of(result.directory, STABLE) == bytes_of(paid.result.directory, STABLE)


def test_a_changed_note_asks_about_its_own_registration_alone(paid: Paid, tmp_path: Path) -> None:
    rows = registrations()
    rows[0] = rows[0] | {"Notes": "Only the cheapest will do."}
    changed = replace(SAMPLE, registrations=write(tmp_path / "registrations.json", rows))
    result, requests = paid.again(tmp_path / "run", inputs=changed)
    lines = [line.split(",")[:2] for line in (result.directory / "costs.csv").read_text().splitlines()[1:]]
    assert {name: int(calls) for name, calls in lines if calls != "0"} == {rows[0]["RegistrationNumber"]: requests}
    assert 1 <= requests <= 4


def test_without_the_cache_everything_is_asked_again(paid: Paid, tmp_path: Path) -> None:
    result, requests = paid.again(tmp_path / "run", switches={"response_cache": False})
    calls: Any = result.summary["calls"]
    assert (calls["cache_hits"], requests) == (0, calls["matcher"] + calls["critic"])
    assert result.summary["calls"] == paid.result.summary["calls"]
    assert outcomes_of(result.directory) == outcomes_of(paid.result.directory)


def test_what_one_endpoint_said_answers_nothing_for_another(paid: Paid, tmp_path: Path) -> None:
    other = Provider()
    with served(other) as url:
        result = on_claude(url, cache_dir=paid.cache_dir).run(tmp_path / "run", model=HAIKU, max_items=FEW)
    assert result.summary["calls"] == paid.result.summary["calls"]
    assert len({path.name for path in paid.cache_dir.glob("replies-*.sqlite3")}) == 2
