"""The crew: fresh agents that are driven through exchanges, hear what they should, and fail as their calls fail."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from igent.accounting.calls import CallFacts
from igent.agents.calls import CallJournal, Calls, CallSettings, Kept
from igent.agents.crew import Crew, Troupe
from igent.constellation import AgentSpec, PhaseSpec
from igent.dialogue.prompts import repair_text, review_text, veto_text
from igent.dialogue.replies import find_answer
from igent.dialogue.script import CriticPolicy, Exchange, exchange
from igent.domain.verify import MatchDecision, MatchTask, OrderDecision, Verdict, verify_match, verify_order
from igent.errors import ModelError, ModelRejected, ModelTimeout, ModelUnavailable
from igent.models.base import ChatModel, Message, ModelRequest, StopReason
from igent.models.rules import RulesModel
from tests.agents.scripted import SBUS, SENT, ScriptedModel, Step, end, match_task, opening, order_task

PROMPTS = {"matcher": "Match.", "critic": "Review.", "matcher2": "Settle.", "critic2": "Review too."}
MATCHER = AgentSpec(
    role="matcher", name="m", prompt="matcher", max_tokens=300, model="small", effort="low", thinking=True
)
PHASE1 = PhaseSpec(
    name="phase1", task="match", agents=(MATCHER, AgentSpec(role="critic", name="c", prompt="critic", max_tokens=100))
)
PHASE2 = PhaseSpec(
    name="phase2",
    task="order",
    agents=(
        AgentSpec(role="matcher", name="m2", prompt="matcher2"),
        AgentSpec(role="critic", name="c2", prompt="critic2"),
    ),
)
ALONE = PhaseSpec(name="phase1", task="match", agents=(MATCHER,))

NOTE = "all black, paid monthly"
MATCH, ORDER, PLAIN = match_task(NOTE), order_task(NOTE), match_task()
ALL_EQUAL = '{"fit":[["o1","o2","o3"]]}'
RANKED = '{"fit":[["o2"],["o1","o3"]],"words":["all black"]}'
BROKEN = MatchDecision(fit=(("o9",),), words=("all black",))
UNKNOWN = '{"fit":[["o9"]],"words":["all black"]}'
LOAN = '{"payment":"loan","words":["monthly"]}'
APPROVE, VETO = '{"verdict":"approve"}', '{"verdict":"veto","codes":["tier-order"]}'
# What others hear of them.
ALL_EQUAL_TYPED, APPROVE_TYPED = '{"fit":[["o1","o2","o3"]],"words":[]}', '{"verdict":"approve","codes":[]}'
LOAN_TYPED = '{"payment":"loan","incentives":{},"words":["monthly"]}'


def matching(critic: CriticPolicy = "when-unproven", task: MatchTask = MATCH) -> Exchange[MatchDecision]:
    def read(reply: str) -> MatchDecision | None:
        answer = find_answer("match", reply)
        return answer if isinstance(answer, MatchDecision) else None

    def verify(decision: MatchDecision) -> Verdict:
        return verify_match(decision, task)

    typed = MatchDecision.as_record
    shown = opening(task, SBUS)
    return Exchange(kind="match", opening=shown, read=read, verify=verify, typed=typed, critic=critic, max_rounds=2)


def ordering(critic: CriticPolicy = "always") -> Exchange[OrderDecision]:
    def read(reply: str) -> OrderDecision | None:
        answer = find_answer("order", reply)
        return answer if isinstance(answer, OrderDecision) else None

    def verify(decision: OrderDecision) -> Verdict:
        return verify_order(decision, ORDER)

    typed = OrderDecision.as_record
    shown = opening(ORDER, SBUS)
    return Exchange(kind="order", opening=shown, read=read, verify=verify, typed=typed, critic=critic, max_rounds=2)


async def keep(_: Kept) -> None:
    """Nothing to keep a reply in."""


def settle(_request: ModelRequest, _facts: CallFacts) -> None:
    """Nothing to settle a call in."""


@asynccontextmanager
async def crew_over(
    model: ChatModel, *, shared: bool = False, priority: int = 0, troupe: Troupe | None = None
) -> AsyncGenerator[Crew, None]:
    troupe = troupe or Troupe(prompts=PROMPTS, model="usual", shared=shared)
    settings = CallSettings(model=model, deadline_s=0.05, early_json=True, clock=lambda: 0.0)
    async with asyncio.TaskGroup() as lingering:
        calls = Calls(settings, CallJournal(keep=keep, settle=settle), lingering=lingering)
        yield Crew(calls, troupe, priority=priority)


def saying(*replies: str) -> ScriptedModel:
    """A model that ends each reply properly."""
    return ScriptedModel(*((SENT, reply, end()) for reply in replies))


def heard(request: ModelRequest) -> list[tuple[str, str]]:
    return [(message.author, message.text) for message in request.messages]


async def both_phases(*, shared: bool) -> list[ModelRequest]:
    """The requests of two phases, each with its matcher and its critic."""
    model = saying(RANKED, APPROVE, LOAN, APPROVE)
    async with crew_over(model, shared=shared) as crew:
        await crew.hold(exchange(matching()), PHASE1)
        await crew.hold(exchange(ordering()), PHASE2)
    return model.requests


async def test_an_exchange_is_held_to_its_conclusion() -> None:
    async with crew_over(saying(RANKED, APPROVE)) as crew:
        conclusion = await crew.hold(exchange(matching()), PHASE1)
    assert (conclusion.status, conclusion.judgement) == ("settled", "plausible")
    assert conclusion.decision == MatchDecision(fit=(("o2",), ("o1", "o3")), words=("all black",))


async def test_a_request_is_what_the_specification_of_its_agent_says() -> None:
    model = saying(RANKED, APPROVE)
    async with crew_over(model, priority=7) as crew:
        await crew.hold(exchange(matching()), PHASE1)
    shown = opening(MATCH, SBUS)
    asked = Message(author="user", text=shown)
    assert model.requests[0] == ModelRequest(
        agent="m",
        kind="match",
        system="Match.",
        messages=(asked,),
        max_tokens=300,
        model="small",
        effort="low",
        thinking=True,
        priority=7,
    )
    proposal = Message(author="user", text=review_text(shown, {"fit": [["o2"], ["o1", "o3"]], "words": ["all black"]}))
    assert model.requests[1] == ModelRequest(
        agent="c", kind="critique", system="Review.", messages=(proposal,), max_tokens=100, model="usual", priority=7
    )
    assert [request.priority for request in model.requests] == [7, 7]


async def test_every_request_names_a_model_its_agents_own_or_the_usual_one() -> None:
    assert [request.model for request in await both_phases(shared=False)] == ["small", "usual", "usual", "usual"]


async def test_a_request_tells_which_replies_may_answer_it_again() -> None:
    matcher, critic, *_ = await both_phases(shared=False)
    assert matcher.verified is not None
    assert critic.verified is not None
    assert [matcher.verified(reply) for reply in (RANKED, UNKNOWN, APPROVE, "")] == [True, False, False, False]
    assert [critic.verified(reply) for reply in (APPROVE, VETO, RANKED, "")] == [True, True, False, False]


UNUSABLE: list[tuple[StopReason, str]] = [("refusal", "model-refused"), ("max_tokens", "reply-cut-off")]


@pytest.mark.parametrize(("stop", "code"), UNUSABLE)
async def test_a_matcher_that_gives_no_answer_leads_to_review_without_another_turn(stop: StopReason, code: str) -> None:
    model = ScriptedModel([SENT, "I cannot", end(stop)])
    async with crew_over(model) as crew:
        conclusion = await crew.hold(exchange(matching()), PHASE1)
    assert (conclusion.status, conclusion.codes, len(model.requests)) == ("review", (code,), 1)


@pytest.mark.parametrize(("stop", "code"), UNUSABLE)
async def test_a_proven_decision_is_settled_although_its_critic_gives_no_answer(stop: StopReason, code: str) -> None:
    model = ScriptedModel([SENT, ALL_EQUAL, end()], [SENT, "I cannot", end(stop)])
    async with crew_over(model) as crew:
        conclusion = await crew.hold(exchange(matching("always", PLAIN)), PHASE1)
    assert (conclusion.status, conclusion.judgement) == ("settled", "proven")
    assert [(turn.verdict, turn.codes) for turn in conclusion.turns] == [("proven", ()), ("unusable", (code,))]


async def test_what_was_no_answer_is_not_heard_by_later_agents() -> None:
    model = ScriptedModel([SENT, ALL_EQUAL, end()], [SENT, "I cannot", end("refusal")], [SENT, LOAN, end()])
    async with crew_over(model, shared=True) as crew:
        await crew.hold(exchange(matching("always", PLAIN)), PHASE1)
        await crew.hold(exchange(ordering("never")), PHASE2)
    assert heard(model.requests[2]) == [("user", opening(ORDER, SBUS)), ("user", ALL_EQUAL_TYPED)]


async def test_only_the_typed_part_of_a_turn_is_heard_by_others_and_nothing_of_one_that_breaks_a_rule() -> None:
    said = f'I see {{}}. {RANKED[:-1]},"why":"trust me"}}'
    model = saying(UNKNOWN, said, "hm", f"Well: {VETO}", f"Again: {RANKED}", APPROVE)
    async with crew_over(model, shared=True) as crew:
        await crew.hold(exchange(matching()), PHASE1)
    critic, matcher = model.requests[3], model.requests[4]
    assert [text for author, text in heard(critic) if author == "user"][1:-1] == [RANKED]
    assert [one for one in heard(matcher) if one[0] == "assistant"] == [("assistant", UNKNOWN), ("assistant", said)]
    assert heard(matcher)[-2:] == [("user", VETO), ("user", veto_text(["tier-order"]))]


async def test_a_repair_turn_carries_the_conversation_so_far() -> None:
    model = saying(UNKNOWN, RANKED)
    async with crew_over(model) as crew:
        await crew.hold(exchange(matching("never")), ALONE)
    assert heard(model.requests[1]) == [
        ("user", opening(MATCH, SBUS)),
        ("assistant", UNKNOWN),
        ("user", repair_text(verify_match(BROKEN, MATCH).violations)),
    ]
    assert [request.system for request in model.requests] == ["Match.", "Match."]


async def test_another_round_carries_the_conversation_so_far_of_each_agent_alone() -> None:
    model = saying(RANKED, VETO, RANKED, APPROVE)
    async with crew_over(model) as crew:
        await crew.hold(exchange(matching()), PHASE1)
    shown = opening(MATCH, SBUS)
    review = review_text(shown, {"fit": [["o2"], ["o1", "o3"]], "words": ["all black"]})
    assert heard(model.requests[2]) == [("user", shown), ("assistant", RANKED), ("user", veto_text(["tier-order"]))]
    assert heard(model.requests[3]) == [("user", review), ("assistant", VETO), ("user", review)]


@pytest.mark.parametrize("reply", ["", "no JSON at all"])
async def test_a_reply_without_an_answer_does_not_break_the_conversation(reply: str) -> None:
    model = saying(reply, RANKED)
    async with crew_over(model) as crew:
        conclusion = await crew.hold(exchange(matching("never")), ALONE)
    assert conclusion.status == "settled"
    assert heard(model.requests[1])[:2] == [("user", opening(MATCH, SBUS)), ("assistant", reply)]


async def test_agents_are_fresh_for_each_registration() -> None:
    model = saying(RANKED, RANKED)
    for _ in range(2):
        async with crew_over(model) as crew:
            await crew.hold(exchange(matching("never")), ALONE)
    assert model.requests[0] == model.requests[1]
    assert len(model.requests[1].messages) == 1


async def test_registrations_at_once_do_not_hear_each_other() -> None:
    model = saying(RANKED, RANKED, RANKED)

    async def one() -> None:
        async with crew_over(model, shared=True) as crew:
            await crew.hold(exchange(matching("never")), ALONE)

    async with asyncio.TaskGroup() as registrations:
        for _ in range(3):
            registrations.create_task(one())
    assert [len(request.messages) for request in model.requests] == [1, 1, 1]


async def test_in_a_separate_conversation_nobody_hears_another_agent() -> None:
    for request in await both_phases(shared=False):
        assert [author for author, _ in heard(request)] == ["user"]
        assert heard(request)[0][1].startswith("TASK\n")


async def test_in_a_shared_conversation_later_agents_hear_the_earlier_turns() -> None:
    requests = await both_phases(shared=True)
    others = [[text for author, text in heard(request)[1:] if author == "user"] for request in requests]
    assert others == [[], [RANKED], [RANKED, APPROVE_TYPED], [RANKED, APPROVE_TYPED, LOAN_TYPED]]
    assert all(heard(request)[0][1].startswith("TASK\n") for request in requests)


async def test_in_a_shared_conversation_every_turn_is_heard_once_and_ones_own_as_ones_own() -> None:
    model = saying(RANKED, VETO, RANKED, APPROVE)
    async with crew_over(model, shared=True) as crew:
        await crew.hold(exchange(matching()), PHASE1)
    shown = opening(MATCH, SBUS)
    review = review_text(shown, {"fit": [["o2"], ["o1", "o3"]], "words": ["all black"]})
    assert heard(model.requests[2]) == [
        ("user", shown),
        ("assistant", RANKED),
        ("user", VETO),
        ("user", veto_text(["tier-order"])),
    ]
    assert heard(model.requests[3]) == [
        ("user", review),
        ("user", RANKED),
        ("assistant", VETO),
        ("user", RANKED),
        ("user", review),
    ]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([SENT, ModelRejected("small", "bad request")], ModelRejected),
        ([SENT, ModelUnavailable("small", "overloaded")], ModelUnavailable),
        ([SENT, '{"fit":'], ModelUnavailable),
        ([SENT, asyncio.Event()], ModelTimeout),
    ],
    ids=["rejected", "overloaded", "cut", "late"],
)
async def test_an_error_of_a_call_keeps_its_type(script: list[Step], expected: type[ModelError]) -> None:
    model = ScriptedModel([SENT, UNKNOWN, end()], script)
    async with crew_over(model) as crew:
        with pytest.raises(ModelError) as caught:
            await crew.hold(exchange(matching()), PHASE1)
    assert type(caught.value) is expected
    assert model.open == 0


async def test_a_phase_without_a_critic_cannot_ask_one() -> None:
    async with crew_over(saying(RANKED)) as crew:
        with pytest.raises(LookupError, match="phase 'phase1' has no critic"):
            await crew.hold(exchange(matching("always")), ALONE)


async def test_cancelling_an_exchange_stops_its_call_at_once() -> None:
    model = ScriptedModel([SENT, '{"fit":', asyncio.Event()])

    async def hold() -> None:
        async with crew_over(model) as crew:
            await crew.hold(exchange(matching()), PHASE1)

    async with asyncio.TaskGroup() as group:
        holding = group.create_task(hold())
        await model.waiting.wait()
        holding.cancel()
    assert (holding.cancelled(), model.open) == (True, 0)


async def test_no_word_of_a_household_or_a_model_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await both_phases(shared=True)
    assert [word for word in ("all black", "monthly", "Match.", "55401") if word in caplog.text] == []


@pytest.mark.parametrize("shared", [False, True])
async def test_the_embedded_model_speaks_through_the_same_agents(shared: bool) -> None:
    task = order_task(incentives=1)
    settled, shown = OrderDecision(payment="cash", incentives={"i1": "unsure"}, why="rules only"), opening(task, SBUS)

    def read(reply: str) -> OrderDecision | None:
        answer = find_answer("order", reply)
        return answer if isinstance(answer, OrderDecision) else None

    about = Exchange(
        kind="order",
        opening=shown,
        read=read,
        verify=lambda decision: verify_order(decision, task),
        typed=OrderDecision.as_record,
        critic="always",
        max_rounds=1,
    )
    async with crew_over(RulesModel(), shared=shared) as crew:
        conclusion = await crew.hold(exchange(about), PHASE2)
    assert (conclusion.judgement, conclusion.decision) == ("proven", settled)
    assert [turn.verdict for turn in conclusion.turns] == ["proven", "approve"]


async def test_a_crew_has_heard_nothing_of_what_another_one_of_the_same_troupe_was_told() -> None:
    model, troupe = saying(ALL_EQUAL, ALL_EQUAL), Troupe(prompts=PROMPTS, model="usual", shared=False)
    for _ in range(2):
        async with crew_over(model, troupe=troupe) as crew:
            await crew.hold(exchange(matching("never", PLAIN)), ALONE)
    first, second = (request.messages for request in model.requests)
    assert second == first


async def test_a_crew_is_gone_as_soon_as_nobody_needs_it_with_no_garbage_to_seek() -> None:
    gc.collect()
    gc.disable()
    try:
        async with crew_over(saying(ALL_EQUAL)) as crew:
            await crew.hold(exchange(matching("never", PLAIN)), ALONE)
        gone = weakref.ref(crew)
        del crew
        assert gone() is None
    finally:
        gc.enable()
