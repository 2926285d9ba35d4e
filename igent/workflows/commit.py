"""The step that commits one registration: what its phases came to, its place, its order, and the record of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from igent import codec
from igent.accounting.spans import span
from igent.dialogue.script import Conclusion, Turn
from igent.domain.allocation import Allocate, Place, Wish, balanced, wish_of
from igent.domain.codes import in_words
from igent.domain.ledger import Ledger
from igent.domain.orders import build_order, unsourced
from igent.domain.outcomes import Outcome, Settled, hold_place, order_at, place_for, place_in, tiers_for
from igent.domain.pricing import money, offer_total
from igent.domain.records import Json, Offer, Registration
from igent.domain.reviews import PLAIN_ORDER
from igent.domain.verify import MatchDecision, OrderDecision
from igent.errors import ModelError, RowError, RunStopped
from igent.markets.rows import NOTE_FIELD
from igent.workflows.pipeline import Judged, PhaseResult
from igent.workflows.plan import Planned

__all__ = ["Rules", "commit_record", "decide", "offer_record", "order_record", "wish_for"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a run decides where the inputs leave a choice; `simulated` marks the orders of a mock.

    `place_lost` is said of a household alone: the place that it had in an earlier run is gone.
    """

    allocate: Allocate
    currency: str
    strict_judgement: bool
    hold_reviews: bool
    simulated: bool
    place_lost: bool = False


def decide(planned: Planned, judged: Judged, ledger: Ledger, rules: Rules) -> Outcome:
    """The outcome of one registration, with its place taken from the ledger."""
    outcome = _outcome(planned, judged, ledger, rules)
    if outcome.kind == "review":
        outcome = replace(outcome, details={**outcome.details, **_proposal(planned, judged, ledger, rules)})
    if planned.match is not None and _holds(outcome, rules):
        return hold_place(outcome, planned.match, ledger, rules.allocate)
    return outcome


def wish_for(planned: Planned, judged: Judged, rules: Rules) -> Wish:
    """Where a registration can be placed, for a match or to be held, before its turn; nowhere where it will not be."""
    found = _settled_or_not(planned, judged, rules)
    tiers = tiers_for(found) if isinstance(found, Settled) else found
    return _wish(planned, tiers, rules) if isinstance(tiers, Outcome) else wish_of(tiers)


def commit_record(planned: Planned, judged: Judged, outcome: Outcome, rules: Rules) -> dict[str, Json]:
    """The journal's record of an outcome, but for its times: enough to write every file again."""
    record: dict[str, Json] = {
        "t": "commit",
        "n": planned.index,
        "id": planned.id,
        "outcome": outcome.kind,
        "noted": planned.noted,
        "calls": {**judged.calls},
        "audit": _audit(planned, judged, outcome),
        "wish": [[*tier] for tier in _wish(planned, outcome, rules)],
    }
    if outcome.taken_from is not None:
        record |= {"supplier": outcome.taken_from, "held": outcome.held is not None}
    if outcome.kind == "matched":
        return record | {
            "match": _match(planned, judged, outcome),
            "order": order_record(outcome, simulated=rules.simulated),
        }
    row: dict[str, Json] = {"registration_id": planned.id, "codes": [*outcome.codes]}
    if outcome.held is not None:
        row["held"] = outcome.held.offer.supplier.id
    row |= {**outcome.details, **_whereabouts(planned)}
    return record | {"row": row | (_to_decide(planned, outcome, rules) if outcome.kind == "review" else {})}


def _outcome(planned: Planned, judged: Judged, ledger: Ledger, rules: Rules) -> Outcome:
    settled = _settled_or_not(planned, judged, rules)
    if isinstance(settled, Outcome):
        return settled
    tiers = tiers_for(settled)
    if isinstance(tiers, Outcome):
        return tiers
    with span("allocate"):
        place = place_in(tiers, settled, ledger, rules.allocate)
    if isinstance(place, Outcome):
        return place
    with span("order"):
        return order_at(settled, place, ledger, currency=rules.currency, tiers=tiers)


def _wish(planned: Planned, outcome: Outcome, rules: Rules) -> Wish:
    return wish_of([planned.match.offers]) if planned.match is not None and _holds(outcome, rules) else outcome.wish


def _holds(outcome: Outcome, rules: Rules) -> bool:
    return rules.hold_reviews and outcome.kind in ("review", "failed")


def _settled_or_not(planned: Planned, judged: Judged, rules: Rules) -> Settled | Outcome:
    """What there is to place, or the outcome of what will not be."""
    if planned.outcome is not None:
        return Outcome(kind=planned.outcome, codes=planned.codes)
    if judged.bug is not None:
        return Outcome(kind="failed", codes=("internal-error",), details={"error": judged.bug})
    for phase, result in (("match", judged.match), ("order", judged.order)):
        if isinstance(result, ModelError):
            return Outcome(kind="failed", codes=(result.code,), details={"phase": phase, "error": str(result)})
        assert not isinstance(result, RunStopped), "what was abandoned is not committed"
        if result is None or result.status == "review":
            codes = result.codes if result else ("not-judged",)
            return Outcome(kind="review", codes=codes, details={"phase": phase})
    settled = _maybe_settled(planned, judged)
    assert settled is not None, "what is not settled has had its outcome"
    if settled.judgement == "plausible" and rules.strict_judgement:
        return Outcome(kind="review", codes=("judgement-plausible",))
    if rules.place_lost:
        return Outcome(kind="review", codes=("place-lost",))
    return settled


def _maybe_settled(planned: Planned, judged: Judged) -> Settled | None:
    """What both phases have decided or, in review, proposed; None where one has done neither."""
    match, order = judged.match, judged.order
    if not isinstance(match, Conclusion) or not isinstance(order, Conclusion):
        return None
    if match.decision is None or order.decision is None or planned.match is None or planned.order is None:
        return None
    proven = match.judgement == order.judgement == "proven"
    return Settled(
        match_task=planned.match,
        match=match.decision,
        order_task=planned.order,
        order=order.decision,
        judgement="proven" if proven else "plausible",
    )


def _proposal(planned: Planned, judged: Judged, ledger: Ledger, rules: Rules) -> dict[str, Json]:
    """What accepting would give, by the balanced rule and the places left now; nothing where nothing was proposed.

    Where the match itself is in doubt the order is the plain one: whether phase 2 was held then is a matter of speed.
    """
    if isinstance(judged.match, Conclusion) and judged.match.status == "review":
        judged = replace(judged, order=Conclusion(status="settled", judgement="proven", decision=PLAIN_ORDER))
    settled = _maybe_settled(planned, judged)
    place = place_for(settled, ledger, balanced) if settled else None
    if settled is None or not isinstance(place, Place):
        return {}
    order = build_order(settled.order_task, place.offer, settled.order, currency=rules.currency).as_record()
    shown = {key: order[key] for key in ("supplier_id", "payment_type", "subtotal", "amount_due", "net_total")}
    return {"proposal": {"offer": place.offer.id, **shown}}


def _to_decide(planned: Planned, outcome: Outcome, rules: Rules) -> dict[str, Json]:
    """What a person needs besides: the codes in words, and what each candidate costs."""
    unproven: dict[str, Json] = {"unproven": {code: in_words(code) for code in outcome.codes}}
    if planned.match is None:
        return unproven
    offers, household = planned.match.offers, planned.match.registration
    priced: list[Json] = [{**offer_record(one), "total": money(offer_total(one, household))} for one in offers]
    return unproven | {"currency": rules.currency, "candidates": priced}


def _whereabouts(planned: Planned) -> dict[str, Json]:
    """Where to look and what there is to choose from; a note is pointed to, never quoted."""
    found = planned.registration
    if isinstance(found, RowError):
        return {"file": found.file, "row": found.row, "field": found.field, "problem": found.problem}
    note: dict[str, Json] = {"note": f"{found.source}/{NOTE_FIELD}"} if found.note or found.note_problem else {}
    candidates = [offer_record(offer) for offer in planned.match.offers] if planned.match else []
    return {"source": found.source, **note, **({"candidates": [*candidates]} if candidates else {})}


def offer_record(offer: Offer) -> dict[str, Json]:
    """An offer as every file shows it."""
    return {
        "id": offer.id,
        "supplier_id": offer.supplier.id,
        "products": [product.name for product in offer.products],
        "source": [product.source for product in offer.products],
    }


def _match(planned: Planned, judged: Judged, outcome: Outcome) -> dict[str, Json]:
    assert outcome.place is not None
    return {
        "registration_id": planned.id,
        "supplier_id": outcome.place.offer.supplier.id,
        "offer": offer_record(outcome.place.offer),
        "tier": outcome.place.tier,
        "judgement": outcome.judgement,
        "reason": "; ".join([outcome.place.reason(), *_reliance(judged)]),
    }


def _reliance(judged: Judged) -> list[str]:
    """The words of the note that a plausible judgement rests on."""
    decisions = [c.decision for c in (judged.match, judged.order) if isinstance(c, Conclusion) and c.decision]
    words = dict.fromkeys(quotation for decision in decisions for quotation in decision.words)
    return [f"the note's words: {', '.join(codec.dump(one).decode() for one in words)}"] if words else []


def order_record(outcome: Outcome, *, simulated: bool) -> dict[str, Json]:
    """The order as in `pos.json`; its id is a hash of all that it says, wherever in a file that stands."""
    assert outcome.order is not None
    order = outcome.order.as_record()
    mark: dict[str, Json] = {"simulated": True} if simulated else {}
    return {"po_id": f"PO-{codec.digest(unsourced(order))[:20]}", **order, **mark}


def _audit(planned: Planned, judged: Judged, outcome: Outcome) -> dict[str, Json]:
    phases: list[Json] = [_phase("match", judged.match), _phase("order", judged.order)]
    place = outcome.place or outcome.held
    return {
        "source": planned.registration.source if isinstance(planned.registration, Registration) else None,
        "candidates": [offer_record(offer) for offer in planned.match.offers] if planned.match else [],
        "phases": phases,
        "allocation": place.as_record() if place else None,
    }


def _phase(name: str, result: PhaseResult[MatchDecision] | PhaseResult[OrderDecision]) -> Json:
    if isinstance(result, ModelError):
        return {"phase": name, "error": str(result)}
    if result is None or isinstance(result, RunStopped):
        return {"phase": name}
    decision = result.decision.as_record() if result.decision else None
    return {"phase": name, "verdict": result.judgement or "review", "decision": decision, "turns": _turns(result.turns)}


def _turns(turns: Sequence[Turn]) -> list[Json]:
    return [_turn(turn) for turn in turns]


def _turn(turn: Turn) -> dict[str, Json]:
    record: dict[str, Json] = {"speaker": turn.speaker, "verdict": turn.verdict}
    record |= {"answer": turn.answer} if turn.answer else {}
    lists: dict[str, Json] = {"codes": [*turn.codes], "details": [*turn.details]}
    return record | {name: values for name, values in lists.items() if values}
