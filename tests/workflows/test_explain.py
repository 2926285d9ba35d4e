from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from igent.errors import JournalError, OptionError
from igent.story.lines import story_lines
from igent.workflows.explain import explain
from tests.workflows.inputs import Inputs
from tests.workflows.runs import SAMPLE, Setup, quick, registrations, rows_of, write

MATCHED, REVIEWED, WITHDRAWN = "SPUS10007", "SPUS10034", "SPUS10025"
NOTE = "Paying cash, no financing please."


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """The sample in files that a test may copy, the last row without an id."""
    folder = tmp_path_factory.mktemp("inputs")
    incentives, offers = (shutil.copy(path, folder) for path in (SAMPLE.incentives, SAMPLE.offers) if path)
    rows = [*registrations(), {"Contact_Zip": "52914"}]
    return Inputs(registrations=write(folder / "r.json", rows), offers=Path(offers), incentives=Path(incentives))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, inputs: Inputs) -> Path:
    return Setup(inputs=inputs).run(tmp_path_factory.mktemp("run") / "run", model="mock").directory


def story(run: Path, name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", explain(run, name, rim=quick))


def turns_of(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [turn for phase in told["phases"] for turn in phase["turns"]]


@pytest.mark.parametrize("constellation", ["p1m1_p2m2", "p1m1m2c", "p1m1c1_p2m2c2", "p1m1c1m2c2", "p1r_p2r"])
def test_every_prompt_is_rendered_as_it_was_asked_with_its_reply_behind_it(tmp_path: Path, constellation: str) -> None:
    result = Setup(constellation=constellation).run(tmp_path / "run", model="mock", max_items=12)
    for line in rows_of(result, "audit.jsonl"):
        told = story(result.directory, line["registration_id"])
        assert [turn["as_asked"] for turn in turns_of(told)] == [True] * len(line["replies"])
        asked = {(turn["agent"], turn["request"], turn["reply"]) for turn in turns_of(told)}
        assert asked == {(one["agent"], one["request"], one["text"]) for one in line["replies"]}
        assert told["unplaced_replies"] == []


def test_every_price_of_an_order_is_what_stands_at_its_source(run: Path) -> None:
    told = story(run, MATCHED)
    assert told["inputs"] == {"unchanged": True, "changed": []}
    (line,) = told["order"]["lines"]
    assert f"{told['sources'][line['source']]:.2f}" == line["price"]


def test_every_part_of_an_energy_price_leads_to_its_place(tmp_path: Path) -> None:
    folder = Path(__file__).parents[2] / "data/enuk"
    inputs = Inputs(registrations=folder / "registrations.json", offers=folder / "offers.json")
    run = Setup(inputs=inputs).run(tmp_path / "run", model="mock", market="enuk", max_items=1).directory
    told = story(run, rows_of_path(run / "matches.json")[0]["registration_id"])
    units = [part for line in told["order"]["lines"] for part in line["parts"] if part["part"] == "units"]
    places = [part["quantity_source"][0] for part in units]
    assert [told["sources"][place] for place in places] == [part["quantity"] for part in units]
    assert None not in told["sources"].values()


def rows_of_path(path: Path) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", json.loads(path.read_text()))


def test_every_candidate_says_why_it_was_chosen_or_not(run: Path) -> None:
    lines = story_lines(story(run, MATCHED))
    assert sum("  chosen: " in line for line in lines) == 1
    assert sum("  not chosen: " in line for line in lines) == len(story(run, MATCHED)["candidates"]) - 1


def test_a_note_is_quoted_from_the_input_and_where_it_stands_is_told(run: Path) -> None:
    note = story(run, REVIEWED)["registration"]["note"]
    assert (note["source"], note["text"].startswith(NOTE)) == ("r.json#/33/Notes", True)
    assert not any(NOTE in path.read_text("utf-8", "replace") for path in run.iterdir())


def test_all_that_models_may_see_of_a_household_is_told_also_where_it_wrote_no_note(run: Path) -> None:
    settled, noted = (story(run, name)["registration"]["facts"] for name in (MATCHED, REVIEWED))
    assert settled == {
        "zip": "52932",
        "wants": {"Solar": 39},
        "Contact_state": "IA",
        "Contact_Utility": "Two Rivers Electric",
        "Product_RoofPitch": "Inclined",
        "Product_RoofOrientation": "South",
        "Product_HomeSize": "LargerThan2800Ft",
        "Product_NumberOfStories": 2,
    }
    assert settled.keys() == noted.keys()


def test_a_review_tells_its_codes_in_words(run: Path) -> None:
    assert "  undecided: the model could not tell from the note what is wanted" in story_lines(story(run, REVIEWED))


def test_an_outcome_without_any_call_is_told_too(run: Path) -> None:
    lines = story_lines(story(run, WITHDRAWN))
    assert (lines[0], "PHASE match: not held" in lines) == ("SPUS10025: unmatched", True)


def test_a_row_without_an_id_is_found_by_its_number(run: Path) -> None:
    assert story(run, "row 100")["outcome"] == "rejected"


def test_a_registration_that_the_run_does_not_know_is_refused(run: Path) -> None:
    with pytest.raises(OptionError, match="'SPUS1'"):
        story(run, "SPUS1")


def test_a_directory_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="Name the directory"):
        story(tmp_path, MATCHED)


@pytest.fixture
def own(tmp_path: Path, inputs: Inputs) -> tuple[Inputs, Path]:
    """A run of inputs that are the test's own to change."""
    copies = replace(
        inputs,
        registrations=Path(shutil.copy(inputs.registrations, tmp_path)),
        offers=Path(shutil.copy(inputs.offers, tmp_path)),
    )
    return copies, Setup(inputs=copies).run(tmp_path / "run", model="mock", max_items=40).directory


def test_an_input_that_has_changed_is_named_and_its_prompts_are_no_more_as_asked(own: tuple[Inputs, Path]) -> None:
    inputs, run = own
    inputs.offers.write_text(inputs.offers.read_text().replace("Norrisol 420", "Norrisol 421"))
    told = story(run, MATCHED)
    assert told["inputs"] == {"unchanged": False, "changed": ["offers"]}
    assert [turn["as_asked"] for turn in turns_of(told)] == [False, False]
    assert [one["agent"] for one in told["unplaced_replies"]] == ["matcher", "matcher2"]
    assert told["order"]["lines"][0]["product_name"] == "Norrisol 420"
    assert any("NOT as it was asked" in line for line in story_lines(told))


def test_inputs_that_are_gone_leave_what_the_journal_holds(own: tuple[Inputs, Path]) -> None:
    inputs, run = own
    inputs.offers.unlink()
    told = story(run, MATCHED)
    assert "offers.json" in told["inputs"]["problem"]
    assert [len(told[name]) for name in ("unplaced_replies", "candidates", "phases")] == [2, 5, 2]
    assert any("35900.00" in line for line in story_lines(told))


def test_another_registration_in_its_row_is_not_taken_for_it(own: tuple[Inputs, Path]) -> None:
    inputs, run = own
    write(inputs.registrations, registrations()[1:])
    told = story(run, MATCHED)
    assert (told["inputs"]["problem"], "registration" in told) == (
        "the registration no longer stands in its row",
        False,
    )
