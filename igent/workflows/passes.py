"""Passes behind the first: registrations that a run has failed or left to a person, judged again in the same journal.

A pass is a run's own `commit` records once more, with its number; the last one of a registration is its outcome. They
follow one another in registration order, within each pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import cast

from igent.domain.ledger import Ledger
from igent.domain.records import Json
from igent.errors import OptionError
from igent.store.scan import scan
from igent.workflows.keeping import supersede
from igent.workflows.plan import Planned
from igent.workflows.since import Since

__all__ = ["Again", "KINDS", "Passes", "kept_replies", "look_ahead", "picked", "told_of"]

Record = dict[str, Json]
Rows = list[tuple[str, bytes]]

# The outcomes that name all registrations which have them.
KINDS = ("failed", "review")

# So many ids are named in a refusal.
_SHOWN = 10


class Passes:
    """A fold over the passes of a journal; `rows` are those of every pass in it, and of one that is to come.

    Of a registration that comes again, the rows for the files wait: what follows may take their place. `left` are the
    registrations of the last pass that it has not committed yet; `outcomes` and `held` are what those in passes have
    come to, and the places that are kept for them.
    """

    def __init__(self, rows: Collection[Sequence[int]] = ()) -> None:
        self._last = {n: number for number, members in enumerate(rows, start=2) for n in members}
        self.number = 1
        self.committed = 0
        self.left = dict[int, None]()
        self.held = dict[int, str]()
        self.outcomes = dict[int, str]()
        self._waiting: dict[int, Rows] = {}
        self._told: list[tuple[Record, Counter[str], Counter[str]]] = []

    def fold(self, record: Record) -> None:
        """Add one record, in the order of the journal."""
        if record["t"] == "pass":
            self.number, self.left = _int(record["pass"]), dict.fromkeys(cast("list[int]", record["rows"]))
            about = {key: record[key] for key in ("pass", "at", "only")} | {"registrations": len(self.left)}
            self._told.append((about, Counter(), Counter()))
        elif record["t"] == "commit":
            self._commit(record, _int(record["n"]))

    def _commit(self, record: Record, n: int) -> None:
        for index, _ in cast("list[tuple[int, str]]", record.get("released", [])):
            self.held.pop(index, None)
        if n in self._last:
            self.outcomes[n] = str(record["outcome"])
            self.held |= {n: str(record["supplier"])} if record.get("held") else {}
        if "pass" in record:
            self.left.pop(n)
            self.committed += 1
            _, before, after = self._told[-1]
            before[str(record["was"])] += 1
            after[str(record["outcome"])] += 1

    def comes_again(self, record: Record) -> bool:
        """Whether a later pass is about the registration of this commit."""
        return self._last.get(_int(record["n"]), 1) > cast("int", record.get("pass", 1))

    def standing(self, record: Record, rows: Rows) -> Rows:
        """The rows of a commit that can be written now; those before it are forgotten."""
        n = _int(record["n"])
        self._waiting.pop(n, None)
        if not self.comes_again(record):
            return rows
        self._waiting[n] = rows
        return []

    def waiting(self) -> Iterator[tuple[str, bytes]]:
        """The rows that a pass which has been stopped leaves as they were, once and for all."""
        for rows in self._waiting.values():
            yield from rows
        self._waiting.clear()

    def summary(self) -> Record:
        """The part of `run.json` about passes: what their registrations were, and what they have become."""
        told: list[Json] = [about | {"before": {**was}, "after": {**now}} for about, was, now in self._told]
        return {"passes": told} if told else {}


class Again:
    """What the commits of a pass do and say besides; gives back the places in the ledger of a run's commits."""

    def __init__(self, passes: Passes, since: Since, ledger: Ledger) -> None:
        self._number, self._was, self._held = passes.number, passes.outcomes, dict(passes.held)
        self._since, self._ledger = since, ledger
        self._released: list[Json] = []

    def give_back(self, *indices: int) -> None:
        """The places that are kept for registrations are free from here on."""
        for index in indices if self._number > 1 else ():
            supplier_id = self._held.pop(index, None)
            if supplier_id is not None:
                self._ledger.release(supplier_id, hold=True)
                self._released.append([index, supplier_id])

    def completed(self, record: Record) -> Record:
        """The record of a commit with its pass, what it was before, and the places that were given back for it."""
        n = _int(record["n"])
        if self._number == 1:
            return record
        about = cast("Record", record["match" if "match" in record else "row"])
        about["pass"] = self._number
        supersede(record, self._since.order_before(n))
        released, self._released = self._released, []
        return {**record, "pass": self._number, "was": self._was[n], "released": released}


async def picked(rows: AsyncGenerator[Planned, None], wanted: Sequence[int]) -> AsyncGenerator[Planned, None]:
    """The planned rows of those indices; the file is read to its end all the same, to see that it is still the same."""
    found = wanted if isinstance(wanted, range) else frozenset(wanted)
    async with aclosing(rows) as items:
        async for planned in items:
            if planned.index in found:
                yield planned


def kept_replies(replies: Sequence[Record], outcome: Json) -> list[Record]:
    """The replies that a registration need not be asked for again: those to one that failed, as far as they answer."""
    usable = (one for one in replies if one["unusable"] is None) if outcome == "failed" else ()
    return [{**one, "earlier": True} for one in usable]


def look_ahead(path: Path, only: Collection[str], *, total: int) -> tuple[set[int], list[list[int]]]:
    """What is to be known of a journal before it is folded: the rows that were reviewed, and those of each pass.

    The last pass is one to come, of the registrations that `only` names by outcome (`KINDS`) or id, in order. Raises
    `OptionError` for those that cannot be judged again, and where `total` registrations are not committed yet.
    """
    standing = _Standing()
    for record in scan(path, kind=("pass", "review", "commit") if only else ("pass", "review")):
        standing.fold(record)
    if only and (len(standing.outcomes) < total or standing.left):
        remedy = f"Go on with it first: igent run --resume {path.parent}"
        raise OptionError("the run has registrations left, which come before any again", remedy=remedy)
    return standing.reviewed, [*standing.passes, standing.chosen(only)]


class _Standing:
    """What the registrations of a journal have come to, by row, and which row an id is in."""

    def __init__(self) -> None:
        self.passes = list[list[int]]()
        self.reviewed = set[int]()
        self.outcomes = dict[int, str]()
        self.left = 0
        self._rows = dict[str, int]()
        self._deciders = dict[int, str]()

    def fold(self, record: Record) -> None:
        """Add one record of the journal."""
        if record["t"] == "pass":
            self.passes.append(cast("list[int]", record["rows"]))
            self.left = len(self.passes[-1])
            return
        n = _int(record["n"])
        if record["t"] == "review":
            self.reviewed.add(n)
        else:
            self.left -= "pass" in record
            self.outcomes[n] = str(record["outcome"])
            # An id that stands in several rows is that of none of them: all are rejected.
            self._rows |= {str(record["id"]): n} if record["id"] is not None else {}
        if decision := record if record["t"] == "review" else cast("Record", record.get("decided")):
            self._deciders[n] = told_of(decision)

    def chosen(self, only: Collection[str]) -> list[int]:
        """The rows that are named. Raises `OptionError`."""
        names = [name for name in dict.fromkeys(only) if name not in KINDS]
        if refused := [f"{name!r} {why}" for name in names if (why := self._refusal(name))]:
            more = f", and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
            problem = f"these cannot be judged again: {'; '.join(refused[:_SHOWN])}{more}"
            raise OptionError(problem, remedy="Name what has failed, is in review or unmatched")
        rows = {self._rows[name] for name in names}
        return sorted(rows | {n for n, was in self.outcomes.items() if was in only and n not in self._deciders})

    def _refusal(self, name: str) -> str | None:
        """Why a registration is not judged again."""
        n = self._rows.get(name)
        if n is None:
            return "is not in this run"
        if n in self._deciders:
            return f"is decided: {self._deciders[n]}"
        told = {"matched": "is matched already", "rejected": "is a row that cannot be used: correct it, then --since"}
        return told.get(self.outcomes[n])


def told_of(decision: Record) -> str:
    """Who has decided about a registration, when, and what."""
    return f"{decision['by']} has decided it at {decision['at']}: {decision['action']}"


def _int(value: Json) -> int:
    assert isinstance(value, int)
    return value
