from __future__ import annotations

import json
import shutil
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from igent.domain.outcomes import Outcome
from igent.domain.reviews import Action, Choice, Refusal
from igent.errors import JournalError, ModelRejected, OptionError
from igent.models.base import ModelEvent, ModelRequest, Sent
from igent.story.lines import story_lines
from igent.workflows import Rim
from igent.workflows.explain import explain
from igent.workflows.review import Case, Deciding
from tests.adversarial.judged import judged
from tests.workflows.inputs import Inputs
from tests.workflows.runs import SAMPLE, Setup, bytes_of, quick, records_of, registrations, review, rewritten, write

# Of the sample on the mock, where judgements go to a person: two with a proposal, one without candidates, and one that
# nothing was proposed for.
PLAIN, OTHER, NO_CANDIDATES, UNDECIDED = "SPUS10002", "SPUS10004", "SPUS10012", "SPUS10018"
FILES = ("matches.json", "pos.json", "capacity.json", "unmatched.json", "review.json", "run.json", "audit.jsonl")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_into(tmp_path_factory.mktemp("finished") / "run")


@pytest.fixture(scope="module")
def holding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_into(tmp_path_factory.mktemp("holding") / "run", hold_reviews=True)


def run_into(out: Path, **options: Any) -> Path:
    return Setup().run(out, model="mock", strict_judgement=True, max_items=20, **options).directory


@dataclass
class Desk:
    """A copy of a run, and what came of the decisions about it."""

    run: Path
    rim: Rim = quick
    told: list[Outcome | Refusal] = field(default_factory=list)

    def decide(self, *choices: Choice) -> list[str]:
        """Apply decisions; what each came to, a refusal in its words."""
        self.told = []
        only = frozenset(choice.registration_id for choice in choices)
        deciding = Deciding(choices=lambda _: choices, told=lambda _, outcome: self.told.append(outcome), only=only)
        review(self.run, deciding, rim=self.rim)
        return [one.reason if isinstance(one, Refusal) else one.kind for one in self.told]

    def waiting(self) -> list[Case]:
        found = list[Case]()

        def none_of(cases: Sequence[Case]) -> Iterable[Choice]:
            found.extend(cases)
            return ()

        review(self.run, Deciding(choices=none_of, told=lambda *_: None), rim=self.rim)
        return found

    def rows(self, name: str) -> dict[str, dict[str, Any]]:
        return {row["registration_id"]: row for row in json.loads((self.run / name).read_text())}

    def summary(self) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads((self.run / "run.json").read_text()))

    def used(self) -> dict[str, tuple[int, int]]:
        """Places used, and of these held, by supplier."""
        rows = json.loads((self.run / "capacity.json").read_text())
        return {row["supplier_id"]: (row["used"], row.get("held", 0)) for row in rows}


@pytest.fixture
def desk(tmp_path: Path, finished: Path) -> Desk:
    return Desk(Path(shutil.copytree(finished, tmp_path / "run")))


@pytest.fixture
def held(tmp_path: Path, holding: Path) -> Desk:
    return Desk(Path(shutil.copytree(holding, tmp_path / "held")))


def choice(name: str, action: Action = "accept", *, by: str = "ann", **more: Any) -> Choice:
    return Choice(registration_id=name, action=action, by=by, **more)


def test_what_waits_says_what_is_unproven_where_the_note_stands_and_what_each_candidate_costs(desk: Desk) -> None:
    row = desk.rows("review.json")[UNDECIDED]
    assert row["unproven"] == {"undecided": "the model could not tell from the note what is wanted"}
    assert (row["phase"], row["note"]) == ("match", "registrations.json#/17/Notes")
    assert all(float(offer["total"]) > 0 for offer in row["candidates"])
    assert "proposal" not in row


def test_an_accepted_proposal_becomes_the_match_that_was_told(desk: Desk) -> None:
    proposal = desk.rows("review.json")[PLAIN]["proposal"]
    assert desk.decide(choice(PLAIN, comment="fine")) == ["matched"]
    match, order = desk.rows("matches.json")[PLAIN], desk.rows("pos.json")[PLAIN]
    assert (match["judgement"], match["by"], match["comment"]) == ("reviewed", "ann", "fine")
    assert (match["offer"]["id"], match["supplier_id"]) == (proposal["offer"], proposal["supplier_id"])
    assert {key: order[key] for key in proposal if key != "offer"} == {
        k: v for k, v in proposal.items() if k != "offer"
    }
    assert PLAIN not in desk.rows("review.json")


def test_a_chosen_candidate_is_priced_by_the_code_of_a_run(desk: Desk) -> None:
    candidate = desk.rows("review.json")[UNDECIDED]["candidates"][3]
    assert desk.decide(choice(UNDECIDED, "choose", offer=candidate["id"])) == ["matched"]
    order = desk.rows("pos.json")[UNDECIDED]
    assert (order["supplier_id"], order["subtotal"]) == (candidate["supplier_id"], candidate["total"])
    assert not any(one.get("basis") == "judged by prose" for one in order["incentives"])


def test_a_rejected_one_is_unmatched_and_says_by_whom(desk: Desk) -> None:
    assert desk.decide(choice(NO_CANDIDATES, "reject", comment="moved away")) == ["unmatched"]
    row = desk.rows("unmatched.json")[NO_CANDIDATES]
    assert (row["codes"], row["by"], row["comment"]) == (["review-rejected"], "ann", "moved away")


def test_the_counts_still_add_up(desk: Desk) -> None:
    before = desk.summary()["counts"]
    desk.decide(choice(PLAIN), choice(NO_CANDIDATES, "reject"))
    changed = {"matched": before["matched"] + 1, "unmatched": before["unmatched"] + 1, "review": before["review"] - 2}
    assert desk.summary()["counts"] == before | changed
    assert desk.summary()["judgements"]["reviewed"] == 1


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        (choice("SPUS10001"), "it is not in review"),
        (choice("SPUS1"), "it is not in review"),
        (choice(UNDECIDED), "there is no proposal to accept: choose a candidate, or reject"),
        (choice(NO_CANDIDATES, "choose", offer="o1"), "'o1' is not among its candidates: it has none"),
        (choice(PLAIN, "choose", offer="o99"), "'o99' is not among its candidates: they are o1, o2, o3, o4"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(desk: Desk, decision: Choice, why: str) -> None:
    before = bytes_of(desk.run, FILES)
    (told,) = desk.decide(decision)
    assert told.startswith(why)
    assert bytes_of(desk.run, FILES) == before


def test_a_second_decision_is_refused_with_who_decided_when(desk: Desk) -> None:
    desk.decide(choice(PLAIN, by="ann"))
    before = bytes_of(desk.run, FILES)
    (told,) = desk.decide(choice(PLAIN, "reject", by="bob"))
    assert told == f"ann has decided it at {desk.rows('matches.json')[PLAIN]['at']}: accept"
    assert bytes_of(desk.run, FILES) == before


def test_the_second_of_two_decisions_in_one_go_is_refused_too(desk: Desk) -> None:
    first, second = desk.decide(choice(PLAIN), choice(PLAIN, "reject", by="bob"))
    assert (first, second.startswith("ann has decided it")) == ("matched", True)


def test_a_place_that_is_gone_is_said_and_not_taken(desk: Desk, tmp_path: Path) -> None:
    document = json.loads(SAMPLE.offers.read_text())
    for supplier in document["SupplierOffers"]:
        supplier["Capacity"], supplier["Used"] = 2, 1
    rows = registrations()[1:2] + registrations()[3:4] + registrations()[5:20]
    inputs = Setup(
        inputs=Inputs(registrations=write(tmp_path / "r.json", rows), offers=write(tmp_path / "o.json", document))
    )
    tight = Desk(inputs.run(tmp_path / "tight", model="mock", strict_judgement=True).directory)
    told = tight.decide(*(choice(name) for name in tight.rows("review.json")))
    assert any("has no place left of 2" in one for one in told)
    assert all(used <= 2 for used, _ in tight.used().values())


def test_a_kept_place_becomes_the_match_or_is_given_back(held: Desk) -> None:
    before, rows = held.used(), held.rows("review.json")
    held.decide(choice(PLAIN), choice(OTHER, "reject"))
    mine, others = rows[PLAIN]["held"], rows[OTHER]["held"]
    assert held.used()[mine] == (before[mine][0], before[mine][1] - 1)
    assert held.used()[others] == (before[others][0] - 1, before[others][1] - 1)


def test_a_kept_place_is_given_back_where_another_supplier_is_chosen(held: Desk) -> None:
    before, row = held.used(), held.rows("review.json")[PLAIN]
    other = next(offer for offer in row["candidates"] if offer["supplier_id"] != row["held"])
    held.decide(choice(PLAIN, "choose", offer=other["id"]))
    assert held.used()[row["held"]] == (before[row["held"]][0] - 1, before[row["held"]][1] - 1)
    assert held.used()[other["supplier_id"]] == (before[other["supplier_id"]][0] + 1, before[other["supplier_id"]][1])


def test_it_goes_on_where_the_last_review_ended(desk: Desk) -> None:
    before = [case.row["registration_id"] for case in desk.waiting()]
    desk.decide(choice(PLAIN))
    desk.decide(choice(OTHER))
    assert [case.row["registration_id"] for case in desk.waiting()] == [
        one for one in before if one not in (PLAIN, OTHER)
    ]
    assert [*desk.rows("matches.json")][-2:] == [PLAIN, OTHER]


def test_looking_alone_changes_nothing(desk: Desk) -> None:
    before = (desk.run / "journal").read_bytes()
    desk.waiting()
    assert (desk.run / "journal").read_bytes() == before


def test_a_note_is_shown_from_the_input(desk: Desk) -> None:
    notes = {case.row["registration_id"]: case.note for case in desk.waiting()}
    assert notes[UNDECIDED] == registrations()[17]["Notes"]


def test_a_resumed_run_writes_the_same_files_again(desk: Desk) -> None:
    desk.decide(choice(PLAIN), choice(OTHER, "reject"))
    before = bytes_of(desk.run, FILES)
    Setup().resume(desk.run)
    assert bytes_of(desk.run, FILES) == before


def test_decisions_that_were_not_published_are_so_by_the_next_review(desk: Desk, tmp_path: Path) -> None:
    desk.decide(choice(PLAIN), choice(OTHER, "reject"))
    whole = bytes_of(desk.run, FILES)
    bare = Desk(rewritten(desk.run, tmp_path / "bare", kinds={record["t"] for record in records_of(desk.run)}))
    bare.waiting()
    assert bytes_of(bare.run, FILES) == whole


def test_the_audit_and_the_log_say_who_decided(desk: Desk) -> None:
    desk.decide(choice(PLAIN))
    line = json.loads((desk.run / "audit.jsonl").read_text().splitlines()[-1])
    assert (line["registration_id"], line["outcome"], line["review"]["by"]) == (PLAIN, "matched", "ann")
    assert '"event":"reviewed"' in (desk.run / "run.log").read_text()


def test_its_story_tells_of_the_decision(desk: Desk) -> None:
    desk.decide(choice(PLAIN, comment="she called"))
    lines = story_lines(explain(desk.run, PLAIN, rim=quick))
    assert any(line.startswith("REVIEW accept by ann at ") and line.endswith(": she called") for line in lines)
    assert any(line.startswith("ORDER PO-") for line in lines)


def test_an_unfinished_run_is_to_be_finished_first(tmp_path: Path) -> None:
    Setup().run(tmp_path / "run", model="mock", mock_latency="haiku", stop_at_wait=100)
    with pytest.raises(OptionError, match="--resume"):
        Desk(tmp_path / "run").waiting()


def test_inputs_that_have_changed_are_refused_before_anything_is_decided(tmp_path: Path) -> None:
    rows = write(tmp_path / "r.json", registrations()[:20])
    inputs = Inputs(registrations=rows, offers=SAMPLE.offers, incentives=SAMPLE.incentives)
    run = Setup(inputs=inputs).run(tmp_path / "run", model="mock", strict_judgement=True).directory
    write(rows, registrations()[:19])
    before = (run / "journal").read_bytes()
    with pytest.raises(OptionError, match="have changed: registrations"):
        Desk(run).decide(choice(PLAIN))
    assert (run / "journal").read_bytes() == before


class Rejecting:
    """A model that accepts no request."""

    name = "rejecting"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        yield Sent()
        raise ModelRejected(self.name, "not like this")


def test_who_failed_is_told_before_anything_is_decided(tmp_path: Path) -> None:
    result = judged(Rejecting(), tmp_path / "run", SAMPLE, "p1m1_p2m2", max_items=3)
    told = list[Any]()

    def choices(_: object) -> Iterable[Choice]:
        told.append("asked")
        return ()

    review(result.directory, Deciding(choices=choices, told=lambda *_: None, failed=told.extend), rim=quick)
    assert [one["codes"] for one in told[:-1]] == [["model-rejected"]] * 3
    assert told == [*json.loads((result.directory / "failed.json").read_text()), "asked"]


def test_a_directory_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="Name the directory"):
        Desk(tmp_path).waiting()
