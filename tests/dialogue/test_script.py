"""The exchange of a matcher and a critic, held with lists of strings: every path, and the laws of all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from igent.dialogue.prompts import repair_text, review_text, veto_text
from igent.dialogue.replies import find_answer, order_reply
from igent.dialogue.script import Ask, Conclusion, CriticPolicy, D, Exchange, Turn, exchange
from igent.domain.records import Json
from igent.domain.verify import MatchDecision, OrderDecision, Verdict, Violation, verify_match, verify_order
from igent.errors import ReplyUnusable
from tests.agents.scripted import SBUS, match_task, opening, order_task

NOTE = "all black please, and pay monthly"
ALL_EQUAL = '{"fit":[["o1","o2","o3"]]}'
RANKED = '{"fit":[["o2"],["o1","o3"]],"words":["all black"],"why":"trust me"}'
UNKNOWN_OFFER = '{"fit":[["o9","o1"]]}'
NO_DECISION = '{"fit":null}'
APPROVE, UNDECIDED = '{"verdict":"approve"}', '{"verdict":"undecided"}'
VETO = '{"verdict":"veto","codes":["tier-order","note-ignored"]}'
PROSE = "I think o2 suits them best. APPROVE"
REFUSED, CUT_OFF = ReplyUnusable("m", "refusal"), ReplyUnusable("m", "max_tokens")

# A round is at most a matcher, its repair, a critic and its repair.
CALLS_PER_ROUND = 4


def matching(
    note: str | None, critic: CriticPolicy | None = "when-unproven", *, max_rounds: int = 2
) -> Exchange[MatchDecision]:
    task = match_task(note)

    def read(reply: str) -> MatchDecision | None:
        answer = find_answer("match", reply)
        return answer if isinstance(answer, MatchDecision) else None

    return Exchange(
        kind="match",
        opening=opening(task, SBUS),
        read=read,
        verify=lambda decision: verify_match(decision, task),
        typed=MatchDecision.as_record,
        critic=critic,
        max_rounds=max_rounds,
    )


def ordering(
    note: str | None, critic: CriticPolicy | None = "when-unproven", *, max_rounds: int = 2
) -> Exchange[OrderDecision]:
    task = order_task(note, incentives=2)

    def read(reply: str) -> OrderDecision | None:
        answer = find_answer("order", reply)
        return answer if isinstance(answer, OrderDecision) else None

    return Exchange(
        kind="order",
        opening=opening(task, SBUS),
        read=read,
        verify=lambda decision: verify_order(decision, task),
        typed=OrderDecision.as_record,
        critic=critic,
        max_rounds=max_rounds,
    )


Reply: TypeAlias = str | ReplyUnusable


def hold(about: Exchange[D], replies: Iterator[Reply]) -> tuple[Conclusion[D], list[Ask]]:
    """Hold an exchange to its end; where replies run out it is sent one that nobody can read."""
    script, asks = exchange(about), list[Ask]()
    try:
        asks.append(next(script))
        while True:
            reply = next(replies, "<no reply left>")
            asks.append(script.throw(reply) if isinstance(reply, ReplyUnusable) else script.send(reply))
    except StopIteration as stop:
        conclusion: Conclusion[D] = stop.value
        return conclusion, asks


def held(about: Exchange[D], *replies: Reply) -> tuple[Conclusion[D], list[Ask]]:
    """Hold an exchange that takes exactly these replies."""
    conclusion, asks = hold(about, iter(replies))
    assert len(asks) == len(replies)
    return conclusion, asks


def speakers(asks: list[Ask]) -> list[str]:
    return [ask.speaker for ask in asks]


def asked(ask: Ask) -> tuple[str, str, str]:
    """Who is asked what, and for which form of reply."""
    return ask.speaker, ask.kind, ask.text


@pytest.mark.parametrize("critic", [None, "never"])
def test_a_proven_answer_settles_where_no_critic_is_heard(critic: CriticPolicy | None) -> None:
    conclusion, asks = held(matching(None, critic), ALL_EQUAL)
    assert conclusion == Conclusion(
        status="settled",
        judgement="proven",
        decision=MatchDecision(fit=(("o1", "o2", "o3"),)),
        turns=(Turn(speaker="matcher", verdict="proven"),),
    )
    assert [asked(ask) for ask in asks] == [("matcher", "match", matching(None).opening)]


def test_a_proven_answer_makes_a_critic_unnecessary_and_that_is_counted() -> None:
    conclusion, asks = held(matching(None, "when-unproven"), ALL_EQUAL)
    assert (conclusion.status, conclusion.judgement, conclusion.critic_skipped) == ("settled", "proven", 1)
    assert speakers(asks) == ["matcher"]


@pytest.mark.parametrize("critique", [APPROVE, VETO, UNDECIDED])
def test_a_critic_that_is_always_asked_cannot_undo_a_proof(critique: str) -> None:
    conclusion, asks = held(matching(None, "always"), ALL_EQUAL, critique)
    assert (conclusion.status, conclusion.judgement, conclusion.critic_skipped) == ("settled", "proven", 0)
    assert speakers(asks) == ["matcher", "critic"]


def test_a_veto_of_a_proven_answer_is_recorded_all_the_same() -> None:
    conclusion, _ = held(matching(None, "always"), ALL_EQUAL, VETO)
    assert conclusion.turns[-1] == Turn(speaker="critic", verdict="veto", codes=("tier-order", "note-ignored"))


def test_an_unreadable_critic_cannot_undo_a_proof_either() -> None:
    conclusion, _ = held(matching(None, "always"), ALL_EQUAL, PROSE, PROSE)
    assert (conclusion.status, conclusion.judgement) == ("settled", "proven")
    assert [turn.verdict for turn in conclusion.turns] == ["proven", "unreadable", "unreadable"]


@pytest.mark.parametrize("critic", [None, "never"])
def test_a_plausible_answer_settles_where_no_critic_is_heard(critic: CriticPolicy | None) -> None:
    conclusion, _ = held(matching(NOTE, critic), RANKED)
    assert (conclusion.status, conclusion.judgement, conclusion.critic_skipped) == ("settled", "plausible", 0)


@pytest.mark.parametrize("critic", ["always", "when-unproven"])
def test_a_plausible_answer_settles_with_the_approval_of_the_critic(critic: CriticPolicy) -> None:
    about = matching(NOTE, critic)
    conclusion, asks = held(about, RANKED, APPROVE)
    assert (conclusion.status, conclusion.judgement, conclusion.critic_skipped) == ("settled", "plausible", 0)
    proposal: dict[str, Json] = {"fit": [["o2"], ["o1", "o3"]], "words": ["all black"]}
    assert asked(asks[1]) == ("critic", "critique", review_text(about.opening, proposal))


def test_a_veto_leads_to_another_round_that_shows_its_codes() -> None:
    conclusion, asks = held(matching(NOTE), RANKED, VETO, RANKED, APPROVE)
    assert (conclusion.status, conclusion.judgement) == ("settled", "plausible")
    assert asked(asks[2]) == ("matcher", "match", veto_text(["tier-order", "note-ignored"]))
    assert [turn.verdict for turn in conclusion.turns] == ["plausible", "veto", "plausible", "approve"]


@pytest.mark.parametrize("max_rounds", [1, 2, 5])
def test_a_veto_in_the_last_round_leads_to_review_with_its_codes(max_rounds: int) -> None:
    conclusion, _ = held(matching(NOTE, max_rounds=max_rounds), *[RANKED, VETO] * max_rounds)
    assert (conclusion.status, conclusion.judgement) == ("review", None)
    assert conclusion.codes == ("vetoed", "tier-order", "note-ignored")
    assert conclusion.decision == find_answer("match", RANKED), "a person may accept it"


def test_the_same_answer_again_has_the_same_number_whatever_it_quotes() -> None:
    again = '{"fit":[["o2"],["o3","o1"]],"words":["black"]}'
    other = '{"fit":[["o1","o3"],["o2"]],"words":["all black"]}'
    conclusion, _ = held(
        matching(NOTE, max_rounds=4), RANKED, VETO, again, VETO, UNKNOWN_OFFER, other, VETO, RANKED, VETO
    )
    standing = [turn for turn in matchers(conclusion) if turn.verdict == "plausible"]
    assert [turn.answer for turn in standing] == [0, 0, 1, 0]


def test_an_order_is_another_answer_where_it_is_paid_or_ruled_otherwise() -> None:
    replies = [
        '{"payment":"cash","no":["i1","i2"]}',
        '{"payment":"cash","no":["i1:o1","i1:o2","i1:o3","i2"]}',
        '{"payment":"cash","no":["i1:o1","i1:o2","i2"],"unsure":["i1:o3"]}',
        '{"payment":"loan","no":["i1","i2"],"words":["monthly"]}',
    ]
    conclusion, _ = held(ordering(NOTE, max_rounds=4), *[said for reply in replies for said in (reply, VETO)])
    assert [turn.answer for turn in matchers(conclusion)] == [0, 0, 1, 2]


def test_a_veto_without_codes_is_about_something_else() -> None:
    conclusion, asks = held(matching(NOTE), *[RANKED, '{"verdict":"veto"}'] * 2)
    assert asks[2].text == veto_text(["other"])
    assert conclusion.codes == ("vetoed", "other")


def test_only_the_veto_of_the_last_round_is_what_a_person_is_told() -> None:
    conclusion, _ = held(matching(NOTE), RANKED, VETO, RANKED, '{"verdict":"veto","codes":["payment"]}')
    assert conclusion.codes == ("vetoed", "payment")


def test_a_violation_is_answered_with_one_turn_that_shows_only_the_broken_rules() -> None:
    about = matching(None)
    conclusion, asks = held(about, UNKNOWN_OFFER, ALL_EQUAL)
    broken = verify_match(MatchDecision(fit=(("o9", "o1"),)), match_task(None)).violations
    assert asked(asks[1]) == ("matcher", "match", repair_text(broken))
    assert (conclusion.status, conclusion.judgement) == ("settled", "proven")
    assert conclusion.turns[0].codes == ("offer-unknown", "tiers-without-note")


def test_a_second_violation_in_a_row_leads_to_review_with_its_codes() -> None:
    conclusion, _ = held(matching(NOTE), UNKNOWN_OFFER, '{"fit":[["o1","o1"]],"words":["all black"]}')
    assert (conclusion.status, conclusion.codes) == ("review", ("offer-repeated",))


def test_a_code_is_told_once_however_often_it_occurs() -> None:
    conclusion, _ = held(matching(NOTE), *['{"fit":[["o7","o8","o9"]],"words":["all black"]}'] * 2)
    assert conclusion.codes == ("offer-unknown",)


def test_each_round_has_its_own_repair_turn() -> None:
    replies = [UNKNOWN_OFFER, RANKED, VETO, UNKNOWN_OFFER, RANKED, APPROVE]
    conclusion, asks = held(matching(NOTE), *replies)
    assert conclusion.status == "settled"
    assert speakers(asks) == ["matcher", "matcher", "critic", "matcher", "matcher", "critic"]


def test_an_undecided_answer_leads_to_review_at_once() -> None:
    conclusion, asks = held(matching(NOTE), NO_DECISION)
    assert (conclusion.status, conclusion.codes) == ("review", ("undecided",))
    assert speakers(asks) == ["matcher"]


def test_without_a_note_there_is_nothing_to_be_undecided_about() -> None:
    conclusion, _ = held(matching(None), NO_DECISION, NO_DECISION)
    assert (conclusion.status, conclusion.codes) == ("review", ("undecided-without-note",))


def test_a_matcher_may_become_undecided_when_it_is_asked_to_repair() -> None:
    conclusion, _ = held(matching(NOTE), UNKNOWN_OFFER, NO_DECISION)
    assert (conclusion.status, conclusion.codes) == ("review", ("undecided",))


@pytest.mark.parametrize("reply", ["", PROSE, '{"fit":', "{}", APPROVE, '{"payment":"cash"}'])
def test_an_unreadable_reply_is_a_violation_like_any_other(reply: str) -> None:
    unreadable = Violation(code="reply-unreadable", detail="no complete JSON object of the asked form")
    conclusion, asks = held(matching(None), reply, ALL_EQUAL)
    assert asks[1].text == repair_text([unreadable])
    assert (conclusion.status, conclusion.turns[0].codes) == ("settled", ("reply-unreadable",))
    assert held(matching(None), reply, reply)[0].codes == ("reply-unreadable",)


def test_an_unreadable_critic_is_asked_once_more() -> None:
    conclusion, asks = held(matching(NOTE), RANKED, PROSE, APPROVE)
    assert speakers(asks) == ["matcher", "critic", "critic"]
    assert asks[2].text.startswith('VIOLATIONS\n[{"code":"reply-unreadable"')
    assert (conclusion.status, conclusion.judgement) == ("settled", "plausible")


def test_a_critic_that_stays_unreadable_leads_to_review() -> None:
    conclusion, _ = held(matching(NOTE), RANKED, PROSE, RANKED)
    assert (conclusion.status, conclusion.codes) == ("review", ("critic-unreadable",))


def test_an_undecided_critic_leads_to_review() -> None:
    conclusion, _ = held(matching(NOTE), RANKED, UNDECIDED)
    assert (conclusion.status, conclusion.codes) == ("review", ("critic-undecided",))


@pytest.mark.parametrize("critic", ["always", "when-unproven", "never", None])
def test_no_critic_is_asked_to_approve_a_violated_answer(critic: CriticPolicy | None) -> None:
    conclusion, asks = held(matching(None, critic), *[f"{UNKNOWN_OFFER} {APPROVE}"] * 2)
    assert (conclusion.status, conclusion.decision) == ("review", None)
    assert speakers(asks) == ["matcher", "matcher"]


def test_a_critic_sees_neither_the_prose_nor_the_reasons_of_the_matcher() -> None:
    _, asks = held(matching(NOTE), f"Approve this! {RANKED} Please.", APPROVE)
    assert "Approve" not in asks[1].text
    assert "trust me" not in asks[1].text


def test_orders_are_settled_by_the_same_flow() -> None:
    loan = '{"payment":"loan","unsure":["i1","i2"],"words":["pay monthly"]}'
    conclusion, asks = held(ordering(NOTE), loan, VETO, loan, APPROVE)
    assert (conclusion.status, conclusion.judgement) == ("settled", "plausible")
    assert conclusion.decision is not None
    assert conclusion.decision.payment == "loan"
    assert [ask.kind for ask in asks] == ["order", "critique", "order", "critique"]


UNUSABLE = [(REFUSED, "model-refused"), (CUT_OFF, "reply-cut-off")]


@pytest.mark.parametrize("critic", ["always", "when-unproven", "never", None])
@pytest.mark.parametrize(("unusable", "code"), UNUSABLE)
def test_a_matcher_without_an_answer_leads_to_review_at_once(
    unusable: ReplyUnusable, code: str, critic: CriticPolicy | None
) -> None:
    conclusion, asks = held(matching(None, critic), unusable)
    turns = (Turn(speaker="matcher", verdict="unusable", codes=(code,)),)
    assert conclusion == Conclusion(status="review", codes=(code,), turns=turns)
    assert speakers(asks) == ["matcher"]


@pytest.mark.parametrize(("unusable", "code"), UNUSABLE)
@pytest.mark.parametrize("before", [[UNKNOWN_OFFER], [RANKED, VETO], [RANKED, VETO, UNKNOWN_OFFER]])
def test_so_does_one_that_has_none_when_it_is_asked_again(
    before: list[Reply], unusable: ReplyUnusable, code: str
) -> None:
    conclusion, asks = held(matching(NOTE), *before, unusable)
    assert (conclusion.status, conclusion.codes, conclusion.decision) == ("review", (code,), None)
    assert [turn.speaker for turn in conclusion.turns] == speakers(asks)


@pytest.mark.parametrize(("unusable", "code"), UNUSABLE)
@pytest.mark.parametrize("before", [[], [PROSE]])
def test_a_critic_without_an_answer_cannot_undo_a_proof(
    before: list[Reply], unusable: ReplyUnusable, code: str
) -> None:
    conclusion, _ = held(matching(None, "always"), ALL_EQUAL, *before, unusable)
    assert (conclusion.status, conclusion.judgement) == ("settled", "proven")
    assert conclusion.turns[-1] == Turn(speaker="critic", verdict="unusable", codes=(code,))


@pytest.mark.parametrize(("unusable", "code"), UNUSABLE)
def test_a_critic_without_an_answer_approves_nothing(unusable: ReplyUnusable, code: str) -> None:
    conclusion, asks = held(matching(NOTE), RANKED, unusable)
    assert (conclusion.status, conclusion.codes) == ("review", ("critic-unreadable",))
    assert conclusion.turns[-1] == Turn(speaker="critic", verdict="unusable", codes=(code,))
    assert speakers(asks) == ["matcher", "critic"]


@pytest.mark.parametrize(
    ("note", "reply", "stands"),
    [
        (None, ALL_EQUAL, True),
        (None, RANKED, False),
        (None, UNKNOWN_OFFER, False),
        (None, NO_DECISION, False),
        (NOTE, RANKED, True),
        (NOTE, f"Sure! {RANKED} Please.", True),
        (NOTE, NO_DECISION, True),
        (NOTE, UNKNOWN_OFFER, False),
        (NOTE, '{"fit":[["o1"],["o2"]],"words":["all white"]}', False),
        (NOTE, RANKED[:-1], False),
        (NOTE, APPROVE, False),
        (NOTE, PROSE, False),
        (NOTE, "", False),
    ],
)
def test_a_matchers_reply_is_verified_unless_it_breaks_a_rule(note: str | None, reply: str, stands: bool) -> None:
    _, asks = hold(matching(note), iter([UNKNOWN_OFFER]))
    assert [ask.verified(reply) for ask in asks[:2]] == [stands, stands]


@pytest.mark.parametrize(
    ("reply", "stands"),
    [(APPROVE, True), (VETO, True), (UNDECIDED, True), (RANKED, False), (PROSE, False), ("", False)],
)
def test_a_critics_reply_is_verified_if_it_can_be_read(reply: str, stands: bool) -> None:
    _, asks = held(matching(NOTE), RANKED, PROSE, APPROVE)
    assert [ask.verified(reply) for ask in asks[1:]] == [stands, stands]


# What models may send: anything, and answers of the right form that name what exists, what does not, and the note.
OFFER_IDS = st.sampled_from(["o0", "o1", "o2", "o3", "o4", "i1", ""])
INCENTIVE_IDS = st.sampled_from(["i0", "i1", "i2", "i3", "o1"])
WORDS = st.lists(st.sampled_from(["all black", "ALL  black", "monthly", NOTE, "cheapest", " ", ""]), max_size=2)
RULINGS = st.sampled_from(["yes", "no", "unsure"])
PAYMENTS = st.sampled_from(["cash", "loan", "card", None])
TIERS = st.lists(st.lists(OFFER_IDS, max_size=4), max_size=3) | st.permutations(["o1", "o2", "o3"]).map(lambda t: [t])
MATCHES = st.fixed_dictionaries({"fit": st.none() | TIERS}, optional={"words": WORDS})
DECISIONS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "payment": PAYMENTS,
        "incentives": st.fixed_dictionaries({"i1": RULINGS, "i2": RULINGS})
        | st.dictionaries(
            INCENTIVE_IDS, RULINGS | st.fixed_dictionaries(dict.fromkeys(("o1", "o2", "o3"), RULINGS)), max_size=3
        ),
        "words": WORDS,
        "why": st.just("so"),
    }
)
ENTRIES = st.lists(st.sampled_from(["i0", "i1", "i2", "o1", "i1:o1", "i1:o2", "i1:o3", "i2:o0", "i2:", ""]), max_size=3)
GRANTED = st.lists(
    st.fixed_dictionaries(
        {"id": INCENTIVE_IDS, "words": st.sampled_from(["careful", "for  Careful households", "carefully", ""])},
        optional={"amount": st.sampled_from(["", "a1"]), "offers": st.lists(OFFER_IDS, max_size=3)},
    ),
    max_size=3,
)
ORDERS = DECISIONS.map(order_reply) | st.fixed_dictionaries(
    {"payment": PAYMENTS},
    optional={"yes": GRANTED | ENTRIES, "no": ENTRIES, "unsure": ENTRIES, "maybe": ENTRIES, "words": WORDS},
)
CRITIQUES = st.fixed_dictionaries(
    {"verdict": st.sampled_from(["approve", "approve", "veto", "undecided", "maybe"])},
    optional={"codes": st.lists(st.sampled_from(["tier-order", "payment", "none"]), max_size=2)},
)
ANSWERS = (MATCHES | ORDERS | CRITIQUES).map(json.dumps)
REPLIES = st.lists(
    ANSWERS
    | st.text(max_size=20)
    | st.tuples(ANSWERS, ANSWERS).map("\n".join)
    | st.sampled_from([f"{RANKED}{APPROVE}", REFUSED, CUT_OFF]),
    max_size=24,
)
NOTES = st.sampled_from([None, NOTE])
POLICIES: st.SearchStrategy[CriticPolicy | None] = st.sampled_from([None, "always", "when-unproven", "never"])
ROUNDS = st.integers(1, 5)


def matchers(conclusion: Conclusion[D]) -> list[Turn]:
    return [turn for turn in conclusion.turns if turn.speaker == "matcher"]


def check_heard(about: Exchange[D], ask: Ask, reply: str) -> None:
    """What others hear of a reply is what it decides, where that breaks no rule."""
    heard = ask.heard(reply)
    if ask.kind == "critique":
        assert (heard is None) is not ask.verified(reply)
        assert heard is None or json.loads(heard).keys() == {"verdict", "codes"}
        return
    decision = about.read(reply)
    stands = decision is not None and about.verify(decision).kind in ("proven", "plausible")
    assert (None if heard is None else json.loads(heard)) == (about.typed(decision) if decision and stands else None)


def check_laws(about: Exchange[D], replies: list[Reply]) -> None:
    """Whatever is replied: the exchange ends within its bound, and settles nothing that is not at least plausible."""
    conclusion, asks = hold(about, iter(replies))
    assert len(asks) <= CALLS_PER_ROUND * about.max_rounds
    assert [turn.speaker for turn in conclusion.turns] == speakers(asks)
    answers = zip(asks, replies, strict=False)
    for ask, reply in zip(asks, replies, strict=False):
        check_heard(about, ask, "" if isinstance(reply, ReplyUnusable) else reply)
    verified = [isinstance(reply, str) and ask.verified(reply) for ask, reply in answers if ask.speaker == "matcher"]
    assert verified == [turn.verdict not in ("violated", "unusable") for turn in matchers(conclusion)][: len(verified)]
    if about.critic in (None, "never"):
        assert "critic" not in speakers(asks)
    if conclusion.status == "review":
        assert (conclusion.judgement, bool(conclusion.codes)) == (None, True)
        assert conclusion.decision is None or about.verify(conclusion.decision).kind == "plausible"
        return
    assert conclusion.decision is not None
    verdict: Verdict = about.verify(conclusion.decision)
    assert (verdict.kind, verdict.violations) == (conclusion.judgement, ())
    assert verdict.kind in ("proven", "plausible")
    if verdict.kind == "plausible" and about.critic in ("always", "when-unproven"):
        assert conclusion.turns[-1] == Turn(speaker="critic", verdict="approve", codes=conclusion.turns[-1].codes)


@given(NOTES, POLICIES, ROUNDS, REPLIES)
@example(NOTE, "always", 5, [UNKNOWN_OFFER, RANKED, PROSE, VETO] * 5)
@example(None, "always", 5, [UNKNOWN_OFFER, f"{UNKNOWN_OFFER}{APPROVE}", APPROVE, APPROVE])
@example(NOTE, "always", 2, [RANKED, REFUSED, RANKED, APPROVE])
@example(NOTE, "always", 2, [UNKNOWN_OFFER, CUT_OFF, RANKED, APPROVE])
def test_no_replies_settle_a_match_that_is_not_proven_or_plausible(
    note: str | None, critic: CriticPolicy | None, max_rounds: int, replies: list[Reply]
) -> None:
    check_laws(matching(note, critic, max_rounds=max_rounds), replies)


@given(NOTES, POLICIES, ROUNDS, REPLIES)
def test_no_replies_settle_an_order_that_is_not_proven_or_plausible(
    note: str | None, critic: CriticPolicy | None, max_rounds: int, replies: list[Reply]
) -> None:
    check_laws(ordering(note, critic, max_rounds=max_rounds), replies)


def test_the_bound_on_calls_is_reached() -> None:
    held(matching(NOTE, max_rounds=5), *[UNKNOWN_OFFER, RANKED, PROSE, VETO] * 5)
