"""Kept replies by key: the hot ones in memory, all of them in one SQLite file that several processes may share.

What the bytes mean is the caller's. Losing them costs money, never a run: once the file is open, whatever goes wrong
with it makes it quiet, and `failure` says why. They hold words that people wrote, so the file is its owner's alone.
Everything that touches the file runs on one thread of its own, in order.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from igent.errors import InputError
from igent.store.disk import make_private

__all__ = ["BUSY_S", "DISK_BYTES", "HOT_BYTES", "PENDING", "Replies", "VALUE_BYTES"]

# Some 60,000 replies of 300 bytes: all that a run of 10,000 registrations asks for, and more.
HOT_BYTES = 32 * 2**20

# About half a million replies: months of runs, and little beside the runs' own files.
DISK_BYTES = 256 * 2**20

# No reply that igent asks for is near this long; a value beyond it, from whatever wrote the file, is not read.
VALUE_BYTES = 64 * 2**10

# Values that wait for the disk and touches that wait for a value; past them the oldest are forgotten. A write takes
# milliseconds, in which nobody gets that many replies.
PENDING = 1024

# What one process waits for another's write, which takes milliseconds.
BUSY_S = 1.0

# Dropped at a time where the file is full: a few pages of it.
_DROPPED = 256

# What a value in memory takes beside its own bytes and its key's: two object headers and a place in the order.
_PLACE_BYTES = 150

# "igrp", in a field that SQLite keeps for this; then the version of the table below.
_OURS = (0x69677270, 1)
_REMEDY = "Delete it if it is igent's, name another place with --cache-dir, or leave it out with --no-cache"

# `used` rises with every use, so the lowest were not used for longest: no clock, and no second index.
_TABLE = "CREATE TABLE replies (used INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value BLOB NOT NULL)"
_PUT = "INSERT OR REPLACE INTO replies (key, value) VALUES (?, ?)"
_TOUCH = "UPDATE replies SET used = 1 + (SELECT max(used) FROM replies) WHERE key = ?"
_GET = "SELECT value FROM replies WHERE key = ? AND typeof(value) = 'blob' AND length(value) <= ?"
_DROP = "DELETE FROM replies WHERE used IN (SELECT used FROM replies ORDER BY used LIMIT ?)"
_SIZE = (
    "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
)


class Replies:
    """Bytes by key, open as long as `open` is."""

    def __init__(self, file: _File, thread: ThreadPoolExecutor, *, hot_bytes: int) -> None:
        self._file, self._thread, self._hot = file, thread, _Hot(hot_bytes)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, path: Path, *, hot_bytes: int = HOT_BYTES, disk_bytes: int = DISK_BYTES, busy_s: float = BUSY_S
    ) -> AsyncIterator[Replies]:
        """Open a file, which is made where it is missing; what was put is on disk when this is left.

        `hot_bytes` bounds the memory, `disk_bytes` about the file, `busy_s` the wait for another process. Raises
        `InputError` for a file that is damaged, somebody else's, locked or cannot be made.
        """
        file = _File(path, disk_bytes=disk_bytes)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="replies") as thread:
            try:
                await asyncio.wrap_future(thread.submit(file.open, busy_s))
                yield cls(file, thread, hot_bytes=hot_bytes)
            finally:
                # Shielded: what was put is written even where whoever waits here is cancelled again.
                await asyncio.shield(asyncio.wrap_future(thread.submit(file.close)))

    @property
    def failure(self) -> str | None:
        """Why nothing is read from the file or written to it any more, or None while all is well."""
        return self._file.failure

    async def get(self, key: str) -> bytes | None:
        """The value last put under a key, unless it was dropped since; None where there is none."""
        value = self._hot.maybe(key)
        if value is None and self._file.is_open:
            value = await asyncio.wrap_future(self._thread.submit(self._file.read, key))
            if value is not None:
                value = self._hot.maybe(key) or value  # put meanwhile
                self._hot.keep(key, value)
        return value

    def put(self, key: str, value: bytes) -> None:
        """Keep a value of at most `VALUE_BYTES`; a longer one is ignored. It is written soon, with others."""
        if len(value) > VALUE_BYTES:
            return
        value = bytes(memoryview(value))  # what a JSON encoder has made holds several times its length of memory
        self._hot.keep(key, value)
        if self._file.is_open and self._file.is_due(key, value):
            self._thread.submit(self._file.write)


class _Hot:
    """The values used last, as many as fit."""

    def __init__(self, limit_bytes: int) -> None:
        self._values: OrderedDict[str, bytes] = OrderedDict()
        self._free_bytes = limit_bytes

    def maybe(self, key: str) -> bytes | None:
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def keep(self, key: str, value: bytes) -> None:
        self._drop(key, self._values.pop(key, None))
        self._values[key] = value
        self._free_bytes -= _cost_bytes(key, value)
        while self._free_bytes < 0:
            self._drop(*self._values.popitem(last=False))

    def _drop(self, key: str, value: bytes | None) -> None:
        if value is not None:
            self._free_bytes += _cost_bytes(key, value)


def _cost_bytes(key: str, value: bytes) -> int:
    return len(key) + len(value) + _PLACE_BYTES


class _File:
    """The file, on its own thread but for `is_due` and the two properties; nothing but `open` raises."""

    def __init__(self, path: Path, *, disk_bytes: int) -> None:
        self._path, self._disk_bytes = path, disk_bytes
        self._db: sqlite3.Connection | None = None
        self._pending: deque[tuple[str, bytes]] = deque(maxlen=PENDING)
        self._touched: deque[tuple[str]] = deque(maxlen=PENDING)
        self._due = False
        self.failure: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether anything is read or written."""
        return self._db is not None

    def open(self, busy_s: float) -> None:
        """Open or make the file. Raises `InputError`."""
        try:
            _make_private(self._path)
            self._db = sqlite3.connect(self._path, timeout=busy_s, isolation_level=None)
            _prepare(self._db)
        except (OSError, sqlite3.Error) as exc:
            cause = exc.strerror if isinstance(exc, OSError) else exc
            problem = f"cannot be used as the cache of replies: {cause}"
            raise InputError(file=str(self._path), place="", problem=problem, remedy=_REMEDY) from exc

    def is_due(self, key: str, value: bytes) -> bool:
        """Let a value wait for the next `write`, and say whether that is still to be asked for."""
        self._pending.append((key, value))
        due, self._due = not self._due, True
        return due

    def read(self, key: str) -> bytes | None:
        """The value of a key, which counts as used."""
        if self._db is None:
            return None
        try:
            row = self._db.execute(_GET, (key, VALUE_BYTES)).fetchone()
        except sqlite3.Error as exc:
            self._fail(exc)
            return None
        if row is None:
            return None
        self._touched.append((key,))
        return bytes(row[0])

    def write(self) -> None:
        """Write all that waits, in one transaction, and drop what was not used for longest where there is no room."""
        self._due = False  # first, so that what is put from here on asks again
        waiting = [self._pending.popleft() for _ in range(len(self._pending))]
        if self._db is None:
            return
        try:
            with self._db as db:
                db.execute("BEGIN IMMEDIATE")
                db.executemany(_TOUCH, self._touched)
                db.executemany(_PUT, waiting)
                while db.execute(_SIZE).fetchone()[0] > self._disk_bytes and db.execute(_DROP, (_DROPPED,)).rowcount:
                    pass
        except sqlite3.Error as exc:
            self._fail(exc)
        self._touched.clear()

    def close(self) -> None:
        """Write what waits and close; nothing is read or written any more."""
        if self._pending or self._touched:
            self.write()
        self._shut()

    def _fail(self, exc: sqlite3.Error) -> None:
        self.failure = f"{self._path}: {exc}"
        self._shut()

    def _shut(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()


def _make_private(path: Path) -> None:
    make_private(path.parent)
    # Only made here, never opened: closing a file that SQLite has open elsewhere in this process drops its locks.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    path.chmod(0o600)


def _prepare(db: sqlite3.Connection) -> None:
    """Make the table in an empty file; leave every other file as it is unless it is ours."""
    if _identity(db) != _OURS:
        with db:
            db.execute("BEGIN IMMEDIATE")
            if _identity(db) == (0, 0) and not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                db.execute(_TABLE)
                db.execute(f"PRAGMA application_id = {_OURS[0]}")
                db.execute(f"PRAGMA user_version = {_OURS[1]}")
        if _identity(db) != _OURS:
            raise sqlite3.DatabaseError("another program or another version of igent made it")
    db.execute("SELECT used, key, value FROM replies LIMIT 1").fetchone()
    # Refused at once, without the wait, where another process is just at it; either way one of them succeeds later.
    with suppress(sqlite3.OperationalError):
        db.execute("PRAGMA journal_mode = WAL")
    # A power failure may undo the last writes, which costs a call or two; it cannot damage the file.
    db.execute("PRAGMA synchronous = NORMAL")


def _identity(db: sqlite3.Connection) -> tuple[int, int]:
    (program,), (version,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version"))
    return program, version
