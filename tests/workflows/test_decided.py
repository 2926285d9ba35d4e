from __future__ import annotations

import pytest

from igent.domain.ledger import Ledger
from igent.domain.records import Json
from igent.workflows.decided import Decided, gap
from tests.domain.builders import supplier


@pytest.fixture
def decided() -> Decided:
    """One place each at A and B: given to R0, who could have had either, and kept for R1."""
    ledger = Ledger.opening([supplier("A", capacity=1), supplier("B", capacity=1), supplier("C", capacity=1)])
    found = Decided(rule="optimal", ledger=ledger)
    found.fold(commit(0, [["A", "B"]], supplier="B", held=False))
    found.fold(commit(1, [["A"]], supplier="A", held=True))
    found.fold(commit(2, []))
    return found


def commit(row: int, wish: list[Json], **place: Json) -> dict[str, Json]:
    return {"t": "commit", "n": row, "id": f"R{row}", "wish": wish, **place}


def test_commits_are_wishes_with_their_places(decided: Decided) -> None:
    assert decided.ids == ["R0", "R1", "R2"]
    assert decided.wishes == [(("A", "B"),), (("A",),), ()]
    assert (decided.suppliers, decided.held) == (["B", "A", None], {1})


def test_what_a_person_has_chosen_is_wished_for_alone(decided: Decided) -> None:
    decided.fold({"t": "review", "n": 1, "id": "R1", "outcome": "matched", "supplier": "C", "held": "A"})
    assert (decided.wishes[1], decided.suppliers[1], decided.held) == ((("C",),), "C", set())


def test_what_a_person_has_rejected_takes_no_place(decided: Decided) -> None:
    decided.fold({"t": "review", "n": 1, "id": "R1", "outcome": "unmatched", "held": "A"})
    assert (decided.wishes[1], decided.suppliers[1], decided.held) == ((), None, set())


def test_the_gap_has_both_rules_beside_each_other(decided: Decided) -> None:
    assert gap(decided) == {
        "rule": "optimal",
        "found": {"placed": 2, "by_tier": [2], "unevenness": 2.0},
        "balanced": {"placed": 1, "by_tier": [1], "unevenness": 1.0},
    }
