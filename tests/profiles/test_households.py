from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from igent.workflows import Inputs
from profiles.households import free_text, one_large_set, small_sets

Rows = list[dict[str, Any]]


def read(inputs: Inputs) -> tuple[Rows, Rows]:
    """The households and the suppliers."""
    households, offers = (json.loads(Path(inputs[name]).read_bytes()) for name in ("registrations", "offers"))
    return households, offers["SupplierOffers"]


def test_a_large_set_is_one_place_that_all_suppliers_serve(tmp_path: Path) -> None:
    households, suppliers = read(one_large_set(tmp_path / "in", 10))
    assert [row["Contact_Zip"] for row in households] == ["53000"] * 15
    assert [one["ServiceAreas"] for one in suppliers] == [["53000"]] * 10
    assert len({one["SupplierID"] for one in suppliers}) == 10


def test_each_small_set_has_two_suppliers_and_eight_households_of_its_own(tmp_path: Path) -> None:
    households, suppliers = read(small_sets(tmp_path / "in", 3))
    assert Counter(row["Contact_Zip"] for row in households) == {"53000": 8, "53001": 8, "53002": 8}
    assert Counter(place for one in suppliers for place in one["ServiceAreas"]) == {"53000": 2, "53001": 2, "53002": 2}


def test_the_households_of_a_set_have_no_note(tmp_path: Path) -> None:
    households = [row for made in (one_large_set, small_sets) for row in read(made(tmp_path / made.__name__, 3))[0]]
    assert {row["Notes"] for row in households} == {None}


def test_three_of_four_households_of_free_text_have_a_note(tmp_path: Path) -> None:
    households, _ = read(free_text(tmp_path / "in", 8))
    assert [bool(row.get("Notes")) for row in households] == [True, True, True, False] * 2


@pytest.mark.parametrize("made", [one_large_set, small_sets, free_text])
def test_the_same_is_made_every_time(made: Callable[[Path, int], Inputs], tmp_path: Path) -> None:
    assert read(made(tmp_path / "once", 4)) == read(made(tmp_path / "again", 4))
