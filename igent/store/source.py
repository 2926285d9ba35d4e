"""Reading the inputs: whole documents, and files of rows in bounded memory.

A file is read in one go where it is small, else in chunks; every byte goes into its checksum on the way.
What the bytes mean is for `rows` and `arrays` to say.
"""

from __future__ import annotations

import asyncio
import hashlib
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiofiles
import aiofiles.os
from aiofiles.threadpool.binary import AsyncBufferedReader

from igent.domain.records import Json
from igent.errors import InputError
from igent.store import arrays, rows
from igent.store.rows import CHUNK_BYTES, BadRow, Row

__all__ = [
    "BATCH_ROWS",
    "BadRow",
    "Batch",
    "DOCUMENT_BYTES",
    "Document",
    "Fingerprint",
    "LARGE_BYTES",
    "Row",
    "RowFile",
    "read_document",
    "read_documents",
]

LARGE_BYTES = 8 << 20  # parsed in one go it holds the event loop for about 50 ms, and 130 MB of memory
DOCUMENT_BYTES = 64 << 20  # five times the offers of 1,000 suppliers at 12 kB each
BATCH_ROWS = 256  # the fewest registrations that a run admits at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file read whole; `name` is without folders, `value` is a list for JSON Lines."""

    name: str
    value: Json
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What a file held: the SHA-256 in hex and the number of its bytes."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Up to `BATCH_ROWS` rows from `first_row` (0-based) on; row i of the file is `<name>#<base>/<i>`."""

    first_row: int
    rows: list[Row]
    base: str


class RowFile:
    """A file of rows: a JSON array, an object whose only member is an array, or JSON Lines.

    `name` is without folders. Files up to `large_bytes` are parsed in one go.
    """

    def __init__(self, path: Path, *, large_bytes: int = LARGE_BYTES) -> None:
        self.name = path.name
        self._path, self._large_bytes = path, large_bytes
        self._fingerprint: Fingerprint | None = None

    @property
    def fingerprint(self) -> Fingerprint | None:
        """What the last iteration that reached the end of the file has read."""
        return self._fingerprint

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Read the file from its start, anew at each call; raises `InputError` with the place.

        A caller that may stop early closes the generator (`contextlib.aclosing`), which closes the file.
        """
        async with _opened(self._path) as file, aclosing(self._rows(file)) as found:
            first_row, batch = 0, list[Row]()
            async for row in found:
                batch.append(row)
                if len(batch) == BATCH_ROWS:
                    yield Batch(first_row=first_row, rows=batch, base=file.base)
                    first_row, batch = first_row + BATCH_ROWS, []
            if batch:
                yield Batch(first_row=first_row, rows=batch, base=file.base)
            self._fingerprint = file.fingerprint()

    async def _rows(self, file: _File) -> AsyncGenerator[Row, None]:
        small = file.size <= self._large_bytes
        text = rows.text_of(file.path, await file.read(-1 if small else CHUNK_BYTES))
        if rows.is_lines(self._path.suffix, text):
            found = _line_rows(file, text)
        elif small:
            found = _array_rows(file, text)
        else:
            start, file.base = arrays.array_start(file.path, text)
            found = arrays.stream_array(file, text, start=start)
        async with aclosing(found):
            async for row in found:
                yield row


async def _line_rows(file: _File, text: bytes) -> AsyncGenerator[Row, None]:
    splitter = rows.LineSplitter()
    while text:
        for row in splitter.feed(text):
            yield row
        text = await file.read(CHUNK_BYTES)
    for row in splitter.feed(b"\n"):
        yield row


async def _array_rows(file: _File, text: bytes) -> AsyncGenerator[Row, None]:
    found, file.base = arrays.array_of(file.path, rows.load(file.path, text))
    for row in found:
        yield row


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
    async with _opened(path) as file:
        if file.size > DOCUMENT_BYTES:
            problem = f"{file.size} bytes, of at most {DOCUMENT_BYTES}"
            raise rows.input_error(file.path, problem, remedy="Name the right file, or split it")
        text = rows.text_of(file.path, await file.read(-1))
    value = _whole_lines(file, text) if rows.is_lines(path.suffix, text) else rows.load(file.path, text)
    found = file.fingerprint()
    return Document(name=path.name, value=value, sha256=found.sha256, bytes=found.bytes)


def _whole_lines(file: _File, text: bytes) -> list[Json]:
    values = list[Json]()
    for row in rows.LineSplitter().feed(text + b"\n"):
        if isinstance(row, BadRow):
            raise rows.input_error(file.path, row.problem, place=f"line {row.line}")
        values.append(row)
    return values


class _File:
    """An open file of `size` bytes; `base` is the JSON pointer of its array, once that is known."""

    def __init__(self, path: Path, handle: AsyncBufferedReader, *, size: int) -> None:
        self.path, self.size, self.base = str(path), size, ""
        self._handle, self._sha256, self._bytes = handle, hashlib.sha256(), 0

    async def read(self, size: int) -> bytes:
        with _os_errors(self.path):
            chunk = await self._handle.read(size)
        self._sha256.update(chunk)
        self._bytes += len(chunk)
        return chunk

    async def seek(self, offset: int) -> None:
        with _os_errors(self.path):
            await self._handle.seek(offset)

    def fingerprint(self) -> Fingerprint:
        """Of what was read, which is the whole file if it was read in order."""
        return Fingerprint(sha256=self._sha256.hexdigest(), bytes=self._bytes)


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[_File]:
    with _os_errors(str(path)):
        found = await aiofiles.os.stat(path)
        if not stat.S_ISREG(found.st_mode):  # to open a pipe would wait for its writer
            problem = "a directory" if stat.S_ISDIR(found.st_mode) else "not a regular file"
            raise rows.input_error(str(path), problem, remedy="Name a JSON or JSON Lines file")
        handle = await aiofiles.open(path, "rb")
    try:
        yield _File(path, handle, size=found.st_size)
    finally:
        await handle.close()


@contextmanager
def _os_errors(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        problem = f"cannot be read: {exc.strerror}"
        raise rows.input_error(path, problem, remedy="Check the path and its permissions") from exc
