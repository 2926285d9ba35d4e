"""What each kind of call comes to in the journal: its usage, its time, its fault, and how it is counted."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from igent.accounting.calls import CallFacts
from igent.accounting.usage import Usage, estimate_tokens
from igent.agents.calls import Recorded
from igent.errors import ModelError, ModelLocked, ModelRejected, ModelUnavailable
from igent.models.base import PromptRead, ReplyEnd, StopReason
from tests.agents.desk import ANSWER, REQUEST, at_rest, begun, desk
from tests.agents.scripted import SENT, USAGE, Step, end

PROMPT = Usage(input_tokens=30, cache_read_tokens=10)
READ = PromptRead(usage=PROMPT)
ASKED = Usage(input_tokens=estimate_tokens(REQUEST.prompt), estimated=True)
SAVED = ReplyEnd(stop_reason="end_turn", usage=Usage(), saved=USAGE)
HALF = '{"fit":'


def said(text: str) -> Usage:
    return Usage(output_tokens=estimate_tokens(text), estimated=True)


def facts(
    usage: Usage,
    *,
    cut: bool = False,
    seconds: float = 0.0,
    first_seconds: float | None = None,
    saved: Usage | None = None,
    fault: str | None = None,
) -> CallFacts:
    """The facts of a call for the request."""
    return CallFacts(
        agent="matcher",
        kind="match",
        model="small",
        usage=usage,
        saved=saved,
        cut=cut,
        seconds=seconds,
        first_seconds=first_seconds,
        fault=fault,
    )


async def come_to(*script: Step, deadline_s: float = 10.0, early_json: bool = True) -> tuple[CallFacts, dict[str, int]]:
    """The facts of a call that goes so, and how it is counted."""
    async with desk(script, deadline_s=deadline_s, early_json=early_json) as at:
        with suppress(ModelError):
            await at.calls.ask(REQUEST)
    (only,) = at.facts
    return only, dict(at.calls.made)


CALLED = {"match": 1}


async def test_a_whole_call_has_the_providers_count_and_its_times_from_when_it_was_sent() -> None:
    script: list[Step] = [4.0, SENT, 0.25, READ, 0.25, ANSWER[:7], 1.0, ANSWER[7:], 0.125, " ", end()]
    assert await come_to(*script) == (facts(USAGE, seconds=1.5, first_seconds=0.5), CALLED)


@pytest.mark.parametrize(("counted", "prompt"), [([READ], PROMPT), ([], ASKED)], ids=["counted", "not counted"])
async def test_a_call_cut_after_its_answer_is_billed_for_all_that_was_streamed(
    counted: list[Step], prompt: Usage
) -> None:
    prose = " and then some words that nobody asked for"
    script = [SENT, 0.5, *counted, ANSWER, 0.5, prose, asyncio.Event()]
    assert await come_to(*script) == (
        facts(prompt + said(ANSWER + prose), cut=True, seconds=0.5, first_seconds=0.5),
        CALLED,
    )


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (ModelUnavailable("small", "overloaded", unread=True), "model-unavailable"),
        (ModelRejected("small", "bad request"), "model-rejected"),
        (ModelLocked("small", "no key", remedy="Set one"), "model-locked"),
    ],
)
async def test_a_call_that_failed_unread_is_billed_nothing(error: ModelError, fault: str) -> None:
    assert await come_to(SENT, 2.0, error) == (facts(Usage(), cut=True, seconds=2.0, fault=fault), CALLED)


@pytest.mark.parametrize("error", [[], [ModelUnavailable("small", "silent for 15 s")]], ids=["cut off", "silent"])
async def test_a_call_that_broke_off_may_have_been_read_and_is_billed_for_its_prompt(error: list[Step]) -> None:
    assert await come_to(SENT, *error) == (facts(ASKED + said(""), cut=True, fault="model-unavailable"), CALLED)


@pytest.mark.parametrize(
    ("told", "usage", "first_seconds"),
    [
        ([READ], PROMPT + said(""), None),
        ([READ, HALF], PROMPT + said(HALF), 0.5),
        ([HALF], ASKED + said(HALF), 0.5),
    ],
    ids=["the prompt was read", "and text was said", "text was said"],
)
async def test_a_call_that_failed_later_is_billed_as_far_as_it_went(
    told: list[Step], usage: Usage, first_seconds: float | None
) -> None:
    script = [SENT, 0.5, *told, 0.5, ModelUnavailable("small", "overloaded")]
    expected = facts(usage, cut=True, seconds=1.0, first_seconds=first_seconds, fault="model-unavailable")
    assert await come_to(*script) == (expected, CALLED)


@pytest.mark.parametrize(("told", "usage"), [([], ASKED), ([READ], PROMPT + said("")), ([HALF], ASKED + said(HALF))])
async def test_a_call_past_its_deadline_is_billed_also_unread(told: list[str | PromptRead], usage: Usage) -> None:
    (only, made) = await come_to(SENT, *told, asyncio.Event(), deadline_s=0.01)
    assert (only.usage, only.cut, only.fault, made) == (usage, True, "model-timeout", CALLED)


@pytest.mark.parametrize(("told", "usage"), [([], ASKED), ([READ], PROMPT + said("")), ([HALF], ASKED + said(HALF))])
async def test_a_call_that_is_cancelled_is_billed_also_unread(told: list[str | PromptRead], usage: Usage) -> None:
    async with desk([SENT, *told, asyncio.Event()]) as at:
        asking = begun(at.calls.ask(REQUEST))
        await at_rest()
        asking.cancel()
        await asyncio.wait([asking])
    assert [(each.usage, each.cut, each.fault) for each in at.facts] == [(usage, True, "CancelledError")]
    assert at.calls.made == CALLED


@pytest.mark.parametrize("stop_reason", ["refusal", "max_tokens"])
async def test_a_reply_that_is_no_answer_is_billed_as_counted_and_is_no_fault(stop_reason: StopReason) -> None:
    script: list[Step] = [SENT, 0.5, HALF, 0.5, end(stop_reason)]
    assert await come_to(*script) == (facts(USAGE, seconds=1.0, first_seconds=0.5), CALLED)


@pytest.mark.parametrize("early_json", [True, False])
@pytest.mark.parametrize("text", [ANSWER, f"{ANSWER} Approve.", f"Sure: {ANSWER}"])
async def test_an_answer_from_the_cache_is_a_hit_with_what_it_saved_and_no_call(text: str, early_json: bool) -> None:
    assert await come_to(0.5, text, SAVED, early_json=early_json) == (
        facts(Usage(), saved=USAGE, first_seconds=0.0),
        {"cache_hits": 1},
    )


async def test_a_reply_whose_call_an_earlier_process_did_not_settle_is_estimated_now() -> None:
    recorded = {REQUEST.digest: Recorded(text=ANSWER, unusable=None, settled=False)}
    async with desk(recorded=recorded) as at:
        await at.calls.ask(REQUEST)
    assert at.settled == [(REQUEST, facts(ASKED + said(ANSWER), cut=True))]
    assert at.calls.made == {"match": 1, "replayed": 1}


async def test_a_reply_whose_call_was_settled_is_not_settled_again() -> None:
    recorded = {REQUEST.digest: Recorded(text=ANSWER, unusable=None, settled=True)}
    async with desk(recorded=recorded) as at:
        await at.calls.ask(REQUEST)
    assert (at.settled, at.calls.made) == ([], {"match": 1, "replayed": 1})


async def test_what_was_never_sent_has_no_facts_and_is_not_counted() -> None:
    async with desk([ModelUnavailable("small", "overloaded")]) as at:
        with suppress(ModelError):
            await at.calls.ask(REQUEST)
    assert (at.settled, at.calls.made) == ([], {})
