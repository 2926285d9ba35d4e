from __future__ import annotations

import json
from pathlib import Path

import pytest

from igent.domain.outcomes import Outcome
from igent.domain.reviews import Choice
from igent.workflows.review import Case, Deciding
from igent.workflows.verify import AuditFiles, audit_files
from tests.workflows.runs import AS_OF, SAMPLE, Setup, quick, review, write


def decided(run: Path, *, to: str) -> int:
    """Decide about all that waits, every third against a match; how many decisions were applied."""
    applied = list[Outcome]()

    def choices(cases: object) -> list[Choice]:
        assert isinstance(cases, list)
        return [choice_of(case, number, to) for number, case in enumerate(cases)]

    def told(_: Choice, outcome: object) -> None:
        if isinstance(outcome, Outcome):
            applied.append(outcome)

    review(run, Deciding(choices=choices, told=told), rim=quick)
    return len(applied)


def choice_of(case: Case, number: int, to: str) -> Choice:
    name, offers = str(case.row["registration_id"]), case.row.get("candidates")
    if number % 3 == 0 or not isinstance(offers, list):
        return Choice(registration_id=name, action="reject", by="ann")
    if to == "proposal":
        return Choice(registration_id=name, action="accept", by="ann")
    last = offers[-1]
    assert isinstance(last, dict)
    return Choice(registration_id=name, action="choose", offer=str(last["id"]), payment="cash", by="ann")


@pytest.mark.parametrize("hold", [True, False])
@pytest.mark.parametrize("to", ["proposal", "last"])
def test_what_people_have_decided_is_found_to_be_right(tmp_path: Path, hold: bool, to: str) -> None:
    run = Setup().run(tmp_path / "run", model="mock", strict_judgement=True, hold_reviews=hold).directory
    assert decided(run, to=to) > 25
    files = AuditFiles(
        registrations=SAMPLE.registrations,
        offers=SAMPLE.offers,
        matches=run / "matches.json",
        orders=run / "pos.json",
        incentives=SAMPLE.incentives,
    )
    assert audit_files(files, market="sbus", as_of=AS_OF).findings == ()


def test_a_reviewed_match_beyond_capacity_is_found(tmp_path: Path) -> None:
    run = Setup().run(tmp_path / "run", model="mock", strict_judgement=True).directory
    decided(run, to="proposal")
    matches = json.loads((run / "matches.json").read_text())
    full = max((match["supplier_id"] for match in matches), key=[m["supplier_id"] for m in matches].count)
    crowd = [match | {"supplier_id": full} if match["judgement"] == "reviewed" else match for match in matches]
    write(run / "matches.json", crowd)
    files = AuditFiles(
        registrations=SAMPLE.registrations, offers=SAMPLE.offers, matches=run / "matches.json", orders=run / "pos.json"
    )
    found = {finding.code for finding in audit_files(files, market="sbus", as_of=AS_OF).findings}
    assert "capacity-exceeded" in found
