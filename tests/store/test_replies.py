"""Kept replies: bounded in memory and on disk, shared by processes, private, and never a reason for a run to end."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from pathlib import Path

import pytest

from igent.errors import InputError
from igent.store.replies import PENDING, VALUE_BYTES, Replies, _File


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "replies.sqlite"


@pytest.fixture
async def replies(path: Path) -> AsyncIterator[Replies]:
    async with Replies.open(path, hot_bytes=0) as opened:
        yield opened


@contextmanager
def database(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        yield db


def sql(path: Path, statement: str) -> list[tuple[object, ...]]:
    with database(path) as db:
        return db.execute(statement).fetchall()


async def write(path: Path, **values: bytes) -> None:
    async with Replies.open(path) as opened:
        for key, value in values.items():
            opened.put(key, value)


async def read(path: Path, *keys: str) -> list[bytes | None]:
    async with Replies.open(path) as opened:
        return [await opened.get(key) for key in keys]


def content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def spoil(path: Path) -> None:
    """Overwrite everything behind the first page."""
    path.write_bytes(content(path)[:4096].ljust(len(content(path)), b"\xff"))


def allow_all(path: Path) -> None:
    path.chmod(0o666)


def modes(directory: Path) -> dict[str, str]:
    return {entry.name: oct(stat.S_IMODE(entry.stat().st_mode)) for entry in directory.iterdir()}


async def test_what_was_put_is_there_and_nothing_else(replies: Replies) -> None:
    replies.put("a", b"1")
    replies.put("b", b"2")
    replies.put("a", b"3")
    assert [await replies.get(key) for key in "abc"] == [b"3", b"2", None]


async def test_another_process_of_later_finds_it(path: Path) -> None:
    await write(path, a=b"1")
    assert await read(path, "a", "b") == [b"1", None]


async def test_what_is_in_memory_is_not_read_from_the_file_again(path: Path) -> None:
    await write(path, a=b"1")
    async with Replies.open(path) as opened:
        await opened.get("a")
        opened.put("b", b"2")
        sql(path, "DELETE FROM replies")
        assert [await opened.get("a"), await opened.get("b")] == [b"1", b"2"]


async def test_memory_keeps_what_was_used_last(path: Path) -> None:
    async with Replies.open(path, hot_bytes=400) as opened:
        for key in "ab":
            opened.put(key, b"1")
        await opened.get("a")
        opened.put("c", b"1")
        await opened.get("b-after-the-writes")
        sql(path, "DELETE FROM replies")
        assert [await opened.get(key) for key in "abc"] == [b"1", None, b"1"]


async def test_a_value_put_again_takes_its_place_once(path: Path) -> None:
    async with Replies.open(path, hot_bytes=400) as opened:
        for key in "abbbbb":
            opened.put(key, b"1")
        await opened.get("behind the writes")
        sql(path, "DELETE FROM replies")
        assert await opened.get("a") == b"1"


async def test_a_newer_value_wins_over_one_that_is_being_read(path: Path) -> None:
    await write(path, a=b"old")
    go = threading.Event()
    async with Replies.open(path) as opened, asyncio.TaskGroup() as tasks:
        opened._thread.submit(go.wait)
        reading = tasks.create_task(opened.get("a"))
        await asyncio.sleep(0)
        opened.put("a", b"new")
        go.set()
    assert reading.result() == b"new"
    assert await read(path, "a") == [b"new"]


async def test_only_its_owner_can_read_it(path: Path) -> None:
    await write(path, a=b"1")
    allow_all(path)
    async with Replies.open(path) as opened:
        opened.put("b", b"2")
        await opened.get("c")
        private = {f"{path.name}{end}": "0o600" for end in ("", "-wal", "-shm")}
        assert modes(path.parent) == private
    assert modes(path.parent.parent) == {path.parent.name: "0o700"}


async def test_a_full_file_drops_what_was_not_used_for_longest(path: Path) -> None:
    old, new = [f"k{n:04}" for n in range(1500)], [f"k{n:04}" for n in range(1500, 1520)]
    await write(path, **dict.fromkeys(old[:1000], b"x" * 400))
    await write(path, **dict.fromkeys(old[1000:], b"x" * 400))
    async with Replies.open(path, disk_bytes=400_000) as opened:
        assert await opened.get(old[0]) is not None
        for key in new:
            opened.put(key, b"x" * 400)
    kept = [key for (key,) in sql(path, "SELECT key FROM replies ORDER BY used")]
    assert kept == [*old[-(len(kept) - 21) :], old[0], *new]
    assert 500 < len(kept) < 800


async def test_the_file_stays_within_its_bound_however_much_is_put(path: Path) -> None:
    async with Replies.open(path, hot_bytes=0, disk_bytes=200_000) as opened:
        for n in range(3000):
            opened.put(f"k{n}", b"x" * 400)
            if n % 500 == 0:
                await opened.get("none")  # lets the writes catch up
        assert await opened.get("k2999") is not None
    assert len(content(path)) < 1_000_000


async def test_a_file_with_no_room_at_all_keeps_nothing(path: Path) -> None:
    async with Replies.open(path, disk_bytes=1) as opened:
        opened.put("a", b"1")
    assert await read(path, "a") == [None]


async def test_a_value_past_the_bound_is_not_kept(path: Path) -> None:
    async with Replies.open(path) as opened:
        opened.put("fits", bytes(VALUE_BYTES))
        opened.put("long", bytes(VALUE_BYTES + 1))
        assert [await opened.get(key) is None for key in ("fits", "long")] == [False, True]


@pytest.mark.parametrize("value", [f"zeroblob({VALUE_BYTES + 1})", "'text'", "1"])
async def test_a_row_that_was_not_written_here_is_not_read(path: Path, value: str) -> None:
    await write(path)
    sql(path, f"INSERT INTO replies (key, value) VALUES ('a', {value})")
    assert await read(path, "a") == [None]


def test_values_that_come_together_are_written_together(path: Path) -> None:
    file = _File(path, disk_bytes=2**20)
    file.open(1)
    assert [file.is_due(key, b"1") for key in "abc"] == [True, False, False]
    file.write()
    assert file.is_due("d", b"1")
    assert sql(path, "SELECT key FROM replies") == [("a",), ("b",), ("c",)]
    file.close()
    assert len(sql(path, "SELECT key FROM replies")) == 4


def test_what_waits_for_a_slow_disk_is_bounded(path: Path) -> None:
    file = _File(path, disk_bytes=2**20)
    file.open(1)
    for n in range(PENDING + 5):
        file.is_due(f"{n:04}", b"1")
    file.close()
    assert sql(path, "SELECT count(*), min(key) FROM replies") == [(PENDING, "0005")]


async def put_then(path: Path, put: asyncio.Event, rest: Awaitable[object]) -> None:
    async with Replies.open(path) as opened:
        opened.put("a", b"1")
        put.set()
        await rest


async def test_what_was_put_is_written_even_where_the_run_is_cancelled(path: Path) -> None:
    put = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(put_then(path, put, asyncio.Event().wait()))
        await put.wait()
        running.cancel()
    assert running.cancelled()
    assert await read(path, "a") == [b"1"]


async def test_an_error_of_the_run_leaves_as_it_is(path: Path) -> None:
    failing = asyncio.get_running_loop().create_future()
    failing.set_exception(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await put_then(path, asyncio.Event(), failing)
    assert await read(path, "a") == [b"1"]


async def test_whoever_gives_up_reading_disturbs_nobody(path: Path) -> None:
    await write(path, a=b"1")
    async with Replies.open(path) as opened, asyncio.TaskGroup() as tasks:
        impatient, patient = (tasks.create_task(opened.get("a")) for _ in range(2))
        tasks.create_task(asyncio.sleep(0)).add_done_callback(lambda _: impatient.cancel())
    assert patient.result() == b"1"


async def test_nothing_is_asked_of_a_closed_file(path: Path) -> None:
    async with Replies.open(path) as opened:
        opened.put("a", b"1")
    opened.put("b", b"2")
    assert [await opened.get(key) for key in "abc"] == [b"1", b"2", None]
    assert opened.failure is None
    assert sql(path, "SELECT key FROM replies") == [("a",)]


async def test_several_may_open_a_new_file_at_once_and_share_it(path: Path) -> None:
    async with AsyncExitStack() as stack:
        async with asyncio.TaskGroup() as tasks:
            opening = [tasks.create_task(stack.enter_async_context(Replies.open(path, hot_bytes=0))) for _ in range(8)]
        everybody = [opened.result() for opened in opening]
        for number, one in enumerate(everybody):
            one.put(str(number), b"1")
            await one.get("none")  # behind the write
        assert {await one.get(str(n)) for one in everybody for n in range(8)} == {b"1"}
        assert {one.failure for one in everybody} == {None}


_PROCESS = """
import asyncio, sys
from pathlib import Path
from igent.store.replies import Replies

async def main(path, name):
    async with Replies.open(Path(path)) as replies:
        for n in range(300):
            replies.put(f"{name}{n}", b"1")
            await replies.get("none")
        print(replies.failure)

asyncio.run(main(*sys.argv[1:]))
"""


def test_two_processes_write_at_once(path: Path) -> None:
    command = [sys.executable, "-c", _PROCESS, str(path)]
    processes = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in "ab"]
    assert [process.communicate(timeout=100)[0] for process in processes] == ["None\n"] * 2
    assert sql(path, "SELECT count(*) FROM replies") == [(600,)]


def damaged(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be taken for one" * 100)


def foreign(path: Path) -> None:
    sql(path, "CREATE TABLE theirs (it INTEGER)")


def later(path: Path) -> None:
    sql(path, "CREATE TABLE replies (used INTEGER PRIMARY KEY, key TEXT, value BLOB)")
    sql(path, f"PRAGMA application_id = {0x69677270}")
    sql(path, "PRAGMA user_version = 2")


def hollow(path: Path) -> None:
    sql(path, f"PRAGMA application_id = {0x69677270}")
    sql(path, "PRAGMA user_version = 1")


def directory(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [damaged, foreign, later, hollow, directory])
async def test_a_file_that_is_no_cache_is_refused_with_the_remedy_and_left_alone(
    path: Path, make: Callable[[Path], None]
) -> None:
    directory(path.parent)
    make(path)
    before = content(path)
    with pytest.raises(InputError, match=r"replies\.sqlite: cannot be used .*--cache-dir.*--no-cache") as caught:
        await read(path, "a")
    assert caught.value.file == str(path)
    assert content(path) == before


async def test_a_locked_file_is_refused_after_a_moment(path: Path) -> None:
    await write(path)
    with database(path) as db:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InputError, match="locked"):
            async with Replies.open(path, busy_s=0.01):
                pass


async def test_a_place_where_no_file_can_be_is_refused(path: Path) -> None:
    damaged(path.parent)
    with pytest.raises(InputError, match=r"File exists|Not a directory"):
        await read(path, "a")


async def test_a_write_that_fails_makes_it_quiet_and_stops_nobody(path: Path) -> None:
    async with Replies.open(path) as opened:
        sql(path, "DROP TABLE replies")
        opened.put("a", b"1")
        assert await opened.get("b") is None
        assert opened.failure == f"{path}: no such table: replies"
        sql(path, "CREATE TABLE replies (used INTEGER PRIMARY KEY, key TEXT UNIQUE, value BLOB)")
        opened.put("c", b"2")
        assert [await opened.get("a"), await opened.get("c")] == [b"1", b"2"]
    assert sql(path, "SELECT key FROM replies") == []


async def test_a_full_disk_makes_it_quiet(path: Path) -> None:
    limit, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with Replies.open(path) as opened:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
            for n in range(100):
                opened.put(f"k{n}", bytes(10_000))
            await opened.get("behind the writes")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        assert opened.failure in (f"{path}: disk I/O error", f"{path}: database or disk is full")
        assert await opened.get("k99") == bytes(10_000)
    assert await read(path, "k99") == [None]


async def test_damage_that_is_met_later_makes_it_quiet(path: Path) -> None:
    await write(path, **{f"k{n}": bytes(1000) for n in range(100)})
    async with Replies.open(path) as opened:
        spoil(path)
        assert await opened.get("k50") is None
        assert opened.failure == f"{path}: database disk image is malformed"
