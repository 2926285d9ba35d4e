"""Plain values taken apart and put into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

from igent import codec
from igent.domain.records import Json

__all__ = ["Row", "as_list", "as_row", "as_rows", "as_text", "visible"]

Row: TypeAlias = Mapping[str, Json]


def visible(text: str) -> str:
    """A line with whatever could act on a terminal, or hide in it, written as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def as_text(value: Json) -> str:
    """A text as it is, any other value as JSON."""
    return value if isinstance(value, str) else codec.dump(value).decode()


def as_row(value: Json) -> Row:
    """An object; an empty one for anything else."""
    return cast("Row", value) if isinstance(value, dict) else {}


def as_rows(value: Json) -> Sequence[Row]:
    """The objects of an array; none for anything else."""
    return [as_row(one) for one in as_list(value)]


def as_list(value: Json) -> list[Json]:
    """An array; an empty one for anything else."""
    return value if isinstance(value, list) else []
