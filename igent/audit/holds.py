"""The places that a run keeps for those in review: when each was taken, and given back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from igent.audit.case import Case
from igent.audit.claims import Found, Tiers, maybe_kept, maybe_tiers, number_of
from igent.domain.records import Json

__all__ = ["Hold", "LAST", "Told", "holds", "holds_of"]

LAST = 2**63  # behind every row


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A place that was kept for a household in review, or `given_back`: in which pass, in whose turn there by row.

    What people decide comes behind the pass that they have read, as its `LAST` turn.
    """

    index: int
    supplier_id: str
    number: int = 1
    given_back: bool = False

    @property
    def turn(self) -> tuple[int, int, int]:
        """When that was: a place is given back before its household has its turn, and kept behind it."""
        return self.number, self.index, -1 if self.given_back else 1


@dataclass(slots=True, kw_only=True)
class Told:
    """What a run's `audit.jsonl` says of households: their tiers, and the places that they kept of an earlier run.

    `turns` are the places that were kept for reviews, by household, without its row; `passes` how many there are.
    """

    tiers: dict[str, Tiers] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    turns: list[tuple[str, Hold]] = field(default_factory=list)
    passes: int = 1

    def add(self, line: Mapping[str, Json]) -> None:
        """Add a line; what a further pass says of a household takes the place of what was said before."""
        value, name = dict(line), str(line.get("registration_id"))
        number = number_of(Found(value, ""))
        self.passes = max(self.passes, number)
        if number > 1:
            self.tiers.pop(name, None)
        self.tiers.update([tiers] if (tiers := maybe_tiers(value)) else ())
        self.kept.update([place] if (place := maybe_kept(value)) else ())
        released = value.get("released")
        for supplier_id in released if isinstance(released, list) else ():
            self.turns.append((name, Hold(index=0, supplier_id=str(supplier_id), number=number, given_back=True)))
        match value:
            case {"outcome": "review" | "failed", "allocation": {"supplier_id": str(supplier_id)}}:
                self.turns.append((name, Hold(index=0, supplier_id=supplier_id, number=number)))


def holds_of(row: Found, case: Case, *, decided: bool) -> list[tuple[str, Hold]]:
    """The place that a row of the files says was kept for it, by household; given back where it is `decided`."""
    name, supplier_id = row.get("registration_id").text or "", row.get("held").text or ""
    if name not in case.households or supplier_id not in case.suppliers:
        return []
    index, number = case.households[name].index, number_of(row)
    if not decided:
        return [(name, Hold(index=index, supplier_id=supplier_id, number=number))]
    freed = Hold(index=LAST, supplier_id=supplier_id, number=number, given_back=True)
    return [(name, Hold(index=index, supplier_id=supplier_id)), (name, freed)]


def holds(rows: Iterable[tuple[str, Hold]], told: Told | None, case: Case) -> list[Hold]:
    """The places of the rows of the files; of a run of several passes as its audit tells them.

    Those that were kept of an earlier run are not among them.
    """
    kept = told.kept if told else {}
    several = told is not None and told.passes > 1
    found = [hold for name, hold in rows if name not in kept and (hold.given_back or not several)]
    for name, hold in told.turns if told and several else ():
        known = name in case.households and hold.supplier_id in case.suppliers
        if known and not (hold.number == 1 and name in kept):
            found.append(replace(hold, index=case.households[name].index))
    return found
