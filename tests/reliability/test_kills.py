"""Runs of the command line, killed with SIGKILL at random instants, again while they are resumed, and then finished."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from igent.store.scan import scan
from tests.provider.serving import serving
from tests.provider.state import Provider
from tests.reliability.forks import forking
from tests.reliability.record import record
from tests.reliability.yard import Variation, Yard

CLAIM = "a run killed with SIGKILL at any instant and resumed ends like one that was not"
CONSTELLATIONS = ("p1m1_p2m2", "p1m1m2c", "p1m1c1_p2m2c2", "p1m1c1m2c2", "p1r_p2r")


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    provider = Provider()
    with forking() as forks, serving(provider) as url:
        yield Yard(forks, tmp_path_factory.mktemp("yard"), url, provider)


NOTHING = {"lost": 0, "doubled": 0, "over capacity": 0, "unlike": 0, "untrue in a manifest": 0}
OFFLINE = [
    Variation(constellation=name, allocation=rule, hold_reviews=hold)
    for name, rule, hold in product(CONSTELLATIONS, ("balanced", "optimal"), (False, True))
]


def kill(yard: Yard, variations: list[Variation], *, seed: int, runs: int = 0, kills: int = 0) -> None:
    """Kill at least so many runs, at least so many times."""
    rng, yard.kills = random.Random(seed), 0
    number = 0
    while number < runs or yard.kills < kills:
        variation = variations[number % len(variations)]
        variation = replace(variation, concurrency=64 if variation.slow else rng.choice((1, 8, 64)))
        out = yard.killed(variation, rng)
        assert yard.faults(out, variation) == NOTHING, (variation, number, seed)
        assert same(out) == same_of(yard.whole(variation).summary)
        if variation.provided:
            assert_counted(out, calls=yard.calls())
        number += 1
    record(CLAIM, runs=number, kills=yard.kills, lost=0, doubled=0, over_capacity=0, unlike=0)


def same(out: Path) -> dict[str, Any]:
    return same_of(json.loads((out / "run.json").read_text()))


def same_of(summary: dict[str, Any]) -> dict[str, Any]:
    """What a summary says of the outcomes."""
    keys = ("constellation", "model", "as_of", "stopped", "counts", "judgements", "capacity", "inputs")
    return {key: summary[key] for key in keys} | {"allocation": summary.get("allocation")}


def assert_counted(out: Path, *, calls: int) -> None:
    """Each call that a provider has seen was in the journal before it was made, and what nobody settled is told."""
    kinds = Counter(one["t"] for one in scan(out / "journal"))
    unsettled = json.loads((out / "run.json").read_text())["unsettled"]["calls"]
    assert calls <= kinds["reserve"] == kinds["settle"] + unsettled


@pytest.mark.timeout(180)
def test_runs_killed_at_random_instants_end_like_one_that_was_not(yard: Yard) -> None:
    both = Variation(constellation="p1m1c1_p2m2c2", hold_reviews=True)
    chosen = [both, Variation(constellation="p1m1c1m2c2", allocation="optimal"), replace(both, allocation="optimal")]
    kill(yard, chosen, kills=7, seed=1)


@pytest.mark.timeout(180)
def test_runs_at_a_provider_killed_at_random_instants_have_counted_every_call(yard: Yard) -> None:
    kill(yard, [Variation(constellation="p1m1m2c", provided=True, cached=True)], kills=3, seed=2)


@pytest.mark.soak
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("seed", range(100, 110))
def test_hundreds_of_runs_killed_at_random_instants_end_like_those_that_were_not(yard: Yard, seed: int) -> None:
    slow = Variation(constellation="p1m1m2c", slow=True)
    provided = [
        Variation(constellation=name, provided=True, cached=cached)
        for name, cached in product(CONSTELLATIONS, (False, True))
    ]
    kill(yard, OFFLINE, runs=40, seed=seed)
    kill(yard, provided, runs=10, seed=seed)
    kill(yard, [slow], runs=2, seed=seed)
