"""JSON as input files may have it: nothing in it may be read in two ways, and nothing is silently changed.

Beyond what the codec refuses: a key that stands twice in an object, nesting past `MAX_DEPTH`, and whole numbers that
would lose digits. Looking at every token would cost more than all the rest of reading, so the parsed value is held
against its text by a few counts that run at the speed of memory; only where they differ are the tokens looked at.
"""

from __future__ import annotations

import re
from typing import cast

from igent import codec
from igent.domain.records import Json

__all__ = ["BREAKS_OFF", "MAX_DEPTH", "NOT_UTF_8", "NUMBER_CHARS", "TOKENS", "doubtful", "load"]

MAX_DEPTH = 64  # ten times what an export nests; far below what any later step could not write again
NUMBER_CHARS = 64  # a database writes forty; a fraction may have more digits than are kept, a whole number may not

BREAKS_OFF = "unexpected end of data"  # the codec's words
NOT_UTF_8 = "a byte that is not UTF-8"

# A text that ends in a colon is a key; what is neither text nor structure nor white space is a number or a name. Within
# a text whose end is not there yet nothing is a token.
TOKENS = re.compile(
    rb'(?P<text>"[^"\\]*+(?:\\.[^"\\]*+)*+")(?P<key>\s*+:)?|(?P<open>[\[{])|(?P<close>[\]}])|(?P<comma>,)'
    rb'|(?P<plain>[^\s\[\]{},:"]++)|(?P<open_text>")',
    re.DOTALL,
)
# Numbers are looked at where so many digits stand in a row: any whole number of fewer fits 64 bits.
_RUN = b"0" * 19
_DIGITS_AS_0 = bytes(ord("0") if chr(byte).isdecimal() and byte < 128 else ord(" ") for byte in range(256))
# A run of digits right behind a quotation mark is a text, such as a long id.
_LONG_NUMBER = re.compile(rb'(?<!["0-9])[0-9]{19}')
# `codec.dump` writes 254 levels at most (orjson does); this many of them are spent before the value begins.
_SPENT = 254 - MAX_DEPTH


def load(text: bytes) -> Json:
    """Parse one JSON document. Raises `codec.DecodeError` with the place."""
    value = _decoded(text)
    if doubtful(text, value):
        _look(text)
    return value


def _decoded(text: bytes) -> Json:
    try:
        return codec.load(text)
    except codec.DecodeError as exc:
        try:
            text.decode()
        except UnicodeDecodeError as bad:  # of which the parser does not tell the place
            line, column = 1 + text.count(b"\n", 0, bad.start), bad.start - text.rfind(b"\n", 0, bad.start)
            raise codec.DecodeError(NOT_UTF_8, line=line, column=column) from exc
        raise


def doubtful(text: bytes, value: object) -> bool:
    """Whether a value may be less than the valid text that it was read from; False is certain.

    A member has one colon, and so has every colon within a text that is not written as an escape: where the value,
    written again, has as many colons as its text, no member was lost.
    """
    try:
        again = codec.dump(_nested(value))
    except TypeError:
        return True
    if text.count(b":") != again.count(b":") or (b"\\" in text and b"\\u003" in text):
        return True
    return _RUN in text.translate(_DIGITS_AS_0) and _LONG_NUMBER.search(text) is not None


def _nested(value: object) -> object:
    for _ in range(_SPENT):
        value = [value]
    return value


def _look(text: bytes) -> None:
    """Go through the tokens of a valid text. Raises `codec.DecodeError` for the first that is refused."""
    keys: list[set[str]] = []
    for token in TOKENS.finditer(text):
        problem = None
        match token.lastgroup:
            case "open":
                keys.append(set())
                problem = f"nested deeper than {MAX_DEPTH} levels" if len(keys) > MAX_DEPTH else None
            case "close":
                keys.pop()
            case "key":
                key = cast("str", codec.load(token["text"]))
                problem = "a key that its object has already" if key in keys[-1] else None
                keys[-1].add(key)
            case "plain":
                problem = _number_problem(token["plain"])
        if problem is not None:
            raise _error(problem, text, token.start())


def _number_problem(number: bytes) -> str | None:
    if len(number) > NUMBER_CHARS:
        return f"a number of more than {NUMBER_CHARS} characters"
    if number.removeprefix(b"-").isdigit() and not -(2**63) <= int(number) < 2**64:
        return "a whole number of more than 64 bits (write it as a text)"
    return None


def _error(problem: str, text: bytes, offset: int) -> codec.DecodeError:
    line_start = text.rfind(b"\n", 0, offset) + 1
    column = 1 + len(text[line_start:offset].decode())
    return codec.DecodeError(problem, line=1 + text.count(b"\n", 0, offset), column=column)
