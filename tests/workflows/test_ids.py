from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from igent.workflows.ids import Ids, Repeated


def repeated(*ids: str) -> Repeated:
    found = Ids()
    for one in ids:
        found.add(one)
    return found.repeated()


@given(st.lists(st.text(alphabet="abé\ud800", max_size=2)))
def test_the_ids_that_came_more_than_once_are_found_and_no_others(ids: list[str]) -> None:
    found, counts = repeated(*ids), Counter(ids)
    assert {one for one in counts if found.has(one)} == {one for one, count in counts.items() if count > 1}


def test_ids_that_are_canonically_equivalent_are_one() -> None:
    assert repeated("n\u00e9", "ne\u0301").has("ne\u0301")


def test_upper_and_lower_case_are_told_apart() -> None:
    assert not repeated("aB", "Ab").has("aB")


def test_an_id_that_came_often_is_kept_once() -> None:
    assert len(repeated(*["r1"] * 5, "r2")) == 1
