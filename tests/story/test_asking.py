from __future__ import annotations

from typing import Any

import pytest

from igent.domain.outcomes import Outcome
from igent.domain.reviews import Choice, Refusal
from igent.story.asking import asked, choice_of, failed_line, listed, outcome_line

ROW: dict[str, Any] = {
    "registration_id": "R1",
    "unproven": {"vetoed": "the critic objected to every proposal"},
    "phase": "match",
    "source": "r.json#/0",
    "note": "r.json#/0/Notes",
    "held": "A",
    "currency": "USD",
    "candidates": [{"id": "o1", "supplier_id": "A", "products": ["P", "Q"], "total": "9.50"}],
    "proposal": {"offer": "o1", "supplier_id": "A", "payment_type": "cash", "amount_due": "9.50", "net_total": "8.00"},
}


def test_failures_are_counted_and_the_first_of_them_named() -> None:
    rows: list[dict[str, Any]] = [{"registration_id": f"R{n}", "codes": ["model-timeout"]} for n in range(7)]
    assert failed_line(rows[:1]) == "1 failed and cannot be decided here: R0 (model-timeout)"
    assert failed_line(rows).endswith("R4 (model-timeout), ...")


def of(action: Any, **more: Any) -> Choice:
    return Choice(registration_id="R1", action=action, by="ann", **more)


@pytest.mark.parametrize(
    ("answer", "choice"),
    [
        ("a", of("accept")),
        ("accept\n", of("accept")),
        ("R ; moved  away\n", of("reject", comment="moved away")),
        ("o2", of("choose", offer="o2")),
        ("O12 loan; as she asked", of("choose", offer="o12", payment="loan", comment="as she asked")),
        ("", "skip"),
        ("s", "skip"),
        ("quit", "quit"),
        ("o2 barter", ""),
        ("o2 loan now", ""),
        ("2", ""),
        ("yes", ""),
        ("; only words", "skip"),
    ],
)
def test_an_answer_is_a_decision_or_another_word_or_nothing(answer: str, choice: Choice | str) -> None:
    assert choice_of(answer, "R1", by="ann") == choice


def test_a_person_is_shown_all_that_there_is_to_decide_by() -> None:
    assert asked(ROW, "please call") == [
        "R1, phase match  r.json#/0",
        "  the critic objected to every proposal",
        "  note, r.json#/0/Notes: please call",
        "  A keeps a place for it",
        "  o1   A: P, Q, 9.50 USD",
        "  accept: o1, A, cash, 9.50 due, 8.00 net",
    ]


def test_a_note_cannot_act_on_the_terminal() -> None:
    assert all(line.isprintable() for line in asked(ROW, "\x1b[2J\u202e"))


def test_one_line_tells_of_each_that_waits() -> None:
    assert listed([ROW]) == ["R1: the critic objected to every proposal"]


def test_a_refusal_is_told_as_one() -> None:
    assert outcome_line(of("accept"), Refusal("it is not in review")) == "R1: not applied: it is not in review"


def test_a_rejection_is_told_as_unmatched() -> None:
    assert outcome_line(of("reject"), Outcome(kind="unmatched")) == "R1: unmatched"
