"""What the Makefile installs: every package at one version, each file of it by its hash, from nowhere in particular."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
_ENTRY = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[0-9][0-9a-z.+]*)(?: ; (?P<marker>[^\\]+))?")
_HASH = re.compile(r" {4}--hash=sha256:[0-9a-f]{64}")


def entries() -> Iterator[tuple[str, str, list[str]]]:
    """Each package with its version and the lines of its hashes."""
    for block in re.split(r"\n(?=\S)", LOCK.strip()):
        head, *hashes = block.replace(" \\\n", "\n").split("\n")
        found = _ENTRY.fullmatch(head)
        assert found is not None, head
        yield found["name"], found["version"], hashes


def wanted() -> list[str]:
    """What the project asks for by name: to run, with its extras, to be worked on, and to be built."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    return [*project["project"]["dependencies"], *(one for extra in extras for one in extra), *build(project)]


def build(project: dict[str, dict[str, list[str]]]) -> list[str]:
    return project["build-system"]["requires"]


@pytest.mark.parametrize("text", sorted({*wanted()}))
def test_what_the_project_asks_for_is_locked_within_its_bounds(text: str) -> None:
    asked, versions = Requirement(text), {name: version for name, version, _ in entries()}
    assert asked.specifier.contains(versions[canonicalize_name(asked.name)])


def test_every_package_has_hashes_and_nothing_but_hashes() -> None:
    assert [name for name, _, hashes in entries() if not hashes or not all(map(_HASH.fullmatch, hashes))] == []


def test_no_package_has_two_versions() -> None:
    names = [name for name, _, _ in entries()]
    assert len(names) == len({*names}) > 70


def test_the_lock_says_what_and_not_from_where() -> None:
    assert re.findall(r"://|--(?:extra-)?index|--find-links|--trusted", LOCK) == []


def test_the_makefile_installs_nothing_that_the_lock_does_not_have() -> None:
    recipe = (ROOT / "Makefile").read_text("utf-8").partition(".venv/.installed:")[2].partition("\n\n")[0]
    installs = [line for line in recipe.splitlines() if "pip install" in line]
    assert ["--require-hashes" in line or "--no-deps" in line for line in installs] == [True, True]
    assert "--only-binary :all:" in installs[0]
    assert "--no-build-isolation" in installs[1]
