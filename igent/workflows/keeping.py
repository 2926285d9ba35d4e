"""How a run against an earlier one commits: kept places were taken first, and an order names the one it replaces."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import cast

from igent.domain.allocation import Allocate, AllocationRule, Place, Tiers
from igent.domain.ledger import Ledger
from igent.domain.records import Json, Registration
from igent.workflows.cases import redecided
from igent.workflows.commit import Rules
from igent.workflows.pipeline import Judged
from igent.workflows.plan import Planned
from igent.workflows.since import Since

__all__ = ["Keeping", "supersede"]

Record = dict[str, Json]


class Keeping:
    """What is left to take over of an earlier run; takes its places from the ledger of a run's commits.

    A place that is kept is given back to it, or to whom the household's outcome now leads, in its own turn.
    """

    def __init__(self, since: Since, ledger: Ledger) -> None:
        self._ahead, self._ledger = dict(since.ahead), ledger
        for _, record in sorted(self._ahead.items()):
            if record.get("place") is not None:
                ledger.take(str(record["place"]), hold=bool(record.get("hold")))
        for decision in since.pending:
            if decision.get("supplier") is not None:
                ledger.take(str(decision["supplier"]))

    def keeps(self, index: int) -> bool:
        """Whether a registration's judgement is that of the earlier run."""
        return index in self._ahead and not self._ahead[index]["why"]

    def settles(self, index: int) -> bool:
        """Whether where a registration goes is not for the rule of allocation to say."""
        found = self._ahead.get(index, {})
        return bool(found.get("place") or found.get("lost") or found.get("left_out"))

    def judged(self, index: int, judged: Judged) -> Judged:
        """What was judged again from replies alone counts no calls."""
        if not self.keeps(index):
            return judged
        calls = judged.calls
        asked = sum(calls[kind] for kind in ("match", "order", "critique", "batched", "cache_hits")) - calls["replayed"]
        return judged if asked else replace(judged, calls=Counter())

    def rules(self, index: int, rules: Rules) -> Rules:
        """The rules for one registration; the place that is kept for it is free from here on."""
        found = self._ahead.get(index, {})
        if found.get("review") and not found.get("lost"):
            return replace(rules, hold_reviews=False)
        if found.get("lost"):
            return replace(rules, place_lost=True)
        if found.get("place") is not None:
            self._ledger.release(str(found["place"]), hold=bool(found.get("hold")))
            again = _again(cast("Record", cast("Record", found["was"])["allocation"]), rules.allocate)
            return replace(rules, allocate=again)
        return replace(rules, allocate=_nowhere) if found.get("left_out") else rules

    def completed(self, planned: Planned, record: Record, rules: Rules) -> Record:
        """The record of a commit with what a run against an earlier one says besides."""
        found = self._ahead.pop(planned.index, None)
        if found is None:
            return record
        if record["outcome"] == "review":
            record["row"] = self._row(found, cast("Record", record["row"]))
        was = cast("Record | None", found["was_order"])
        if found.get("review") and record["outcome"] == "review" and not found.get("lost"):
            decided = self._decided(planned, found, record, rules)
            record |= {"decided": decided} if decided else {}
            supersede(decided or record, was)
        else:
            supersede(record, was)
        taken_over: Record = {} if found["why"] else {"taken_over": not record["calls"]}
        return record | taken_over | {"audit": {**cast("Record", record["audit"]), **_about(found, record)}}

    def _row(self, found: Record, row: Record) -> Record:
        """What accepting would give stays what was told, as long as it can be given; a decision that fell is told."""
        review, proposal = found.get("review"), cast("Record | None", found.get("proposal"))
        if review and found.get("lost"):
            row |= {"decision": {key: cast("Record", review)[key] for key in ("action", "by", "at", "comment")}}
        roomy = proposal is not None and self._ledger[str(proposal["supplier_id"])].room > 0
        return row | {"proposal": proposal} if roomy and "proposal" in row and not found.get("lost") else row

    def _decided(self, planned: Planned, found: Record, record: Record, rules: Rules) -> Record | None:
        """A person's decision again; its place stays taken, unless the rules no longer allow the decision."""
        place, review = found.get("place"), cast("Record", found["review"])
        if place is not None:
            self._ledger.release(str(place))
        decided = redecided(planned, review, record, self._ledger, rules=rules)
        if decided is not None and place is not None:
            self._ledger.take(str(place))
        return decided


def _about(found: Record, record: Record) -> Record:
    """What the audit says besides: the place that was kept and is used, or why it was judged again.

    A decision against a match keeps none, and no place was kept for it in this run.
    """
    if found["why"]:
        return {"since": found["why"]}
    placed = cast("Record", record.get("decided") or record).get("supplier")
    kept = placed is not None or "decided" in record
    return {"kept": placed} if kept and placed == found["place"] else {}


def supersede(record: Record, was: Record | None) -> None:
    """Let an order name the one that it takes the place of, at once or once a person has decided."""
    order = cast("Record | None", record.get("order"))
    if was is None or (order is None and record["outcome"] != "review"):
        return
    if order is None:
        record["supersedes"] = {key: was[key] for key in ("po_id", "supplier_id")}
    elif order["po_id"] != was["po_id"]:
        order["supersedes"] = was["po_id"]
    elif "supersedes" in was:
        order["supersedes"] = was["supersedes"]


def _again(kept: Record, otherwise: Allocate) -> Allocate:
    """The rule that gives a household the offer that it had, as it was given, if that is still acceptable."""

    def allocate(tiers: Tiers, registration: Registration, ledger: Ledger) -> Place | None:
        offers = {offer.id: offer for tier in tiers for offer in tier}
        if kept["offer"] not in offers:
            return otherwise(tiers, registration, ledger)
        considered = cast("list[Record]", kept["considered"])
        return Place(
            offer=offers[str(kept["offer"])],
            tier=cast("int", kept["tier"]),
            considered=tuple(
                (str(c["supplier_id"]), cast("int", c["used"]), cast("int", c["capacity"])) for c in considered
            ),
            rule=cast("AllocationRule", kept.get("rule", "balanced")),
        )

    return allocate


def _nowhere(_tiers: Tiers, _registration: Registration, _ledger: Ledger) -> Place | None:
    """The rule for whom every supplier was full: it does not stand in line again."""
    return None
