from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from igent.errors import JournalError, OptionError
from igent.workflows import RunResult
from igent.workflows.whatif import what_if
from tests.workflows.runs import Setup, rewritten, rows_of
from tests.workflows.test_together import CAPACITIES, offering, scarce_setup

BRACKWATER, QUILLROOF = "Brackwater Solar", "Quillroof"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A finished run with too little room."""
    folder = tmp_path_factory.mktemp("scarce")
    return Setup(inputs=offering(folder, CAPACITIES)).run(folder / "run", model="mock", hold_reviews=True)


def asked(run: RunResult, *changes: str, rule: Any = None) -> Any:
    return what_if(run.directory, changes, rule=rule)


def test_nothing_changes_where_nothing_is_changed(run: RunResult) -> None:
    told = asked(run)
    assert (told["changes"], told["counts"]) == ([], {"gained": 0, "lost": 0, "moved": 0})
    assert told["placed"]["before"] == told["placed"]["after"]
    used = {one["supplier_id"]: one["used"]["before"] for one in told["capacity"]}
    capacity: Any = run.summary["capacity"]
    assert used == {one["supplier_id"]: one["used"] for one in capacity}


def test_other_capacities_give_what_a_run_with_them_would_have_given(tmp_path: Path, run: RunResult) -> None:
    told = asked(run, f"{QUILLROOF}=+4", f"{BRACKWATER}=-5", "Lumenfield Co-op=6")
    capacities = (15, 7, *CAPACITIES[2:7], 6, CAPACITIES[8])
    other = Setup(inputs=offering(tmp_path, capacities)).run(tmp_path / "run", model="mock", hold_reviews=True)
    before, after = (suppliers_of(one) for one in (run, other))
    assert {one["registration_id"]: (one["from"], one["to"]) for one in told["changes"]} == {
        name: (before.get(name), after.get(name))
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    }
    capacity: Any = other.summary["capacity"]
    assert [(one["supplier_id"], one["capacity"]["after"], one["used"]["after"]) for one in told["capacity"]] == [
        (one["supplier_id"], one["capacity"], one["used"]) for one in capacity
    ]


def suppliers_of(run: RunResult) -> dict[str, str]:
    """Whose place, matched or held, is at which supplier."""
    matched = {row["registration_id"]: row["supplier_id"] for row in rows_of(run, "matches.json")}
    return matched | {row["registration_id"]: row["held"] for row in rows_of(run, "review.json") if "held" in row}


def test_another_rule_is_told_beside_the_runs_own(run: RunResult) -> None:
    told = asked(run, rule="optimal")
    assert told["allocation"] == {"before": "balanced", "after": "optimal"}
    assert told["placed"]["after"]["placed"] > told["placed"]["before"]["placed"]
    assert told["counts"]["gained"] - told["counts"]["lost"] == 1
    gained = next(one for one in told["changes"] if one["change"] == "gained")
    assert (gained["from"], gained["tier"]["from"], gained["tier"]["to"]) == (None, None, 1)


def test_a_supplier_that_is_gone_has_no_place_left(run: RunResult) -> None:
    told = asked(run, f"{BRACKWATER}=0")
    account = next(one for one in told["capacity"] if one["supplier_id"] == BRACKWATER)
    assert (account["capacity"]["after"], account["used"]["after"]) == (0, 0)
    assert {one["to"] for one in told["changes"] if one["change"] == "lost"} == {None}


def test_the_run_stays_as_it_is(run: RunResult) -> None:
    def state() -> dict[str, tuple[int, bytes]]:
        return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in run.directory.iterdir()}

    before = state()
    asked(run, f"{QUILLROOF}=+4")
    assert state() == before


def test_an_optimal_run_is_allocated_again_to_the_same(tmp_path: Path) -> None:
    setup = scarce_setup(tmp_path)
    run = setup.run(tmp_path / "run", model="mock", hold_reviews=True)
    told = asked(run)
    assert (told["allocation"]["after"], told["changes"]) == ("optimal", [])
    assert asked(run, rule="balanced")["counts"]["lost"] >= 1


def test_a_place_that_is_held_is_told_as_such(run: RunResult) -> None:
    held = {row["registration_id"] for row in rows_of(run, "review.json") if row.get("held") == BRACKWATER}
    told = asked(run, f"{BRACKWATER}=0")["changes"]
    assert held
    assert {one["registration_id"] for one in told if one["held"] and one["from"] == BRACKWATER} == held


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("Quilroof=+4", "Did you mean 'Quillroof'"),
        ("Nobody=1", "There are: Brackwater Solar"),
        ("Quillroof", "cannot be 'Quillroof'"),
        ("Quillroof=+1.5", "cannot be"),
        ("Quillroof=-4", "'Quillroof' has 3 places"),
    ],
)
def test_a_change_that_cannot_be_is_refused_with_what_can(run: RunResult, change: str, message: str) -> None:
    with pytest.raises(OptionError, match=message.replace("+", r"\+")):
        asked(run, change)


def test_a_run_that_is_not_finished_is_refused(tmp_path: Path, run: RunResult) -> None:
    part = rewritten(run.directory, tmp_path / "part", kinds=("run", "reply", "commit"))
    with pytest.raises(OptionError, match="not finished"):
        what_if(part, [])


def test_a_directory_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be read"):
        what_if(tmp_path, [])


def test_the_record_is_plain_json(run: RunResult) -> None:
    told = asked(run, f"{QUILLROOF}=+4")
    assert json.loads(json.dumps(told)) == told
