"""From the text of a file to its rows: what its first bytes say, whole documents, and JSON Lines.

What is refused is told by its place, never by an excerpt: files hold people.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from igent import codec
from igent.domain.records import Json
from igent.errors import InputError
from igent.store import strict

__all__ = [
    "BadRow",
    "CHUNK_BYTES",
    "LineSplitter",
    "ROW_BYTES",
    "Row",
    "broken",
    "input_error",
    "is_lines",
    "load",
    "text_of",
]

CHUNK_BYTES = 256 << 10  # larger reads are no faster: a thread hop is then 1 % of the time to parse what it brings
ROW_BYTES = 1 << 20  # 1,500 times a usual row; past it a quote or a line end is missing


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A line (1-based) of JSON Lines that is not JSON; it takes the place of its row."""

    line: int
    problem: str


Row: TypeAlias = "Json | BadRow"


_REMEDY = "Correct the file or export it again"
_UTF_8 = "Save it as UTF-8"
# What other files begin with (https://en.wikipedia.org/wiki/List_of_file_signatures, read 2026-11).
_OTHERS = (
    (b"\x1f\x8b", "compressed with gzip", "Unpack it with gunzip"),
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "Unpack it, or export it as JSON"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "Unpack it with unzstd"),
    (b"\xff\xfe", "UTF-16 text", _UTF_8),
    (b"\xfe\xff", "UTF-16 text", _UTF_8),
    (b"\0\0", "binary data", "Name a JSON or JSON Lines file"),
)


def input_error(file: str, problem: str, *, place: str = "", remedy: str = _REMEDY) -> InputError:
    """An `InputError` with the remedy that most broken files have."""
    return InputError(file=file, place=place, problem=problem, remedy=remedy)


def broken(file: str, exc: codec.DecodeError, *, place: str = "") -> InputError:
    """An `InputError` for a text that is no JSON; `place` goes behind line and column."""
    remedy = _UTF_8 if exc.problem == strict.NOT_UTF_8 else _REMEDY
    return input_error(
        file, f"not JSON: {exc.problem}", place=f"line {exc.line}, column {exc.column}{place}", remedy=remedy
    )


def text_of(file: str, head: bytes) -> bytes:
    """The start of a file without its byte order mark; raises `InputError` where it cannot be JSON."""
    for start, problem, remedy in _OTHERS:
        if head.startswith(start):
            raise input_error(file, problem, place="byte 0", remedy=remedy)
    if b"\0" in head[:2]:
        raise input_error(file, "UTF-16 text", place="byte 0", remedy=_UTF_8)
    text = head.removeprefix(b"\xef\xbb\xbf")
    if not text or text.isspace():
        raise input_error(file, "white space where JSON should start" if text else "empty")
    return text


def is_lines(suffix: str, text: bytes) -> bool:
    """Whether a file is JSON Lines: by its suffix, or a first line that is a whole object with more behind it."""
    if suffix.lower() in {".jsonl", ".ndjson"}:
        return True
    first, _, rest = text.lstrip().partition(b"\n")
    if not first.startswith(b"{") or not rest or rest.isspace():
        return False
    try:
        return isinstance(codec.load(first), dict)
    except codec.DecodeError:
        return False


def load(file: str, text: bytes) -> Json:
    """Parse a whole document; raises `InputError` with line and column."""
    try:
        return strict.load(text)
    except codec.DecodeError as exc:
        raise broken(file, exc) from exc


class LineSplitter:
    """JSON Lines fed in chunks of any size; `head` is the first.

    Lines without content are counted but give no row. No line is held beyond `ROW_BYTES`.
    """

    base = ""

    def __init__(self, head: bytes = b"") -> None:
        self._line, self._rest = 0, head

    def finish(self) -> list[Row]:
        """The row of a last line without an end."""
        return self.feed(b"\n")

    def feed(self, chunk: bytes) -> list[Row]:
        """The rows of the lines that this chunk completes."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest[: ROW_BYTES + 1]  # the one byte more tells that the line was longer
        with suppress(codec.DecodeError):
            # All lines are held against their values at once, since that costs as much for one as for hundreds.
            rows: list[Row] = [codec.load(line) for line in lines if line and not line.isspace()]
            if len(max(lines, key=len, default=b"")) <= ROW_BYTES and not strict.doubtful(b"\n".join(lines), rows):
                self._line += len(lines)
                return rows
        return self._one_by_one(lines)

    def _one_by_one(self, lines: Sequence[bytes]) -> list[Row]:
        rows = list[Row]()
        for line in lines:
            self._line += 1
            if line and not line.isspace():
                rows.append(self._row(line))
        return rows

    def _row(self, line: bytes) -> Row:
        if len(line) > ROW_BYTES:
            return BadRow(line=self._line, problem=f"longer than {ROW_BYTES} bytes")
        try:
            return strict.load(line)
        except codec.DecodeError as exc:
            return BadRow(line=self._line, problem=f"not JSON at column {exc.column}: {exc.problem}")
