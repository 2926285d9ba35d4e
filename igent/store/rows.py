"""From the text of a file to its rows: what its first bytes say, whole documents, and JSON Lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from igent import codec
from igent.domain.records import Json
from igent.errors import InputError

__all__ = ["BadRow", "CHUNK_BYTES", "LineSplitter", "ROW_BYTES", "Row", "input_error", "is_lines", "load", "text_of"]

CHUNK_BYTES = 256 << 10  # larger reads are no faster: a thread hop is then 1 % of the time to parse what it brings
ROW_BYTES = 1 << 20  # 1,500 times a usual row; past it a quote or a line end is missing


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A line (1-based) of JSON Lines that is not JSON; it takes the place of its row."""

    line: int
    problem: str


Row: TypeAlias = "Json | BadRow"


def input_error(
    file: str, problem: str, *, place: str = "", remedy: str = "Correct the file or export it again"
) -> InputError:
    """An `InputError` with the remedy that most broken files have."""
    return InputError(file=file, place=place, problem=problem, remedy=remedy)


def text_of(file: str, head: bytes) -> bytes:
    """The start of a file without its byte order mark; raises `InputError` where it cannot be JSON."""
    if head.startswith(b"\x1f\x8b"):
        raise input_error(file, "compressed with gzip", place="byte 0", remedy="Unpack it with gunzip")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head[:2]:
        raise input_error(file, "UTF-16 text", place="byte 0", remedy="Save it as UTF-8")
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
        return _parse(text)
    except codec.DecodeError as exc:
        raise input_error(file, f"not JSON: {exc.problem}", place=f"line {exc.line}, column {exc.column}") from exc


def _parse(text: bytes) -> Json:
    try:
        return codec.load(text)
    except codec.DecodeError as exc:
        try:
            text.decode()
        except UnicodeDecodeError as bad:  # of which the parser does not tell the place
            line, column = 1 + text.count(b"\n", 0, bad.start), bad.start - text.rfind(b"\n", 0, bad.start)
            raise codec.DecodeError("a byte that is not UTF-8", line=line, column=column) from exc
        raise


class LineSplitter:
    """JSON Lines fed in chunks of any size; the end of the file is fed as one more line end.

    Lines without content are counted but give no row. No line is held beyond `ROW_BYTES`.
    """

    def __init__(self) -> None:
        self._line, self._rest = 0, b""

    def feed(self, chunk: bytes) -> list[Row]:
        """The rows of the lines that this chunk completes."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest[: ROW_BYTES + 1]  # the one byte more tells that the line was longer
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
            return _parse(line)
        except codec.DecodeError as exc:
            return BadRow(line=self._line, problem=f"not JSON at column {exc.column}: {exc.problem}")
