"""The one outcome of each registration, decided in registration order against the ledger: one synchronous step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from igent.domain.allocation import Allocate, Place, Tiers, Wish, wish_of
from igent.domain.ledger import Ledger
from igent.domain.orders import Order, build_order, lends
from igent.domain.records import Json, Offer, OutcomeKind
from igent.domain.verify import MatchDecision, MatchTask, OrderDecision, OrderTask

__all__ = ["Outcome", "Settled", "hold_place", "order_at", "place_for", "place_in", "tiers_for"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Two settled phases: what was asked, what was decided and how sure that is."""

    match_task: MatchTask
    match: MatchDecision
    order_task: OrderTask
    order: OrderDecision
    judgement: Literal["proven", "plausible"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a registration ended: `codes` say why it is not matched, `details` what a person needs to act.

    `wish` is where it could be placed, if its phases have settled that.
    """

    kind: OutcomeKind
    codes: tuple[str, ...] = ()
    details: Mapping[str, Json] = field(default_factory=dict)
    judgement: Literal["proven", "plausible", "reviewed"] | None = None
    place: Place | None = None
    order: Order | None = None
    held: Place | None = None
    wish: Wish = ()

    @property
    def taken_from(self) -> str | None:
        """The supplier whose capacity it uses, for a match or a place held."""
        place = self.place or self.held
        return place.offer.supplier.id if place else None


def tiers_for(settled: Settled) -> Tiers | Outcome:
    """The offers that a household with settled phases can be placed at; an outcome where there are none."""
    registration, tiers = settled.match_task.registration, _tiers(settled.match, settled.match_task)
    if not tiers:
        return Outcome(kind="review", codes=("no-acceptable-offer",), judgement=settled.judgement)
    if settled.order.payment == "loan":
        lending = ([offer for offer in tier if lends(offer, registration)] for tier in tiers)
        tiers = [tier for tier in lending if tier]
    if not tiers:
        return Outcome(kind="review", codes=("financing-not-offered",), judgement=settled.judgement)
    return tiers


def place_for(settled: Settled, ledger: Ledger, allocate: Allocate) -> Place | Outcome:
    """The place that a household with settled phases would get, not yet taken; an outcome where there is none."""
    tiers = tiers_for(settled)
    return tiers if isinstance(tiers, Outcome) else place_in(tiers, settled, ledger, allocate)


def place_in(tiers: Tiers, settled: Settled, ledger: Ledger, allocate: Allocate) -> Place | Outcome:
    """The same in tiers that are known."""
    place = allocate(tiers, settled.match_task.registration, ledger)
    if place is None:
        details: dict[str, Json] = {"suppliers": _suppliers(tiers)}
        return Outcome(kind="unmatched", codes=("capacity-exhausted",), details=details, wish=wish_of(tiers))
    return place


def order_at(settled: Settled, place: Place, ledger: Ledger, *, currency: str, tiers: Tiers) -> Outcome:
    """Price the order at a place among `tiers` and take the place."""
    order = build_order(settled.order_task, place.offer, settled.order, currency=currency)
    ledger.take(place.offer.supplier.id)
    return Outcome(kind="matched", judgement=settled.judgement, place=place, order=order, wish=wish_of(tiers))


def hold_place(outcome: Outcome, task: MatchTask, ledger: Ledger, allocate: Allocate) -> Outcome:
    """Keep the place that the rule would give among all candidates, until a person has decided."""
    place = allocate([task.offers], task.registration, ledger)
    if place is None:
        return outcome
    ledger.take(place.offer.supplier.id, hold=True)
    return Outcome(kind=outcome.kind, codes=outcome.codes, details=outcome.details, held=place)


def _tiers(decision: MatchDecision, task: MatchTask) -> list[list[Offer]]:
    """The offers of each tier in file order: how a reply lists them within a tier means nothing."""
    return [[offer for offer in task.offers if offer.id in tier] for tier in decision.fit or ()]


def _suppliers(tiers: Tiers) -> list[Json]:
    return [*dict.fromkeys(offer.supplier.id for tier in tiers for offer in tier)]
