from __future__ import annotations

import asyncio
import hashlib
import json
import stat
import tempfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igent.errors import JournalError
from igent.store.files import SPILL_BYTES, Outputs

ROWS = [b'{"n":%d}' % n for n in range(12)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path


def outputs(directory: Path) -> Outputs:
    lines = {"timings.csv": b"id,seconds", "audit.jsonl": b""}
    return Outputs(directory, arrays=["matches.json", "pos.json"], lines=lines)


def manifest_of(directory: Path) -> dict[str, object]:
    """The manifest's entries as they have to be for the files that are there."""
    return {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in directory.iterdir()
        if path.name != "manifest.json" and path.suffix != ".part"
    }


def list_of_parts(directory: Path) -> list[Path]:
    return [*directory.glob("*.part")]


def modes(directory: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


async def publish(target: Outputs, rows: Sequence[bytes], documents: Mapping[str, bytes] | None = None) -> None:
    for row in rows:
        target.add("matches.json", row)
    await target.publish(documents or {}, journal_bytes=7)


async def test_the_first_publication_makes_every_file_even_without_rows(run: Path) -> None:
    await publish(outputs(run), [])
    assert (run / "matches.json").read_bytes() == (run / "pos.json").read_bytes() == b"[]\n"
    assert (run / "timings.csv").read_bytes() == b"id,seconds\n"
    assert (run / "audit.jsonl").read_bytes() == b""


async def test_an_array_has_one_row_per_line(run: Path) -> None:
    await publish(outputs(run), [b'{"n":1}', b'{"n":2}'])
    assert (run / "matches.json").read_bytes() == b'[\n{"n":1},\n{"n":2}\n]\n'


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, len(ROWS)), max_size=4))
def test_an_array_is_valid_after_each_batch_and_the_same_whatever_the_batches(cuts: list[int]) -> None:
    async def grow(run: Path) -> None:
        target = outputs(run)
        for start, end in pairwise(bounds):
            await publish(target, ROWS[start:end])
            published = (run / "matches.json").read_bytes()
            assert json.loads(published) == [{"n": n} for n in range(end)]
        assert published == b"[\n" + b",\n".join(ROWS) + b"\n]\n"

    bounds = [0, *sorted(cuts), len(ROWS)]
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(grow(Path(directory)))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from(["matches.json", "pos.json", "timings.csv", "audit.jsonl", "publish"]), max_size=20))
def test_the_manifest_always_describes_the_files_on_disk(steps: list[str]) -> None:
    async def follow(run: Path) -> None:
        target = outputs(run)
        for number, step in enumerate([*steps, "publish"]):
            if step != "publish":
                target.add(step, b"%d" % number)
                continue
            await target.publish({"run.json": b"%d" % (number // 4)}, journal_bytes=number)
            manifest = json.loads((run / "manifest.json").read_bytes())
            assert manifest == {"journal_bytes": number, "files": manifest_of(run)}

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(follow(Path(directory)))


async def test_a_document_in_pieces_is_written_piece_by_piece(run: Path) -> None:
    await outputs(run).publish({"trace.json": (b"%d" % n for n in range(3))}, journal_bytes=7)
    assert (run / "trace.json").read_bytes() == b"012"
    assert json.loads((run / "manifest.json").read_bytes())["files"] == manifest_of(run)


async def test_lines_are_appended_in_place(run: Path) -> None:
    target = outputs(run)
    await publish(target, [])
    inode = (run / "timings.csv").stat().st_ino
    target.add("timings.csv", b"r1,0.5")
    await publish(target, [])
    assert (run / "timings.csv").read_bytes() == b"id,seconds\nr1,0.5\n"
    assert (run / "timings.csv").stat().st_ino == inode


async def test_a_reader_keeps_the_array_that_it_has_open(run: Path) -> None:
    target = outputs(run)
    await publish(target, ROWS[:1])
    with (run / "matches.json").open("rb") as reader:
        await publish(target, ROWS[1:2])
        assert json.load(reader) == [{"n": 0}]


async def test_an_array_without_new_rows_is_left_alone(run: Path) -> None:
    target = outputs(run)
    await publish(target, [])
    before = (run / "pos.json").stat()
    await publish(target, ROWS)
    assert (run / "pos.json").stat() == before


async def test_a_document_is_replaced_only_when_it_changed(run: Path) -> None:
    target, document = outputs(run), run / "capacity.json"
    await publish(target, [], {"capacity.json": b"1"})
    before = document.stat()
    await publish(target, ROWS, {"capacity.json": b"1"})
    assert document.stat() == before
    await publish(target, [], {"capacity.json": b"2"})
    assert document.read_bytes() == b"2"
    assert document.stat().st_ino != before.st_ino


async def test_a_document_that_is_not_given_again_stays_in_the_manifest(run: Path) -> None:
    target = outputs(run)
    await publish(target, [], {"capacity.json": b"1"})
    await publish(target, ROWS)
    assert json.loads((run / "manifest.json").read_bytes())["files"] == manifest_of(run)


async def test_rows_added_during_a_publication_belong_to_the_next_one(run: Path) -> None:
    target = outputs(run)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(publish(target, ROWS[:1]))
        tasks.create_task(asyncio.sleep(0)).add_done_callback(lambda _: target.add("matches.json", ROWS[1]))
    assert json.loads((run / "matches.json").read_bytes()) == [{"n": 0}]
    await publish(target, [])
    assert json.loads((run / "matches.json").read_bytes()) == [{"n": 0}, {"n": 1}]


async def test_what_was_spilled_is_seen_with_the_next_publication_and_not_before(run: Path) -> None:
    target = outputs(run)
    for row in ROWS[:2]:
        target.add("matches.json", row)
        target.add("audit.jsonl", row)
        await target.spill()
    assert not (run / "matches.json").exists()
    await publish(target, ROWS[2:3])
    assert json.loads((run / "matches.json").read_bytes()) == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert (run / "audit.jsonl").read_bytes() == b"".join(row + b"\n" for row in ROWS[:2])
    assert json.loads((run / "manifest.json").read_bytes())["files"] == manifest_of(run)


async def test_many_rows_in_memory_are_said_to_be_too_many(run: Path) -> None:
    target, seen = outputs(run), []
    for row in (b" " * (SPILL_BYTES - 4), b"1"):  # with what stands before each
        target.add("matches.json", row)
        seen.append(target.crowded)
    await target.spill()
    assert [*seen, target.crowded] == [False, True, False]


async def test_closing_leaves_no_part_files(run: Path) -> None:
    target = outputs(run)
    await publish(target, ROWS)
    target.close()
    assert not list_of_parts(run)


async def test_two_publications_at_once_are_a_mistake(run: Path) -> None:
    target = outputs(run)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(publish(target, ROWS))
        await asyncio.sleep(0)
        with pytest.raises(AssertionError, match="unfinished"):
            await publish(target, [])


async def test_a_cancelled_publication_is_whole_and_the_next_one_may_follow(run: Path) -> None:
    target = outputs(run)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(publish(target, ROWS[:1]))
        tasks.create_task(asyncio.sleep(0)).add_done_callback(lambda _: task.cancel())
    assert task.cancelled()
    assert json.loads((run / "manifest.json").read_bytes())["files"] == manifest_of(run)
    await publish(target, ROWS[1:2])
    assert json.loads((run / "matches.json").read_bytes()) == [{"n": 0}, {"n": 1}]


async def test_after_a_failed_publication_there_is_no_other(run: Path) -> None:
    target = outputs(run)
    (run / "pos.json").mkdir()
    with pytest.raises(JournalError, match="Is a directory"):
        await publish(target, ROWS)
    assert not (run / "manifest.json").exists()
    with pytest.raises(AssertionError, match="has failed"):
        await publish(target, [])


async def test_starting_again_changes_nothing_visible_before_its_first_publication(run: Path) -> None:
    await publish(outputs(run), ROWS)
    before = manifest_of(run)
    again = outputs(run)
    again.add("timings.csv", b"r1,1")
    assert manifest_of(run) == before
    await publish(again, ROWS[:1])
    assert json.loads((run / "matches.json").read_bytes()) == [{"n": 0}]
    assert (run / "timings.csv").read_bytes() == b"id,seconds\nr1,1\n"


async def test_a_crash_leaves_only_temporary_files_which_the_next_start_removes(run: Path) -> None:
    await publish(outputs(run), ROWS)
    before = manifest_of(run)
    for name in ("matches.json", "run.json"):
        (run / f"{name}.igent.tmp").write_bytes(b"[\nhalf")
        (run / f"{name}.igent.part").write_bytes(b"[\nhalf")
    outputs(run)
    assert manifest_of(run) == before


def test_temporary_files_of_others_are_left_alone(run: Path) -> None:
    (run / "thesis.tmp").write_bytes(b"mine")
    outputs(run)
    assert (run / "thesis.tmp").read_bytes() == b"mine"


async def test_files_are_private(run: Path) -> None:
    target = outputs(run)
    await publish(target, ROWS[:1], {"run.json": b"{}"})
    await publish(target, ROWS[1:2])
    assert modes(run) == {0o600}
