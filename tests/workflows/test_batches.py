"""Runs with batches: the same bytes as without, fewer calls, each counted once, nobody's words beside another."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import pytest

from igent.dialogue.batch import apart
from igent.store.bundled import sample_data
from igent.story.lines import story_lines
from igent.workflows import Pace, RunOptions, RunResult
from igent.workflows.explain import explain
from tests.models.loopback import HAIKU
from tests.provider.state import Provider, Settings
from tests.workflows.canaries import FIELDS, canaries
from tests.workflows.claude import Talk, on_claude, outcomes_of, served
from tests.workflows.inputs import Inputs
from tests.workflows.runs import MN1, Setup, bytes_of, counts_of, needs_mn1, quick, records_of, registrations, rows_of

EIGHT = 8
FEW = 40
NOTES = [str(row["Notes"]) for row in registrations() if row.get("Notes")]


def asked(
    out: Path, *, setup: Setup | None = None, pace: Pace | None = None, **options: Unpack[RunOptions]
) -> RunResult:
    """A run of the sample on a mock that errs often, so that many an answer is asked for again."""
    given: RunOptions = {"model": "mock", "mock_errors": 0.3, "max_items": FEW, **options}
    return (setup or Setup()).run(out, pace=pace, **given)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """Without batches."""
    return asked(tmp_path_factory.mktemp("alone") / "run")


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The same with batches."""
    return asked(tmp_path_factory.mktemp("together") / "run", max_batch_size=EIGHT)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "run"


def calls_of(result: RunResult) -> Mapping[str, int]:
    calls: Any = result.summary["calls"]
    return Counter(calls)


def made(result: RunResult) -> int:
    return calls_of(result)["matcher"] + calls_of(result)["critic"]


def costs_of(result: RunResult) -> list[dict[str, str]]:
    with (result.directory / "costs.csv").open(newline="") as file:
        return [*csv.DictReader(file)]


@pytest.mark.parametrize("concurrency", [1, 8, 64])
def test_batches_change_no_byte_at_any_concurrency(out: Path, alone: RunResult, concurrency: int) -> None:
    result = asked(out, max_batch_size=EIGHT, pace=Pace(concurrency=concurrency))
    assert bytes_of(out) == bytes_of(alone.directory)
    assert calls_of(result)["batched"] > 5
    assert made(result) < made(alone)


@pytest.mark.parametrize("constellation", ["p1m1c1m2c2", "p1r_p2r"])
def test_nor_in_any_constellation(out: Path, tmp_path: Path, constellation: str) -> None:
    setup = Setup(constellation=constellation)
    single = asked(tmp_path / "single", setup=setup)
    result = asked(out, setup=setup, max_batch_size=EIGHT)
    assert bytes_of(out) == bytes_of(single.directory)
    assert calls_of(result)["batched"] > 0


ENUK = sample_data("enuk")
ENERGY = Inputs(registrations=ENUK.registrations, offers=ENUK.offers)


@pytest.mark.parametrize(
    ("market", "inputs", "errors"),
    [
        pytest.param("enuk", ENERGY, 0.3, id="enuk"),
        pytest.param("sbus", MN1, 0.0, id="mn1", marks=needs_mn1),
        pytest.param("sbus", MN1, 0.3, id="mn1-errs", marks=needs_mn1),
    ],
)
def test_nor_of_any_market(out: Path, tmp_path: Path, market: str, inputs: Inputs, errors: float) -> None:
    setup = Setup(inputs=inputs)
    single = asked(tmp_path / "single", setup=setup, market=market, mock_errors=errors, max_items=30)
    result = asked(out, setup=setup, market=market, mock_errors=errors, max_items=30, max_batch_size=EIGHT)
    assert bytes_of(out) == bytes_of(single.directory)
    assert calls_of(result)["batched"] > 0


def test_where_nothing_errs_most_calls_are_spared(out: Path) -> None:
    result = asked(out, max_batch_size=EIGHT, mock_errors=0.0, max_items=100, pace=Pace(concurrency=1))
    batches: Any = result.summary["providers"]
    told = batches["batches"]
    assert told.keys() == {"matcher", "matcher2"}
    for one in told.values():
        assert one["asked"] == one["answered"] <= EIGHT * one["batches"]
        assert one["cost_ratio"] < 0.5
    assert calls_of(result)["batched"] == sum(one["asked"] - one["batches"] for one in told.values())
    assert calls_of(result)["batched"] > 2 * sum(one["batches"] for one in told.values())


def test_a_run_without_batches_says_nothing_of_them(alone: RunResult) -> None:
    told: Any = alone.summary["providers"]
    assert "batches" not in told
    assert calls_of(alone)["batched"] == 0


def test_every_call_and_token_is_counted_once(together: RunResult) -> None:
    agents: Any = together.summary["agents"]
    usage: Any = together.summary["usage"]
    rows = costs_of(together)
    assert sum(one["calls"] for one in agents) == sum(int(row["calls"]) for row in rows) == made(together)
    for kind in ("input_tokens", "output_tokens"):
        assert sum(one["usage"][kind] for one in agents) == sum(int(row[kind]) for row in rows) == usage[kind]


def test_each_reply_is_kept_under_its_own_single_request(alone: RunResult, together: RunResult) -> None:
    kept = [
        {(one["n"], one["agent"], one["request"]) for one in records_of(run.directory) if one["t"] == "reply"}
        for run in (alone, together)
    ]
    assert kept[0] == kept[1]


@pytest.mark.parametrize("errors", [0.0, 0.3])
def test_the_costs_that_registrations_are_told_are_what_the_calls_have_taken(out: Path, errors: float) -> None:
    """A budget settles what each call took, below the batches."""
    result = asked(out, max_batch_size=EIGHT, mock_errors=errors, pace=Pace(max_tokens=10_000_000))
    settled = [one["usage"] for one in records_of(out) if one["t"] == "settle"]
    usage: Any = result.summary["usage"]
    assert len(settled) == made(result)
    for kind in ("input_tokens", "output_tokens") if None not in settled else ():  # of some none was counted
        assert sum(one[kind] for one in settled) == usage[kind]
    assert result.summary["unsettled"] == {"calls": 0, "at_most_usd": "0.000000"}


@pytest.mark.parametrize("at_wait", [40, 200])
def test_a_run_stopped_in_the_middle_goes_on_to_the_same_bytes(out: Path, alone: RunResult, at_wait: int) -> None:
    setup, pace = Setup(), Pace(concurrency=2)
    given: Any = {"model": "mock", "mock_errors": 0.3, "mock_latency": "haiku", "max_batch_size": EIGHT}
    stopped = setup.run(out, pace=pace, stop_at_wait=at_wait, max_items=FEW, **given)
    assert stopped.stopped == "interrupted"
    last = setup.resume(out)
    assert bytes_of(out) == bytes_of(alone.directory)
    replies = Counter((one["n"], one["request"]) for one in records_of(out) if one["t"] == "reply")
    assert {*replies.values()} == {1}
    agents: Any = last.summary["agents"]
    # Whoever was asked about in vain when the run was stopped is asked about again.
    assert sum(one["calls"] for one in agents) == sum(int(row["calls"]) for row in costs_of(last)) >= made(last)


def test_a_run_that_a_budget_ends_goes_on_to_the_same_bytes(out: Path, alone: RunResult) -> None:
    stopped = asked(out, max_batch_size=EIGHT, pace=Pace(max_tokens=40_000))
    assert "tokens" in str(stopped.stopped)
    Setup().resume(out)
    assert bytes_of(out) == bytes_of(alone.directory)


def with_cache(folder: Path) -> Setup:
    return Setup(rim=replace(quick, cache_dir=folder / "cache"))


@pytest.mark.parametrize(("first", "second"), [(EIGHT, 1), (1, EIGHT)])
def test_a_kept_reply_answers_a_question_however_either_was_asked(
    out: Path, tmp_path: Path, alone: RunResult, first: int, second: int
) -> None:
    setup, cached = with_cache(tmp_path), {"response_cache": True}
    once = asked(tmp_path / "first", setup=setup, max_batch_size=first, switches=cached, mock_errors=0.0)
    again = asked(out, setup=setup, max_batch_size=second, switches=cached, mock_errors=0.0)
    assert (made(again), calls_of(again)["batched"]) == (0, 0)
    assert calls_of(again)["cache_hits"] == made(once) + calls_of(once)["batched"]
    assert bytes_of(out) == bytes_of(once.directory)


def test_a_run_against_an_earlier_one_takes_over_what_batches_have_answered(out: Path, together: RunResult) -> None:
    again = asked(out, max_batch_size=EIGHT, since=together.directory)
    assert (made(again), calls_of(again)["batched"]) == (0, 0)
    assert bytes_of(out) == bytes_of(together.directory)


def test_who_is_judged_again_is_judged_as_without_batches(out: Path, tmp_path: Path) -> None:
    single, batched = tmp_path / "single", out
    asked(single)
    asked(batched, max_batch_size=EIGHT)
    for one in (single, batched):
        Setup().resume(one, only=["review", "failed"])
    assert bytes_of(batched) == bytes_of(single)
    assert counts_of(Setup().resume(batched)) == counts_of(Setup().resume(single))


def batched_ids(result: RunResult) -> list[str]:
    """Registrations one of whose replies came with another's."""
    names = [line["registration_id"] for line in rows_of(result, "audit.jsonl")]
    facts = [(one["n"], one["facts"]) for one in records_of(result.directory) if one["t"] == "call"]
    return [names[number] for number in sorted({number for number, fact in facts if fact[9:] == [0]})]


def test_a_batched_registration_is_explained_like_any_other(together: RunResult, alone: RunResult) -> None:
    for name in batched_ids(together)[:5]:
        told: Any = explain(together.directory, name, rim=quick)
        turns = [turn for phase in told["phases"] for turn in phase["turns"]]
        assert all(turn["as_asked"] and turn["reply"] for turn in turns)
        assert told["unplaced_replies"] == []
        single: Any = explain(alone.directory, name, rim=quick)
        assert [turn["request"] for turn in turns] == [
            turn["request"] for phase in single["phases"] for turn in phase["turns"]
        ]
        assert "in a call with other households" in "\n".join(story_lines(told))
        assert "in a call with other households" not in "\n".join(story_lines(single))


def test_on_claude_no_word_of_a_note_is_in_a_batch_and_no_outcome_another(out: Path, tmp_path: Path) -> None:
    talk, given = Talk(), canaries(tmp_path, count=FEW)
    with served(Provider(Settings(prompt_cache=True, answer=talk.answer))) as url:
        result = on_claude(url, inputs=given).run(out, model=HAIKU, max_batch_size=EIGHT, max_items=FEW)
    mock = Setup(inputs=given).run(tmp_path / "mock", model="mock", max_items=FEW)
    assert outcomes_of(out) == outcomes_of(mock.directory)
    openings = [[each["content"] for each in json.loads(body)["messages"]] for body in talk.asked]
    texts = [
        "".join(part if isinstance(part, str) else "".join(block["text"] for block in part) for part in one)
        for one in openings
    ]
    batches = [text for text in texts if apart(text)]
    assert sum(len(apart(text)) for text in batches) == calls_of(result)["batched"] + len(batches)
    assert len(texts) == made(result)
    assert not any(note[:20] in text or "canary" in text or "NOTE" in text for text in batches for note in NOTES)
    assert not any(value in text for text in texts for value in FIELDS.values())
    assert sum("canary" in text or any(note[:20] in text for note in NOTES) for text in texts) > 5
