from __future__ import annotations

import asyncio
import csv
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from igent.errors import InputError, OptionError
from igent.workflows import Pace, Rim, RunResult, make_settings
from igent.workflows.providers import company_s
from igent.workflows.session import prepare
from tests.workflows.checker import check
from tests.workflows.runs import (
    AS_OF,
    OUTCOMES,
    SAMPLE,
    STABLE,
    Setup,
    bytes_of,
    quick,
    registrations,
    write,
)

CACHED = {"response_cache": True}
UNCACHED = {"response_cache": False}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The sample data without a cache."""
    return Setup().run(tmp_path_factory.mktemp("plain") / "run", model="mock")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, plain: RunResult) -> Path:
    """A directory of replies that a run of the sample data has left."""
    folder = tmp_path_factory.mktemp("filled")
    first = with_cache(folder).run(folder / "run", model="mock", switches=CACHED)
    assert first.summary["calls"] == plain.summary["calls"]
    return folder


def with_cache(folder: Path, constellation: str = "p1m1m2c") -> Setup:
    return Setup(constellation=constellation, rim=replace(quick, cache_dir=folder / "cache"))


def costs_of(result: RunResult) -> list[dict[str, str]]:
    with (result.directory / "costs.csv").open(newline="") as file:
        return [*csv.DictReader(file)]


def hits_and_calls(result: RunResult) -> tuple[int, int]:
    calls: Any = result.summary["calls"]
    return calls["cache_hits"], calls["matcher"] + calls["critic"]


def test_a_second_run_makes_no_calls_and_gives_the_same_bytes(tmp_path: Path, filled: Path, plain: RunResult) -> None:
    result = with_cache(filled).run(tmp_path / "run", model="mock", switches=CACHED)
    assert hits_and_calls(result) == (hits_and_calls(plain)[1], 0)
    assert bytes_of(result.directory, (*OUTCOMES, "audit.jsonl")) == bytes_of(
        plain.directory, (*OUTCOMES, "audit.jsonl")
    )
    assert check(result.directory, SAMPLE) == []


def test_a_reply_from_the_cache_is_told_apart_and_not_paid_for(tmp_path: Path, filled: Path, plain: RunResult) -> None:
    result = with_cache(filled).run(tmp_path / "run", model="mock", switches=CACHED)
    usage: Any = result.summary["usage"]
    agents: Any = result.summary["agents"]
    assert usage == dict.fromkeys(usage, 0)
    assert [(one["agent"], one["calls"]) for one in agents] == [("critic", 0), ("matcher", 0), ("matcher2", 0)]
    assert sum(one["cache_hits"] for one in agents) == hits_and_calls(plain)[1]


def test_a_changed_registration_alone_is_asked_about_again(tmp_path: Path, filled: Path) -> None:
    rows = registrations()
    rows[7] = rows[7] | {"Notes": "Only the cheapest will do."}
    changed = replace(SAMPLE, registrations=write(tmp_path / "registrations.json", rows))
    result = replace(with_cache(filled), inputs=changed).run(tmp_path / "run", model="mock", switches=CACHED)
    asked = [line["registration_id"] for line in costs_of(result) if line["calls"] != "0"]
    assert (asked, hits_and_calls(result)[0] > 150) == (["SPUS10008"], True)


def test_offline_models_ask_no_cache_unless_that_is_wanted(tmp_path: Path, filled: Path, plain: RunResult) -> None:
    result = with_cache(filled).run(tmp_path / "run", model="mock")
    assert result.summary["calls"] == plain.summary["calls"]


@pytest.mark.parametrize("model", ["rules", "mock"])
def test_what_another_model_said_answers_nothing(tmp_path: Path, model: str) -> None:
    setup = with_cache(tmp_path, "p1m1_p2m2")
    other = {"rules": "mock", "mock": "rules"}[model]
    setup.run(tmp_path / "first", model=other, max_items=10, switches=CACHED)
    assert hits_and_calls(setup.run(tmp_path / "run", model=model, max_items=10, switches=CACHED))[0] == 0


def test_a_reply_that_broke_a_rule_is_asked_for_again(tmp_path: Path) -> None:
    setup = with_cache(tmp_path)
    runs = [setup.run(tmp_path / str(n), model="mock", mock_errors=0.3, switches=CACHED) for n in range(2)]
    (_, first), (hits, again) = map(hits_and_calls, runs)
    assert 0 < again < first / 2
    assert hits + again == first
    assert bytes_of(runs[0].directory) == bytes_of(runs[1].directory)
    assert check(runs[1].directory, SAMPLE) == []


def test_a_stopped_run_is_gone_on_with_from_its_journal_and_the_cache(tmp_path: Path, plain: RunResult) -> None:
    setup, out = with_cache(tmp_path), tmp_path / "run"
    stopped = setup.run(out, model="mock", mock_latency="haiku", switches=CACHED, stop_at_wait=300)
    last = setup.resume(out)
    assert (stopped.stopped, last.stopped) == ("interrupted", None)
    assert bytes_of(out, STABLE) == bytes_of(plain.directory, STABLE)
    assert hits_and_calls(last) == hits_and_calls(plain)


def test_a_cache_that_is_no_cache_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/replies.sqlite3").write_text("a diary")
    with pytest.raises(InputError, match=r"replies\.sqlite3"):
        with_cache(tmp_path).run(tmp_path / "run", model="mock", switches=CACHED)
    assert not (tmp_path / "run").exists()


def test_replies_are_for_their_owners_eyes(filled: Path) -> None:
    path = filled / "cache/replies.sqlite3"
    with sqlite3.connect(path) as db:
        kept = db.execute("SELECT count(*) FROM replies").fetchone()[0]
    db.close()
    assert (path.stat().st_mode & 0o777, kept > 0) == (0o600, True)


def test_a_cache_without_a_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no place to keep replies"):
        Setup().run(tmp_path / "run", model="mock", switches=CACHED)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("model", "switches", "caches"),
    [
        ("mock", {}, (False, False)),
        ("mock", CACHED, (True, False)),
        ("rules", CACHED | {"prompt_caching": True}, (True, False)),
        ("claude-haiku-5-5", {}, (True, True)),
        ("claude-haiku-5-5", UNCACHED, (False, True)),
        ("openai:gpt-6-luna", {"prompt_caching": False}, (True, False)),
    ],
)
def test_caches_act_on_models_of_the_network(
    tmp_path: Path, model: str, switches: dict[str, bool], caches: tuple[bool, bool]
) -> None:
    rim = Rim(api_key="a key", openai_key="a key", cache_dir=tmp_path)
    settings = make_settings("p1m1m2c", {}, as_of=AS_OF, model=model, switches=switches)
    session = asyncio.run(prepare(settings, Pace(), rim))
    assert (session.caches_replies, session.caches_prompts) == caches
    assert [*tmp_path.iterdir()] == []


def test_how_calls_went_is_told_by_model(plain: RunResult) -> None:
    providers: Any = plain.summary["providers"]
    assert providers["gates"].keys() == {"mock"}
    assert providers["gates"]["mock"]["concurrency"]["highest"] <= 8


def test_each_agent_asks_the_model_that_it_names(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "constellations/p1m1_p2m2.yaml").read_text()
    (tmp_path / "own.yaml").write_text(text.replace("prompt: matcher2\n", "prompt: matcher2\n        model: mock\n"))
    result = Setup(constellation=str(tmp_path / "own.yaml")).run(tmp_path / "run", max_items=40)
    agents: Any = result.summary["agents"]
    providers: Any = result.summary["providers"]
    assert [(one["agent"], one["model"]) for one in agents] == [("matcher", "rules"), ("matcher2", "mock")]
    assert [*providers["gates"]] == ["rules", "mock"]
    assert all(gate["concurrency"]["highest"] for gate in providers["gates"].values())


def test_an_only_registration_waits_for_nobody() -> None:
    assert (company_s(1), company_s(2)) == (0.0, 0.025)
