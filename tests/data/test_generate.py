from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Generator
from itertools import islice
from pathlib import Path
from typing import TypedDict, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.generate import SEED, main, registration, registrations
from data.incentives import incentives
from data.offers import offers
from data.suppliers import SOLE_ZIP, UNSERVED_ZIP, Json
from data.texts import BLANK, ENGLISH, FAKE_OUTPUT, IGNORE_RULES, LONG, SPANISH

DATA = Path(__file__).parents[2] / "data"
REAL = Path(__file__).parents[2] / "../shared/data/mn1/registrations.json"
FILES = ("incentives.json", "offers.json", "registrations.json")
INJECTIONS = {IGNORE_RULES, FAKE_OUTPUT}
WITHDRAWN = {"Declined", "Cancelled"}

Row = dict[str, Json]


class Product(TypedDict):
    ProductType: str
    ProductPrices: list[dict[str, float]]


class Supplier(TypedDict, total=False):
    SupplierID: str
    Capacity: int
    Used: int
    InterestRate: float
    ServiceAreas: list[str]
    Offers: list[Product]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return list(registrations(100, seed=SEED))


def suppliers(count: int = 100) -> list[Supplier]:
    return cast("list[Supplier]", offers(count)["SupplierOffers"])


def number(value: Json) -> int:
    return int(value) if isinstance(value, str | int) else 0


def wanted(row: Row) -> tuple[int, int]:
    """Panels and batteries; a household's own count goes before the proposed one."""
    told = row["Product_AmountOfPanels"] if row["Product_KnowsAmountOfPanels"] == "1" else None
    panels = row["Proposal_OptimalAmountOfPanels"] if told is None else told
    return number(panels), number(row["Proposal_OptimalAmountOfBatteries"])


def kinds(supplier: Supplier) -> set[str]:
    return {product["ProductType"] for product in supplier["Offers"]}


def candidates(row: Row, among: list[Supplier]) -> list[Supplier]:
    panels, batteries = wanted(row)
    wants = {kind for kind, count in (("Solar", panels), ("Battery", batteries)) if count}
    return [each for each in among if row["Contact_Zip"] in each["ServiceAreas"] and wants <= kinds(each)]


def test_the_defaults_reproduce_the_committed_files_byte_for_byte(tmp_path: Path) -> None:
    main(["--out", str(tmp_path)])
    for name in FILES:
        assert (DATA / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_it_runs_as_a_script_from_any_folder_on_the_standard_library_alone(tmp_path: Path) -> None:
    without_packages = "-S"
    command = [
        sys.executable,
        without_packages,
        str(DATA / "generate.py"),
        "--count",
        "3",
        "--out",
        str(tmp_path / "made"),
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert sorted(FILES) == sorted(path.name for path in (tmp_path / "made").iterdir())


def test_json_lines_hold_the_same_registrations(tmp_path: Path, rows: list[Row]) -> None:
    main(["--out", str(tmp_path), "--format", "jsonl"])
    lines = (tmp_path / "registrations.jsonl").read_text(encoding="utf-8").splitlines()
    assert rows == [json.loads(line) for line in lines]


def test_a_longer_array_begins_with_the_lines_of_the_shorter_one(tmp_path: Path) -> None:
    main(["--count", "250", "--out", str(tmp_path)])
    longer = (tmp_path / "registrations.json").read_bytes().splitlines()
    shorter = (DATA / "registrations.json").read_bytes().splitlines()
    assert [line.rstrip(b",") for line in shorter[:101]] == [line.rstrip(b",") for line in longer[:101]]
    assert len(json.loads(b"\n".join(longer))) == 250


@given(index=st.integers(0, 400), further=st.integers(1, 50), seed=st.integers())
def test_a_registration_depends_on_seed_and_index_alone(index: int, further: int, seed: int) -> None:
    streamed = list(islice(registrations(index + further, seed=seed), index, index + 1))
    assert [registration(index, seed=seed)] == streamed


def test_another_seed_draws_other_registrations(rows: list[Row]) -> None:
    other = list(registrations(100, seed=SEED + 1))
    assert sum(row == its for row, its in zip(rows, other, strict=True)) < 5


def test_registrations_are_made_only_when_asked_for() -> None:
    made = registrations(20_000, seed=SEED)
    assert isinstance(made, Generator)
    assert next(made)["RegistrationNumber"] == "SPUS10001"


def test_memory_stays_below_the_size_of_the_file(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        main(["--count", "4000", "--out", str(tmp_path)])
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < (tmp_path / "registrations.json").stat().st_size / 2


def test_the_count_must_be_positive(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--count", "0"])
    assert "at least 1" in capsys.readouterr().err


def test_registration_numbers_are_unique() -> None:
    numbers = {row["RegistrationNumber"] for row in registrations(10_000, seed=SEED)}
    assert len(numbers) == 10_000


def test_the_first_five_are_plain_matchable_and_without_notes(rows: list[Row]) -> None:
    first = rows[:5]
    among = suppliers()
    assert not any("Notes" in row or row["RegistrationStatus"] in WITHDRAWN for row in first)
    assert all(candidates(row, among) for row in first)
    assert [(panels > 0, batteries > 0) for panels, batteries in map(wanted, first)] == [
        (True, False),
        (True, True),
        (True, False),
        (False, True),
        (True, False),
    ]


def test_the_fifth_is_a_low_income_homeowner_with_an_lmi_price_at_hand(rows: list[Row]) -> None:
    row = rows[4]
    assert (row["Contact_LowMediumIncome"], row["Contact_OwnerStatus"]) == (1, "homeowner")
    prices = [price for each in candidates(row, suppliers()) for price in each["Offers"][0]["ProductPrices"]]
    assert any(price["LMICashPrice"] > 0 for price in prices)


def test_every_registration_has_the_field_names_of_real_ones() -> None:
    if not REAL.exists():
        pytest.skip("the real sample files are not beside the project")
    expected = set(json.loads(REAL.read_text(encoding="utf-8"))[0])
    optional = {"Contact_OwnerStatus", "Contact_HouseholdIncome", "Notes"}
    for row in registrations(500, seed=SEED):
        assert expected == set(row) - optional


def test_about_a_tenth_are_withdrawn() -> None:
    withdrawn = sum(row["RegistrationStatus"] in WITHDRAWN for row in registrations(5_000, seed=SEED))
    assert 400 <= withdrawn <= 600


@pytest.mark.parametrize("seed", [SEED, 1, 2])
def test_about_a_third_have_a_note(seed: int) -> None:
    noted = sum("Notes" in row for row in registrations(3_000, seed=seed))
    assert 900 <= noted <= 1_100


def test_the_note_texts_are_many_and_distinct() -> None:
    assert len(ENGLISH + SPANISH) == len(set(ENGLISH + SPANISH)) >= 45
    assert 850 <= len(LONG) <= 950


@pytest.mark.parametrize("seed", [SEED, 1, 2, 3])
def test_a_hundred_notes_hold_two_injections_some_spanish_a_blank_and_a_long_one(seed: int) -> None:
    notes = [row["Notes"] for row in registrations(100, seed=seed) if "Notes" in row]
    assert sorted(INJECTIONS) == sorted(note for note in notes if isinstance(note, str) and note in INJECTIONS)
    assert sum(note in SPANISH for note in notes) >= 2
    assert {BLANK, LONG} <= set(map(str, notes))


def test_quantities_come_as_strings_integers_and_null(rows: list[Row]) -> None:
    for name in ("Product_AmountOfPanels", "Proposal_OptimalAmountOfBatteries"):
        assert {str, int, type(None)} == {type(row[name]) for row in rows if row[name] not in (0, "0")}


def test_the_rare_wishes_occur_among_open_registrations(rows: list[Row]) -> None:
    wishes = [wanted(row) for row in rows if row["RegistrationStatus"] not in WITHDRAWN]
    assert wishes.count((0, 0)) == 3
    assert {59, 60} <= {panels for panels, _ in wishes}
    assert any(panels == 0 and batteries for panels, batteries in wishes)


def test_no_personal_data_beyond_the_named_fields(rows: list[Row]) -> None:
    names = {name.lower() for row in rows for name in row}
    assert not {name for name in names if any(word in name for word in ("phone", "mail", "address", "firstname"))}


def test_one_zip_has_no_supplier_one_a_single_one_and_the_rest_three_to_six(rows: list[Row]) -> None:
    areas = [area for supplier in suppliers() for area in supplier["ServiceAreas"]]
    served = {str(row["Contact_Zip"]): areas.count(str(row["Contact_Zip"])) for row in rows}
    assert (served.pop(UNSERVED_ZIP), served.pop(SOLE_ZIP)) == (0, 1)
    assert all(3 <= count <= 6 for count in served.values())


def test_suppliers_differ_in_what_they_offer() -> None:
    among = suppliers()
    assert len({each["SupplierID"] for each in among}) == 9
    offered = [[product["ProductType"] for product in each["Offers"]] for each in among]
    assert (sum("Battery" not in types for types in offered), offered.count(["Battery"])) == (2, 1)
    assert sum(types.count("Solar") == 2 for types in offered) == 1
    assert sum("Used" in each for each in among) == sum("InterestRate" not in each for each in among) == 1


def test_prices_rise_with_the_quantity_and_some_have_cents() -> None:
    tables = [product["ProductPrices"] for each in suppliers() for product in each["Offers"]]
    for table in tables:
        cash = [price["CashPrice"] for price in table]
        assert cash == sorted(set(cash))
    assert any(price["CashPrice"] % 1 for table in tables for price in table)


@pytest.mark.parametrize("count", [100, 1_000])
def test_nine_in_ten_of_those_who_want_something_find_room(count: int) -> None:
    among = suppliers(count)
    used = {each["SupplierID"]: each.get("Used", 0) for each in among}
    fits = []
    for row in registrations(count, seed=SEED):
        able = candidates(row, among)
        if row["RegistrationStatus"] in WITHDRAWN or not able or wanted(row) == (0, 0) or wanted(row)[0] == 60:
            continue
        room = [each for each in able if used[each["SupplierID"]] < each["Capacity"]]
        fits.append(bool(room))
        if room:
            used[min(room, key=lambda each: used[each["SupplierID"]] / each["Capacity"])["SupplierID"]] += 1
    full = [used[each["SupplierID"]] == each["Capacity"] for each in among]
    assert 0.90 <= sum(fits) / len(fits) <= 0.95
    assert any(full)
    assert not all(full)


def test_capacities_grow_with_the_count_but_do_not_shrink_below_a_hundred() -> None:
    small, basis, large = ([each["Capacity"] for each in suppliers(count)] for count in (5, 100, 1_000_000))
    assert basis == small
    assert [capacity * 10_000 for capacity in basis] == large


def test_every_reference_between_the_incentive_tables_resolves() -> None:
    tables = json.loads(json.dumps(incentives()))
    structured = [each for each in tables["incentives"] if "id" in each]
    assert {each["program"] for each in structured} == set(tables["programs"])
    geographies = {place["geography_id"] for place in tables["zip_to_geography"]}
    for program in tables["programs"].values():
        authority = tables["authorities"][program["authority_type"]][program["authority"]]
        assert set(authority["geography_ids"]) <= geographies
    ids = {each["id"] for each in structured}
    assert {key for key, rule in tables["relationships"]["exclusions"].items() if ids >= {key, *rule["ids"]}} == {
        "TR-9"
    }


def test_incentives_come_in_both_formats() -> None:
    listed = json.loads(json.dumps(incentives()))["incentives"]
    assert (sum("id" in each for each in listed), sum("Incentive specs" in each for each in listed)) == (10, 4)
