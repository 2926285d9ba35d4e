"""What a run is said to have cost, whoever made its calls and however often it was interrupted."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from igent.errors import OptionError
from igent.workflows import Pace, RunResult
from tests.workflows.checker import check
from tests.workflows.runs import SAMPLE, STABLE, Setup, bytes_of, quick, records_of, rewritten, write

FEW = replace(SAMPLE, max_items=30)
NAMES = ("input", "output", "cache_read", "cache_write", "cache_write_1h")


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    """Runs for which the mock takes a dollar per million tokens of input, and five for output."""
    prices = {"mock": dict.fromkeys(NAMES, "1") | {"output": "5"}}
    document = {"source": "https://example.org/prices", "date": "2026-11", "usd_per_million_tokens": prices}
    path = write(tmp_path_factory.mktemp("prices") / "prices.json", document)
    return Setup(inputs=FEW, rim=replace(quick, prices=path))


def settled(directory: Path) -> list[tuple[int, str]]:
    """The calls in a journal, by registration and request."""
    return sorted((record["n"], record["request"]) for record in records_of(directory) if record["t"] == "call")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, priced: Setup) -> RunResult:
    """A run that nothing interrupts."""
    return priced.run(tmp_path_factory.mktemp("whole") / "run", model="mock")


def test_every_call_is_paid_for_at_its_models_price(whole: RunResult) -> None:
    usage: Any = whole.summary["usage"]
    cost = (usage["input_tokens"] + 5 * usage["output_tokens"]) / Decimal(1_000_000)
    assert cost > 0
    assert whole.summary["cost_usd"] == f"{cost:.6f}"
    assert check(whole.directory, FEW) == []


def test_agents_are_told_apart(whole: RunResult) -> None:
    agents: Any = whole.summary["agents"]
    calls: Any = whole.summary["calls"]
    assert [(one["agent"], one["kind"], one["model"]) for one in agents] == [
        ("critic", "critique", "mock"),
        ("matcher", "match", "mock"),
        ("matcher2", "order", "mock"),
    ]
    assert [one["calls"] for one in agents[:1]] == [calls["critic"]]
    assert sum(one["calls"] for one in agents[1:]) == calls["matcher"]


def test_a_run_on_rules_costs_nothing(tmp_path: Path) -> None:
    result = Setup(inputs=FEW).run(tmp_path / "run")
    assert (result.summary["cost_usd"], result.summary["unpriced_models"]) == ("0.000000", [])


def test_a_reply_whose_call_was_not_settled_is_replayed_as_an_estimate(
    tmp_path: Path, priced: Setup, whole: RunResult
) -> None:
    out = rewritten(whole.directory, tmp_path / "run", kinds=("run", "reply"))
    result = priced.resume(out)
    calls: Any = result.summary["calls"]
    once: Any = whole.summary["usage"]
    assert calls["replayed"] == calls["matcher"] + calls["critic"]
    assert result.summary["usage"] == once | {"estimated": True}
    assert result.summary["cost_usd"] == whole.summary["cost_usd"]
    assert check(out, FEW) == []


def test_such_a_reply_is_settled_exactly_once_however_often_it_is_replayed(
    tmp_path: Path, priced: Setup, whole: RunResult
) -> None:
    once = rewritten(whole.directory, tmp_path / "once", kinds=("run", "reply"))
    first = priced.resume(once)
    twice = rewritten(once, tmp_path / "twice", kinds=("run", "reply", "call"))
    second = priced.resume(twice)
    assert settled(twice) == settled(once) == settled(whole.directory)
    assert second.summary["usage"] == first.summary["usage"]


def test_a_settled_reply_costs_nothing_again(tmp_path: Path, priced: Setup, whole: RunResult) -> None:
    out = rewritten(whole.directory, tmp_path / "run", kinds=("run", "reply", "call"))
    result = priced.resume(out)
    same = ("usage", "cost_usd", "agents", "savings")
    assert {name: result.summary[name] for name in same} == {name: whole.summary[name] for name in same}
    assert bytes_of(out, (*STABLE, "costs.csv")) == bytes_of(whole.directory, (*STABLE, "costs.csv"))


def test_a_call_whose_reply_was_not_kept_is_made_again_and_both_are_paid_for(
    tmp_path: Path, priced: Setup, whole: RunResult
) -> None:
    out = rewritten(whole.directory, tmp_path / "run", kinds=("run", "call"))
    result = priced.resume(out)
    assert Decimal(str(result.summary["cost_usd"])) == 2 * Decimal(str(whole.summary["cost_usd"]))
    assert check(out, FEW) == []


def test_a_model_without_a_price_is_no_obstacle_to_a_run_but_to_a_cap_in_dollars(tmp_path: Path) -> None:
    setup = Setup(inputs=FEW, constellation=str(unpriced(tmp_path)))
    with pytest.raises(OptionError, match=r"price of 'openai:unheard-of' is not known.*--prices FILE"):
        setup.run(tmp_path / "run", pace=Pace(max_usd=Decimal(1)))
    assert not (tmp_path / "run").exists()


def unpriced(folder: Path) -> Path:
    """A constellation whose second matcher asks a model that no table knows."""
    text = (Path(__file__).parents[2] / "constellations/p1m1_p2m2.yaml").read_text()
    path = folder / "own.yaml"
    path.write_text(text.replace("prompt: matcher2\n", "prompt: matcher2\n        model: openai:unheard-of\n"))
    return path
