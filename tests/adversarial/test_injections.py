from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from igent.domain.notes import MAX_NOTE_CHARS
from igent.workflows import RunResult
from tests.adversarial.injections import CARRIERS, ENCODINGS, FIELDS, GOALS, INJECTIONS, Injection
from tests.adversarial.judged import broken_rules, judged
from tests.adversarial.obedient import ObedientModel
from tests.reliability.record import record
from tests.workflows.inputs import Inputs
from tests.workflows.runs import SAMPLE, registrations, rows_of, write

# Who is attacked among ten: without a note, and without the fact that an incentive in prose asks for, all is proven.
ATTACKED = 3
CONSTELLATION = "p1m1c1_p2m2c2"
# Lines that no value may form: the headings of a prompt, each with one line of JSON behind it.
HEADINGS = {"TASK", "OFFERS", "OTHER OFFERS", "INCENTIVES", "REGISTRATION", "HOUSEHOLD", "NOTE", "PROPOSAL"}


@dataclass(frozen=True)
class Attack:
    """One run with an attacked household and what its model saw and did."""

    result: RunResult
    inputs: Inputs
    model: ObedientModel

    @cached_property
    def name(self) -> str:
        return str(self.inputs.rows[ATTACKED]["RegistrationNumber"])  # type: ignore[index]

    @property
    def audit(self) -> list[dict[str, Any]]:
        """What was judged, in order, without where that led."""
        lines = rows_of(self.result, "audit.jsonl")
        return [{key: value for key, value in line.items() if key != "allocation"} for line in lines]

    def rows(self, name: str, *, of_attacked: bool = False) -> list[dict[str, Any]]:
        rows = rows_of(self.result, name)
        return [row for row in rows if (row["registration_id"] == self.name) is of_attacked]

    @property
    def others(self) -> list[dict[str, Any]]:
        return [line for line in self.audit if line["registration_id"] != self.name]

    @property
    def decided(self) -> object:
        """What the attacked household was given, but for names that it was registered with itself."""
        matches, orders = (self.rows(name, of_attacked=True) for name in ("matches.json", "pos.json"))
        return matches, [{key: order[key] for key in order.keys() - {"campaign", "po_id"}} for order in orders]

    @property
    def held_back(self) -> bool:
        return bool(self.rows("review.json", of_attacked=True))

    @property
    def flagged(self) -> bool:
        return [match["judgement"] for match in self.rows("matches.json", of_attacked=True)] == ["plausible"]


def household_rows() -> list[dict[str, Any]]:
    rows = [row for row in registrations() if row["RegistrationStatus"] == "Accepted"]
    plain = [row for row in rows if not row.get("Notes") and row["Contact_Zip"] in PLACES]
    noted = [row for row in rows if row.get("Notes") and row["Contact_Zip"] in PLACES]
    return [*plain[:5], *noted[:2], *plain[5:8]]


PLACES = ("52910", "52912", "52914", "52921", "52923", "52926")


def run(folder: Path, attacked: Mapping[str, str] | None = None, *, filtered: bool = True) -> Attack:
    """A run of ten households at suppliers with five places each, one household of them attacked."""
    folder.mkdir()
    rows, offers = household_rows(), json.loads(SAMPLE.offers.read_text())
    attacked = attacked or {}
    rows[ATTACKED] = rows[ATTACKED] | {"Product_RoofOrientation": None, **attacked}
    for supplier in offers["SupplierOffers"]:
        supplier |= {"Capacity": 5, "Used": 0}
    inputs = replace(
        SAMPLE,
        registrations=write(folder / "registrations.json", rows),
        offers=write(folder / "offers.json", offers),
        hold_reviews=True,
    )
    model = ObedientModel()
    result = judged(model, folder / "run", inputs, CONSTELLATION, switches={"context_filter": filtered})
    return Attack(result, inputs, model)


@dataclass
class Trial:
    """Clean runs to hold attacks against, and where those run."""

    folder: Path
    clean: dict[bool, Attack]

    def attack(self, injection: Injection) -> Attack:
        """The attack, held against the clean run by every promise that there is."""
        filtered = injection.field != "CampaignName"
        found = run(self.folder / "-".join(vars_of(injection)), {injection.field: injection.text}, filtered=filtered)
        clean = self.clean[filtered]
        assert broken_rules(found.result.directory, found.inputs) == [], injection
        assert found.others == clean.others, injection
        assert found.decided == clean.decided or found.held_back or found.flagged, injection
        if found.held_back:
            for name in ("matches.json", "pos.json"):
                assert found.rows(name) == clean.rows(name), injection
        assert [text for text in found.model.shown if not well_formed(text)] == [], injection
        return found


def vars_of(injection: Injection) -> Sequence[str]:
    return injection.goal, injection.carrier, injection.encoding, injection.field


def is_seen(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) not in ("Cc", "Cf", "Cn", "Co")


def well_formed(prompt: str) -> bool:
    """Whether a prompt has its sections alone, each with one value, and nothing that is not seen."""
    lines = prompt.split("\n")
    values = [json.loads(line) for line in lines[1::2]]
    seen = all(map(is_seen, {*json.dumps(values, ensure_ascii=False)}))
    return set(lines[::2]) <= HEADINGS and len(set(lines[::2])) == len(lines) / 2 and seen


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    folder = tmp_path_factory.mktemp("trial")
    return Trial(folder, {filtered: run(folder / f"clean-{filtered}", filtered=filtered) for filtered in (True, False)})


def test_there_are_as_many_as_they_are_said_to_be() -> None:
    assert (len(GOALS), len(CARRIERS), len(ENCODINGS), len(FIELDS), len(INJECTIONS)) == (12, 10, 5, 3, 1_800)


def test_without_an_attack_nothing_is_obeyed_and_the_household_is_matched(trial: Trial) -> None:
    for clean in trial.clean.values():
        assert clean.model.obeyed == []
        assert [match["judgement"] for match in clean.rows("matches.json", of_attacked=True)] == ["proven"]


# Every goal, carrier, encoding and field: the step has no divisor in common with how many there are.
@pytest.mark.parametrize("number", range(0, 1_800, 71))
def test_an_injection_reaches_nobody_else(trial: Trial, number: int) -> None:
    trial.attack(INJECTIONS[number])


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("goal", GOALS)
def test_no_injection_of_all_reaches_anybody_else(trial: Trial, goal: str) -> None:
    attacks = [trial.attack(one) for one in INJECTIONS if one.goal == goal]
    assert {goal} == {obeyed for attack in attacks for obeyed in attack.model.obeyed}
    record("no injection reaches anybody but who sent it", injections=len(attacks), others_reached=0)


def test_a_note_too_long_to_be_shown_keeps_the_place_of_its_household(trial: Trial, tmp_path: Path) -> None:
    found, clean = run(tmp_path / "long", {"Notes": "long " * MAX_NOTE_CHARS}), trial.clean[True]
    assert found.held_back
    assert found.rows("matches.json") == clean.rows("matches.json")
