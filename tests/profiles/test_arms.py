from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from igent.accounting.usage import Usage
from igent.workflows import RunResult
from profiles.arms import Arm, Found, unlike, unlike_where_proven

Proven = Mapping[str, str]


def found(directory: Path, suppliers: Proven, *, plausible: Proven) -> Found:
    """A finished run: who was given to whom, proven or not."""
    directory.mkdir()
    matches = [
        {"registration_id": key, "supplier_id": supplier, "judgement": judgement}
        for judgement, given in (("proven", suppliers), ("plausible", plausible))
        for key, supplier in given.items()
    ]
    for name in ("matches.json", "pos.json"):
        (directory / name).write_text(json.dumps(matches), encoding="utf-8")
    return Found(arm=Arm(name=directory.name), result=RunResult(directory=directory, summary={}))


@pytest.mark.parametrize(
    ("other", "plausible", "by_any", "by_both"),
    [
        ({"a": "s1", "b": "s2"}, {}, 0, 0),
        ({"a": "s1", "b": "s1"}, {}, 1, 1),
        ({"a": "s1"}, {}, 1, 0),
        ({"a": "s1", "b": "s2", "c": "s1"}, {}, 1, 0),
        ({"a": "s1"}, {"b": "s1"}, 1, 0),
    ],
)
def test_what_both_have_proven_is_held_to_the_letter(
    other: Proven, plausible: Proven, by_any: int, by_both: int, tmp_path: Path
) -> None:
    before = found(tmp_path / "before", {"a": "s1", "b": "s2"}, plausible={})
    after = found(tmp_path / "after", other, plausible=plausible)
    assert (unlike(before, [after]), unlike_where_proven(before, [after])) == (by_any, by_both)


def test_input_is_paid_by_how_a_cache_was_used(tmp_path: Path) -> None:
    used = Usage(input_tokens=100, cache_read_tokens=1000, cache_write_tokens=40, cache_write_1h_tokens=10)
    one = Found(arm=Arm(name="any"), result=RunResult(directory=tmp_path, summary={"usage": used.as_record()}))
    assert (one.prompts, one.paid, one.hit_rate) == (1150, 270, 1000 / 1150)
