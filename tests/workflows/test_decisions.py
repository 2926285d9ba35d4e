from __future__ import annotations

import json
from pathlib import Path

import pytest

from igent.domain.reviews import Choice
from igent.errors import InputError
from igent.workflows.decisions import MAX_COMMENT_CHARS, read_decisions

ROWS = [
    {"registration_id": "R1", "action": "accept", "by": "bob", "comment": "fine  by me"},
    {"registration_id": "R2", "action": "choose", "offer": "o2", "payment": "loan"},
    {"registration_id": "R3", "action": "reject"},
]
CHOICES = [
    Choice(registration_id="R1", action="accept", by="bob", comment="fine by me"),
    Choice(registration_id="R2", action="choose", by="ann", offer="o2", payment="loan"),
    Choice(registration_id="R3", action="reject", by="ann"),
]
CSV = """registration_id,action,offer,by,comment,payment
R1,accept,,bob,fine  by me,
R2,choose,o2,,,loan
R3,reject
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("d.jsonl", "\n".join(map(json.dumps, ROWS))),
        ("d.json", json.dumps(ROWS)),
        ("d.csv", CSV),
        ("d.CSV", "\ufeff" + CSV.replace("\n", "\r\n")),
    ],
)
def test_every_form_of_a_file_gives_the_same_decisions(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    assert read_decisions(path, by="ann") == CHOICES


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"action": "accept"}, "no registration"),
        ({"registration_id": "R1"}, "no action"),
        ({"registration_id": "R1", "action": "approve"}, "no action"),
        ({"registration_id": "R1", "action": "choose"}, "'choose' goes with an offer"),
        ({"registration_id": "R1", "action": "accept", "offer": "o1"}, "'choose' goes with an offer"),
        ({"registration_id": "R1", "action": "accept", "payment": "barter"}, "'barter'"),
        ({"registration_id": "R1", "action": "accept", "price": "1"}, "other fields"),
        ({"registration_id": 1, "action": "accept"}, "no text"),
        ({"registration_id": "R1", "action": "accept", "comment": "x" * (MAX_COMMENT_CHARS + 1)}, "501 characters"),
        ({"registration_id": "R1", "action": "accept", "comment": "\x1b[2J"}, "cannot be shown"),
        ({"registration_id": "R1", "action": "accept", "by": "ann\u202e"}, "cannot be shown"),
        ("R1", "other fields"),
    ],
)
def test_the_first_row_that_is_no_decision_is_named_with_its_number(tmp_path: Path, row: object, problem: str) -> None:
    path = tmp_path / "d.json"
    path.write_text(json.dumps([ROWS[0], row]))
    with pytest.raises(InputError, match="row 2") as caught:
        read_decisions(path, by="ann")
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"), [("d.csv", None), ("d.json", None), ("d.jsonl", "{}\n{"), ("d.csv", "a\nb,c")]
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, name: str, text: str | None) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError):
        read_decisions(tmp_path / name, by="ann")
