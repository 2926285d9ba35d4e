"""Reading the inputs: whole documents, and files of rows in bounded memory.

Rows are read in chunks, documents in one go; every byte goes into its checksum on the way, and a file that changes
while it is read is refused. What the bytes mean is for `strict`, `rows` and `arrays` to say.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiofiles.os
from aiofiles.threadpool import wrap
from aiofiles.threadpool.binary import AsyncBufferedReader

from igent.domain.records import Json
from igent.errors import InputError
from igent.store import rows
from igent.store.arrays import ArraySplitter
from igent.store.plain import os_errors, require_file
from igent.store.rows import CHUNK_BYTES, BadRow, LineSplitter, Row

__all__ = [
    "BATCH_ROWS",
    "BadRow",
    "Batch",
    "DOCUMENT_BYTES",
    "Document",
    "FILE_BYTES",
    "Row",
    "RowFile",
    "read_document",
    "read_documents",
]

FILE_BYTES = 4 << 30  # six million registrations: more are rather the wrong file, unless somebody says so
DOCUMENT_BYTES = 32 << 20  # more than twice the offers of 1,000 suppliers at 12 kB each
BATCH_ROWS = 256  # the fewest registrations that a run admits at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file read whole; `name` is without folders, `value` is a list for JSON Lines."""

    name: str
    value: Json
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Up to `BATCH_ROWS` rows from `first_row` (0-based) on; row i of the file is `<name>#<base>/<i>`."""

    first_row: int
    rows: list[Row]
    base: str


class RowFile:
    """A file of rows: a JSON array, an object whose only member is an array, or JSON Lines.

    `name` is without folders. One of more than `FILE_BYTES` is refused unless `allow_large`. `sha256` is the hash, in
    hex, of what the last iteration that reached the end of the file has read.
    """

    def __init__(self, path: Path, *, allow_large: bool = False) -> None:
        self.name = path.name
        self._path, self._allow_large = path, allow_large
        self.sha256: str | None = None

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Read the file from its start, anew at each call; raises `InputError` with the place.

        A caller that may stop early closes the generator (`contextlib.aclosing`), which closes the file.
        """
        most = None if self._allow_large else FILE_BYTES
        async with (
            _opened(self._path, most=most, remedy="Name the right file, or give --allow-large") as file,
            aclosing(self._pieces(file)) as pieces,
        ):
            first_row, waiting = 0, list[Row]()
            async for found in pieces:
                waiting += found
                full = len(waiting) // BATCH_ROWS * BATCH_ROWS
                for start in range(0, full, BATCH_ROWS):
                    batch = waiting[start : start + BATCH_ROWS]
                    yield Batch(first_row=first_row + start, rows=batch, base=file.base)
                first_row, waiting = first_row + full, waiting[full:]
            if waiting:
                yield Batch(first_row=first_row, rows=waiting, base=file.base)
            self.sha256 = file.sha256()

    async def _pieces(self, file: _File) -> AsyncGenerator[Sequence[Row], None]:
        """The rows that each chunk of the file completes."""
        text = rows.text_of(file.path, await file.read(CHUNK_BYTES))
        lines = rows.is_lines(self._path.suffix, text)
        splitter = LineSplitter(text) if lines else ArraySplitter(file.path, text)
        file.base, chunk = splitter.base, b""
        while True:
            yield splitter.feed(chunk)
            chunk = await file.read(CHUNK_BYTES)
            if not chunk:
                break
        yield splitter.finish()


async def read_documents(*paths: Path | None) -> list[Document | None]:
    """Read documents concurrently; raises the `InputError` of the first bad one in the order of `paths`."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_attempt(path)) for path in paths]
    documents = list[Document | None]()
    for task in tasks:
        if isinstance(result := task.result(), InputError):
            raise result
        documents.append(result)
    return documents


async def _attempt(path: Path | None) -> Document | InputError | None:
    try:
        return await read_document(path) if path else None
    except InputError as exc:
        return exc


async def read_document(path: Path) -> Document:
    """Read a JSON file of any shape, or JSON Lines, up to `DOCUMENT_BYTES`; raises `InputError` with the place."""
    async with _opened(path, most=DOCUMENT_BYTES, remedy="Name the right file, or split it") as file:
        text = rows.text_of(file.path, await file.read(-1))
    value = _whole_lines(file, text) if rows.is_lines(path.suffix, text) else rows.load(file.path, text)
    return Document(name=path.name, value=value, sha256=file.sha256())


def _whole_lines(file: _File, text: bytes) -> list[Json]:
    splitter, values = LineSplitter(text), list[Json]()
    for row in splitter.finish():
        if isinstance(row, BadRow):
            raise rows.input_error(file.path, row.problem, place=f"line {row.line}")
        values.append(row)
    return values


class _File:
    """An open file; `base` is the JSON pointer of its array, once that is known."""

    def __init__(self, path: Path, handle: AsyncBufferedReader) -> None:
        self.path, self.base = str(path), ""
        self._handle, self._state = handle, _state(handle.fileno())
        self._sha256, self._bytes = hashlib.sha256(), 0

    async def read(self, size: int) -> bytes:
        """The next bytes. Raises `InputError` where the file is no longer what it was when it was opened."""
        with os_errors(self.path):
            chunk = await self._handle.read(size)
            changed = _state(self._handle.fileno()) != self._state
        if changed:
            problem, remedy = "changed while it was read", "Start again when it is written"
            raise rows.input_error(self.path, problem, place=f"byte {self._bytes}", remedy=remedy)
        self._sha256.update(chunk)
        self._bytes += len(chunk)
        return chunk

    def sha256(self) -> str:
        """Of what was read, which is the whole file if it was read to its end."""
        return self._sha256.hexdigest()


def _state(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_size, found.st_mtime_ns


@asynccontextmanager
async def _opened(path: Path, *, most: int | None, remedy: str) -> AsyncIterator[_File]:
    """A regular file of at most `most` bytes; nothing of any other is read. Raises `InputError`."""
    with os_errors(str(path)):
        found = await aiofiles.os.stat(path)
        require_file(path, found, most=most, remedy=remedy)
        # Opened and closed here, not in a thread: whoever is cancelled meanwhile would leave the file open.
        raw = path.open("rb")
    with raw:
        yield _File(path, wrap(raw))
