"""What a reply is worth: proven, plausible, undecided or violated. A model's word alone is never enough.

Phase 1 without a note has one proven answer: all candidates in one tier. With a note any grouping of candidates that
quotes the note is plausible. Phase 2 is proven when there is nothing to judge or everything to judge is left open; a
"yes" quotes the text of its incentive and picks one of the amounts that code has read there, where there are several.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from igent.domain.grounds import Ground, Proof
from igent.domain.incentives import Standing
from igent.domain.notes import occurs_in
from igent.domain.records import Json, Offer, Payment, Registration

__all__ = [
    "MAX_VIOLATIONS",
    "MatchDecision",
    "MatchTask",
    "OrderDecision",
    "OrderTask",
    "Ruling",
    "Verdict",
    "VerdictKind",
    "Violation",
    "verify_match",
    "verify_order",
]

# What a repair turn shows: a reply that breaks more rules than this is no nearer to an answer for hearing of them all.
MAX_VIOLATIONS = 20

Ruling = Literal["yes", "no", "unsure"]
VerdictKind = Literal["proven", "plausible", "undecided", "violated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchTask:
    """Phase 1 for one household: rank the acceptable offers. `registration` may carry a note; nothing else is soft."""

    registration: Registration
    offers: tuple[Offer, ...]


@dataclass(frozen=True, kw_only=True)  # without slots, so that what is computed once can be kept
class OrderTask:
    """Phase 2 for one household: the payment type, and the incentives whose condition is prose (`open`)."""

    registration: Registration
    offers: tuple[Offer, ...]
    standings: tuple[Standing, ...]

    @cached_property
    def open_ids(self) -> Mapping[str, Standing]:
        """The open standings by the id that models see."""
        return {f"i{number}": s for number, s in enumerate((s for s in self.standings if s.kind == "open"), start=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchDecision:
    """Offer ids in tiers, best first; None where the matcher could not decide; `words` are quotations of the note."""

    fit: tuple[tuple[str, ...], ...] | None
    words: tuple[str, ...] = ()
    why: str = ""

    def as_record(self) -> dict[str, Json]:
        """The typed part, without free text: what a critic is shown."""
        return {"fit": None if self.fit is None else [list(t) for t in self.fit], "words": list(self.words)}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDecision:
    """The payment type (None: undecided) and a ruling per open incentive, for all offers or per offer id.

    `words` are quotations of the note, `grounds` what each "yes" rests on.
    """

    payment: Payment | None
    incentives: Mapping[str, Ruling | Mapping[str, Ruling]]
    grounds: tuple[Ground, ...] = ()
    words: tuple[str, ...] = ()
    why: str = ""

    def ruling(self, incentive_id: str, offer_id: str) -> Ruling:
        """The ruling on one open incentive for one offer; `unsure` where none was given."""
        ruling = self.incentives.get(incentive_id, "unsure")
        return ruling if isinstance(ruling, str) else ruling.get(offer_id, "unsure")

    def ground(self, incentive_id: str, offer_id: str) -> Ground | None:
        """What a "yes" for one offer rests on."""
        for one in self.grounds:
            if one.id == incentive_id and (not one.offers or offer_id in one.offers):
                return one
        return None

    def as_record(self) -> dict[str, Json]:
        """The typed part, without free text: what a critic is shown. No `grounds` where nothing was granted."""
        rulings: dict[str, Json] = {k: v if isinstance(v, str) else dict(v) for k, v in self.incentives.items()}
        grounds: list[Json] = [ground.as_record() for ground in self.grounds]
        quoted: dict[str, Json] = {"grounds": grounds} if grounds else {}
        return {"payment": self.payment, "incentives": rulings, **quoted, "words": list(self.words)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A broken rule: its code and the part of the reply that breaks it."""

    code: str
    detail: str

    def as_record(self) -> dict[str, Json]:
        """The form in which a repair turn and the audit show it."""
        return {"code": self.code, "detail": self.detail}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a decision is worth; `violations` only where it is violated."""

    kind: VerdictKind
    violations: tuple[Violation, ...] = ()


def verify_match(decision: MatchDecision, task: MatchTask) -> Verdict:
    """Judge a phase-1 decision against the candidates and the note."""
    note = task.registration.note
    if decision.fit is None:
        return _undecided("the rules decide where there is no note", soft=note is not None)
    violations = [*_tier_violations(decision.fit, task), *_word_violations(decision.words, note)]
    everything_equal = [set(tier) for tier in decision.fit] == [{offer.id for offer in task.offers}]
    if note is None and not everything_equal:
        violations.append(Violation(code="tiers-without-note", detail="all candidates belong in one tier"))
    if note is not None and not everything_equal and not decision.words:
        violations.append(Violation(code="words-missing", detail="a difference between offers needs the note's words"))
    return _verdict(violations, proven=note is None)


def verify_order(decision: OrderDecision, task: OrderTask) -> Verdict:
    """Judge a phase-2 decision: the payment against the note, the rulings against the open incentives."""
    note = task.registration.note
    violations = [*_ruling_violations(decision, task), *_ground_violations(decision, task)]
    violations += _word_violations(decision.words, note)
    if decision.payment == "loan" and note is None:
        violations.append(Violation(code="payment-without-note", detail="without a note the payment is cash"))
    if decision.payment == "loan" and note is not None and not decision.words:
        violations.append(Violation(code="words-missing", detail="a loan needs the note's words"))
    if decision.payment is None and not violations:
        return _undecided("without a note the payment is cash", soft=note is not None)
    judged = any(_rulings(decision, key) != {"unsure"} for key in decision.incentives)
    return _verdict(violations, proven=note is None and not judged)


def _verdict(violations: list[Violation], *, proven: bool) -> Verdict:
    if violations:
        return Verdict(kind="violated", violations=tuple(dict.fromkeys(violations))[:MAX_VIOLATIONS])
    return Verdict(kind="proven" if proven else "plausible")


def _undecided(rule: str, *, soft: bool) -> Verdict:
    if soft:
        return Verdict(kind="undecided")
    return Verdict(kind="violated", violations=(Violation(code="undecided-without-note", detail=rule),))


def _tier_violations(fit: tuple[tuple[str, ...], ...], task: MatchTask) -> Iterable[Violation]:
    known = {offer.id for offer in task.offers}
    seen: set[str] = set()
    for tier in fit:
        if not tier:
            yield Violation(code="tier-empty", detail="a tier without offers")
        for offer_id in tier:
            if offer_id not in known:
                yield Violation(code="offer-unknown", detail=offer_id)
            elif offer_id in seen:
                yield Violation(code="offer-repeated", detail=offer_id)
            seen.add(offer_id)


def _word_violations(words: tuple[str, ...], note: str | None) -> Iterable[Violation]:
    for quotation in words:
        if note is None or not occurs_in(quotation, note):
            yield Violation(code="words-not-in-note", detail=quotation)


def _ruling_violations(decision: OrderDecision, task: OrderTask) -> Iterable[Violation]:
    open_ids, offer_ids = task.open_ids, {offer.id for offer in task.offers}
    for key, ruling in decision.incentives.items():
        if key not in open_ids:
            yield Violation(code="incentive-unknown", detail=key)
        elif not isinstance(ruling, str) and set(ruling) != offer_ids:
            yield Violation(code="ruling-incomplete", detail=f"{key} needs a ruling for each of the offers")
    for key in open_ids:
        if key not in decision.incentives:
            yield Violation(code="incentive-missing", detail=key)


def _ground_violations(decision: OrderDecision, task: OrderTask) -> Iterable[Violation]:
    for key, standing in task.open_ids.items():
        if decision.incentives.get(key, "unsure") in ("no", "unsure"):  # whichever the offer
            continue
        granted = [offer.id for offer in task.offers if decision.ruling(key, offer.id) == "yes"]
        grounds = [decision.ground(key, offer_id) or Ground(id=key, words="") for offer_id in granted]
        for ground in dict.fromkeys(grounds):
            found = ground.prove(standing.incentive)
            if not isinstance(found, Proof):
                yield Violation(code=found[0], detail=found[1])


def _rulings(decision: OrderDecision, key: str) -> set[str]:
    ruling = decision.incentives[key]
    return {ruling} if isinstance(ruling, str) else set(ruling.values())
