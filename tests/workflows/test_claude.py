"""The main job on Claude, from the input files to the provider's sockets and back."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from igent.models.simulated import LATENCIES
from igent.workflows import RunResult
from tests.models.loopback import HAIKU
from tests.provider.answers import Verbosity
from tests.provider.faults import Fault
from tests.provider.prompt import tokens_of
from tests.provider.state import Provider, Settings
from tests.provider.stats import Stats
from tests.workflows.checker import check
from tests.workflows.claude import Talk, on_claude, outcomes_of, served
from tests.workflows.inputs import Inputs
from tests.workflows.runs import MN1, SAMPLE, Setup, needs_mn1

ROOT = Path(__file__).parents[2]
SONNET = "claude-sonnet-5-5"
FEW = 15
ALLOWED_S = 0.25  # what a stream gets to end by itself after its answer
BUSY_S = 5.0  # what a machine may take besides, when others work on it
HAIKU_LATENCY = LATENCIES["haiku"]
assert HAIKU_LATENCY is not None
QUICK = HAIKU_LATENCY.scaled(0.05)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run on Claude, with what its provider saw of it."""

    inputs: Inputs
    result: RunResult
    stats: Stats
    talk: Talk

    @property
    def tokens(self) -> dict[str, int]:
        """What the provider counted, by the names of a usage."""
        counted = self.stats.tokens
        return {
            "input_tokens": counted["fresh"],
            "output_tokens": sum(map(tokens_of, self.talk.said)),
            "cache_read_tokens": counted["read"],
            "cache_write_tokens": counted["written"],
            "cache_write_1h_tokens": counted["written_1h"],
        }


def done(out: Path, *, inputs: Inputs = SAMPLE, constellation: str = "p1m1m2c", **options: Any) -> Job:
    """The main job, done on a provider with a prompt cache."""
    talk = Talk()
    provider = Provider(Settings(prompt_cache=True, answer=talk.answer))
    with served(provider) as url:
        setup = on_claude(url, inputs=inputs, constellation=constellation)
        result = setup.run(out, **{"model": HAIKU, **options})
    return Job(inputs=inputs, result=result, stats=provider.stats, talk=talk)


@pytest.fixture(scope="module", params=[SAMPLE, pytest.param(MN1, marks=needs_mn1)], ids=["sample", "mn1"])
def job(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Job:
    return done(tmp_path_factory.mktemp("claude") / "run", inputs=request.param)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What comes of the first registrations where the mock judges."""
    result = Setup().run(tmp_path_factory.mktemp("mock") / "run", model="mock", max_items=FEW)
    return outcomes_of(result.directory)


def test_outcomes_are_those_of_the_mock(job: Job, tmp_path: Path) -> None:
    mock = Setup(inputs=job.inputs).run(tmp_path / "mock", model="mock")
    assert outcomes_of(job.result.directory) == outcomes_of(mock.directory)
    assert check(job.result.directory, job.inputs) == []


def test_every_body_is_a_valid_request_and_every_token_is_counted_exactly(job: Job) -> None:
    assert job.stats.problems == []
    assert job.result.summary["usage"] == job.tokens | {"estimated": False}


def test_of_what_matchers_share_everything_that_could_be_is_read_from_the_prompt_cache(job: Job) -> None:
    providers: Any = job.result.summary["providers"]
    use = {one["agent"]: one for one in providers["prompt_cache"]}
    for agent in ("matcher", "matcher2"):
        assert use[agent]["hit_rate"] == use[agent]["theoretical_hit_rate"]
    assert use["matcher"]["hit_rate"] > 0.7
    assert sum(one["read_tokens"] for one in use.values()) == job.tokens["cache_read_tokens"]


def test_without_prompt_caching_no_body_asks_for_it(tmp_path: Path, few: dict[str, Any]) -> None:
    job = done(tmp_path / "run", max_items=FEW, switches={"prompt_caching": False})
    assert not any(b"cache_control" in body for body in job.talk.asked)
    assert outcomes_of(job.result.directory) == few


@pytest.mark.parametrize("model", [HAIKU, SONNET])
def test_a_run_costs_what_the_price_list_says(tmp_path: Path, model: str) -> None:
    job = done(tmp_path / "run", model=model, max_items=25)
    listed = json.loads((ROOT / "igent/accounting/prices.json").read_text())["usd_per_million_tokens"][model]
    usd = sum(count * Decimal(listed[name.removesuffix("_tokens")]) for name, count in job.tokens.items()) / 1_000_000
    assert min(job.tokens[name] for name in job.tokens if name != "cache_write_1h_tokens") > 0
    assert job.result.summary["cost_usd"] == f"{usd:.6f}"


def test_replies_that_end_soon_after_their_answer_leave_their_connections_to_others(tmp_path: Path) -> None:
    provider = Provider(plan=lambda _: Fault(kind="drip", wait_s=0.001))
    with served(provider) as url:
        on_claude(url).run(tmp_path / "run", model=HAIKU, max_items=FEW)
    stats: Any = provider.stats.as_record()
    assert len(stats["left_s"]) < stats["requests"] / 2  # not always 0: on a busy machine the end may come late
    assert stats["connections"] < stats["requests"] / 2


@pytest.mark.parametrize("verbosity", ["after", "runaway"])
def test_a_reply_that_goes_on_after_its_answer_is_cut_there(
    tmp_path: Path, few: dict[str, Any], verbosity: Verbosity
) -> None:
    provider = Provider(Settings(verbosity=verbosity, latency=QUICK))
    with served(provider) as url:
        result = on_claude(url).run(tmp_path / "run", model=HAIKU, max_items=FEW)
    usage: Any = result.summary["usage"]
    left_s = provider.stats.left_s
    assert outcomes_of(result.directory) == few
    assert len(left_s) == len(provider.stats.arrivals_s)
    assert all(one is not None and 0 <= one < ALLOWED_S + BUSY_S for one in left_s)
    assert (usage["input_tokens"], usage["estimated"]) == (provider.stats.tokens["fresh"], True)


def test_prose_before_an_answer_is_read_over(tmp_path: Path, few: dict[str, Any]) -> None:
    provider = Provider(Settings(verbosity="before"))
    with served(provider) as url:
        result = on_claude(url).run(tmp_path / "run", model=HAIKU, max_items=FEW)
    usage: Any = result.summary["usage"]
    assert outcomes_of(result.directory) == few
    assert (provider.stats.left_s, usage["estimated"]) == ([], False)


def test_each_agent_asks_the_model_that_it_names_and_is_charged_its_price(tmp_path: Path, few: dict[str, Any]) -> None:
    text = (ROOT / "constellations/p1m1m2c.yaml").read_text()
    own = tmp_path / "own.yaml"
    own.write_text(text.replace("prompt: critic\n", f"prompt: critic\n        model: {SONNET}\n"))
    job = done(tmp_path / "run", constellation=str(own), max_items=FEW)
    agents: Any = job.result.summary["agents"]
    asked = Counter(json.loads(body)["model"] for body in job.talk.asked)
    assert {one["agent"]: one["model"] for one in agents} == {"critic": SONNET, "matcher": HAIKU, "matcher2": HAIKU}
    assert asked[SONNET] == next(one["calls"] for one in agents if one["agent"] == "critic") > 0
    assert sum(Decimal(one["cost_usd"]) for one in agents) == pytest.approx(
        Decimal(str(job.result.summary["cost_usd"])), abs=Decimal("0.000002")
    )
    assert outcomes_of(job.result.directory) == few
