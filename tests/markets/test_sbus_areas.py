"""Where programmes apply and which incentives go together; and the real tables, whole."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from igent import codec
from igent.domain.incentives import standings
from igent.domain.records import Json
from igent.markets.sbus import read_incentives
from tests.domain.builders import resolve
from tests.markets.builders import OWNER, TABLES, TODAY, public, read, stands

REAL = Path(__file__).parents[2] / "../shared/data"


@pytest.mark.parametrize(
    ("area", "expected"),
    [
        ("55407", ("applies", None)),
        ("55419", ("applies", None)),
        ("55416", ("undecided", "fact-missing: geography")),
        ("55999", ("excluded", "area")),
    ],
)
def test_a_programme_applies_where_its_authority_does(area: str, expected: tuple[str, str | None]) -> None:
    assert stands(public(program="p"), area) == expected


def test_a_federal_programme_applies_everywhere() -> None:
    assert stands(public(program="us"), "99999") == ("applies", None)


@pytest.mark.parametrize("program", ["lost", "unheard-of", None])
def test_a_programme_of_unknown_area_is_undecided(program: Json) -> None:
    assert stands(public(program=program)) == ("undecided", "fact-missing: geography")


def test_without_any_table_the_area_is_undecided() -> None:
    assert stands(public(), tables={}) == ("undecided", "fact-missing: geography")


def test_a_missing_table_of_zip_codes_leaves_the_area_undecided() -> None:
    tables = {key: table for key, table in TABLES.items() if key != "zip_to_geography"}
    assert stands(public(program="p"), tables=tables) == ("undecided", "fact-missing: geography")


def test_relationships_are_read_in_both_forms() -> None:
    relations: Json = {"exclusions": {"MN-1": {"ids": ["MN-2"]}}, "prerequisites": {"MN-1": ["MN-3"]}}
    [found] = read(public(), tables={**TABLES, "relationships": relations})
    assert (found.excludes, found.requires) == (frozenset({"MN-2"}), frozenset({"MN-3"}))


def real(name: str) -> Json:
    path = REAL / name
    if not path.exists():
        pytest.skip(f"the real incentives are not beside this checkout: {path}")
    return codec.load(path.read_bytes())


def real_file() -> Json:
    """The Minnesota incentives with all of their tables in one object."""
    document: Json = {
        "incentives": real("incentives/mn-incentives.json"),
        "programs": real("incentives/mn-programs.json"),
        "authorities": real("incentives/mn-authorities.json"),
        "relationships": real("incentives/mn-incentive_relationships.json"),
        "zip_to_geography": real_zips(),
    }
    return document


def real_zips() -> list[Json]:
    with (REAL / "incentives/mn-zip-to-geography.csv").open(newline="") as rows:
        return [row | {"geography_id": int(row["geography_id"])} for row in csv.DictReader(rows)]


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("mn1/incentives.json", ["Federal Tax Credit", "Minneapolis Green Cost share"]),
        (
            "incentives/mn-incentives.json",
            ["MN-420", "MN-423", "MN-424", "MN-425", "MN-481", "MN-482", "MN-485", "MN-486"],
        ),
        ("incentives/federal-ira.json", ["IRA-1", "IRA-15"]),
    ],
)
def test_the_real_files_are_read_as_arrays(name: str, ids: list[str]) -> None:
    document = real(name)
    found = read_incentives(document, file=name)
    assert [one.id for one in found] == ids
    for one in found:
        entry = resolve(document, one.source)
        assert isinstance(entry, dict)
        assert one.id in (entry.get("id"), entry.get("Incentive name"))


def test_no_real_incentive_is_decided_by_code_alone_without_the_tables() -> None:
    for name in ("incentives/mn-incentives.json", "incentives/federal-ira.json", "mn1/incentives.json"):
        found = standings(read_incentives(real(name), file=name), OWNER, TODAY)
        assert {one.kind for one in found} <= {"undecided", "open"}


def real_reasons(area: str) -> dict[str, str | None]:
    found = read_incentives(real_file(), file="incentives.json")
    return {one.incentive.id: one.reason for one in standings(found, replace(OWNER, area=area), TODAY)}


@pytest.mark.parametrize(
    ("area", "expected"), [("55001", "performance-based"), ("55009", "fact-missing: geography"), ("99999", None)]
)
def test_the_real_tables_say_where_a_utilitys_incentive_applies(area: str, expected: str | None) -> None:
    assert real_reasons(area).get("MN-424") == expected


def test_the_real_towns_without_zip_codes_are_undecided_and_not_left_out() -> None:
    assert {"MN-423", "MN-425"} <= real_reasons("55416").keys()


def test_the_real_relationships_make_a_lesser_rebate_a_persons_call() -> None:
    found = read_incentives(real_file(), file="incentives.json")
    plymouth = next(one for one in found if one.id == "MN-485")
    assert plymouth.excludes == frozenset({"MN-486"})
