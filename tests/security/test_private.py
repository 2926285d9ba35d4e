"""What igent leaves on a disk is its owner's alone, and lies where its owner said, whatever an input says."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from igent.store.memory import Memory
from tests.security.hostile import NAMES, hostile
from tests.workflows.runs import SAMPLE, Setup, bytes_of, rows_of

# What a run of every kind may leave.
FILES = {
    *("audit.jsonl", "capacity.json", "costs.csv", "failed.json", "journal", "manifest.json", "matches.json"),
    *("pos.json", "rejects.json", "review.json", "run.json", "run.log", "timings.csv", "trace.json", "unmatched.json"),
}


@pytest.fixture
def permissive() -> Iterator[None]:
    """A process that keeps nobody from anything."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(directory: Path) -> set[tuple[str, int]]:
    """The modes of everything below a directory."""
    found = [(stat.S_ISDIR(path.stat().st_mode), stat.S_IMODE(path.stat().st_mode)) for path in directory.rglob("*")]
    return {("directory" if is_directory else "file", mode) for is_directory, mode in found}


@pytest.mark.usefixtures("permissive")
def test_files_and_directories_of_a_run_are_its_owners_alone(tmp_path: Path) -> None:
    out = tmp_path / "a/b/run"
    assert Setup().run(out, model="mock", mock_latency="haiku", max_items=3, stop_at_wait=1).stopped is not None
    assert Setup().resume(out).stopped is None
    assert modes(tmp_path) == {("directory", 0o700), ("file", 0o600)}


def test_so_is_what_the_command_line_leaves_to_later_runs_and_profiles(tmp_path: Path) -> None:
    main = f"import os; os.umask(0); from igent.cli import main; main({ARGUMENTS!r})"
    subprocess.run([sys.executable, "-c", main], cwd=tmp_path, check=True, capture_output=True, timeout=30)
    assert {path.name for path in tmp_path.iterdir()} == {"deep", "profiles", "runs"}
    assert {path.name.partition("-")[0] for path in tmp_path.glob("deep/cache/*")} == {"history", "replies.sqlite3"}
    links = [path for path in tmp_path.rglob("*") if path.is_symlink()]
    assert [link.name for link in links] == ["latest"]
    assert modes(tmp_path) == {("directory", 0o700), ("file", 0o600)}


ARGUMENTS = [
    *("run", "p1m1m2c", "--mock", "--cache", "--max-items", "8", "--as-of", "2026-03-31"),
    *("--cache-dir", "deep/cache", "--profile", "--quiet"),
]


@pytest.mark.usefixtures("permissive")
def test_a_note_to_a_later_run_is_its_owners_alone(tmp_path: Path) -> None:
    Memory(tmp_path / "home/.cache/igent").keep("history", {})
    assert modes(tmp_path) == {("directory", 0o700), ("file", 0o600)}


def test_no_id_and_no_name_is_ever_part_of_a_path(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    inputs = hostile(tmp_path / "in")
    given = {path.name for path in tmp_path.rglob("*")}
    result = Setup(inputs=inputs).run(tmp_path / "deep/run", model="mock")
    assert {path.name for path in tmp_path.rglob("*")} - given == {"deep", "run", *FILES}
    named = {row["registration_id"] for name in ("matches.json", "rejects.json") for row in rows_of(result, name)}
    assert {"../../escaped", NAMES[0], "a\x00b"} < named


def test_an_output_that_is_a_link_is_replaced_and_what_it_led_to_is_not_touched(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    (tmp_path / "run").mkdir()
    for name in ("matches.json", "timings.csv", "run.log", "manifest.json"):
        (tmp_path / "run" / name).symlink_to(precious)
    Setup().run(tmp_path / "run", model="mock", max_items=2)
    assert precious.read_bytes() == b"mine"
    assert not any(path.is_symlink() for path in (tmp_path / "run").iterdir())


def test_nothing_of_a_run_is_written_into_its_inputs_folder(tmp_path: Path) -> None:
    before = bytes_of(SAMPLE.offers.parent, [SAMPLE.registrations.name, SAMPLE.offers.name])
    Setup().run(tmp_path / "run", model="mock", max_items=2)
    assert bytes_of(SAMPLE.offers.parent, [*before]) == before
