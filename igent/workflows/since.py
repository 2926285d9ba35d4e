"""What a run against an earlier one has taken over, judged again and replaced: a fold over its own journal.

Before its first call the run writes down, for each of its registrations, what the earlier one had decided and why it is
judged again, if it is (`workflows.compare`). From then on it needs nothing of the earlier run any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, MutableMapping
from typing import cast

from igent.domain.records import Json
from igent.store.scan import Record

__all__ = ["Since"]


class Since:
    """The registrations that are still `ahead`, by index, and what came of the others.

    A comparison that was cut short is made again: what it has left of `replies` does not count twice.

    A person's decisions that are kept stand in the commits and become records of their own when all are committed, in
    the order in which they were made: until then they are `pending`.
    """

    def __init__(self, replies: MutableMapping[int, list[Record]]) -> None:
        self._replies = replies
        self.ahead: dict[int, Record] = {}
        self.compared = False
        self._settings: Record = {}
        self._skipped = 0
        self._rerun: list[Json] = []
        self._why: Counter[str] = Counter()
        self._removed: list[Record] = []
        self._pending: dict[int, tuple[int, Record]] = {}
        # Of registrations with an earlier order that is not repeated: that one, and what there is now.
        self._replaced: dict[int, tuple[Record, Record]] = {}

    def fold(self, record: Record) -> None:
        """Add one record, in the order of the journal."""
        n = cast("int", record.get("n"))
        match record["t"]:
            case "run":
                self._settings = cast("Record", record["settings"])
            case "since":
                self.ahead[n] = record
                self._replies.pop(n, None)
            case "compared":
                self.compared, self._removed = True, cast("list[Record]", record["removed"])
            case "commit" if (found := self.ahead.pop(n, None)) is not None:
                self._commit(found, record, n)
            case "commit" | "review" if n in self._replaced:
                was, _ = self._replaced[n]
                self._settle(was, record, n)
        if record["t"] == "review":
            self._pending.pop(n, None)

    @property
    def pending(self) -> list[Record]:
        """The decisions of people that are kept and not yet in the journal, in their order."""
        return [record for _, record in sorted(self._pending.values(), key=lambda one: one[0])]

    def order_before(self, index: int) -> Record | None:
        """The order of the earlier run that a registration has not got again so far."""
        return self._replaced[index][0] if index in self._replaced else None

    def summary(self) -> dict[str, Json]:
        """The part of `run.json` about the earlier run; nothing where there is none."""
        if not self._settings.get("since"):
            return {}
        now = [self._replaced[n] for n in sorted(self._replaced)]
        told: Record = {
            "run": self._settings["since"],
            "reallocate": self._settings["reallocate"],
            "skipped": self._skipped,
            "rerun": len(self._rerun),
            "why": {reason: self._why[reason] for reason in sorted(self._why)},
            "registrations": self._rerun,
            "superseded": [*_superseded(now)],
            "cancelled": [*_cancelled(now), *(one for one in self._removed if one["po_id"])],
            "removed": [one["registration_id"] for one in self._removed],
        }
        return {"since": told}

    def _commit(self, found: Record, record: Record, n: int) -> None:
        # Nothing had changed and yet it was asked: another version of igent puts its questions otherwise.
        why = cast("list[str]", found["why"]) or (["replies"] if record["calls"] else [])
        if why:
            row: Record = {"registration_id": found["id"], "why": [*why]}
            self._rerun.append(row | ({"decision": found["decision"]} if "decision" in found else {}))
            self._why.update(why)
        else:
            self._skipped += 1
        if "decided" in record:
            self._pending[n] = cast("int", found["place_in_line"]), cast("Record", record["decided"])
        if found.get("was_order"):
            self._settle(cast("Record", found["was_order"]), record, n)

    def _settle(self, was: Record, record: Record, n: int) -> None:
        """Hold an earlier order against what there is now."""
        order, row = cast("Record", record.get("order") or {}), cast("Record", record.get("row") or {})
        now: Record = {"registration_id": record["id"], "outcome": record["outcome"], "codes": row.get("codes")}
        if order.get("po_id") == was["po_id"]:
            self._replaced.pop(n, None)
        else:
            self._replaced[n] = was, now | {key: order.get(key) for key in ("po_id", "supplier_id")}


def _superseded(replaced: list[tuple[Record, Record]]) -> Iterator[Json]:
    for was, now in replaced:
        if now["po_id"]:
            yield {
                "registration_id": now["registration_id"],
                "po_id": now["po_id"],
                "supersedes": was["po_id"],
                "from": was["supplier_id"],
                "to": now["supplier_id"],
            }


def _cancelled(replaced: list[tuple[Record, Record]]) -> Iterator[Json]:
    for was, now in replaced:
        if not now["po_id"]:
            yield {"registration_id": now["registration_id"], **was, "outcome": now["outcome"], "codes": now["codes"]}
