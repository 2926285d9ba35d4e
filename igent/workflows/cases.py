"""A registration in review as the journal has it, and the record of what a person decides about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from igent.domain.grounds import Ground
from igent.domain.ledger import Ledger
from igent.domain.outcomes import Outcome
from igent.domain.records import Json, Payment
from igent.domain.reviews import Action, Choice, Open, Refusal, decided
from igent.domain.verify import MatchDecision, OrderDecision, Ruling
from igent.store.scan import Record
from igent.workflows.commit import Rules, offer_record, order_record
from igent.workflows.plan import Planned

__all__ = ["Case", "case_of", "decision_record", "redecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One registration in review: its 0-based `index`, its row of `review.json`, and the note as the input has it.

    `supersedes` is the order of an earlier run that one of its own would take the place of.
    """

    index: int
    row: Record
    note: str | None = None
    open: Open = field(default_factory=Open)
    supersedes: str | None = None


def case_of(commit: Record) -> Case:
    """What the commit of a review leaves to a person."""
    row = cast("Record", commit["row"])
    waiting = cast("Record", commit.get("supersedes") or {})
    earlier = cast("str | None", waiting.get("po_id"))
    return Case(index=cast("int", commit["n"]), row=row, open=_open(commit, row), supersedes=earlier)


def decision_record(choice: Choice, outcome: Outcome, case: Case, *, at: str, simulated: bool) -> Record:
    """The journal's record of a decision: enough to write every file again."""
    who: Record = {"by": choice.by, "at": at, "comment": choice.comment}
    held: Record = {} if case.open.held is None else {"held": case.open.held}
    name: Record = {"registration_id": choice.registration_id}
    head: Record = {"t": "review", "n": case.index, "id": choice.registration_id, "action": choice.action}
    head |= {**who, "payment": choice.payment, "held": case.open.held, "outcome": outcome.kind}
    if outcome.place is None:
        about: Record = {key: case.row[key] for key in ("source", "note", "unproven") if key in case.row}
        return head | {"row": {**name, "codes": [*outcome.codes], **who, **held, **about}}
    offer = outcome.place.offer
    done = "accepted" if choice.action == "accept" else "chosen"
    match: Record = {
        **name,
        "supplier_id": offer.supplier.id,
        "offer": offer_record(offer),
        "tier": outcome.place.tier or None,
        "judgement": outcome.judgement,
        "reason": f"{done} in review by {choice.by}",
    }
    order = order_record(outcome, simulated=simulated)
    if case.supersedes is not None:
        order["supersedes"] = case.supersedes
    return head | {"supplier": offer.supplier.id, "match": {**match, **who, **held}, "order": order}


def redecided(planned: Planned, review: Record, commit: Record, ledger: Ledger, *, rules: Rules) -> Record | None:
    """A person's decision of an earlier run, come to again from the inputs; its place has to be free.

    It is still theirs, with who and when; None where the rules no longer allow it.
    """
    case, offer = case_of(commit), cast("str | None", review["offer"])
    held = cast("str | None", review["held"])
    tasks = replace(case.open, match_task=planned.match, order_task=planned.order, proposed=offer, held=held)
    choice = Choice(
        registration_id=str(planned.id),
        action=cast("Action", review["action"]),
        by=str(review["by"]),
        offer=offer,
        payment=cast("Payment | None", review["payment"]),
        comment=str(review["comment"]),
    )
    outcome = decided(choice, tasks, ledger, currency=rules.currency)
    if isinstance(outcome, Refusal):
        return None
    about, at = replace(case, open=tasks), str(review["at"])
    again = decision_record(choice, outcome, about, at=at, simulated=rules.simulated)
    # The match tells that a place was kept for it until then; this run keeps none.
    return again | {"held": None}


def _open(commit: Record, row: Record) -> Open:
    """What the phases left to a person, as the commit has it."""
    match, order = cast("list[Record]", cast("Record", commit["audit"])["phases"])
    settled = match.get("verdict") in ("proven", "plausible")
    proposal, held = row.get("proposal"), row.get("held")
    return Open(
        match=_match(match.get("decision")),
        order=_order(order.get("decision")) if settled else None,
        order_settled=settled and order.get("verdict") in ("proven", "plausible"),
        proposed=str(proposal["offer"]) if isinstance(proposal, dict) else None,
        held=None if held is None else str(held),
    )


def _match(decision: Json) -> MatchDecision | None:
    if not isinstance(decision, dict):
        return None
    tiers = cast("list[list[str]] | None", decision["fit"])
    return MatchDecision(fit=None if tiers is None else tuple(map(tuple, tiers)))


def _order(decision: Json) -> OrderDecision | None:
    if not isinstance(decision, dict):
        return None
    rulings = cast("Mapping[str, Ruling | Mapping[str, Ruling]]", decision["incentives"])
    grounds = tuple(Ground.from_record(one) for one in cast("list[Record]", decision.get("grounds", [])))
    return OrderDecision(payment=cast("Payment | None", decision["payment"]), incentives=rulings, grounds=grounds)
