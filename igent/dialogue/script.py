"""The exchange of a matcher and a critic about one household, as a generator without I/O.

It yields what to ask whom and is sent the reply as text; it returns what the exchange concluded. Whoever drives it may
be a crew of agents or a list of strings:

    matcher ── verify ─┬─ proven ─────────────────────────────► settled   (a critic may be heard; a veto has no effect)
       ▲               ├─ undecided ──────────────────────────► review
       │               ├─ violated ── one repair turn, then ──► review
       │               └─ plausible ── critic ─┬─ approve ────► settled   (or no critic)
       └────────── veto, another round ────────┴─ last round ─► review

No free text goes from one to the other: the critic sees the typed part of what breaks no rule, the matcher codes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, Literal, TypeVar

from igent import codec
from igent.dialogue.prompts import repair_text, review_text, veto_text
from igent.dialogue.replies import Critique, ReplyKind, find_answer
from igent.domain.records import Json
from igent.domain.verify import MatchDecision, OrderDecision, Ruling, Verdict, Violation
from igent.errors import ReplyUnusable

__all__ = ["Ask", "Conclusion", "CriticPolicy", "Exchange", "Speaker", "Turn", "exchange"]

D = TypeVar("D", MatchDecision, OrderDecision)
Speaker = Literal["matcher", "critic"]
CriticPolicy = Literal["always", "when-unproven", "never"]

_UNREADABLE = Violation(code="reply-unreadable", detail="no complete JSON object of the asked form")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One message to one agent; `kind` is the form that its reply must have.

    `verified` says of a reply whether it breaks no rule, and so whether it may answer the same question again. `heard`
    is what others in the conversation may hear of a reply: its typed part, None where rules are broken or nothing is
    decided. Every word in it is an id, a code or verified to be where it was quoted from.
    """

    speaker: Speaker
    kind: ReplyKind
    text: str
    verified: Callable[[str], bool]
    heard: Callable[[str], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one reply was worth; `codes` are violations of a matcher, each with its detail, or the veto of a critic.

    `answer` tells a matcher's answers that break no rule apart, from 0: the same number for what decides the same.
    """

    speaker: Speaker
    verdict: str
    codes: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    answer: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion(Generic[D]):
    """How an exchange ended: `settled` with a decision, or `review` with codes of what is unproven.

    The decision of a review is what was proposed last and breaks no rule, where there is such a one: a person may
    accept it.
    `critic_skipped` counts the critic turns that the policy made unnecessary.
    """

    status: Literal["settled", "review"]
    judgement: Literal["proven", "plausible"] | None = None
    decision: D | None = None
    codes: tuple[str, ...] = ()
    turns: tuple[Turn, ...] = ()
    critic_skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange(Generic[D]):
    """What an exchange is about and by which rules it is held.

    `read` takes a decision out of a reply, `verify` judges it, `typed` gives the part of it that a critic may see.
    `critic` is None where the phase has no critic.
    """

    kind: Literal["match", "order"]
    opening: str
    read: Callable[[str], D | None]
    verify: Callable[[D], Verdict]
    typed: Callable[[D], Mapping[str, Json]]
    critic: CriticPolicy | None
    max_rounds: int


@dataclass(slots=True)
class _Minutes:
    """The turns so far, and what the matcher's answers that broke no rule have decided, each once."""

    turns: list[Turn] = field(default_factory=list)
    answers: list[object] = field(default_factory=list)

    def number(self, decision: MatchDecision | OrderDecision) -> int:
        """The number of an answer among the different ones."""
        decided = _decided(decision)
        if decided not in self.answers:
            self.answers.append(decided)
        return self.answers.index(decided)


def exchange(about: Exchange[D]) -> Generator[Ask, str, Conclusion[D]]:
    """Hold the exchange: yields each `Ask`, is sent each reply, returns the `Conclusion`.

    A `ReplyUnusable` may be thrown in where a reply is none: the matter goes to review, the critic's is done without.
    """
    minutes = _Minutes()
    try:
        return (yield from _rounds(about, minutes))
    except ReplyUnusable as exc:
        minutes.turns.append(Turn(speaker="matcher", verdict="unusable", codes=(exc.code,)))
        return _review(minutes.turns, [exc.code])


def _rounds(about: Exchange[D], minutes: _Minutes) -> Generator[Ask, str, Conclusion[D]]:
    text, decision, turns = about.opening, None, minutes.turns
    vetoes: tuple[str, ...] = ()
    for _ in range(about.max_rounds):
        decision, verdict = yield from _propose(about, text, minutes)
        if decision is None or verdict.kind in ("violated", "undecided"):
            return _review(turns, [v.code for v in verdict.violations] or ["undecided"])
        if about.critic in (None, "never") or (about.critic == "when-unproven" and verdict.kind == "proven"):
            return _settled(decision, verdict, turns, skipped=about.critic == "when-unproven")
        critique = yield from _critique(about, decision, turns)
        if verdict.kind == "proven" or (critique is not None and critique.verdict == "approve"):
            return _settled(decision, verdict, turns)
        if critique is None or critique.verdict == "undecided":
            return _review(turns, ["critic-undecided" if critique else "critic-unreadable"], decision)
        vetoes = tuple(critique.codes) or ("other",)
        text = veto_text(vetoes)
    return _review(turns, ["vetoed", *vetoes], decision)


def _propose(about: Exchange[D], text: str, minutes: _Minutes) -> Generator[Ask, str, tuple[D | None, Verdict]]:
    """The matcher's turn of a round with at most one repair turn."""
    decision, verdict = yield from _matcher_turn(about, text, minutes)
    if verdict.kind == "violated":
        decision, verdict = yield from _matcher_turn(about, repair_text(verdict.violations), minutes)
    return decision, verdict


def _matcher_turn(about: Exchange[D], text: str, minutes: _Minutes) -> Generator[Ask, str, tuple[D | None, Verdict]]:
    verified, heard = partial(_verified, about), partial(_typed, about)
    reply = yield Ask(speaker="matcher", kind=about.kind, text=text, verified=verified, heard=heard)
    decision, verdict = _read(about, reply)
    number = minutes.number(decision) if decision is not None and _stands(verdict) else 0
    broken = verdict.violations
    codes, details = tuple([one.code for one in broken]), tuple([one.detail for one in broken])
    minutes.turns.append(Turn(speaker="matcher", verdict=verdict.kind, codes=codes, details=details, answer=number))
    return decision, verdict


def _critique(about: Exchange[D], decision: D, turns: list[Turn]) -> Generator[Ask, str, Critique | None]:
    """The critic's turn with at most one repair turn; None where neither reply can be read."""
    text = review_text(about.opening, about.typed(decision))
    for message in (text, repair_text([_UNREADABLE])):
        try:
            reply = yield Ask(
                speaker="critic", kind="critique", text=message, verified=_is_critique, heard=_typed_critique
            )
        except ReplyUnusable as exc:
            turns.append(Turn(speaker="critic", verdict="unusable", codes=(exc.code,)))
            return None
        answer = find_answer("critique", reply)
        if isinstance(answer, Critique):
            turns.append(Turn(speaker="critic", verdict=answer.verdict, codes=tuple(answer.codes)))
            return answer
        turns.append(Turn(speaker="critic", verdict="unreadable"))
    return None


def _read(about: Exchange[D], reply: str) -> tuple[D | None, Verdict]:
    decision = about.read(reply)
    return decision, Verdict(kind="violated", violations=(_UNREADABLE,)) if decision is None else about.verify(decision)


def _verified(about: Exchange[D], reply: str) -> bool:
    return _read(about, reply)[1].kind != "violated"


def _typed(about: Exchange[D], reply: str) -> str | None:
    decision, verdict = _read(about, reply)
    return codec.dump(dict(about.typed(decision))).decode() if decision is not None and _stands(verdict) else None


def _stands(verdict: Verdict) -> bool:
    return verdict.kind in ("proven", "plausible")


def _is_critique(reply: str) -> bool:
    return find_answer("critique", reply) is not None


def _typed_critique(reply: str) -> str | None:
    answer = find_answer("critique", reply)
    if not isinstance(answer, Critique):
        return None
    return codec.dump({"verdict": answer.verdict, "codes": [*answer.codes]}).decode()


def _decided(decision: MatchDecision | OrderDecision) -> object:
    """What a decision decides, whatever words it rests on and in whatever order it names things."""
    if isinstance(decision, MatchDecision):
        return [frozenset(tier) for tier in decision.fit or ()]
    amounts = {(one.id, offer, one.amount) for one in decision.grounds if one.amount for offer in one.offers or ("",)}
    return decision.payment, {key: _ruled(ruling) for key, ruling in decision.incentives.items()}, amounts


def _ruled(ruling: Ruling | Mapping[str, Ruling]) -> object:
    """A ruling, one for all offers where it is the same for each."""
    if isinstance(ruling, str):
        return ruling
    return ruling if len(each := {*ruling.values()}) > 1 else each.pop()


def _settled(decision: D, verdict: Verdict, turns: list[Turn], *, skipped: bool = False) -> Conclusion[D]:
    return Conclusion(
        status="settled",
        judgement="proven" if verdict.kind == "proven" else "plausible",
        decision=decision,
        turns=tuple(turns),
        critic_skipped=int(skipped),
    )


def _review(turns: list[Turn], codes: list[str], proposal: D | None = None) -> Conclusion[D]:
    return Conclusion(status="review", codes=tuple(dict.fromkeys(codes)), turns=tuple(turns), decision=proposal)
