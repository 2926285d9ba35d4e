"""One registration's calls over a scripted model: when the answer is had, what becomes of the stream, what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from igent.accounting.usage import Usage, estimate_tokens
from igent.agents.calls import LINGER_S, Calls, CallSettings, Kept
from igent.errors import JournalError, ModelError, ModelTimeout, ModelUnavailable
from igent.models.base import Message, ModelRequest, StopReason
from igent.models.limits import CallSlots
from tests.agents.scripted import USAGE, ScriptedModel, Step, end

T = TypeVar("T")

ANSWER = '{"fit":[["o1"]]}'
REQUEST = ModelRequest(
    agent="matcher", kind="match", system="Match.", messages=(Message(author="user", text="TASK"),), max_tokens=512
)
# Longer than any test takes: what should not be waited for would show as a test that times out.
LONG_S = 50.0
# How often the loop runs until every task has gone as far as it can without a timer.
_TURNS = 20


@dataclass(slots=True, kw_only=True)
class Desk:
    """The calls of one registration with all that can be seen of them from outside."""

    calls: Calls
    model: ScriptedModel
    slots: CallSlots
    kept: list[Kept] = field(default_factory=list)

    async def slot_is_free(self) -> bool:
        try:
            async with asyncio.timeout(0):
                await self.slots.acquire(0)
        except TimeoutError:
            return False
        self.slots.release()
        return True


@asynccontextmanager
async def desk(
    *scripts: Sequence[Step],
    early_json: bool = True,
    deadline_s: float = LONG_S,
    recorded: dict[str, str] | None = None,
    keep: Callable[[Kept], Awaitable[None]] | None = None,
) -> AsyncGenerator[Desk, None]:
    """A desk with one slot; leaving it waits for the streams that linger."""
    model, slots, kept = ScriptedModel(*scripts), CallSlots(1), list[Kept]()

    async def note(reply: Kept) -> None:
        kept.append(reply)
        if keep is not None:
            await keep(reply)

    settings = CallSettings(model=model, slots=slots, deadline_s=deadline_s, early_json=early_json)
    async with asyncio.TaskGroup() as lingering:
        calls = Calls(settings, keep=note, lingering=lingering, recorded=recorded)
        yield Desk(calls=calls, model=model, slots=slots, kept=kept)


async def settled() -> None:
    """Let every task go as far as it can without a timer."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def begun(work: Coroutine[None, None, T]) -> asyncio.Task[T]:
    return asyncio.create_task(work)


async def test_an_answer_is_had_at_its_closing_brace_while_the_stream_is_open() -> None:
    more = asyncio.Event()
    async with desk([ANSWER[:-1], ANSWER[-1], more, end()]) as at:
        assert await at.calls.ask(REQUEST) == ANSWER
        assert at.model.open == 1
        more.set()
    assert at.model.open == 0


async def test_an_answer_is_not_had_before_its_closing_brace() -> None:
    more = asyncio.Event()
    async with desk([ANSWER[:-1], more, ANSWER[-1], end()]) as at:
        asking = begun(at.calls.ask(REQUEST))
        await settled()
        assert not asking.done()
        more.set()
        assert await asking == ANSWER


async def test_an_object_of_another_form_is_not_the_answer_that_is_waited_for() -> None:
    async with desk(['{"verdict":"approve"} {} ', ANSWER, end()]) as at:
        assert await at.calls.ask(REQUEST) == '{"verdict":"approve"} {} ' + ANSWER


async def test_a_stream_that_ends_by_itself_gives_its_exact_usage() -> None:
    async with desk([ANSWER, " \n", end()]) as at:
        await at.calls.ask(REQUEST)
    assert at.calls.usage == USAGE
    assert at.model.open == 0


async def test_a_stream_that_goes_on_with_prose_is_closed_and_its_usage_estimated() -> None:
    async with desk([ANSWER, " ", "Approve", asyncio.Event(), end()]) as at:
        await at.calls.ask(REQUEST)
        await settled()
        assert at.model.open == 0
        assert await at.slot_is_free()
    assert at.calls.usage.estimated
    assert at.calls.usage.input_tokens == estimate_tokens(REQUEST.prompt)
    assert at.calls.usage.output_tokens >= estimate_tokens(ANSWER)


async def test_prose_in_the_same_piece_as_the_closing_brace_closes_the_stream_too() -> None:
    more = asyncio.Event()
    async with desk([f"{ANSWER} Approve", more, end()]) as at:
        await at.calls.ask(REQUEST)
        await settled()
        still_open = at.model.open
        more.set()
    assert still_open == 0


async def test_estimated_usage_counts_all_that_was_streamed() -> None:
    prose = " and then some words that nobody asked for"
    async with desk([ANSWER, prose, asyncio.Event()]) as at:
        await at.calls.ask(REQUEST)
    assert at.calls.usage.output_tokens == estimate_tokens(ANSWER + prose)


async def test_a_stream_that_stays_silent_is_closed_after_its_time_which_nobody_waits_for() -> None:
    clock = asyncio.get_running_loop().time
    async with desk([ANSWER, asyncio.Event()]) as at:
        begun_s = clock()
        await at.calls.ask(REQUEST)
        answered_s = clock()
        assert at.model.open == 1
    closed_s = clock()
    assert at.model.open == 0
    assert answered_s - begun_s < LINGER_S <= closed_s - answered_s + 0.01
    assert at.calls.usage == Usage(
        input_tokens=estimate_tokens(REQUEST.prompt), output_tokens=estimate_tokens(ANSWER), estimated=True
    )


def test_a_stream_gets_a_quarter_of_a_second_to_end() -> None:
    assert LINGER_S == 0.25


async def test_a_lingering_stream_counts_as_a_call_in_flight() -> None:
    more = asyncio.Event()
    async with desk([ANSWER, more, end()]) as at:
        await at.calls.ask(REQUEST)
        await settled()
        assert not await at.slot_is_free()
        more.set()
        await settled()
        assert await at.slot_is_free()


@pytest.mark.parametrize(
    "last", [[], [ModelUnavailable("scripted", "connection reset")]], ids=["a cut", "a lost connection"]
)
async def test_what_befalls_a_stream_after_its_answer_is_no_error(last: list[Step]) -> None:
    async with desk([ANSWER, *last]) as at:
        assert await at.calls.ask(REQUEST) == ANSWER
    assert at.calls.usage.estimated
    assert (at.model.open, await at.slot_is_free()) == (0, True)


async def test_an_answer_at_which_igent_stopped_counts_whatever_comes_after() -> None:
    async with desk([ANSWER, end("max_tokens")]) as at:
        assert await at.calls.ask(REQUEST) == ANSWER
    assert (at.kept[0].accepted, at.calls.usage) == (True, USAGE)


async def test_without_early_json_the_end_is_waited_for() -> None:
    more = asyncio.Event()
    async with desk([ANSWER, more, " Approve", end()], early_json=False) as at:
        asking = begun(at.calls.ask(REQUEST))
        await settled()
        assert not asking.done()
        more.set()
        assert await asking == ANSWER
    assert at.calls.usage == USAGE


@pytest.mark.parametrize("early_json", [True, False])
@pytest.mark.parametrize("said", [[], [ANSWER[:-1]], ["{}"], ["prose"]])
async def test_a_stream_that_is_cut_before_its_answer_is_an_unavailable_model(
    said: list[Step], early_json: bool
) -> None:
    async with desk(said, early_json=early_json) as at:
        with pytest.raises(ModelUnavailable):
            await at.calls.ask(REQUEST)
        assert (at.model.open, await at.slot_is_free(), at.kept) == (0, True, [])


async def test_without_early_json_a_cut_after_a_complete_object_is_a_cut_all_the_same() -> None:
    async with desk([ANSWER], early_json=False) as at:
        with pytest.raises(ModelUnavailable):
            await at.calls.ask(REQUEST)
        assert (at.model.open, await at.slot_is_free(), at.kept) == (0, True, [])


@pytest.mark.parametrize("said", [[], [ANSWER[:-1]], ["{} and prose"]])
async def test_a_call_past_its_deadline_is_a_timeout(said: list[Step]) -> None:
    async with desk([*said, asyncio.Event(), ANSWER, end()], deadline_s=0.01) as at:
        with pytest.raises(ModelTimeout) as caught:
            await at.calls.ask(REQUEST)
        assert (caught.value.model, caught.value.deadline_s) == ("scripted", 0.01)
        assert (at.model.open, await at.slot_is_free(), at.kept) == (0, True, [])
    assert at.calls.usage.estimated


async def test_waiting_for_a_slot_is_no_part_of_the_deadline() -> None:
    async with desk([ANSWER, end()], deadline_s=0.0) as at:
        await at.slots.acquire(0)
        asking = begun(at.calls.ask(REQUEST))
        await settled()
        at.slots.release()
        assert await asking == ANSWER


@pytest.mark.parametrize("stop_reason", ["max_tokens", "refusal"])
@pytest.mark.parametrize("early_json", [True, False])
@pytest.mark.parametrize("said", [ANSWER[:-1], "{} sorry"])
async def test_a_reply_that_ended_for_a_wrong_reason_is_kept_and_is_no_answer(
    said: str, stop_reason: StopReason, early_json: bool
) -> None:
    async with desk([said, end(stop_reason)], early_json=early_json) as at:
        assert await at.calls.ask(REQUEST) == ""
    assert at.kept == [Kept(request=REQUEST, text=said, accepted=False)]
    assert at.calls.usage == USAGE


async def test_without_early_json_even_a_complete_object_is_no_answer_at_max_tokens() -> None:
    async with desk([ANSWER, end("max_tokens")], early_json=False) as at:
        assert await at.calls.ask(REQUEST) == ""
    assert at.kept == [Kept(request=REQUEST, text=ANSWER, accepted=False)]


@pytest.mark.parametrize("stop_reason", ["end_turn", "stop_sequence"])
async def test_a_whole_reply_without_an_answer_is_still_the_reply(stop_reason: StopReason) -> None:
    async with desk(["I cannot say.", end(stop_reason)]) as at:
        assert await at.calls.ask(REQUEST) == "I cannot say."
    assert at.kept == [Kept(request=REQUEST, text="I cannot say.", accepted=True)]


@pytest.mark.parametrize("error", [ModelError("scripted", "bad request"), ModelUnavailable("scripted", "overloaded")])
async def test_an_error_of_the_model_is_raised_as_it_is(error: ModelError) -> None:
    async with desk(['{"fit":', error]) as at:
        with pytest.raises(ModelError) as caught:
            await at.calls.ask(REQUEST)
        assert caught.value is error
        assert (at.model.open, await at.slot_is_free(), at.kept) == (0, True, [])


async def test_a_call_that_is_cancelled_gives_its_slot_back_and_closes_its_stream() -> None:
    async with desk(['{"fit":', asyncio.Event()]) as at:
        asking = begun(at.calls.ask(REQUEST))
        await settled()
        asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled()
        assert (at.model.open, await at.slot_is_free()) == (0, True)


async def test_a_call_that_is_cancelled_while_it_waits_for_a_slot_takes_none() -> None:
    async with desk() as at:
        await at.slots.acquire(0)
        asking = begun(at.calls.ask(REQUEST))
        await settled()
        asking.cancel()
        await asyncio.wait([asking])
        at.slots.release()
        assert (at.model.requests, await at.slot_is_free()) == ([], True)


async def test_a_lingering_stream_that_is_cancelled_gives_its_slot_back_and_is_closed() -> None:
    seen: list[Desk] = []

    async def interrupted() -> None:
        async with desk([ANSWER, asyncio.Event()]) as at:
            seen.append(at)
            await at.calls.ask(REQUEST)
            await asyncio.Event().wait()

    running = begun(interrupted())
    await settled()
    running.cancel()
    await asyncio.wait([running])
    assert (seen[0].model.open, await seen[0].slot_is_free(), seen[0].calls.usage.estimated) == (0, True, True)


async def refused(_: Kept) -> None:
    raise JournalError(path="journal", problem="the disk is full", remedy="Make room")


async def refused_later(kept: Kept) -> None:
    await settled()
    await refused(kept)


@pytest.mark.parametrize(
    "keep",
    [
        refused,
        refused_later,
    ],
)
async def test_a_reply_that_cannot_be_kept_is_not_used_and_holds_no_slot(
    keep: Callable[[Kept], Awaitable[None]],
) -> None:
    seen: list[Desk] = []

    async def one_call() -> None:
        async with desk([ANSWER, asyncio.Event()], keep=keep) as at:
            seen.append(at)
            await at.calls.ask(REQUEST)

    with pytest.raises(ExceptionGroup) as caught:
        await one_call()
    assert caught.group_contains(JournalError)
    assert (seen[0].model.open, await seen[0].slot_is_free()) == (0, True)


async def test_a_reply_is_kept_before_it_is_used() -> None:
    durable = asyncio.Event()

    async def keep(_: Kept) -> None:
        await durable.wait()

    async with desk([ANSWER, end()], keep=keep) as at:
        asking = begun(at.calls.ask(REQUEST))
        await settled()
        assert at.kept == [Kept(request=REQUEST, text=ANSWER, accepted=True)]
        assert not asking.done()
        durable.set()
        assert await asking == ANSWER


async def test_a_recorded_reply_is_used_once_without_a_call() -> None:
    async with desk([f" {ANSWER}", end()], recorded={REQUEST.digest: ANSWER}) as at:
        assert await at.calls.ask(REQUEST) == ANSWER
        assert (at.model.requests, at.kept) == ([], [])
        # It was paid for once, by a process that could not say what it cost.
        assert at.calls.made == {"replayed": 1, "match": 1}
        assert (at.calls.usage.estimated, at.calls.usage.output_tokens) == (True, estimate_tokens(ANSWER))
        assert await at.calls.ask(REQUEST) == f" {ANSWER}"
    assert at.calls.made == {"replayed": 1, "match": 2}


async def test_a_reply_that_was_recorded_for_another_request_is_not_used() -> None:
    async with desk([ANSWER, end()], recorded={"0" * 64: "other"}) as at:
        assert await at.calls.ask(REQUEST) == ANSWER
    assert at.model.requests == [REQUEST]


async def test_calls_are_counted_by_their_kind_and_their_usage_added_up() -> None:
    cut: list[Step] = ['{"fit":', ModelUnavailable("scripted", "overloaded")]
    async with desk([ANSWER, end()], cut, [ANSWER, end()]) as at:
        await at.calls.ask(REQUEST)
        with pytest.raises(ModelUnavailable):
            await at.calls.ask(REQUEST)
        await at.calls.ask(REQUEST)
    estimated = Usage(
        input_tokens=estimate_tokens(REQUEST.prompt), output_tokens=estimate_tokens('{"fit":'), estimated=True
    )
    assert (at.calls.made, at.calls.usage) == ({"match": 3}, USAGE + estimated + USAGE)


async def test_the_second_of_two_calls_waits_for_the_one_slot() -> None:
    more = asyncio.Event()
    async with desk([more, ANSWER, end()], [ANSWER, end()]) as at:
        both = [begun(at.calls.ask(REQUEST)) for _ in range(2)]
        await settled()
        assert len(at.model.requests) == 1
        more.set()
        assert [await each for each in both] == [ANSWER, ANSWER]
