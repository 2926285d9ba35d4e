"""The project's own files are found in a checkout and in a wheel, and the wheel is told to hold all of them."""

from __future__ import annotations

import tomllib
from dataclasses import astuple
from pathlib import Path

import pytest

from igent.errors import OptionError
from igent.store.bundled import constellation_names, find_constellation, project_root, sample_data

ROOT = Path(__file__).parents[2]


def test_a_checkout_holds_the_files_beside_the_package() -> None:
    assert project_root() == ROOT


def test_the_files_of_a_wheel_win(tmp_path: Path) -> None:
    package = tmp_path / "igent"
    package.mkdir()
    assert project_root(package) == tmp_path
    (package / "_bundled").mkdir()
    assert project_root(package) == package / "_bundled"


def test_the_names_are_those_of_the_files() -> None:
    assert constellation_names() == ["p1m1_p2m2", "p1m1c1_p2m2c2", "p1m1c1m2c2", "p1m1m2c", "p1r_p2r"]


def test_a_bare_name_is_a_bundled_constellation() -> None:
    assert find_constellation("p1r_p2r") == ROOT / "constellations" / "p1r_p2r.yaml"


@pytest.mark.parametrize("name", ["own.yaml", "own.yml", "folder/own"])
def test_a_path_is_taken_as_it_is(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert find_constellation(str(path)) == path


def test_an_unknown_name_is_answered_with_the_nearest_and_the_known_ones() -> None:
    with pytest.raises(OptionError) as caught:
        find_constellation("p1m1m2")
    assert caught.value.problem == "there is no constellation 'p1m1m2'"
    assert caught.value.remedy.startswith("Did you mean 'p1m1m2c'? The bundled ones are p1m1_p2m2, ")


@pytest.mark.parametrize("path", ["own.yaml", "own.yml", "folder/own", "folder\\own"])
def test_a_path_without_a_file_is_not_taken_for_a_name(path: str) -> None:
    with pytest.raises(OptionError, match="there is no constellation file"):
        find_constellation(path)


@pytest.mark.parametrize("name", ["", "..", "p1m1_p2m2.yml", "./p1m1_p2m2", "constellations/"])
def test_what_names_no_file_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match="The bundled ones are p1m1_p2m2"):
        find_constellation(name)


def test_the_sample_data_is_there() -> None:
    paths = astuple(sample_data())
    assert [path.name for path in paths] == ["registrations.json", "offers.json", "incentives.json"]
    assert all(path.is_file() for path in paths)


def test_a_market_has_sample_data_of_its_own() -> None:
    found = sample_data("enuk")
    assert (found.registrations, found.offers) == (
        ROOT / "data/enuk/registrations.json",
        ROOT / "data/enuk/offers.json",
    )
    assert found.incentives is None


def test_the_wheel_holds_every_bundled_file_where_it_is_looked_for() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    included = build["targets"]["wheel"]["force-include"]
    wanted = [find_constellation(name) for name in constellation_names()] + [
        *astuple(sample_data()),
        *astuple(sample_data("enuk")),
    ]
    for path in filter(None, wanted):
        inside = path.relative_to(ROOT)
        covered = [source for source in included if inside.is_relative_to(source)]
        assert [included[source] for source in covered] == [f"igent/_bundled/{source}" for source in covered]
        assert len(covered) == 1, f"{inside} is in the wheel {len(covered)} times"
    assert all((ROOT / source).exists() for source in included)
