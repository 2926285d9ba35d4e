"""Arrays of rows in chunks: whole rows are cut off as they come, and parsed some hundreds at a time.

A piece of text that begins where a row begins and is an array between brackets of its own ends where a row ends,
whatever stands in it. So the last `},` is tried first, which in files of flat rows it always is; only where that fails
are the tokens gone through.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from igent import codec
from igent.domain.records import Json
from igent.errors import InputError
from igent.store import strict
from igent.store.rows import ROW_BYTES, broken, input_error, load

__all__ = ["ArraySplitter"]

# The object around an array: its brace, its first key and the colon.
_AROUND = re.compile(rb'\s*\{\s*("[^"\\]*+(?:\\.[^"\\]*+)*+")\s*:\s*(?=\[)', re.DOTALL)
_WHITE = b" \t\r\n"
_NOT_ASCII = bytes(range(128, 256))


class ArraySplitter:
    """An array, or an object whose only member is one, fed in chunks of any size; `head` is the first.

    `base` is the JSON pointer of the array: "" or "/<the only key>". Whatever is refused is an `InputError` with line
    and column; a row of more than about `ROW_BYTES` is.
    """

    def __init__(self, file: str, head: bytes) -> None:
        self._file, self._rows, self._line, self._column = file, 0, 1, 1
        self._rest, self._closed = head, False
        around = _AROUND.match(head)
        self.base = _pointer(str(load(file, around[1]))) if around else ""
        self._wrapped = around is not None
        start = around.end() if around else len(head) - len(head.lstrip(_WHITE))
        if head[start : start + 1] != b"[":
            mistake = _maybe_mistake(head)
            raise broken(file, mistake) if mistake else self._shape_error()
        self._skip(start + 1)

    def feed(self, chunk: bytes) -> list[Json]:
        """The rows that this chunk completes, but for the last."""
        self._rest += chunk
        if self._closed:
            self._end()
            return []
        try:
            comma = self._rest.rfind(b"},") + 1
            return self._cut(comma) if comma else self._search()
        except codec.DecodeError:
            return self._search()

    def finish(self) -> list[Json]:
        """The rest of the rows. Raises `InputError` where the array, or the object around it, is not closed."""
        rows = [] if self._closed else self._search()
        if not self._closed:
            raise self._cut_off()
        if self._wrapped:
            raise self._broken("the object around the array is not closed")
        return rows

    @property
    def _opening(self) -> bytes:
        """What stands before a piece: a row that is there already makes an empty place beside a comma an error."""
        return b"[0," if self._rows else b"["

    def _search(self) -> list[Json]:
        """The rows up to the last end of a row that is in the text."""
        last, closes = max(_ends(self._rest), default=(-1, False))
        if last < 0:
            if len(self._rest) > ROW_BYTES:
                raise self._too_long()
            return []
        try:
            rows = self._cut(last)
        except codec.DecodeError as exc:
            raise self._located(exc, opening=self._opening) from exc
        self._closed = closes
        if closes:
            self._end()
        return rows

    def _cut(self, end: int) -> list[Json]:
        """Parse and skip the rows before `end`, and what ends them. Raises `codec.DecodeError`."""
        rows = strict.load(self._opening + self._rest[:end] + b"]")
        assert isinstance(rows, list)
        if self._rows:
            del rows[0]
        self._rows += len(rows)
        self._skip(end + 1)
        return rows

    def _skip(self, size: int) -> None:
        text, self._rest = self._rest[:size], self._rest[size:]
        lines = text.count(b"\n")
        self._line, self._column = self._line + lines, 1 if lines else self._column
        self._column += len(text[text.rfind(b"\n") + 1 :].decode())

    def _end(self) -> None:
        """What may stand behind the array: white space, and one brace where an object is around it."""
        self._skip(len(self._rest) - len(self._rest.lstrip(_WHITE)))
        if self._wrapped and self._rest.startswith(b"}"):
            self._wrapped = False
            self._skip(1)
            self._end()
        elif self._wrapped and self._rest.startswith(b","):
            raise self._shape_error()
        elif self._rest:
            raise self._broken("more behind the end of the array")

    def _cut_off(self) -> InputError:
        try:
            strict.load(self._opening + self._rest)
        except codec.DecodeError as exc:
            return self._located(exc, opening=self._opening)
        raise AssertionError("the array is closed")

    def _too_long(self) -> InputError:
        if mistake := _maybe_mistake(self._opening + self._rest):
            return self._located(mistake, opening=self._opening)
        return self._broken(f"a row longer than {ROW_BYTES} bytes")

    def _shape_error(self) -> InputError:
        problem = "neither an array of rows, nor an object whose only member is one, nor JSON Lines"
        remedy = "Keep the array alone, or name JSON Lines .jsonl"
        return input_error(self._file, problem, place="top level", remedy=remedy)

    def _broken(self, problem: str) -> InputError:
        """What is wrong right here."""
        return self._located(codec.DecodeError(problem, line=1, column=1), opening=b"")

    def _located(self, exc: codec.DecodeError, *, opening: bytes) -> InputError:
        """What is wrong in the text behind `opening`: its place in the file, and the last good row (0-based)."""
        before = self._column - 1 - len(opening) if exc.line == 1 else 0
        place = codec.DecodeError(exc.problem, line=self._line + exc.line - 1, column=exc.column + before)
        rows = self._rows + _good(self._rest)
        return broken(self._file, place, place=f", after row {rows - 1}" if rows else ", in row 0")


def _good(text: bytes) -> int:
    """How many rows of a broken text come before the first that is broken."""
    start = number = 0
    for end, _ in _ends(text):
        try:
            strict.load(text[start:end])
        except codec.DecodeError:
            break
        start, number = end + 1, number + 1
    return number


def _maybe_mistake(text: bytes) -> codec.DecodeError | None:
    """What is wrong with a text that may break off; None where it is only that."""
    try:
        strict.load(text.rstrip(_NOT_ASCII))
    except codec.DecodeError as exc:
        return None if exc.problem == strict.BREAKS_OFF else exc
    return None


def _pointer(key: str) -> str:
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _ends(text: bytes) -> Iterator[tuple[int, bool]]:
    """Where the rows end in a text that begins with one: commas, and at last whether the array closes there."""
    depth = 0
    for token in strict.TOKENS.finditer(text):
        kind = token.lastgroup
        if kind == "open":
            depth += 1
        elif kind == "close":
            depth -= 1
            if depth < 0:
                if token["close"] == b"]":
                    yield token.start(), True
                return
        elif kind == "comma" and not depth:
            yield token.start(), False
        elif kind == "open_text":
            return
