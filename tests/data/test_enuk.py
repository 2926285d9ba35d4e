from __future__ import annotations

import json
from pathlib import Path

import pytest

from data.enuk.households import FIRST_NUMBER, NOTES, PLACES, registration, registrations
from data.enuk.tariffs import REGIONS, SOLE_REGION, UNSERVED_REGION, offers
from data.generate import SEED, main
from igent.markets.enuk import read_registration, read_suppliers

DATA = Path(__file__).parents[2] / "data/enuk"


def test_the_defaults_reproduce_the_committed_files_byte_for_byte(tmp_path: Path) -> None:
    main(["--market", "enuk", "--out", str(tmp_path)])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["offers.json", "registrations.json"]
    assert [(tmp_path / name).read_bytes() for name in names] == [(DATA / name).read_bytes() for name in names]


def test_a_longer_file_begins_with_the_shorter_one() -> None:
    assert [*registrations(130, seed=SEED)][:100] == json.loads((DATA / "registrations.json").read_text())
    assert registration(129, seed=SEED)["RegistrationNumber"] == f"ENUK{FIRST_NUMBER + 129}"


def test_every_row_and_rate_can_be_read() -> None:
    rows = [read_registration(row, pointer="") for row in registrations(1_000, seed=SEED)]
    suppliers = read_suppliers(offers(100), file="offers.json")
    assert {row.area for row in rows} == {
        read_registration({**ROW, "Contact_ServiceArea": r}, pointer="").area for r in REGIONS
    }
    assert len(suppliers) == 6


ROW = registration(0, seed=SEED)


@pytest.mark.parametrize(("region", "served"), [(SOLE_REGION, 1), (UNSERVED_REGION, 0)])
def test_two_regions_are_short_of_suppliers(region: str, served: int) -> None:
    area = read_registration({**ROW, "Contact_ServiceArea": region}, pointer="").area
    assert sum(area in one.areas for one in read_suppliers(offers(100), file="offers.json")) == served


def test_capacities_grow_in_step() -> None:
    small, large = (read_suppliers(offers(count), file="offers.json") for count in (100, 1_000))
    assert [one.capacity * 10 for one in small] == [one.capacity for one in large]


def test_every_note_stands_in_a_thousand_rows_and_most_rows_have_none() -> None:
    notes = [row.get("Notes") for row in registrations(1_000, seed=SEED)]
    assert set(NOTES) <= set(notes)
    assert notes.count(None) > 600
    assert max(PLACES) < 100
