"""One registration's calls over a scripted model: when the answer is had, what becomes of the stream, what is kept."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from igent.accounting.spans import Timeline, recording
from igent.agents.calls import LINGER_S, Kept, Recorded
from igent.errors import (
    JournalError,
    ModelError,
    ModelTimeout,
    ModelUnavailable,
    ReplyUnusable,
    RunStopped,
)
from igent.models.base import StopReason, Unusable
from tests.agents.desk import ANSWER, REQUEST, at_rest, begun, desk
from tests.agents.scripted import SENT, USAGE, Step, end

FULL = JournalError(path="journal", problem="the disk is full", remedy="Make room")


async def test_an_answer_is_had_at_its_closing_brace_while_the_stream_is_open() -> None:
    more = asyncio.Event()
    async with desk([SENT, ANSWER[:-1], ANSWER[-1], more, end()]) as at:
        assert await at.calls.ask(REQUEST) == ANSWER
        assert at.model.open == 1
        more.set()
    assert at.model.open == 0


async def test_an_answer_is_not_had_before_its_closing_brace() -> None:
    more = asyncio.Event()
    async with desk([SENT, ANSWER[:-1], more, ANSWER[-1], end()]) as at:
        asking = begun(at.calls.ask(REQUEST))
        await at_rest()
        assert not asking.done()
        more.set()
        assert await asking == ANSWER


async def test_an_object_of_another_form_is_not_the_answer_that_is_waited_for() -> None:
    async with desk([SENT, '{"verdict":"approve"} {} ', ANSWER, end()]) as at:
        assert await at.calls.ask(REQUEST) == '{"verdict":"approve"} {} ' + ANSWER


async def test_a_stream_that_goes_on_with_white_space_is_read_to_its_end() -> None:
    async with desk([SENT, ANSWER, " \n", end()]) as at:
        await at.calls.ask(REQUEST)
    assert (at.facts[0].usage, at.facts[0].cut) == (USAGE, False)


@pytest.mark.parametrize("pieces", [[ANSWER, " ", "Approve"], [f"{ANSWER} Approve"]], ids=["later", "at once"])
async def test_a_stream_that_goes_on_with_prose_is_closed(pieces: list[str]) -> None:
    more = asyncio.Event()
    async with desk([SENT, *pieces, more, end()]) as at:
        await at.calls.ask(REQUEST)
        await at_rest()
        left_open = at.model.open
        more.set()
    assert (left_open, at.facts[0].cut) == (0, True)


async def test_a_stream_that_stays_silent_is_closed_after_its_time_which_nobody_waits_for() -> None:
    clock = asyncio.get_running_loop().time
    async with desk([SENT, ANSWER, asyncio.Event()]) as at:
        await at.calls.ask(REQUEST)
        answered_s = clock()
        assert at.model.open == 1
    assert at.model.open == 0
    assert clock() - answered_s > 0.9 * LINGER_S  # loops count in milliseconds


def test_a_stream_gets_a_quarter_of_a_second_to_end() -> None:
    assert LINGER_S == 0.25


@pytest.mark.parametrize(
    "last", [[], [ModelUnavailable("small", "connection reset")]], ids=["a cut", "a lost connection"]
)
async def test_what_befalls_a_stream_after_its_answer_is_no_error(last: list[Step]) -> None:
    async with desk([SENT, ANSWER, *last]) as at:
        assert await at.calls.ask(REQUEST) == ANSWER
    assert (at.model.open, at.facts[0].fault) == (0, None)


@pytest.mark.parametrize("stop_reason", ["max_tokens", "refusal"])
async def test_an_answer_at_which_igent_stopped_counts_whatever_comes_after(stop_reason: StopReason) -> None:
    async with desk([SENT, ANSWER, end(stop_reason)]) as at:
        assert await at.calls.ask(REQUEST) == ANSWER
    assert at.kept == [Kept(request=REQUEST, text=ANSWER, unusable=None)]


async def test_without_early_json_the_end_is_waited_for() -> None:
    more = asyncio.Event()
    async with desk([SENT, ANSWER, more, " Approve", end()], early_json=False) as at:
        asking = begun(at.calls.ask(REQUEST))
        await at_rest()
        assert not asking.done()
        more.set()
        assert await asking == ANSWER
    assert (at.facts[0].usage, at.facts[0].cut) == (USAGE, False)


@pytest.mark.parametrize("early_json", [True, False])
@pytest.mark.parametrize("said", [[], [SENT], [SENT, ANSWER[:-1]], [SENT, "{}"], [SENT, "prose"]])
async def test_a_stream_that_is_cut_before_its_answer_is_an_unavailable_model(
    said: list[Step], early_json: bool
) -> None:
    async with desk(said, early_json=early_json) as at:
        with pytest.raises(ModelUnavailable) as caught:
            await at.calls.ask(REQUEST)
    assert (caught.value.model, at.model.open, at.kept) == ("small", 0, [])


async def test_without_early_json_a_cut_after_a_complete_object_is_a_cut_all_the_same() -> None:
    async with desk([SENT, ANSWER], early_json=False) as at:
        with pytest.raises(ModelUnavailable):
            await at.calls.ask(REQUEST)
    assert (at.model.open, at.kept) == (0, [])


@pytest.mark.parametrize("said", [[], [ANSWER[:-1]], ["{} and prose"]])
async def test_a_call_past_its_deadline_is_a_timeout(said: list[Step]) -> None:
    async with desk([SENT, *said, asyncio.Event(), ANSWER, end()], deadline_s=0.01) as at:
        with pytest.raises(ModelTimeout) as caught:
            await at.calls.ask(REQUEST)
    assert (caught.value.model, caught.value.deadline_s) == ("small", 0.01)
    assert (at.model.open, at.kept) == (0, [])


async def test_what_comes_before_the_call_is_sent_is_no_part_of_the_deadline() -> None:
    turn = asyncio.Event()
    async with desk([turn, SENT, ANSWER, end()], deadline_s=0.0) as at:
        asking = begun(at.calls.ask(REQUEST))
        await at_rest()
        turn.set()
        assert await asking == ANSWER


async def test_a_wait_for_a_turn_and_a_call_are_spans_of_their_own() -> None:
    async with desk([0.5, SENT, 2.0, ANSWER, end()]) as at:
        timeline = Timeline(at.model.clock)
        with recording(timeline):
            await at.calls.ask(REQUEST)
    spans = [(span.name, span.duration_us, span.parent) for span in timeline.spans]
    assert spans == [
        ("call", 2_500_000, -1),
        ("slot", 500_000, 0),
        ("model", 2_000_000, 0),
        ("first token", 2_000_000, 2),
        ("journal", 0, -1),
    ]


async def waits(*steps: Step, early_json: bool = True) -> dict[str, int]:
    """What a call whose stream goes through these steps waits for inside its `model` span, in microseconds."""
    async with desk([SENT, *steps], early_json=early_json) as at:
        timeline = Timeline(at.model.clock)
        with recording(timeline), suppress(ModelUnavailable):
            await at.calls.ask(REQUEST)
    return {span.name: span.duration_us for span in timeline.spans if span.parent == 2 and span.kind == "wait"}


async def test_the_time_to_the_first_token_is_told_from_the_decoding() -> None:
    told = await waits(0.75, ANSWER[:3], 1.0, ANSWER[3:9], 0.5, ANSWER[9:], 2.0, end())
    assert told == {"first token": 750_000, "decoding": 1_500_000}


async def test_an_answer_in_the_first_text_takes_no_decoding() -> None:
    assert await waits(0.75, f"Sure: {ANSWER}", 1.0, end()) == {"first token": 750_000}


async def test_without_early_json_decoding_goes_on_to_the_end() -> None:
    told = await waits(0.75, ANSWER, 1.0, end(), early_json=False)
    assert told == {"first token": 750_000, "decoding": 1_000_000}


@pytest.mark.parametrize(("said", "decoding"), [([], {}), ([ANSWER[:3], 1.0], {"decoding": 1_000_000})])
async def test_what_a_broken_stream_was_waited_for_is_told_too(said: list[Step], decoding: dict[str, int]) -> None:
    assert await waits(0.75, *said) == {"first token": 750_000, **decoding}


@pytest.mark.parametrize(("stop", "code"), [("max_tokens", "reply-cut-off"), ("refusal", "model-refused")])
@pytest.mark.parametrize("early_json", [True, False])
@pytest.mark.parametrize("said", ["", ANSWER[:-1], "{} sorry"])
async def test_a_reply_that_ended_in_no_answer_is_kept_and_is_unusable(
    said: str, stop: Unusable, code: str, early_json: bool
) -> None:
    async with desk([SENT, said, end(stop)], early_json=early_json) as at:
        with pytest.raises(ReplyUnusable) as caught:
            await at.calls.ask(REQUEST)
    assert (caught.value.model, caught.value.stop, caught.value.code) == ("small", stop, code)
    assert at.kept == [Kept(request=REQUEST, text=said, unusable=stop)]


@pytest.mark.parametrize("stop", ["max_tokens", "refusal"])
async def test_without_early_json_a_complete_object_in_such_a_reply_is_no_answer_either(stop: Unusable) -> None:
    async with desk([SENT, ANSWER, end(stop)], early_json=False) as at:
        with pytest.raises(ReplyUnusable):
            await at.calls.ask(REQUEST)
    assert at.kept == [Kept(request=REQUEST, text=ANSWER, unusable=stop)]


@pytest.mark.parametrize("stop_reason", ["end_turn", "stop_sequence"])
async def test_a_whole_reply_without_an_answer_is_still_the_reply(stop_reason: StopReason) -> None:
    async with desk([SENT, "I cannot say.", end(stop_reason)]) as at:
        assert await at.calls.ask(REQUEST) == "I cannot say."
    assert at.kept == [Kept(request=REQUEST, text="I cannot say.", unusable=None)]


@pytest.mark.parametrize("said", [[], [SENT], [SENT, '{"fit":']], ids=["unsent", "unread", "begun"])
@pytest.mark.parametrize(
    "error", [ModelError("small", "bad request"), ModelUnavailable("small", "overloaded"), RunStopped("interrupted")]
)
async def test_an_error_of_the_model_is_raised_as_it_is(said: list[Step], error: ModelError | RunStopped) -> None:
    async with desk([*said, error]) as at:
        with pytest.raises(type(error)) as caught:
            await at.calls.ask(REQUEST)
    assert (caught.value, at.model.open, at.kept) == (error, 0, [])


async def test_a_recorded_reply_is_used_once_without_a_call() -> None:
    recorded = {REQUEST.digest: Recorded(text=ANSWER, unusable=None, settled=True)}
    async with desk([SENT, f" {ANSWER}", end()], recorded=recorded) as at:
        assert await at.calls.ask(REQUEST) == ANSWER
        assert (at.model.requests, at.kept, at.settled) == ([], [], [])
        assert await at.calls.ask(REQUEST) == f" {ANSWER}"
    assert at.calls.made == {"replayed": 1, "match": 2}


@pytest.mark.parametrize("stop", ["max_tokens", "refusal"])
async def test_a_recorded_reply_that_was_unusable_still_is(stop: Unusable) -> None:
    recorded = {REQUEST.digest: Recorded(text=ANSWER, unusable=stop, settled=True)}
    async with desk(recorded=recorded) as at:
        with pytest.raises(ReplyUnusable) as caught:
            await at.calls.ask(REQUEST)
    assert (caught.value.stop, at.model.requests) == (stop, [])


async def test_a_reply_that_was_recorded_for_another_request_is_not_used() -> None:
    other = Recorded(text="other", unusable=None, settled=True)
    async with desk([SENT, ANSWER, end()], recorded={"0" * 64: other}) as at:
        assert await at.calls.ask(REQUEST) == ANSWER
    assert at.model.requests == [REQUEST]
