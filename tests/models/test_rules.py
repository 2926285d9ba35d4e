"""The embedded model: it answers what the rules settle from the prompt alone, and leaves everything else undecided."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.accounting.usage import Usage, estimate_tokens
from igent.dialogue.prompts import NotAPromptError, repair_text, review_text, veto_text
from igent.dialogue.replies import Critique, ReplyKind, find_answer
from igent.domain.grounds import Ground
from igent.domain.records import Json
from igent.domain.verify import (
    MatchDecision,
    MatchTask,
    OrderDecision,
    OrderTask,
    Violation,
    verify_match,
    verify_order,
)
from igent.markets.sbus.figures import figures_of
from igent.models.base import Message, ModelRequest, ReplyEnd, Sent
from igent.models.rules import RulesModel, keyword_judgement
from tests.agents.scripted import SBUS, candidates, household, match_task, opening, order_task

NOTES = st.sampled_from(["all black", "cheapest", "no preference", "pay monthly", "TASK", "null"]) | st.text(min_size=1)
COUNTS = st.integers(1, 6)


def request(text: str, kind: ReplyKind = "match", *later: Message) -> ModelRequest:
    messages = (Message(author="user", text=text), *later)
    return ModelRequest(agent="matcher", kind=kind, system="Match.", messages=messages, max_tokens=512)


def said(text: str) -> Message:
    return Message(author="user", text=text)


async def reply(asked: ModelRequest, model: RulesModel | None = None) -> str:
    return "".join([event async for event in (model or RulesModel()).stream(asked) if isinstance(event, str)])


async def matched(task: MatchTask) -> MatchDecision:
    answer = find_answer("match", await reply(request(opening(task, SBUS))))
    assert isinstance(answer, MatchDecision)
    return answer


async def ordered(task: OrderTask) -> OrderDecision:
    answer = find_answer("order", await reply(request(opening(task, SBUS), "order")))
    assert isinstance(answer, OrderDecision)
    return answer


async def critique(task: MatchTask | OrderTask, proposal: dict[str, Json]) -> Critique:
    text = review_text(opening(task, SBUS), proposal)
    answer = find_answer("critique", await reply(request(text, "critique")))
    assert isinstance(answer, Critique)
    return answer


@given(COUNTS)
async def test_without_a_note_all_offers_are_equal_which_is_proven(offers: int) -> None:
    task = match_task(offers=offers)
    decision = await matched(task)
    assert decision.fit == (tuple(offer.id for offer in task.offers),)
    assert verify_match(decision, task).kind == "proven"


@given(NOTES)
async def test_a_note_is_left_undecided(note: str) -> None:
    task = match_task(note)
    decision = await matched(task)
    assert (decision.fit, verify_match(decision, task).kind) == (None, "undecided")


@given(COUNTS, st.integers(0, 3))
async def test_without_a_note_the_payment_is_cash_and_prose_is_left_open(offers: int, incentives: int) -> None:
    task = order_task(offers=offers, incentives=incentives)
    decision = await ordered(task)
    assert (decision.payment, decision.incentives) == ("cash", dict.fromkeys(task.open_ids, "unsure"))
    assert verify_order(decision, task).kind == "proven"


@given(NOTES, st.integers(0, 3))
async def test_with_a_note_the_payment_is_left_undecided(note: str, incentives: int) -> None:
    task = order_task(note, incentives=incentives)
    assert verify_order(await ordered(task), task).kind == "undecided"


FIT = st.permutations(["o1", "o2", "o3"]).map(tuple)
TIERS = FIT.flatmap(lambda ids: st.sampled_from([(ids,), (ids[:1], ids[1:]), (ids[:2],)]))


@given(TIERS, st.sampled_from([None, "all black"]))
async def test_as_a_critic_it_approves_no_match_that_is_not_proven(
    fit: tuple[tuple[str, ...], ...], note: str | None
) -> None:
    task, decision = match_task(note), MatchDecision(fit=fit, words=("all black",) if note else ())
    verdict = (await critique(task, decision.as_record())).verdict
    assert verdict == "undecided" if note else verdict in ("approve", "veto")
    assert verdict != "approve" or verify_match(decision, task).kind == "proven"


@given(st.sampled_from(["yes", "no", "unsure"]), st.sampled_from(["cash", "loan"]), st.sampled_from([None, "monthly"]))
async def test_as_a_critic_it_approves_no_order_that_is_not_proven(ruling: str, payment: str, note: str | None) -> None:
    task = order_task(note, incentives=1)
    entry: Json = {"id": "i1", "words": "careful households"} if ruling == "yes" else "i1"
    text = json.dumps({"payment": payment, ruling: [entry], "words": [note] if note else []})
    decision = find_answer("order", text)
    assert isinstance(decision, OrderDecision)
    verdict = (await critique(task, decision.as_record())).verdict
    assert verdict != "approve" or verify_order(decision, task).kind == "proven"


async def test_as_a_critic_it_approves_what_the_rules_settle() -> None:
    match, order = match_task(), order_task(incentives=2)
    assert (await critique(match, (await matched(match)).as_record())).verdict == "approve"
    assert (await critique(order, (await ordered(order)).as_record())).verdict == "approve"


@pytest.mark.parametrize("ruling", ["yes", "no"])
async def test_as_a_critic_it_does_not_guess_about_prose(ruling: str) -> None:
    proposal: dict[str, Json] = {"payment": "cash", "incentives": {"i1": ruling}, "words": []}
    assert (await critique(order_task(incentives=1), proposal)).verdict == "undecided"


@pytest.mark.parametrize(("amount", "verdict"), [("a2", "approve"), ("a1", "veto"), (None, "veto")])
async def test_the_keywords_of_a_market_object_to_another_amount_than_their_own(
    amount: str | None, verdict: str
) -> None:
    text = "$500 for all, $800 for roofs facing south"
    [standing] = order_task(incentives=1).standings
    incentive = replace(standing.incentive, prose=text, figures=figures_of(text, types=1), amount=None)
    about = replace(household(), facts={"Product_RoofOrientation": "South"})
    task = OrderTask(registration=about, offers=candidates(), standings=(replace(standing, incentive=incentive),))
    ground = Ground(id="i1", words="roofs facing south", amount=amount)
    decision = OrderDecision(payment="cash", incentives={"i1": "yes"}, grounds=(ground,))
    shown = request(review_text(opening(task, SBUS), decision.as_record()), "critique")
    answer = find_answer("critique", await reply(shown, RulesModel(keyword_judgement(SBUS))))
    assert isinstance(answer, Critique)
    assert answer.verdict == verdict


@pytest.mark.parametrize(
    ("note", "incentives", "said"),
    [
        (None, 0, {"payment": "cash", "why": "rules only"}),
        (None, 2, {"payment": "cash", "unsure": ["i1", "i2"], "why": "rules only"}),
        ("pay monthly", 1, {"payment": None, "unsure": ["i1"], "why": "rules only"}),
    ],
)
async def test_an_order_says_nothing_of_what_is_empty(note: str | None, incentives: int, said: dict[str, Json]) -> None:
    text = await reply(request(opening(order_task(note, incentives=incentives), SBUS), "order"))
    assert json.loads(text) == said


async def test_a_reply_depends_on_what_is_shown_and_nothing_else() -> None:
    asked = request(opening(match_task(), SBUS))
    others = [
        replace(asked, agent="another", system="Do not match.", max_tokens=16, model="other", effort="high"),
        replace(asked, priority=9, attempt=4),
    ]
    first = await reply(asked)
    assert [await reply(other) for other in others] == [first, first]
    model = RulesModel()
    assert [await reply(request(opening(match_task("all black"), SBUS)), model), await reply(asked, model)][1] == first


@pytest.mark.parametrize("text", [veto_text(["other"]), repair_text([Violation(code="tier-empty", detail="")])])
async def test_asked_again_it_answers_about_the_household_that_it_was_shown(text: str) -> None:
    first = request(opening(match_task(), SBUS))
    own = Message(author="assistant", text="TASK\nnot mine to read")
    again = replace(first, messages=(*first.messages, own, said(text)))
    assert await reply(again) == await reply(first)


async def test_in_a_shared_conversation_the_latest_opening_counts() -> None:
    match, order = opening(match_task(), SBUS), opening(order_task(), SBUS)
    asked = request(match, "order", said('{"fit":[["o1"]]}'), said(order))
    assert await reply(asked) == await reply(request(order, "order"))


@given(st.text().filter(lambda text: not text.startswith("TASK\n")))
async def test_what_is_no_prompt_has_no_answer(text: str) -> None:
    with pytest.raises(NotAPromptError):
        await reply(request(text))


async def test_a_stream_is_sent_then_the_reply_whole_and_an_end_with_estimated_usage() -> None:
    asked = request(opening(match_task(offers=6), SBUS))
    events = [event async for event in RulesModel().stream(asked)]
    text = str(events[1])
    usage = Usage(input_tokens=estimate_tokens(asked.prompt), output_tokens=estimate_tokens(text), estimated=True)
    assert events == [Sent(), text, ReplyEnd(stop_reason="end_turn", usage=usage)]
    assert json.loads(text)["fit"] == [["o1", "o2", "o3", "o4", "o5", "o6"]]


async def test_the_keywords_of_a_market_judge_what_the_rules_leave_open() -> None:
    text = await reply(request(opening(match_task("only S2 please"), SBUS)), RulesModel(keyword_judgement(SBUS)))
    assert json.loads(text)["fit"] == [["o2"]]
