"""The step that commits one registration: what its phases came to, its place, its order, and the record of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from igent import codec
from igent.accounting.spans import span
from igent.dialogue.script import Conclusion, Turn
from igent.domain.allocation import Allocate
from igent.domain.ledger import Ledger
from igent.domain.outcomes import Outcome, Settled, hold_place, order_at, place_for
from igent.domain.records import Json, Offer, Registration
from igent.domain.verify import MatchDecision, OrderDecision
from igent.errors import ModelError, RowError, RunStopped
from igent.markets.rows import NOTE_FIELD
from igent.workflows.pipeline import Judged, PhaseResult
from igent.workflows.plan import Planned

__all__ = ["Rules", "commit_record", "decide"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a run decides where the inputs leave a choice; `simulated` marks the orders of a mock."""

    allocate: Allocate
    currency: str
    strict_judgement: bool
    hold_reviews: bool
    simulated: bool


def decide(planned: Planned, judged: Judged, ledger: Ledger, rules: Rules) -> Outcome:
    """The outcome of one registration, with its place taken from the ledger."""
    outcome = _outcome(planned, judged, ledger, rules)
    if rules.hold_reviews and outcome.kind in ("review", "failed") and planned.match is not None:
        return hold_place(outcome, planned.match, ledger, rules.allocate)
    return outcome


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
    }
    if outcome.taken_from is not None:
        record |= {"supplier": outcome.taken_from, "held": outcome.held is not None}
    if outcome.kind == "matched":
        return record | {"match": _match(planned, judged, outcome), "order": _order(outcome, rules)}
    row: dict[str, Json] = {"registration_id": planned.id, "codes": [*outcome.codes]}
    if outcome.held is not None:
        row["held"] = outcome.held.offer.supplier.id
    return record | {"row": {**row, **outcome.details, **_whereabouts(planned)}}


def _outcome(planned: Planned, judged: Judged, ledger: Ledger, rules: Rules) -> Outcome:
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
    settled = _settled(planned, judged)
    if settled.judgement == "plausible" and rules.strict_judgement:
        return Outcome(kind="review", codes=("judgement-plausible",))
    with span("allocate"):
        place = place_for(settled, ledger, rules.allocate)
    if isinstance(place, Outcome):
        return place
    with span("order"):
        return order_at(settled, place, ledger, currency=rules.currency)


def _settled(planned: Planned, judged: Judged) -> Settled:
    match, order = judged.match, judged.order
    assert isinstance(match, Conclusion)
    assert isinstance(order, Conclusion)
    assert match.decision is not None
    assert order.decision is not None
    assert planned.match is not None
    assert planned.order is not None
    proven = match.judgement == order.judgement == "proven"
    return Settled(
        match_task=planned.match,
        match=match.decision,
        order_task=planned.order,
        order=order.decision,
        judgement="proven" if proven else "plausible",
    )


def _whereabouts(planned: Planned) -> dict[str, Json]:
    """Where to look and what there is to choose from; a note is pointed to, never quoted."""
    found = planned.registration
    if isinstance(found, RowError):
        return {"file": found.file, "row": found.row, "field": found.field, "problem": found.problem}
    note: dict[str, Json] = {"note": f"{found.source}/{NOTE_FIELD}"} if found.note or found.note_problem else {}
    candidates = [_offer(offer) for offer in planned.match.offers] if planned.match else []
    return {"source": found.source, **note, **({"candidates": [*candidates]} if candidates else {})}


def _offer(offer: Offer) -> dict[str, Json]:
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
        "offer": _offer(outcome.place.offer),
        "tier": outcome.place.tier,
        "judgement": outcome.judgement,
        "reason": "; ".join([outcome.place.reason(), *_reliance(judged)]),
    }


def _reliance(judged: Judged) -> list[str]:
    """The words of the note that a plausible judgement rests on."""
    decisions = [c.decision for c in (judged.match, judged.order) if isinstance(c, Conclusion) and c.decision]
    words = dict.fromkeys(quotation for decision in decisions for quotation in decision.words)
    return [f"the note's words: {', '.join(codec.dump(one).decode() for one in words)}"] if words else []


def _order(outcome: Outcome, rules: Rules) -> dict[str, Json]:
    """The order as in `pos.json`; its id is a hash of all that it says."""
    assert outcome.order is not None
    order = outcome.order.as_record()
    simulated: dict[str, Json] = {"simulated": True} if rules.simulated else {}
    return {"po_id": f"PO-{codec.digest(order)[:20]}", **order, **simulated}


def _audit(planned: Planned, judged: Judged, outcome: Outcome) -> dict[str, Json]:
    phases: list[Json] = [_phase("match", judged.match), _phase("order", judged.order)]
    place = outcome.place or outcome.held
    return {
        "source": planned.registration.source if isinstance(planned.registration, Registration) else None,
        "candidates": [_offer(offer) for offer in planned.match.offers] if planned.match else [],
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
    lists: dict[str, Json] = {"codes": [*turn.codes], "details": [*turn.details]}
    return record | {name: values for name, values in lists.items() if values}
