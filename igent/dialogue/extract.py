r"""Complete JSON objects out of a model's reply, while it is still arriving.

A reply is JSON with prose around it: a greeting, a Markdown fence, a remark with {curly} braces, a second thought.
The extractor is fed the bytes as they come, cut anywhere, and hands out each object in the call that brings its
closing brace. It does no I/O and never guesses: what it reports are the bytes that came, and a truncated object is
never completed.

The strategy:

- Every `{` is a *candidate*. The JSON grammar (RFC 8259) alone decides about it, byte by byte, in a state machine
  whose rows are `_TABLE`: a candidate closes and is reported, or breaks the grammar or a bound and is abandoned, and
  the search goes on at the byte after its brace. So a stray brace in prose costs one byte, never the object behind it,
  and the object inside a reported one is not reported again. Outside a candidate everything is prose, brackets too: of
  `[{"a":1}]` the object is reported.
- The buffer is empty, or starts with the brace of the one open candidate. Abandoning is moving its front.
- Progress is a state, a position and a stack, so a later chunk never makes an earlier one be read again, however long
  the object or the string across them. Only an escape or a literal that is cut is held back: five bytes at most.
- White space, bodies of strings and digits are runs, each taken by one possessive match, which cannot backtrack.

The bound on work: at most 2 x `max_depth` + 1 candidates ever read the same byte, each a constant number of times,
whatever is fed. Besides the one that the byte begins, those that agree whether it is in a string are nested in each
other, and all open there: at most `max_depth`. As many again may take strings for structure and structure for
strings. There is no third view: a backslash is no structure, so an escape ends those that do not see it in a string.

The bound on memory: the buffer never holds more than twice `max_object_bytes`, between two calls less than once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

__all__ = ["JsonExtractor", "MAX_DEPTH", "MAX_OBJECT_BYTES"]

# A decision takes some hundred bytes and a model's longest answer some tens of thousands: what is larger is a runaway.
MAX_OBJECT_BYTES: Final = 64 * 1024
# A decision nests three deep. Ten times that harms nobody, is safe for any recursive parser behind, and keeps the
# factor in the bound on work (2 x depth) small.
MAX_DEPTH: Final = 32

# Where a candidate stands: named for what may come next, or for what it is in the middle of.
_State: TypeAlias = Literal[
    "first-key", "key", "in-key", "colon", "first-item", "value", "in-string", "after-member", "after-item",
    "minus", "zero", "integer", "point", "fraction", "e", "e-sign", "exponent",
]  # fmt: skip
# What a token can do besides leading to the next state; `_advance` says how.
_Action: TypeAlias = Literal["object", "array", "close", "done", "more"]


class _Row(NamedTuple):
    """One state: the pattern of what may come, and what each of its groups leads to."""

    match: Callable[[bytearray, int, int], re.Match[bytes] | None]
    steps: Mapping[int | None, _State | _Action]


def _row(run: bytes, tokens: Mapping[bytes, _State | _Action], *, cut: bytes = b"") -> _Row:
    """A row that skips `run`, then takes the first token that fits; no match at all is a violation.

    When the input ends first, `cut` is the part of a token that may stand there: the extractor waits in front of it.
    """
    alternatives = {**tokens, rb"(?:" + cut + rb")\Z": "more"}
    pattern = run + rb"(?:" + rb"|".join(b"(" + token + b")" for token in alternatives) + rb")"
    return _Row(re.compile(pattern).match, dict(enumerate(alternatives.values(), start=1)))


def _after_comma(tokens: Mapping[bytes, _State | _Action]) -> dict[bytes, _State | _Action]:
    return {rb"," + _GAP + token: step for token, step in tokens.items()}


_SPACE: Final = b" \t\r\n"
_GAP: Final = rb"[ \t\r\n]*+"
_PLAIN: Final = rb"[ !#-\[\]-\xff]*+"
_BODY: Final = _PLAIN + rb'(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})' + _PLAIN + rb")*+"
_CUT_ESCAPE: Final = rb"|\\(?:u[0-9A-Fa-f]{0,3})?"
_CUT_LITERAL: Final = rb"|t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?"

# A whole string, or a whole key with its colon, is one token where the input has it all, which saves most of the steps
# of a reply; where it does not, the opening quote alone is taken and the rest is read as it comes.
_STRING: Final = rb'"' + _BODY + rb'"'
_KEY: Final = _STRING + _GAP + rb":" + _GAP

_KEYS: Final[Mapping[bytes, _State | _Action]] = {
    _KEY + _STRING: "done",
    _KEY + rb"\{": "object",
    _KEY + rb"\[": "array",
    _KEY: "value",
    rb'"': "in-key",
}
_VALUES: Final[Mapping[bytes, _State | _Action]] = {
    _STRING: "done",
    rb'"': "in-string",
    rb"\{": "object",
    rb"\[": "array",
    rb"(?:true|false|null)": "done",
    rb"-": "minus",
    rb"0": "zero",
    rb"[1-9]": "integer",
}
# A number ends only where something else begins: at the end of the input it may still go on.
_DIGITS: Final = rb"[0-9]*+"
_NUMBER_ENDS: Final = rb"(?=[ \t\r\n,\]}])"

_TABLE: Final[Mapping[_State, _Row]] = {
    "first-key": _row(_GAP, {rb"\}": "close", **_KEYS}),
    "key": _row(_GAP, _KEYS),
    "in-key": _row(_BODY, {rb'"': "colon"}, cut=_CUT_ESCAPE),
    "colon": _row(_GAP, {rb":": "value"}),
    "value": _row(_GAP, _VALUES, cut=_CUT_LITERAL),
    "first-item": _row(_GAP, {rb"\]": "close", **_VALUES}, cut=_CUT_LITERAL),
    "in-string": _row(_BODY, {rb'"': "done"}, cut=_CUT_ESCAPE),
    "after-member": _row(_GAP, {rb"\}": "close", **_after_comma(_KEYS), rb",": "key"}),
    "after-item": _row(_GAP, {rb"\]": "close", **_after_comma(_VALUES), rb",": "value"}),
    "minus": _row(b"", {rb"0": "zero", rb"[1-9]": "integer"}),
    "zero": _row(b"", {rb"\.": "point", rb"[eE]": "e", _NUMBER_ENDS: "done"}),
    "integer": _row(_DIGITS, {rb"\.": "point", rb"[eE]": "e", _NUMBER_ENDS: "done"}),
    "point": _row(b"", {rb"[0-9]": "fraction"}),
    "fraction": _row(_DIGITS, {rb"[eE]": "e", _NUMBER_ENDS: "done"}),
    "e": _row(b"", {rb"[+-]": "e-sign", rb"[0-9]": "exponent"}),
    "e-sign": _row(b"", {rb"[0-9]": "exponent"}),
    "exponent": _row(_DIGITS, {_NUMBER_ENDS: "done"}),
}

# A brace that can open an object. The grammar would find out one step later; this passes over the others in bulk.
_OPENING: Final = re.compile(rb"\{(?=" + _GAP + rb'(?:["}]|\Z))')


class JsonExtractor:
    """Reports each outermost JSON object of a byte stream as soon as it is complete.

    An object is reported when it is grammatical, valid UTF-8, at most `max_object_bytes` long and at most `max_depth`
    containers deep, itself included; both bounds are at least 1. How the input is cut never changes what is reported.
    Repeated keys and lone `\\uD800` escapes are grammatical: they are left to whoever decodes the object.
    """

    def __init__(self, *, max_object_bytes: int = MAX_OBJECT_BYTES, max_depth: int = MAX_DEPTH) -> None:
        self._max_object_bytes = max_object_bytes
        self._max_depth = max_depth
        self._buffer = bytearray()
        self._prose = False
        # Of the open candidate: where to go on, in which state, and for each open container the state to be in
        # after a value in it.
        self._position = 0
        self._state: _State = "first-key"
        self._stack: list[_State] = []

    @property
    def trailing_text(self) -> bool:
        """Whether anything but JSON white space came since the last reported object, or since the start if none."""
        return self._prose or self.open_object

    @property
    def open_object(self) -> bool:
        """Whether an object has begun that may still be completed; at the end of a reply: one was truncated."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes and return the objects that they complete, in order; empty when more is needed."""
        size = self._max_object_bytes
        if len(data) > size:  # in portions, so that one huge chunk is not held twice
            return [found for start in range(0, len(data), size) for found in self.feed(data[start : start + size])]
        begun = bool(self._buffer)
        self._buffer += data
        return self._scan() if begun or self._open(0) else []

    def _scan(self) -> list[bytes]:
        """Follow the open candidate, and those after it, to the end of the buffer."""
        found: list[bytes] = []
        while (verdict := self._advance()) != "more":
            resume = 1
            if verdict == "close" and _is_utf8(candidate := bytes(self._buffer[: self._position])):
                found.append(candidate)
                resume = self._position
            self._prose = resume == 1
            if not self._open(resume):
                break
        return found

    def _open(self, start: int) -> bool:
        """Drop everything before the first candidate at or after `start`; False when there is none."""
        opening = _OPENING.search(self._buffer, start)
        end = opening.start() if opening else len(self._buffer)
        self._prose = self._prose or bool(self._buffer[start:end].strip(_SPACE))
        del self._buffer[:end]
        self._position, self._state, self._stack = 1, "first-key", ["after-member"]
        return opening is not None

    def _advance(self) -> Literal["close", "more", "violation"]:
        """Take the open candidate as far as the buffer goes: to its closing brace, to a violation, or to the end."""
        buffer, stack, state, position = self._buffer, self._stack, self._state, self._position
        end = min(len(buffer), self._max_object_bytes)
        while position < end:
            take, steps = _TABLE[state]
            token = take(buffer, position, end)
            if token is None:
                return "violation"
            position = token.end()
            step = steps[token.lastindex]
            if step == "done":
                state = stack[-1]
            elif step == "more":
                position = token.start(token.lastindex or 0)
                break
            elif step == "close":
                stack.pop()
                if not stack:
                    self._position = position
                    return "close"
                state = stack[-1]
            elif step == "object" or step == "array":
                if len(stack) == self._max_depth:
                    return "violation"
                stack.append("after-member" if step == "object" else "after-item")
                state = "first-key" if step == "object" else "first-item"
            else:
                state = step
        self._state, self._position = state, position
        # A candidate that has used up its bytes without closing cannot close within them.
        return "more" if len(buffer) < self._max_object_bytes else "violation"


def _is_utf8(candidate: bytes) -> bool:
    try:
        candidate.decode()
    except UnicodeDecodeError:
        return False
    return True
