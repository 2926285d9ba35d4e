"""Bytes to records and back: the only place that imports orjson.

`canonical` gives the one byte string of a value (sorted keys, no white space), which is what every hash is taken of.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import cast

import orjson

from igent.domain.records import Json

__all__ = ["DecodeError", "canonical", "digest", "dump", "dump_pretty", "load"]


class DecodeError(ValueError):
    """Bytes that are not JSON; `line` and `column` are 1-based, `problem` says what is wrong there."""

    def __init__(self, problem: str, *, line: int, column: int) -> None:
        self.problem, self.line, self.column = problem, line, column
        super().__init__(f"line {line}, column {column}: {problem}")


def load(data: bytes | str) -> Json:
    """Parse one JSON document. Raises `DecodeError` with the place."""
    try:
        return cast(Json, orjson.loads(data))
    except orjson.JSONDecodeError as exc:
        raise DecodeError(exc.msg, line=exc.lineno, column=exc.colno) from exc


def dump(value: object) -> bytes:
    """Compact JSON in insertion order; `Decimal` becomes a string, never a float."""
    return orjson.dumps(value, default=_encode)


def dump_pretty(value: object) -> bytes:
    """JSON for people: two spaces of indent and a final newline."""
    return orjson.dumps(value, default=_encode, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def canonical(value: object) -> bytes:
    """The one byte string of a value: sorted keys, no white space."""
    return orjson.dumps(value, default=_encode, option=orjson.OPT_SORT_KEYS)


def digest(value: object) -> str:
    """SHA-256 of the canonical bytes, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _encode(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
