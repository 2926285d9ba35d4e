"""Reading a file of decisions: JSON Lines, a JSON array, or CSV with the same names in its first line."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast, get_args

from igent.domain.records import Json, Payment
from igent.domain.reviews import Action, Choice
from igent.errors import InputError
from igent.store.plain import read_text
from igent.store.source import BadRow, RowFile

__all__ = ["MAX_COMMENT_CHARS", "decisions_of", "read_decisions"]

# A reason in a few sentences; it stands in the matches and the orders' audit for good.
MAX_COMMENT_CHARS = 500

_FIELDS = ("registration_id", "action", "offer", "payment", "by", "comment")
_REMEDY = (
    f"Each row has {', '.join(_FIELDS)}; action is one of {', '.join(get_args(Action))}; the last four may be left out"
)


def read_decisions(path: Path, *, by: str) -> list[Choice]:
    """The decisions of a file, all of them or none: `by` decides where a row does not say who.

    Raises `InputError` for the first row that is no decision.
    """
    rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _json_rows(path)
    return decisions_of(rows, by=by, source=path.name)


def decisions_of(rows: Iterable[Json], *, by: str, source: str) -> list[Choice]:
    """The decisions of rows that came from `source`. Raises `InputError` for the first that is none."""
    return [_choice(row, by, file=source, number=number) for number, row in enumerate(rows, start=1)]


def _csv_rows(path: Path) -> Iterator[Json]:
    text = read_text(path)
    try:
        # What stands behind the last column has the key None; a short row has values of None.
        found = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        yield from (cast("Json", {key or "": value for key, value in row.items()}) for row in found)
    except csv.Error as exc:
        raise InputError(file=path.name, place="", problem=f"cannot be read: {exc}", remedy=_REMEDY) from exc


def _json_rows(path: Path) -> Iterator[Json]:
    async def all_of() -> list[Json | BadRow]:
        return [row async for batch in RowFile(path).batches() for row in batch.rows]

    for row in asyncio.run(all_of()):
        if isinstance(row, BadRow):
            raise InputError(file=path.name, place=f"line {row.line}", problem=row.problem, remedy=_REMEDY)
        yield row


def _choice(row: Json, by: str, *, file: str, number: int) -> Choice:
    problem = _problem(row)
    if problem is not None:
        raise InputError(file=file, place=f"row {number}", problem=problem, remedy=_REMEDY)
    given = {key: value for key, value in cast("Mapping[str, str | None]", row).items() if value}
    return Choice(
        registration_id=given["registration_id"],
        action=cast("Action", given["action"]),
        by=given.get("by", by),
        offer=given.get("offer"),
        payment=cast("Payment | None", given.get("payment")),
        comment=" ".join(given.get("comment", "").split()),
    )


def _problem(row: Json) -> str | None:
    """What keeps a row from being a decision."""
    if not isinstance(row, dict) or row.keys() - {*_FIELDS}:
        return "has other fields than those of a decision"
    if not all(value is None or isinstance(value, str) for value in row.values()):
        return "has a value that is no text"
    action, comment = row.get("action"), str(row.get("comment") or "")
    if not row.get("registration_id") or action not in get_args(Action):
        return "names no registration or no action"
    if bool(row.get("offer")) != (action == "choose"):
        return "'choose' goes with an offer, the other actions without one"
    if row.get("payment") not in (None, "", *get_args(Payment)):
        return f"cannot be paid by {row['payment']!r}"
    if len(comment) > MAX_COMMENT_CHARS:
        return f"has a comment of {len(comment)} characters, and {MAX_COMMENT_CHARS} are allowed"
    shown = (str(row.get(key) or "") for key in ("registration_id", "by", "comment"))
    return None if all("".join(text.split()).isprintable() for text in shown) else "has characters that cannot be shown"
