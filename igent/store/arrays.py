"""Arrays of rows: where one is in a file, and streaming a large one through ijson in bounded memory.

A streamed array gives the same rows as `codec`, but for two corners: an integer beyond 2**63 - 1 either way is an
error here (`codec` keeps or rounds it), and half of a surrogate pair, such as a lone `\\ud800`, is replaced (`codec`
refuses it).
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Protocol

import ijson  # type: ignore[import-untyped]  # it ships no types

from igent.domain.records import Json
from igent.errors import InputError
from igent.store.rows import CHUNK_BYTES, ROW_BYTES, input_error, load

__all__ = ["ByteSource", "array_of", "array_start", "stream_array"]


def array_of(file: str, value: Json) -> tuple[list[Json], str]:
    """The rows of a parsed file and the JSON pointer of their array: "" or "/<the only key>"."""
    if isinstance(value, list):
        return value, ""
    if isinstance(value, dict) and len(value) == 1:
        ((key, rows),) = value.items()
        if isinstance(rows, list):
            return rows, _pointer(key)
    raise _shape_error(file)


# The object around an array: its brace, its first key and the colon.
_AROUND = re.compile(rb'\s*\{\s*("(?:[^"\\]|\\.)*")\s*:\s*(?=\[)')


def array_start(file: str, text: bytes) -> tuple[int, str]:
    """Where in the start of a file its array opens, and the JSON pointer of that array, as `array_of` has it."""
    if text.lstrip().startswith(b"["):
        return 0, ""  # ijson skips white space
    if around := _AROUND.match(text):
        return around.end(), _pointer(str(load(file, around[1])))
    raise _shape_error(file)


def _pointer(key: str) -> str:
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _shape_error(file: str) -> InputError:
    problem = "neither an array of rows, nor an object whose only member is one, nor JSON Lines"
    return input_error(file, problem, place="top level", remedy="Keep the array alone, or name JSON Lines .jsonl")


class ByteSource(Protocol):
    """An open file, of which `stream_array` gets the first `CHUNK_BYTES` and reads the rest."""

    @property
    def path(self) -> str: ...

    async def read(self, size: int) -> bytes: ...

    async def seek(self, offset: int) -> None: ...


async def stream_array(source: ByteSource, text: bytes, *, start: int) -> AsyncGenerator[Json, None]:
    """The rows of a large array that opens at `start` in `text`, the first chunk of its file.

    Raises `InputError` with the last complete row (0-based) where the array breaks off, is not JSON, or has a row
    longer than about `ROW_BYTES`.
    """
    feed = _ArrayFeed(source, text, start=start)
    try:
        # ijson pulls: its push interface takes twice as long for the same rows.
        rows: AsyncIterator[Json] = ijson.items_async(feed, "item", use_float=True, buf_size=CHUNK_BYTES)
        async for row in rows:
            feed.rows += 1
            yield row
    except (ijson.JSONError, UnicodeDecodeError) as exc:
        await source.seek(CHUNK_BYTES)
        again = _ArrayFeed(source, text, start=start)
        await _count_rows(again)
        raise again.error(f"not JSON: {_reason(exc)}") from exc
    if not feed.closed:
        raise feed.error("not JSON: the object around the array is not closed")


async def _count_rows(feed: _ArrayFeed) -> None:
    """Count up to the break: pulling loses the rows of the chunk that it fails in, the push interface keeps them."""
    rows = ijson.sendable_list()
    parser = ijson.items_coro(rows, "item", use_float=True)
    with suppress(ijson.JSONError, UnicodeDecodeError):
        while chunk := await feed.read(CHUNK_BYTES):
            parser.send(chunk)
            feed.rows += len(rows)
            rows.clear()
    feed.rows += len(rows)


def _reason(exc: Exception) -> str:
    """What ijson found, without the excerpt of the file in the lines below it."""
    text = re.split(r"\n|\\n", str(exc).removeprefix("b'"))[0]
    if isinstance(exc, UnicodeDecodeError) or "UTF8" in text:
        return "a byte that is not UTF-8"
    return "it breaks off" if "premature EOF" in text else text.rstrip(".")


class _ArrayFeed:
    """What ijson reads: an array without the object around it, whose closing brace is held back until the end.

    Whoever takes the rows counts them in `rows`.
    """

    def __init__(self, source: ByteSource, text: bytes, *, start: int) -> None:
        self.rows = 0
        self._source, self._head, self._wrapped = source, text[start:], start > 0
        self._held, self._rows_before, self._bytes_since_row = b"", 0, 0

    @property
    def closed(self) -> bool:
        return not self._wrapped or self._held.startswith(b"}")

    def error(self, problem: str) -> InputError:
        place = f"after row {self.rows - 1}" if self.rows else "in row 0"
        return input_error(self._source.path, problem, place=place)

    async def read(self, size: int) -> bytes:
        if not size:  # ijson asks for no bytes to see of which type they are
            return b""
        while chunk := self._head or await self._source.read(size):
            self._head = b""
            self._bound(len(chunk))
            if text := self._unwrapped(chunk):
                return text
        return b""

    def _bound(self, size: int) -> None:
        if self.rows != self._rows_before:
            self._rows_before, self._bytes_since_row = self.rows, 0
        if self._bytes_since_row > ROW_BYTES:
            raise self.error(f"a row longer than {ROW_BYTES} bytes")
        self._bytes_since_row += size

    def _unwrapped(self, chunk: bytes) -> bytes:
        """The chunk without what may be the end of the object, before which the one held back last time."""
        if not self._wrapped:
            return chunk
        text = self._held + chunk
        body = text.rstrip().removesuffix(b"}")
        self._held = text[len(body) :]
        return body
