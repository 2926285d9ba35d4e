"""What a run has decided, read from its journal alone: who wished for which suppliers, and where each one went."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from igent.domain.allocation import AllocationRule, Wish, one_by_one, worth
from igent.domain.ledger import Account, Ledger
from igent.domain.records import Json
from igent.errors import OptionError
from igent.store.scan import Record, scan

__all__ = ["Decided", "gap", "read_decided"]


@dataclass(slots=True, kw_only=True)
class Decided:
    """The registrations of a run in their order, each with its wish and supplier; `ledger` is that before the first.

    A wish without tiers takes no place. What a person has decided in review is a wish for that one supplier, and what a
    further pass has decided takes the place of what was. `held` are the 0-based rows that a place is only kept for.
    """

    rule: AllocationRule
    ledger: Ledger
    ids: list[str | None] = field(default_factory=list)
    wishes: list[Wish] = field(default_factory=list)
    suppliers: list[str | None] = field(default_factory=list)
    held: set[int] = field(default_factory=set)
    finished: bool = False

    def fold(self, record: Record) -> None:
        """Add one record of the journal."""
        match record["t"]:
            case "commit":
                self._commit(record, cast("int", record["n"]))
            case "review":
                row, supplier = cast("int", record["n"]), cast("str | None", record.get("supplier"))
                self.wishes[row], self.suppliers[row] = ((supplier,),) if supplier else (), supplier
                self.held.discard(row)
            case "pass" | "end":
                self.finished = record["t"] == "end"

    def _commit(self, record: Record, row: int) -> None:
        if row == len(self.ids):
            self.ids.append(cast("str | None", record["id"]))
            self.wishes.append(())
            self.suppliers.append(None)
        self.wishes[row], self.suppliers[row] = _wish(record["wish"]), cast("str | None", record.get("supplier"))
        self.held.discard(row)
        self.held |= {row} if record.get("held") else set()


def read_decided(path: Path, *, later: bool = True) -> Decided:
    """Read a journal, with what people and further passes have decided later or without; it stays as it is.

    Raises `JournalError`, and `OptionError` for the journal of an earlier version.
    """
    records = scan(path)
    header = next(records, {})
    match header.get("allocation"):
        case {"rule": "balanced" | "optimal" as rule, "capacity": [*capacity]}:
            decided = Decided(rule=rule, ledger=_ledger(cast("list[Record]", capacity)))
        case _:
            remedy = "Name the directory of a run that this version of igent has written"
            raise OptionError(f"{str(path.parent)!r} does not say how it allocates", remedy=remedy)
    for record in records:
        if later or not (record["t"] == "review" or "pass" in record):
            decided.fold(record)
    return decided


def gap(decided: Decided) -> Record:
    """What the allocation of a run is worth, and what the balanced rule's would have been."""
    wishes, ledger = decided.wishes, decided.ledger
    return {
        "rule": decided.rule,
        "found": worth(wishes, decided.suppliers, ledger).as_record(),
        "balanced": worth(wishes, one_by_one(wishes, ledger), ledger).as_record(),
    }


def _wish(value: Json) -> Wish:
    return tuple(tuple(tier) for tier in cast("list[list[str]]", value))


def _ledger(records: list[Record]) -> Ledger:
    told = ((str(one["supplier_id"]), cast("int", one["capacity"]), cast("int", one["used"])) for one in records)
    return Ledger(
        Account(supplier_id=name, order=order, capacity=capacity, used_before=used, used=used)
        for order, (name, capacity, used) in enumerate(told)
    )
