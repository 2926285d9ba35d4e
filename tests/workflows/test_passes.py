"""Further passes: who has failed or is in review is judged again, behind all others, and once."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igent.accounting.usage import Usage
from igent.domain.reviews import Action, Choice, Refusal
from igent.errors import ModelRejected, OptionError
from igent.markets import MARKETS
from igent.models.base import ModelEvent, ModelRequest, ReplyEnd
from igent.models.rules import RulesModel, keyword_judgement
from igent.models.simulated import SimulatedModel
from igent.store.journal import Journal
from igent.story.lines import story_lines
from igent.workflows import Pace, Rim, RunResult
from igent.workflows.begun import unfinished
from igent.workflows.explain import explain
from igent.workflows.review import Case, Deciding
from igent.workflows.whatif import what_if
from tests.adversarial.judged import judged
from tests.workflows.inputs import Inputs
from tests.workflows.runs import (
    OUTCOMES,
    SAMPLE,
    Setup,
    bytes_of,
    counts_of,
    quick,
    records_of,
    review,
    rewritten,
    rows_of,
)
from tests.workflows.test_since import Blip, changed
from tests.workflows.test_together import offering, scarce_setup
from tests.workflows.test_verify import audited

FEW = replace(SAMPLE, max_items=40, hold_reviews=True)
ROWS = (1, 4, 9, 10, 22, 31)
MUDDLED = (2, 6, 21)
CLEAR = tuple(f"SPUS{10001 + row}" for row in MUDDLED)  # who are matched once somebody says something
FAILED = tuple(f"SPUS{10001 + row}" for row in ROWS)
FILES = [name for name in OUTCOMES if name not in ("pos.json", "capacity.json")]


@dataclass
class Refusing:
    """The mock, but of some registrations the second agent is never answered, and of others nothing usable is said."""

    rows: Collection[int] = ROWS
    muddled: Collection[int] = MUDDLED
    inner: SimulatedModel = field(
        default_factory=lambda: SimulatedModel(RulesModel(keyword_judgement(MARKETS["sbus"])), sleep=quick.sleep)
    )

    @property
    def name(self) -> str:
        return self.inner.name

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        if request.priority in self.rows and request.kind == "order":
            raise ModelRejected("mock", "not this one")
        if request.priority in self.muddled:
            yield "As a matter of taste, anything."
            yield ReplyEnd(stop_reason="end_turn", usage=Usage())
            return
        async for event in self.inner.stream(request):
            yield event


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which some have failed and some are in review, with places kept for them."""
    out = tmp_path_factory.mktemp("first") / "run"
    options: Any = {"model": "mock", "mock_latency": "haiku", "max_items": 40, "strict_judgement": True}
    judged(Refusing(), out, inputs=FEW, constellation="p1m1m2c", **options)
    return out


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, first: Path) -> RunResult:
    """The same with a further pass over both kinds, in one go."""
    return again(first, tmp_path_factory.mktemp("both"), "failed", "review")


def again(run: Path, folder: Path, *only: str, pace: Pace | None = None, setup: Setup | None = None) -> RunResult:
    """A further pass over a copy of a run."""
    out = folder / "run"
    shutil.copytree(run, out)
    return (setup or Setup(inputs=FEW)).resume(out, only=only, pace=pace)


def by_id(run: Path, name: str) -> dict[str, dict[str, Any]]:
    rows = rows_of(RunResult(directory=run, summary={}), name)
    return {row["registration_id"]: {key: row[key] for key in row if key != "pass"} for row in rows}


def asked(run: Path) -> list[tuple[int, str]]:
    """The calls of the last pass: about whom, and of what kind."""
    records = records_of(run)
    begun = max(number for number, record in enumerate(records) if record["t"] in ("run", "pass"))
    return [(record["n"], record["facts"][1]) for record in records[begun:] if record["t"] == "call"]


def passes_of(result: RunResult) -> Any:
    return result.summary["passes"]


def test_those_that_have_failed_are_judged_again_and_all_others_stay(tmp_path: Path, first: Path) -> None:
    assert {*by_id(first, "failed.json")} == {*FAILED}
    result = again(first, tmp_path, "failed")
    told = passes_of(result)[0]
    assert (told["pass"], told["registrations"], told["before"]) == (2, 6, {"failed": 6})
    assert sum(told["after"].values()) == 6
    assert "failed" not in counts_of(result)
    assert sum(counts_of(result).values()) == 2 * 40
    before, after = by_id(first, "matches.json"), by_id(result.directory, "matches.json")
    assert {name: after[name] for name in before} == before
    assert audited(result.directory, FEW) == ()


def test_what_it_decides_stands_behind_the_first_pass_in_order(both: RunResult) -> None:
    for name in ("matches.json", "review.json"):
        places = [(row.get("pass", 1), row["registration_id"]) for row in rows_of(both, name)]
        assert places == sorted(places)
    assert {row.get("pass") for row in rows_of(both, "review.json")} == {2}


def test_every_registration_has_one_outcome_and_the_audit_has_both(first: Path, both: RunResult) -> None:
    names = [row["registration_id"] for name in FILES for row in rows_of(both, name)]
    assert len(names) == len({*names}) == 40
    lines = rows_of(both, "audit.jsonl")
    twice = {*by_id(first, "failed.json"), *by_id(first, "review.json")}
    assert [line.get("pass", 1) for line in lines] == [1] * 40 + [2] * len(twice)
    assert {line["registration_id"] for line in lines[40:]} == twice
    assert audited(both.directory, FEW) == ()


def test_of_one_that_has_failed_only_what_is_missing_is_asked_for(tmp_path: Path, first: Path) -> None:
    assert {(row, "match") for row in ROWS} <= {*asked(first)}
    calls = asked(again(first, tmp_path, "failed").directory)
    assert {row for row, _ in calls} == {*ROWS}
    assert "match" not in {kind for _, kind in calls}


def test_of_one_in_review_all_is_asked_again_whatever_the_cache_has(tmp_path: Path) -> None:
    setup = Setup(inputs=replace(FEW, max_items=20), rim=replace(quick, cache_dir=tmp_path / "cache"))
    before = setup.run(tmp_path / "run", model="mock", strict_judgement=True, switches={"response_cache": True})
    calls: Any = setup.resume(tmp_path / "run", only=["review"]).summary["calls"]
    once: Any = before.summary["calls"]
    assert calls["cache_hits"] == once["cache_hits"]
    assert calls["matcher"] > once["matcher"]


@pytest.mark.parametrize("concurrency", [1, 64])
def test_any_concurrency_gives_the_same_bytes(tmp_path: Path, first: Path, both: RunResult, concurrency: int) -> None:
    other = again(first, tmp_path, "review", "failed", pace=Pace(concurrency=concurrency))
    assert bytes_of(other.directory) == bytes_of(both.directory)


def cut(run: Path, out: Path, *, records: int) -> None:
    """A run's journal up to so many records behind the beginning of its pass, as a kill would leave it."""

    async def copy() -> None:
        async with Journal.create(out / "journal") as kept:
            left: int | None = None
            for record in records_of(run):
                left = records if record["t"] == "pass" else None if left is None else left - 1
                if left is not None and left < 0:
                    return
                kept.append(record)

    out.mkdir()
    asyncio.run(copy())


@pytest.mark.parametrize("records", [0, 1, 7, 40, 75, 1_000])
def test_a_pass_killed_anywhere_goes_on_to_the_same_bytes(tmp_path: Path, both: RunResult, records: int) -> None:
    out = tmp_path / "run"
    cut(both.directory, out, records=records)
    last = Setup(inputs=FEW).resume(out)
    assert (last.stopped, len(passes_of(last)), unfinished(out)) == (None, 1, False)
    assert bytes_of(out) == bytes_of(both.directory)


def test_a_pass_that_is_stopped_leaves_an_outcome_for_everybody_and_goes_on(
    tmp_path: Path, first: Path, both: RunResult
) -> None:
    out = tmp_path / "run"
    shutil.copytree(first, out)
    setup = Setup(inputs=FEW)
    stopped = setup.resume(out, only=["failed", "review"], stop_at_wait=120)
    assert (stopped.stopped, unfinished(out)) == ("interrupted", True)
    assert 0 < sum(passes_of(stopped)[0]["after"].values()) < passes_of(stopped)[0]["registrations"]
    assert sum(counts_of(stopped).values()) == 2 * 40
    assert len([row for name in FILES[1:] for row in rows_of(stopped, name)]) == 40 - counts_of(stopped)["matched"]
    with pytest.raises(OptionError, match="registrations left"):
        setup.resume(out, only=["failed"])
    setup.resume(out)
    assert bytes_of(out) == bytes_of(both.directory)


def decide(run: Path, name: str, action: Action) -> None:
    choice = Choice(registration_id=name, action=action, by="ann")
    review(run, Deciding(choices=lambda _: [choice], told=lambda *_: None), rim=quick)


def reviews_of(run: Path) -> list[str]:
    return [*by_id(run, "review.json")]


@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_whoever_is_asked_again_with_nothing_changed_comes_to_the_same(both: RunResult, data: st.DataObject) -> None:
    named = data.draw(st.lists(st.sampled_from(reviews_of(both.directory)), min_size=1, unique=True))
    with TemporaryDirectory() as folder:
        result = again(both.directory, Path(folder), *named)
        told = passes_of(result)[-1]
        assert (told["pass"], told["before"], told["after"]) == (3, *[{"review": len(named)}] * 2)
        assert counts_of(result) == counts_of(both)
        keys = ("registration_id", "codes", "candidates")
        now, then = (by_id(one.directory, "review.json") for one in (result, both))
        assert [{key: now[name].get(key) for key in keys} for name in sorted(now)] == [
            {key: then[name].get(key) for key in keys} for name in sorted(then)
        ]
        assert audited(result.directory, FEW) == ()


def test_who_is_matched_decided_or_unknown_is_refused_by_name(tmp_path: Path, both: RunResult) -> None:
    out = tmp_path / "run"
    shutil.copytree(both.directory, out)
    matched, waiting = next(iter(by_id(out, "matches.json"))), reviews_of(out)[0]
    decide(out, waiting, "reject")
    journal = (out / "journal").read_bytes()
    for name, why in ((matched, "is matched already"), (waiting, "ann has decided it at"), ("X", "is not in this run")):
        with pytest.raises(OptionError, match=f"'{name}' .*{why}"):
            Setup(inputs=FEW).resume(out, only=[name])
    assert (out / "journal").read_bytes() == journal


def test_the_same_pass_again_over_nothing_does_nothing(tmp_path: Path, first: Path) -> None:
    done = again(first, tmp_path, "failed")
    twice = Setup(inputs=FEW).resume(done.directory, only=["failed"])
    assert (passes_of(twice), counts_of(twice)) == (passes_of(done), counts_of(done))
    assert bytes_of(done.directory) == bytes_of(twice.directory)


def test_people_decide_before_and_behind_a_pass(tmp_path: Path, first: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(first, out)
    held = [name for name, row in by_id(out, "review.json").items() if row.get("held") and "proposal" in row]
    setup = Setup(inputs=FEW)
    decide(out, held[0], "accept")
    setup.resume(out, only=["failed", "review"])
    assert audited(out, FEW) == ()
    decide(out, held[1], "accept")
    result = setup.resume(out)
    by_person = {row["registration_id"]: row.get("pass") for row in rows_of(result, "matches.json") if "by" in row}
    assert by_person == {held[0]: None, held[1]: 2}
    assert sum(counts_of(result).values()) == 2 * 40
    assert audited(out, FEW) == ()


def test_who_is_matched_by_a_pass_is_no_more_in_review(tmp_path: Path, first: Path, both: RunResult) -> None:
    assert {*CLEAR} <= {*reviews_of(first)}
    assert {*CLEAR} <= {*by_id(both.directory, "matches.json")}
    out, told = tmp_path / "run", []
    shutil.copytree(both.directory, out)

    def choices(cases: Sequence[Case]) -> list[Choice]:
        assert {case.row["registration_id"] for case in cases} == {*reviews_of(out)}
        return [Choice(registration_id=CLEAR[0], action="reject", by="ann")]

    review(out, Deciding(choices=choices, told=lambda _, outcome: told.append(outcome)), rim=quick)
    assert told == [Refusal("it is not in review")]


def test_a_place_kept_of_an_earlier_run_is_given_back_as_well(tmp_path: Path, first: Path) -> None:
    out = tmp_path / "later"
    setup = Setup(inputs=FEW)
    setup.run(out, model="mock", mock_latency="haiku", strict_judgement=True, since=first)
    assert {*CLEAR} <= {*reviews_of(out)}
    result = setup.resume(out, only=["review"])
    assert {*CLEAR} <= {*by_id(out, "matches.json")}
    assert sum(counts_of(result).values()) == 2 * 40
    assert audited(out, FEW) == ()


def test_a_run_whose_end_was_not_written_can_be_passed_over_again(tmp_path: Path, first: Path, both: RunResult) -> None:
    out = rewritten(first, tmp_path / "run", kinds={"run", "reply", "call", "commit"})
    assert unfinished(out)
    Setup(inputs=FEW).resume(out, only=["failed", "review"])
    assert (unfinished(out), bytes_of(out)) == (False, bytes_of(both.directory))


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Inputs]:
    """A run with little room: places are kept for those in review, some have failed and some went without."""
    folder = tmp_path_factory.mktemp("tight")
    inputs = replace(offering(folder, (6, 2, 3, 9, 1, 4, 2, 3, 3)), hold_reviews=True, max_items=40)
    options: Any = {"model": "mock", "max_items": 40}
    judge = Refusing(rows=range(1, 40, 5), muddled=range(0, 40, 3))
    judged(judge, folder / "run", inputs=inputs, constellation="p1m1m2c", **options)
    return folder / "run", inputs


NAMES = tuple(f"SPUS{10001 + row}" for row in range(40))
STEPS = st.lists(
    st.one_of(
        st.lists(st.sampled_from(NAMES), min_size=1, max_size=12, unique=True),
        st.tuples(st.sampled_from(NAMES), st.sampled_from(["accept", "reject"])),
    ),
    max_size=5,
)


@settings(max_examples=5, deadline=None)
@given(steps=STEPS)
def test_whatever_passes_and_people_do_the_files_are_right(
    tight: tuple[Path, Inputs], steps: list[list[str] | tuple[str, Any]]
) -> None:
    first, inputs = tight
    setup = Setup(inputs=inputs)
    with TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        shutil.copytree(first, out)
        for step in steps:
            if isinstance(step, list):
                open_ones = {*by_id(out, "review.json"), *by_id(out, "failed.json"), *by_id(out, "unmatched.json")}
                decided = {row["registration_id"] for row in by_id(out, "unmatched.json").values() if "by" in row}
                setup.resume(out, only=sorted({*step} & open_ones - decided))
            else:
                decide(out, step[0], step[1])
        result = setup.resume(out)
        assert audited(out, inputs) == ()
        names = [row["registration_id"] for name in FILES for row in rows_of(result, name)]
        assert sorted(names) == [*NAMES]
        held = sum("held" in row for name in ("review.json", "failed.json") for row in rows_of(result, name))
        taken = sum(row["used"] - row["used_before"] for row in rows_of(result, "capacity.json"))
        assert taken == counts_of(result).get("matched", 0) + held
        assert all(row["used"] <= max(row["capacity"], row["used_before"]) for row in rows_of(result, "capacity.json"))


def test_a_decision_that_is_kept_of_an_earlier_run_is_not_asked_about(tmp_path: Path, both: RunResult) -> None:
    before, setup = tmp_path / "before", Setup(inputs=FEW)
    shutil.copytree(both.directory, before)
    name = next(name for name, row in by_id(before, "review.json").items() if "proposal" in row)
    decide(before, name, "accept")
    later = setup.run(tmp_path / "later", model="mock", mock_latency="haiku", strict_judgement=True, since=before)
    kinds = {"run", "since", "compared", "reply", "call", "commit"}
    out = rewritten(later.directory, tmp_path / "run", kinds=kinds)  # neither decisions nor the end are on disk yet
    with pytest.raises(OptionError, match=f"'{name}' is decided: ann"):
        setup.resume(out, only=[name])
    setup.resume(out, only=["review"])
    assert by_id(out, "matches.json")[name]["by"] == "ann"
    assert audited(out, FEW) == ()


def test_explain_tells_both_passes(both: RunResult) -> None:
    story = explain(both.directory, FAILED[0], rim=quick)
    assert [(one["pass"], one["outcome"]) for one in story["earlier"]] == [(1, "failed")]  # type: ignore[index,union-attr,call-overload]
    assert story["unplaced_replies"] == []
    lines = story_lines(story)
    heads = [line for line in lines if line.startswith("PASS ")]
    assert (heads[0][:14], heads[1][:7]) == ("PASS 1: failed", "PASS 2:")


def test_a_later_run_takes_over_what_the_last_pass_came_to(tmp_path: Path, both: RunResult) -> None:
    later = Setup(inputs=FEW).run(tmp_path / "later", model="mock", strict_judgement=True, since=both.directory)
    calls: Any = later.summary["calls"]
    assert (calls["matcher"], counts_of(later)) == (0, counts_of(both))
    assert what_if(both.directory, [])["counts"] is not None
    assert audited(later.directory, FEW) == ()


def test_an_order_of_a_pass_names_the_one_of_an_earlier_run_that_it_replaces(tmp_path: Path) -> None:
    def more(rows: list[Any]) -> None:
        for row in rows:
            row["Proposal_OptimalAmountOfPanels"] = 11

    setup = Setup(inputs=replace(changed(tmp_path, more), max_items=12))
    before = Setup(inputs=replace(SAMPLE, max_items=12)).run(tmp_path / "before", model="mock")
    blip, out = replace(setup, rim=Rim(sleep=Blip().sleep)), tmp_path / "run"
    blip.run(out, pace=Pace(concurrency=1), model="mock", mock_latency="haiku", since=before.directory)
    failed = by_id(out, "failed.json")
    since: Any = setup.resume(out, only=["failed"]).summary["since"]
    then, now = by_id(before.directory, "pos.json"), by_id(out, "pos.json")
    replaced = {name: now[name]["supersedes"] for name in failed if name in now and name in then}
    assert replaced
    assert replaced == {name: then[name]["po_id"] for name in replaced}
    assert {*replaced.items()} <= {(one["registration_id"], one["supersedes"]) for one in since["superseded"]}
    assert not {one["registration_id"] for one in since["cancelled"]} & now.keys()
    assert audited(out, setup.inputs) == ()


@pytest.mark.parametrize("commits", [0, 1, 5])
def test_all_of_a_pass_are_allocated_together_where_the_run_is(tmp_path: Path, commits: int) -> None:
    setup = scarce_setup(tmp_path)
    inputs = replace(setup.inputs, hold_reviews=True)
    options: Any = {"model": "mock", "strict_judgement": True}
    judged(Refusing(range(0, 100, 4)), tmp_path / "first", inputs=inputs, constellation=setup.constellation, **options)
    whole = again(tmp_path / "first", tmp_path / "whole", "failed", "review", setup=setup)
    assert passes_of(whole)[0]["registrations"] > 25
    assert audited(whole.directory, inputs) == ()
    kinds = [record["t"] for record in records_of(whole.directory)]
    begun = kinds.index("pass")
    before_commits = kinds[begun:].index("commit") - 1
    cut(whole.directory, tmp_path / "run", records=before_commits + commits)
    setup.resume(tmp_path / "run")
    assert bytes_of(tmp_path / "run") == bytes_of(whole.directory)
