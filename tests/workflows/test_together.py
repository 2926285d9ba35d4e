"""Runs with `allocation: optimal`: the same bytes however they go, and never worse than the balanced rule."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from igent.store.journal import Journal
from igent.workflows import Pace, RunResult
from tests.workflows.checker import check
from tests.workflows.inputs import Inputs
from tests.workflows.runs import SAMPLE, Setup, bytes_of, counts_of, records_of, rows_of, write

CAPACITIES = (20, 3, 9, 30, 2, 12, 5, 8, 10)  # in file order: some suppliers have too little room for all who want them


def scarce_setup(folder: Path) -> Setup:
    """The sample with little room, on a constellation of its own."""
    text = (Path(__file__).parents[2] / "constellations/p1m1m2c.yaml").read_text()
    constellation = folder / "own.yaml"
    constellation.write_text(text.replace("allocation: balanced", "allocation: optimal"))
    return Setup(inputs=offering(folder, CAPACITIES), constellation=str(constellation))


@pytest.fixture(scope="module")
def scarce(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    return scarce_setup(tmp_path_factory.mktemp("scarce"))


def offering(folder: Path, capacities: Collection[int]) -> Inputs:
    """The sample with these numbers of places."""
    document = json.loads(SAMPLE.offers.read_text())
    for supplier, places in zip(document["SupplierOffers"], capacities, strict=True):
        supplier["Capacity"] = places
    return replace(SAMPLE, offers=write(folder / "offers.json", document))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, scarce: Setup) -> RunResult:
    """It in one go."""
    return scarce.run(tmp_path_factory.mktemp("whole") / "run", model="mock")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "run"


def test_more_are_matched_than_by_the_balanced_rule_and_the_run_says_by_how_much(
    out: Path, scarce: Setup, whole: RunResult
) -> None:
    balanced = Setup(inputs=scarce.inputs).run(out, model="mock")
    told: Any = whole.summary["allocation"]
    assert (told["rule"], told["balanced"]["placed"]) == ("optimal", counts_of(balanced)["matched"])
    assert told["found"]["placed"] == counts_of(whole)["matched"] > counts_of(balanced)["matched"]
    assert sum(told["found"]["by_tier"]) == told["found"]["placed"]


def test_its_files_are_right(scarce: Setup, whole: RunResult) -> None:
    found = {finding.rule for finding in check(whole.directory, scarce.inputs)}
    assert found == {"balance", "room-left"}, "what the balanced rule would have done, and nothing else"
    assert all("best for all registrations together" in row["reason"] for row in rows_of(whole, "matches.json"))


def test_any_concurrency_gives_the_same_bytes(out: Path, scarce: Setup, whole: RunResult) -> None:
    scarce.run(out, model="mock", pace=Pace(concurrency=1))
    assert bytes_of(out) == bytes_of(whole.directory)


def test_nothing_is_committed_before_everything_is_judged(whole: RunResult) -> None:
    kinds = [record["t"] for record in records_of(whole.directory)]
    first = kinds.index("commit")
    assert "reply" not in kinds[first:]
    assert kinds[first:].count("commit") == 100


def _cut(journal: Path, out: Path, *, commits: int) -> None:
    """Another run's journal up to that many commits, as a kill would leave it."""

    async def copy() -> None:
        async with Journal.create(out / "journal") as kept:
            seen = 0
            for record in records_of(journal):
                seen += record["t"] == "commit"
                if seen > commits:
                    return
                kept.append(record)

    out.mkdir()
    asyncio.run(copy())


@pytest.mark.parametrize("commits", [0, 1, 37, 99, 100])
def test_a_run_killed_among_its_commits_goes_on_to_the_same_bytes(
    out: Path, scarce: Setup, whole: RunResult, commits: int
) -> None:
    _cut(whole.directory, out, commits=commits)
    last = scarce.resume(out)
    assert (last.stopped, last.summary["allocation"]) == (None, whole.summary["allocation"])
    assert bytes_of(out) == bytes_of(whole.directory)
    paid, once = (sum(record["t"] == "reply" for record in records_of(one)) for one in (out, whole.directory))
    assert paid == once


def test_a_run_stopped_before_all_is_judged_commits_nothing_and_asks_nothing_twice(
    out: Path, scarce: Setup, whole: RunResult
) -> None:
    pace = Pace(deadline_s=40, concurrency=1)
    stopped = scarce.run(out, model="mock", mock_latency="haiku", pace=pace)
    assert (stopped.stopped, counts_of(stopped)) == ("the deadline of 40 s has passed", {})
    assert "allocation" not in stopped.summary
    last = scarce.resume(out)
    assert bytes_of(out, ("matches.json", "review.json")) == bytes_of(whole.directory, ("matches.json", "review.json"))
    asked = [(record["n"], record["request"]) for record in records_of(last.directory) if record["t"] == "reply"]
    assert len(asked) == len({*asked})


def test_places_are_held_for_reviews_as_for_matches(out: Path, scarce: Setup) -> None:
    result = scarce.run(out, model="mock", hold_reviews=True)
    held = [row for row in rows_of(result, "review.json") if "held" in row]
    told: Any = result.summary["allocation"]
    assert held
    assert told["found"]["placed"] == counts_of(result)["matched"] + len(held) >= told["balanced"]["placed"]
    capacity: Any = result.summary["capacity"]
    assert sum(account["used"] - account["used_before"] for account in capacity) == told["found"]["placed"]
