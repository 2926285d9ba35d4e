"""What a person decides about a registration in review, and what comes of it by the rules that bind a run too."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from igent.domain.allocation import Place
from igent.domain.ledger import Ledger
from igent.domain.orders import build_order, lends
from igent.domain.outcomes import Outcome
from igent.domain.records import Offer, Payment
from igent.domain.verify import MatchDecision, MatchTask, OrderDecision, OrderTask

__all__ = ["Action", "Choice", "Open", "PLAIN_ORDER", "Refusal", "decided"]

Action = Literal["accept", "choose", "reject"]

# What nobody needs to judge: cash, and every incentive whose condition is prose left undecided.
PLAIN_ORDER = OrderDecision(payment="cash", incentives={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One decision: `offer` is the candidate of `choose`, `payment` replaces what was proposed, where it is given."""

    registration_id: str
    action: Action
    by: str
    offer: str | None = None
    payment: Payment | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A registration that waits for a person; both tasks are None where it has no candidates.

    `proposed` is the offer that was told as what accepting gives. `match` and `order` are what the phases came to, the
    latter None where the match itself is in doubt; it is used with another offer only where it is `order_settled`.
    `held` is the supplier that keeps its place.
    """

    match_task: MatchTask | None = None
    order_task: OrderTask | None = None
    match: MatchDecision | None = None
    order: OrderDecision | None = None
    order_settled: bool = False
    proposed: str | None = None
    held: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a decision is not applied: nothing has changed."""

    reason: str


def decided(choice: Choice, case: Open, ledger: Ledger, *, currency: str) -> Outcome | Refusal:
    """What a decision comes to. Takes no place and gives none back: a match needs one that is free or its own."""
    if choice.action == "reject":
        return Outcome(kind="unmatched", codes=("review-rejected",))
    offer = _offer(choice, case)
    if isinstance(offer, Refusal):
        return offer
    assert case.order_task is not None, "what has candidates has both tasks"
    decision, supplier = _order(choice, case), offer.supplier.id
    if decision.payment == "loan" and case.order_task.registration.note is None:
        return Refusal("a loan needs the household's own words, and it has left no note")
    if decision.payment == "loan" and not lends(offer, case.order_task.registration):
        return Refusal(f"{supplier!r} quotes no loan for every line: choose another offer, or the payment cash")
    account, own = ledger[supplier], int(case.held == supplier)
    if account.room + own <= 0:
        kept = f"; {case.held!r} keeps one for it" if case.held is not None else ""
        return Refusal(f"{supplier!r} has no place left of {account.capacity}{kept}")
    tier = next((n for n, ids in enumerate(_fit(case), start=1) if offer.id in ids), 0)
    place = Place(offer=offer, tier=tier, considered=((supplier, account.used - own, account.capacity),))
    order = build_order(case.order_task, offer, decision, currency=currency)
    return Outcome(kind="matched", judgement="reviewed", place=place, order=order)


def _offer(choice: Choice, case: Open) -> Offer | Refusal:
    offers = {offer.id: offer for offer in case.match_task.offers} if case.match_task else {}
    if choice.action == "choose":
        known = f"they are {', '.join(offers)}" if offers else "it has none"
        return offers.get(choice.offer or "") or Refusal(f"{choice.offer!r} is not among its candidates: {known}")
    if case.proposed is None:
        return Refusal("there is no proposal to accept: choose a candidate, or reject")
    return offers[case.proposed]


def _order(choice: Choice, case: Open) -> OrderDecision:
    """How it is paid, and which incentives were judged: none of those that are themselves what is unproven."""
    keep = case.order is not None and (case.order_settled or choice.action == "accept")
    found = case.order if keep and case.order else PLAIN_ORDER
    if choice.payment is None:
        return found
    return replace(found, payment=choice.payment)


def _fit(case: Open) -> tuple[tuple[str, ...], ...]:
    return (case.match.fit if case.match else None) or ()
