"""What critics were worth: known vetoes are counted exactly, however a run went, and people's decisions follow."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from igent.accounting.usage import Usage
from igent.dialogue.prompts import read_shown
from igent.domain.reviews import Action, Choice
from igent.models.base import ModelEvent, ModelRequest, ReplyEnd, Sent
from igent.workflows import Pace, RunResult
from igent.workflows.review import Deciding
from tests.adversarial.colluding import opening_of
from tests.adversarial.judged import judged
from tests.workflows.runs import SAMPLE, Setup, quick, registrations, review, rewritten, write

# One household each; what the critic says of it is in its note.
NOTES = (None, "fine with it", "rather another one", "stay with it", "stay with this", "who knows")


class ScriptedModel:
    """Ranks the first offer before the others; the last one after a veto of whoever wants another."""

    @property
    def name(self) -> str:
        """The name that a run records."""
        return "scripted"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream the reply in one piece."""
        yield Sent()
        yield json.dumps(_critique(request) if request.kind == "critique" else _answer(request))
        yield ReplyEnd(stop_reason="end_turn", usage=Usage(input_tokens=10, output_tokens=1))


def _critique(request: ModelRequest) -> dict[str, Any]:
    note = read_shown(opening_of(request)).note
    again = len(request.messages) > 1
    approved = note == "fine with it" or (note == "rather another one" and again)
    return {"verdict": "approve" if approved else "undecided" if note == "who knows" else "veto"}


def _answer(request: ModelRequest) -> dict[str, Any]:
    shown = read_shown(opening_of(request))
    if shown.task == "order":
        return {"payment": "cash", "unsure": [incentive["id"] for incentive in shown.incentives]}
    ids = [offer["id"] for offer in shown.offers]
    if shown.note is None:
        return {"fit": [ids]}
    vetoed = shown.note == "rather another one" and len(request.messages) > 1
    first = ids[-1] if vetoed else ids[0]
    return {"fit": [[first], [one for one in ids if one != first]], "words": [shown.note.split()[0]]}


@pytest.fixture
def result(tmp_path: Path) -> RunResult:
    rows = [row | {"Notes": note} for row, note in zip(registrations(), NOTES, strict=False)]
    inputs = replace(SAMPLE, registrations=write(tmp_path / "registrations.json", rows))
    return judged(ScriptedModel(), tmp_path / "run", inputs, "p1m1m2c", critic="always")


def critic_of(directory: Path) -> Any:
    return json.loads((directory / "run.json").read_text())["critic"]


def test_a_run_with_known_vetoes_counts_them_exactly(result: RunResult) -> None:
    told = critic_of(result.directory)
    assert told["turns"] == {"agreed": 2, "undecided": 1, "unreadable": 0, "vetoed": 6}
    assert told["vetoes"] == {"no_effect": 1, "another_answer": 1, "same_answer": 2, "review": 2}
    assert told["against"] == {"right": 0, "wrong": 0, "unknown": 5}
    assert (told["calls"], told["usage"]["input_tokens"]) == (9, 90)


def test_what_people_decide_tells_right_from_wrong(result: RunResult) -> None:
    stays, stays_too, who_knows = (str(row["RegistrationNumber"]) for row in registrations()[3:6])
    actions: dict[str, Action] = {stays: "accept", stays_too: "reject", who_knows: "accept"}
    choices = [Choice(registration_id=name, action=action, by="ann") for name, action in actions.items()]
    before = critic_of(result.directory)
    review(result.directory, Deciding(choices=lambda _: choices, told=lambda *_: None), rim=quick)
    assert critic_of(result.directory) == before | {"against": {"right": 2, "wrong": 2, "unknown": 1}}


# A mock whose faults make critics unreadable, or make them object to nothing but what a matcher has mended.
FAULTY: dict[str, Any] = {"model": "mock", "mock_errors": 0.3, "max_items": 40, "critic": "always"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run that nothing interrupts."""
    return Setup(constellation="p1m1c1_p2m2c2").run(tmp_path_factory.mktemp("whole") / "run", **FAULTY)


def counted(result: RunResult) -> Any:
    """What does not depend on the clock."""
    return {key: value for key, value in cast("Any", result.summary["critic"]).items() if key != "seconds"}


@pytest.mark.parametrize("concurrency", [1, 64])
def test_the_yield_is_the_same_at_any_concurrency(tmp_path: Path, whole: RunResult, concurrency: int) -> None:
    pace = Pace(concurrency=concurrency)
    again = Setup(constellation="p1m1c1_p2m2c2").run(tmp_path / "run", pace=pace, **FAULTY)
    assert counted(whole)["turns"]["unreadable"] > 5
    assert counted(again) == counted(whole)


def test_the_yield_is_the_same_after_an_interruption(tmp_path: Path, whole: RunResult) -> None:
    uncommitted = rewritten(whole.directory, tmp_path / "uncommitted", kinds={"run", "reply", "call"})
    assert Setup().resume(uncommitted).summary["critic"] == whole.summary["critic"]


def test_a_stopped_run_goes_on_to_the_same_yield(tmp_path: Path, whole: RunResult) -> None:
    setup = Setup(constellation="p1m1c1_p2m2c2")
    stopped = setup.run(tmp_path / "run", mock_latency="haiku", stop_at_wait=400, **FAULTY)
    assert counted(stopped)["turns"] != counted(whole)["turns"]
    resumed, parts = counted(setup.resume(tmp_path / "run")), ("turns", "vetoes", "against", "calls")
    assert {part: resumed[part] for part in parts} == {part: counted(whole)[part] for part in parts}


def test_a_live_yield_is_that_of_its_journal(whole: RunResult) -> None:
    assert Setup().resume(whole.directory).summary["critic"] == whole.summary["critic"]


def test_a_constellation_without_a_critic_has_no_yield(tmp_path: Path) -> None:
    result = Setup(constellation="p1m1_p2m2").run(tmp_path / "run", model="mock", max_items=5)
    assert result.summary["critic"] is None
