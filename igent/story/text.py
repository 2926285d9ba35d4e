"""Plain values taken apart and put into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

from igent import codec
from igent.domain.records import Json
from igent.printable import visible

__all__ = ["Row", "as_list", "as_row", "as_rows", "as_text", "json_of", "visible"]

Row: TypeAlias = Mapping[str, Json]


def as_text(value: Json) -> str:
    """A text as it is, any other value as JSON."""
    return value if isinstance(value, str) else json_of(value)


def json_of(value: Json) -> str:
    """Any value as JSON."""
    return codec.dump(value).decode()


def as_row(value: Json) -> Row:
    """An object; an empty one for anything else."""
    return cast("Row", value) if isinstance(value, dict) else {}


def as_rows(value: Json) -> Sequence[Row]:
    """The objects of an array; none for anything else."""
    return [as_row(one) for one in as_list(value)]


def as_list(value: Json) -> list[Json]:
    """An array; an empty one for anything else."""
    return value if isinstance(value, list) else []
