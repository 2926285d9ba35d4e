"""YAML text -> a constellation, or the line, the problem and the remedy of its first mistake.

The text becomes a tree of nodes, and the tree plain values and the line of each. pydantic then checks the values one by
one, and `constellation_spec.mistakes` what is between them; both name a place, which the lines turn into a line.
Scalars are read here and not by PyYAML, whose YAML 1.1 takes `no` for false, `010` for 8 and `1:30` for 90.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterator, Mapping
from typing import Literal, get_args, get_origin, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from igent.constellation_spec import (
    SWITCHES,
    AgentSpec,
    BatchSpec,
    Constellation,
    CriticPolicy,
    Effort,
    Loc,
    Mistake,
    Optimization,
    PhaseSpec,
    Role,
    Task,
    explain,
    instead,
    mistakes,
    with_overrides,
)
from igent.domain.records import Json
from igent.errors import ConstellationError

__all__ = [
    "AgentSpec",
    "BatchSpec",
    "Constellation",
    "CriticPolicy",
    "Effort",
    "Optimization",
    "PhaseSpec",
    "Role",
    "SWITCHES",
    "Task",
    "explain",
    "parse_constellation",
    "with_overrides",
]

MAX_CHARACTERS = 65_536  # 64 KiB of ASCII, forty times the longest bundled file: bounds the parser's work
MAX_DEPTH = 8  # the schema nests 5 deep; PyYAML composes by recursion, which deep nesting would overflow

_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,8}")  # nine digits: longer ones stay text, which no number field accepts


class _Unreadable(yaml.MarkedYAMLError):
    """A mistake that YAML allows and igent does not; it travels like PyYAML's own, its remedy as the `note`."""


def parse_constellation(text: str, *, file: str) -> Constellation:
    """Read one constellation; `file` only names it in errors.

    Raises `ConstellationError` for its first mistake, with the line and with what is allowed there.
    """
    value, lines = _read(text, file=file)
    try:
        constellation = TypeAdapter(Constellation).validate_python(value)
        mistake = next(mistakes(constellation), None)
    except ValidationError as exc:  # a misspelt key is also missing under its right name: that comes last
        first = min(exc.errors(), key=lambda error: (error["type"] == "missing", _line(lines, error["loc"])))
        mistake = _of_error(first)
    if mistake is None:
        return constellation
    raise ConstellationError(file=file, line=_line(lines, mistake.loc), problem=mistake.problem, remedy=mistake.remedy)


def _read(text: str, *, file: str) -> tuple[Json, Mapping[Loc, int]]:
    """The one document as plain values and their lines; every way in which YAML can be wrong ends here."""
    remedy = "Write plain YAML: key: value, two spaces of indent, no anchors, aliases or tags"
    try:
        if len(text) > MAX_CHARACTERS:
            raise _Unreadable(problem=f"it has {len(text)} characters, more than {MAX_CHARACTERS}")
        _refuse_extras(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None:
            raise _Unreadable(problem="it holds nothing")
        return _plain(root), dict(_lines(root))
    except yaml.MarkedYAMLError as exc:
        remedy = exc.note or remedy
        mark = exc.problem_mark or exc.context_mark
        line, problem = mark.line + 1 if mark else 0, ", ".join(part for part in (exc.context, exc.problem) if part)
    except yaml.reader.ReaderError as exc:
        line, problem = text.count("\n", 0, exc.position) + 1, "it holds a character that YAML does not allow"
    except (ValueError, OverflowError):  # PyYAML lets them pass for a huge version, and for an escape past Unicode
        line, problem = 0, "it has a number or an escape that YAML does not allow"
    raise ConstellationError(file=file, line=line, problem=problem, remedy=remedy)


def _refuse_extras(text: str) -> None:
    """Refuse, before there is a tree, what would let a small text stand for a huge or a deep one."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        assert isinstance(event.start_mark, yaml.Mark)  # which the pure Python loader gives to every event
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _Unreadable(problem=f"it nests more than {MAX_DEPTH} deep", problem_mark=event.start_mark)
        if isinstance(event, yaml.NodeEvent) and (event.anchor or getattr(event, "tag", None)):
            raise _Unreadable(problem="it has an anchor, an alias or a tag", problem_mark=event.start_mark)


def _plain(node: yaml.Node) -> Json:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    text: str = node.value
    if isinstance(node, yaml.ScalarNode) and node.style:  # quoted or a block: text, whatever it looks like
        return text
    return _WORDS[text] if text in _WORDS else int(text) if _INTEGER.fullmatch(text) else text


def _mapping(node: yaml.MappingNode) -> dict[str, Json]:
    plain: dict[str, Json] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _Unreadable(problem="a key is not a plain word", problem_mark=key.start_mark)
        if key.value in plain:
            problem = f"the key {reprlib.repr(key.value)} is there twice"
            raise _Unreadable(problem=problem, problem_mark=key.start_mark, note="Remove one of the two")
        plain[key.value] = _plain(value)
    return plain


def _lines(node: yaml.Node, loc: Loc = ()) -> Iterator[tuple[Loc, int]]:
    """The 1-based line of every place: of a single value itself, of anything larger the key that leads to it."""
    yield loc, node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for at, item in enumerate(node.value):
            yield from _lines(item, (*loc, at))
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _lines(value, (*loc, key.value))
            if not isinstance(value, yaml.ScalarNode):
                yield (*loc, key.value), key.start_mark.line + 1


def _line(lines: Mapping[Loc, int], loc: Loc) -> int:
    """The line of a place, or of what lacks it."""
    return lines[loc] if loc in lines else _line(lines, loc[:-1])


def _of_error(error: ErrorDetails) -> Mistake:
    loc, label = error["loc"], _label(error["loc"])
    if error["type"] == "unexpected_keyword_argument":
        return Mistake(loc, f"unknown key {label}", instead(str(loc[-1]), _keys(_hint(loc[:-1]))))
    if error["type"] == "missing":
        place = loc[:-1] if isinstance(loc[-1], int) else loc
        return Mistake(loc, f"{label} is missing", f"Add it; allowed: {_allowed(_hint(place))}")
    allowed = _allowed(_hint(loc))
    return Mistake(loc, f"{label} cannot be {_shown(error['input'])}", f"Correct it; allowed: {allowed}")


def _label(loc: Loc) -> str:
    if not loc:
        return "the document"
    last = loc[-1]
    return reprlib.repr(last) if isinstance(last, str) else f"item {last + 1} of {loc[-2]!r}"


def _shown(value: object) -> str:
    """A wrong value in words that fit into a line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "a mapping"
    return "empty" if value is None else reprlib.repr(value)


def _hint(loc: Loc) -> object:
    """The annotation of a place in the schema; a list is `Annotated[tuple[item, ...], ...]`."""
    hint: object = Constellation
    for part in loc:
        if isinstance(part, str):
            hint = get_type_hints(hint, include_extras=True)[part]
        else:
            hint = get_args(get_args(hint)[0])[0]
    return hint


def _keys(owner: object) -> list[str]:
    return list(get_type_hints(owner))


def _allowed(hint: object) -> str:
    if isinstance(hint, type):
        return f"a mapping with the keys {', '.join(_keys(hint))}"
    if get_origin(hint) is Literal:
        return ", ".join(get_args(hint))
    for info in get_args(hint):
        if isinstance(info, FieldInfo):
            return info.description or ""
    return _allowed(get_args(hint)[0])  # X | None
