"""Batches above a real gate, in virtual time: who waits goes along, everybody is answered, and nothing is left."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from igent.accounting.budget import Budget
from igent.accounting.spans import Timeline, recording, span
from igent.accounting.usage import Usage, estimate_tokens
from igent.dialogue.batch import batch_reply
from igent.dialogue.prompts import read_shown, shared_chars
from igent.errors import ModelError, ModelLocked, ModelRejected, ModelTimeout, ModelUnavailable, RunStopped
from igent.models.base import ChatModel, Message, ModelEvent, ModelRequest, PromptRead, ReplyEnd, Sent, singles
from igent.models.batches import BatchModel
from igent.models.budgeted import BudgetedModel, Purse
from igent.models.halt import Halt
from igent.models.limits import Gate, LimitedModel
from igent.models.prefixes import PrefixModel
from tests.agents.scripted import SBUS, household, match_task, opening
from tests.models.test_limits import free, settled
from tests.models.virtual import run, time_of_day

T = TypeVar("T")
TASKS = {count: match_task(offers=count) for count in (2, 3)}


def answer(number: int) -> str:
    """What is right for one household and for no other."""
    return f'{{"fit":[["o1"]],"why":"for {number}"}}'


def request(number: int, *, note: str | None = None, offers: int = 3, attempt: int = 0, **told: Any) -> ModelRequest:
    """The first question about the household in that place, which is as urgent as it is low."""
    task = replace(TASKS[offers], registration=replace(household(note), area=f"{number:05}"))
    asked = ModelRequest(
        agent="matcher",
        kind="match",
        system="Match.",
        messages=(Message(author="user", text=opening(task, SBUS)),),
        max_tokens=100,
        priority=number,
        attempt=attempt,
        verified=lambda text: answer(number) in text,
    )
    return replace(asked, **told)


def number_of(asked: ModelRequest) -> int:
    return int(str(read_shown(asked.messages[0].text).household[SBUS.AREA]))


Piece = str | float | Exception
Say = Callable[[Sequence[int]], Sequence[Piece]]


def whole(numbers: Sequence[int]) -> list[Piece]:
    """The right reply, a second for each answer."""
    if len(numbers) == 1:
        return [1.0, answer(numbers[0])]
    pieces = batch_reply([answer(number) for number in numbers]).replace("},{", "},\n{").split("\n")
    return [part for piece in pieces for part in (1.0, piece)]


@dataclass(slots=True)
class Provider:
    """A model that counts its prompts half a second after it is sent one, and says what it is told to say.

    A number in what it says is a pause in seconds. `asked` are the households of each call, `open` the calls that are
    neither ended nor closed, `took` what all that have ended took.
    """

    say: Say = whole
    asked: list[list[int]] = field(default_factory=list)
    requests: list[ModelRequest] = field(default_factory=list)
    open: int = 0
    took: Usage = field(default_factory=Usage)
    name: str = "virtual"

    async def stream(self, asked: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        numbers = [number_of(one) for one in singles(asked) or [asked]]
        self.asked.append(numbers)
        self.requests.append(asked)
        self.open += 1
        try:
            yield Sent()
            await asyncio.sleep(0.5)
            prompt = Usage(input_tokens=len(asked.prompt) // 3)
            yield PromptRead(usage=prompt)
            said = list[str]()
            for piece in self.say(numbers):
                if isinstance(piece, Exception):
                    raise piece
                if isinstance(piece, str):
                    said.append(piece)
                    yield piece
                else:
                    await asyncio.sleep(piece)
            usage = prompt + Usage(output_tokens=estimate_tokens("".join(said)))
            self.took += usage
            yield ReplyEnd(stop_reason="end_turn", usage=usage)
        finally:
            self.open -= 1


@dataclass(slots=True)
class Heard:
    """What one reader has heard; `at_s` is when it was answered."""

    events: list[ModelEvent] = field(default_factory=list)
    error: Exception | None = None
    at_s: float | None = None

    @property
    def text(self) -> str:
        return "".join(event for event in self.events if isinstance(event, str))

    @property
    def calls(self) -> int:
        return sum(event.calls for event in self.events if isinstance(event, Sent))

    @property
    def end(self) -> ReplyEnd:
        ends = [event for event in self.events if isinstance(event, ReplyEnd)]
        return ends[0]


async def read(model: ChatModel, asked: ModelRequest, *, events: int | None = None) -> Heard:
    """Read a reply to its end, or so many events of it."""
    heard = Heard()
    async with aclosing(model.stream(asked)) as stream:
        try:
            async for event in stream:
                heard.events.append(event)
                if isinstance(event, str) and heard.at_s is None:
                    heard.at_s = asyncio.get_running_loop().time()
                if len(heard.events) == events:
                    break
        except (ModelError, RunStopped, RuntimeError) as error:
            heard.error = error
    return heard


@dataclass(slots=True, kw_only=True)
class Desk:
    """A batch model above a gate above a provider."""

    provider: Provider = field(default_factory=Provider)
    concurrency: int = 1
    halt: Halt = field(default_factory=Halt)
    bounds: dict[str, Any] = field(default_factory=dict)
    gate: Gate = field(init=False)
    record: Any = None

    def __post_init__(self) -> None:
        self.gate = Gate(concurrency=self.concurrency, halt=self.halt, now=time_of_day)

    def inner(self) -> ChatModel:
        return LimitedModel(self.provider, self.gate)

    def hold(self, work: Callable[[BatchModel], Coroutine[Any, Any, T]]) -> T:
        """What comes of some work with it; nothing of it may be left afterwards, neither calls nor places."""

        async def held() -> T:
            bounds = {"max_items": 8, "max_tokens": 4_096, "patience_s": 30.0, **self.bounds}
            async with BatchModel.open(self.inner(), **bounds) as model:
                result = await work(model)
                self.record = model.as_record()
                assert model._waiting == {}
            assert self.provider.open == 0
            assert len(asyncio.all_tasks()) == 1
            if not self.halt.is_set():
                await asyncio.sleep(60)  # until what was refused is forgotten
                assert await free(self.gate) == self.concurrency
            return result

        return run(held())

    def ask(self, *requests: ModelRequest) -> list[Heard]:
        """What the readers of requests hear that are made in the same moment."""

        async def asked(model: BatchModel) -> list[Heard]:
            async with asyncio.TaskGroup() as tasks:
                readers = [tasks.create_task(read(model, each)) for each in requests]
            return [reader.result() for reader in readers]

        return self.hold(asked)


def households(count: int) -> list[ModelRequest]:
    return [request(number) for number in range(1, count + 1)]


def test_who_waits_goes_along_with_whose_turn_has_come_by_priority_and_hears_its_own_answer() -> None:
    desk = Desk()
    heard = desk.ask(*(request(number) for number in (3, 1, 4, 2)))
    assert desk.provider.asked == [[1, 2, 3, 4]]
    assert [each.text for each in heard] == [answer(number) for number in (3, 1, 4, 2)]


def test_each_answer_is_heard_before_the_next_one_is_sent() -> None:
    assert [each.at_s for each in Desk().ask(*households(4))] == [1.5, 2.5, 3.5, 4.5]


@pytest.mark.parametrize(("most", "sizes"), [(4, [4, 4, 2]), (1, [1] * 10), (64, [10])])
def test_no_batch_is_larger_than_it_may_be(most: int, sizes: list[int]) -> None:
    desk = Desk(bounds={"max_items": most})
    desk.ask(*households(10))
    assert [len(numbers) for numbers in desk.provider.asked] == sizes
    assert [number for numbers in desk.provider.asked for number in numbers] == [*range(1, 11)]


def test_no_batch_is_larger_than_what_a_model_can_keep_apart() -> None:
    desk = Desk(bounds={"max_items": 100, "max_tokens": 20_000, "patience_s": 300.0})
    desk.ask(*households(70))
    assert [len(numbers) for numbers in desk.provider.asked] == [64, 6]


def test_there_are_as_many_in_a_batch_as_answers_have_room_in_its_reply() -> None:
    desk = Desk(bounds={"max_tokens": 340})  # 2 of 100 tokens, and many of the 10 that they prove to take
    desk.ask(*households(9))
    assert [len(numbers) for numbers in desk.provider.asked] == [2, 7]
    assert [each.max_tokens for each in desk.provider.requests] == [200, 340]


def test_single_calls_teach_how_many_have_room() -> None:
    desk = Desk(bounds={"max_tokens": 200})  # 1 of 100 tokens
    desk.ask(*households(6))
    assert [len(numbers) for numbers in desk.provider.asked] == [1, 5]


def test_where_there_are_places_nobody_waits_for_company() -> None:
    desk = Desk(concurrency=3)

    async def one_by_one(model: BatchModel) -> list[float | None]:
        async with asyncio.TaskGroup() as tasks:
            readers = list[asyncio.Task[Heard]]()
            for number in (1, 2, 3):
                readers.append(tasks.create_task(read(model, request(number))))
                await asyncio.sleep(0.1)
        return [reader.result().at_s for reader in readers]

    assert desk.hold(one_by_one) == pytest.approx([1.5, 1.6, 1.7])
    assert desk.provider.asked == [[1], [2], [3]]


def test_those_that_come_in_the_same_moment_go_as_one_though_there_were_places_for_all() -> None:
    desk = Desk(concurrency=3)
    assert [each.at_s for each in desk.ask(*households(3))] == [1.5, 2.5, 3.5]
    assert desk.provider.asked == [[1, 2, 3]]


def test_a_batch_is_as_large_as_the_wait_was_long() -> None:
    desk = Desk()

    async def in_time(model: BatchModel) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in range(1, 7):
                tasks.create_task(read(model, request(number)))
                await asyncio.sleep(0.7)

    desk.hold(in_time)
    assert desk.provider.asked == [[1], [2, 3], [4, 5, 6]]


OTHERS = {
    "a note": request(2, note="No batteries."),
    "a retry": request(2, attempt=1),
    "another agent": request(2, agent="matcher2"),
    "another model": request(2, model="claude-opus-5"),
    "other candidates": request(2, offers=2),
    "other instructions": request(2, system="Match well."),
    "another form": request(2, kind="order", verified=None),
    "other effort": request(2, effort="high"),
    "thinking": request(2, thinking=True),
    "another bound": request(2, max_tokens=99),
    "a later message": request(2, messages=(*request(2).messages, Message(author="user", text="Again."))),
    "a critic": request(2, kind="critique"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_not_a_like_first_question_without_a_note_is_asked_alone(other: str) -> None:
    desk = Desk()
    desk.ask(request(1), OTHERS[other], request(3), replace(OTHERS[other], priority=4))
    alike = other not in ("a note", "a retry", "a later message", "a critic")
    expected = [[1, 3], [2, 2]] if alike else [[1, 3], [2], [2]]
    assert desk.provider.asked[: len(expected)] == expected


def test_a_batch_shares_the_beginning_of_its_questions_and_says_that_it_is_many() -> None:
    desk = Desk()
    desk.ask(*households(3))
    (sent,), first = desk.provider.requests, request(1)
    shared = shared_chars(first.messages[0].text)
    assert sent.messages[0].text[:shared] == first.messages[0].text[:shared]
    assert (sent.many, sent.verified, sent.fill, sent.max_tokens) == (True, None, None, 300)


def entries(*told: tuple[int, str]) -> list[Piece]:
    return ['{"answers":[' + ",".join(f'{{"h":{number},{text[1:]}' for number, text in told) + "]}"]


ILL: dict[str, list[Piece]] = {
    "broken": entries((1, answer(1)), (2, '{"fit":'), (3, answer(3))),
    "of no form": entries((1, answer(1)), (2, '{"fit":0}'), (3, answer(3))),
    "against the rules": entries((1, answer(1)), (2, answer(3)), (3, answer(3))),
    "missing": entries((1, answer(1)), (3, answer(3))),
    "for nobody": entries((3, answer(3)), (1, answer(1)), (4, answer(2)), (0, answer(2))),
    "cut off": [*entries((1, answer(1)), (3, answer(3))), '{"h":2,"fit"'],
}


@pytest.mark.parametrize("ill", ILL)
def test_whose_answer_is_ill_is_asked_alone_once(ill: str) -> None:
    desk = Desk(provider=Provider(lambda numbers: ILL[ill] if len(numbers) > 1 else whole(numbers)))
    heard = desk.ask(*households(3))
    assert desk.provider.asked == [[1, 2, 3], [2]]
    assert [each.text for each in heard] == [answer(number) for number in (1, 2, 3)]
    assert sum(each.calls for each in heard) == 2
    assert [sum(isinstance(event, Sent) for event in each.events) for each in heard] == [1, 2, 1]


def test_who_is_answered_ill_alone_too_hears_that_and_is_asked_no_more() -> None:
    desk = Desk(provider=Provider(lambda _: ["Well, well."]))
    heard = desk.ask(*households(2))
    assert desk.provider.asked == [[1, 2], [1], [2]]
    assert [each.text for each in heard] == ["Well, well."] * 2


class Bug(RuntimeError):
    """What nobody has foreseen."""


BROKEN: dict[str, Piece] = {
    "unavailable": ModelUnavailable("m", "reset"),
    "refused": ModelUnavailable("m", "429", throttle="rate", unread=True),
    "rejected": ModelRejected("m", "no such form"),
    "late": ModelTimeout("m", 15.0),
    "locked": ModelLocked("m", "no credit", remedy="Pay"),
    "a bug": Bug(),
}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("answered", [0, 1])
def test_when_a_batch_fails_whoever_is_left_is_asked_alone(broken: str, answered: int) -> None:
    def say(numbers: Sequence[int]) -> Sequence[Piece]:
        return [*whole(numbers)[: 2 * answered], BROKEN[broken]] if len(numbers) > 1 else whole(numbers)

    desk = Desk(provider=Provider(say))
    heard = desk.ask(*households(3))
    assert desk.provider.asked == [[1, 2, 3], *([number] for number in range(answered + 1, 4))]
    assert [(each.text, each.error) for each in heard] == [(answer(number), None) for number in (1, 2, 3)]
    assert sum(each.calls for each in heard) == len(desk.provider.asked)


@pytest.mark.parametrize("broken", BROKEN)
def test_an_error_of_ones_own_call_is_raised_where_it_is_read(broken: str) -> None:
    (heard,) = Desk(provider=Provider(lambda _: [BROKEN[broken]])).ask(request(1))
    assert heard.error is BROKEN[broken]


class Dawdling(Provider):
    """A stream that stays open after its end."""

    async def stream(self, asked: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        async for event in Provider.stream(self, asked):
            yield event
        await asyncio.sleep(1_000)


@pytest.mark.parametrize("count", [1, 2])
def test_a_call_is_over_with_the_end_of_its_reply(count: int) -> None:
    async def over_s(model: BatchModel) -> float:
        async with asyncio.TaskGroup() as tasks:
            for each in households(count):
                tasks.create_task(read(model, each))
        return asyncio.get_running_loop().time()

    assert Desk(provider=Dawdling()).hold(over_s) == 0.5 + count


class CutOff(Provider):
    """A stream that ends without its end."""

    async def stream(self, asked: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        async for event in Provider.stream(self, asked):
            if not isinstance(event, ReplyEnd):
                yield event


def test_a_call_that_is_cut_off_ends_for_its_reader_too() -> None:
    (heard,) = Desk(provider=CutOff(lambda _: ['{"fit"'])).ask(request(1))
    assert (heard.text, heard.error, [*map(type, heard.events)]) == ('{"fit"', None, [Sent, PromptRead, str])


def test_whoever_was_answered_by_a_batch_that_is_cut_off_then_is_not_kept_waiting() -> None:
    desk = Desk(provider=CutOff())
    heard = desk.ask(*households(2))
    assert ([each.text for each in heard], desk.provider.asked) == ([answer(1), answer(2)], [[1, 2]])
    assert [each.calls for each in heard] == [1, 0]


def test_whoever_a_batch_keeps_waiting_for_too_long_is_asked_alone() -> None:
    def say(numbers: Sequence[int]) -> Sequence[Piece]:
        return [*whole(numbers)[:2], 1_000.0] if len(numbers) > 1 else whole(numbers)

    desk = Desk(provider=Provider(say), bounds={"patience_s": 5.0})
    heard = desk.ask(*households(3))
    assert desk.provider.asked == [[1, 2, 3], [2], [3]]
    assert [each.at_s for each in heard] == [1.5, 6.5, 8.0]


def test_the_wait_for_ones_turn_is_not_held_against_a_batch_nor_is_a_call_of_ones_own() -> None:
    def say(numbers: Sequence[int]) -> Sequence[Piece]:
        return [100.0, *whole(numbers)] if numbers == [1] else whole(numbers)

    desk = Desk(provider=Provider(say), bounds={"patience_s": 5.0})

    async def late(model: BatchModel) -> list[float | None]:
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(read(model, request(1)))
            await asyncio.sleep(0.1)
            others = [tasks.create_task(read(model, request(number))) for number in (2, 3)]
        return [reader.result().at_s for reader in (first, *others)]

    assert desk.hold(late) == [101.5, 103.0, 104.0]
    assert desk.provider.asked == [[1], [2, 3]]


def test_a_form_that_is_never_accepted_is_not_tried_for_ever() -> None:
    desk = Desk(provider=Provider(lambda numbers: [BROKEN["rejected"]] if len(numbers) > 1 else whole(numbers)))
    heard = desk.ask(*households(40))
    assert [len(numbers) for numbers in desk.provider.asked if len(numbers) > 1] == [8] * 4
    assert [each.text for each in heard] == [answer(number) for number in range(1, 41)]
    assert desk.record == {"matcher": {"batches": 4, "asked": 32, "answered": 0, "cost_ratio": None}}


def test_an_outage_says_nothing_about_batches() -> None:
    failures = iter([BROKEN["unavailable"]] * 5)
    desk = Desk(provider=Provider(lambda numbers: [*([next(failures, 0.0)] if numbers[1:] else []), *whole(numbers)]))
    desk.ask(*households(60))
    assert desk.record["matcher"]["answered"] == desk.record["matcher"]["asked"] == 20


def test_a_run_that_ends_sends_those_that_wait_away_and_lets_a_batch_in_flight_end() -> None:
    desk = Desk(bounds={"max_items": 2})

    async def stopped(model: BatchModel) -> list[Heard]:
        async with asyncio.TaskGroup() as tasks:
            readers = [tasks.create_task(read(model, each)) for each in households(5)]
            await asyncio.sleep(1)
            desk.halt.set("enough")
        return [reader.result() for reader in readers]

    heard = desk.hold(stopped)
    assert [type(each.error) for each in heard] == [type(None)] * 2 + [RunStopped] * 3
    assert desk.provider.asked == [[1, 2]]


def test_whoever_a_failed_batch_has_left_when_the_run_ends_is_told_so() -> None:
    desk = Desk(provider=Provider(lambda _: [1.0, BROKEN["unavailable"]]))

    async def stopped(model: BatchModel) -> list[Heard]:
        async with asyncio.TaskGroup() as tasks:
            readers = [tasks.create_task(read(model, each)) for each in households(3)]
            await asyncio.sleep(1)
            desk.halt.set("enough")
        return [reader.result() for reader in readers]

    assert [str(each.error) for each in desk.hold(stopped)] == ["run stopped: enough"] * 3


@given(st.lists(st.sampled_from(["right", "broken", "missing"]), min_size=1, max_size=12), st.integers(1, 2))
@settings(max_examples=30)
def test_all_are_told_what_was_counted_and_each_call_once(how: list[str], concurrency: int) -> None:
    def say(numbers: Sequence[int]) -> list[Piece]:
        if len(numbers) == 1:
            return whole(numbers)
        told = [(place, n, how[n - 1]) for place, n in enumerate(numbers, start=1)]
        return entries(*((place, answer(n if fate == "right" else 0)) for place, n, fate in told if fate != "missing"))

    desk = Desk(provider=Provider(say), concurrency=concurrency, bounds={"max_items": 5})
    heard = desk.ask(*households(len(how)))
    assert [each.text for each in heard] == [answer(number) for number in range(1, len(how) + 1)]
    assert replace(sum((each.end.usage for each in heard), start=Usage()), estimated=False) == desk.provider.took
    assert sum(each.calls for each in heard) == len(desk.provider.asked)


@pytest.mark.parametrize("gone", [1, 2, 3])
@pytest.mark.parametrize("events", [1, 2, 3, 4])
def test_whoever_stops_reading_takes_no_answer_from_the_others(gone: int, events: int) -> None:
    desk = Desk()

    async def asked(model: BatchModel) -> list[Heard]:
        async with asyncio.TaskGroup() as tasks:
            readers = [
                tasks.create_task(read(model, each, events=events if number == gone else None))
                for number, each in enumerate(households(3), start=1)
            ]
        return [reader.result() for number, reader in enumerate(readers, start=1) if number != gone]

    others = [number for number in (1, 2, 3) if number != gone]
    assert [each.text for each in desk.hold(asked)] == [answer(number) for number in others]
    assert desk.provider.asked == [[1, 2, 3]]


@pytest.mark.parametrize("count", [1, 3])
def test_a_call_that_nobody_reads_any_more_is_over_once_the_last_reader_has_left(count: int) -> None:
    desk = Desk()

    async def leave(model: BatchModel) -> list[int]:
        streams, open_calls = [model.stream(each) for each in households(count)], list[int]()
        await asyncio.gather(*(anext(stream) for stream in streams))
        for stream in streams:
            open_calls.append(desk.provider.open)
            await stream.aclose()
        return [*open_calls, desk.provider.open]

    assert desk.hold(leave) == [1] * count + [0]


@given(st.lists(st.integers(0, 7), max_size=6), st.integers(0, 30), st.integers(1, 3))
@example([0], 0, 1)
@settings(max_examples=30)
def test_whoever_is_cancelled_at_any_moment_leaves_the_others_and_the_gate_whole(
    gone: list[int], cycles: int, concurrency: int
) -> None:
    desk = Desk(concurrency=concurrency, bounds={"max_items": 3})

    async def cancelled(model: BatchModel) -> list[str]:
        readers = [asyncio.create_task(read(model, each)) for each in households(8)]
        for number in gone:
            for _ in range(cycles):
                await asyncio.sleep(0 if cycles % 2 else 0.3)
            readers[number].cancel()
        await asyncio.wait(readers)
        return [each.result().text for number, each in enumerate(readers) if not each.cancelled()]

    assert {*desk.hold(cancelled)} >= {answer(number + 1) for number in {*range(8)} - {*gone}}


@dataclass(slots=True)
class Failing(Provider):
    """Before anything is sent, the call for the first household fails in the moment in which the others may go."""

    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def stream(self, asked: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        await self.go.wait()
        if number_of(asked) == 1:
            raise BROKEN["rejected"]  # type: ignore[misc]
        async for event in Provider.stream(self, asked.fill(asked) if asked.fill else asked):
            yield event


def test_whoever_has_failed_is_not_taken_along() -> None:
    async def asked(provider: Failing) -> list[str]:
        async with BatchModel.open(provider, max_items=8, max_tokens=4_096, patience_s=30.0) as model:
            readers = [asyncio.create_task(read(model, each)) for each in households(3)]
            await settled()
            provider.go.set()
            await asyncio.wait(readers)
        return [reader.result().text for reader in readers]

    provider = Failing()
    assert (run(asked(provider)), provider.asked) == (["", answer(2), answer(3)], [[2, 3]])


class Spanned(Provider):
    """Notes its calls where what is waited for is noted."""

    async def stream(self, asked: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        with span("way", "wait"):
            await asyncio.sleep(1)
        async for event in Provider.stream(self, asked):
            yield event


def test_what_a_call_waits_for_is_noted_with_whose_call_it_is_and_with_nobody_else() -> None:
    desk = Desk(provider=Spanned(lambda numbers: [BROKEN["rejected"]] if len(numbers) > 1 else whole(numbers)))

    async def noted(model: BatchModel, asked: ModelRequest) -> list[str]:
        timeline = Timeline(asyncio.get_running_loop().time)
        with recording(timeline):
            await read(model, asked)
        return [each.name for each in timeline.spans]

    async def asked(model: BatchModel) -> list[list[str]]:
        async with asyncio.TaskGroup() as tasks:
            readers = [tasks.create_task(noted(model, each)) for each in households(3)]
        return [reader.result() for reader in readers]

    assert (desk.hold(asked), desk.provider.asked) == ([["way"], [], []], [[1, 2, 3], [1], [2], [3]])


def test_nothing_is_left_of_a_question_once_it_is_answered() -> None:
    desk = Desk(provider=Provider(lambda numbers: ILL["missing"] if len(numbers) > 1 else whole(numbers)))
    questions = households(3)
    left = [weakref.ref(question) for question in questions]
    desk.ask(*questions)
    questions.clear()
    desk.provider.requests.clear()
    assert [question() for question in left] == [None] * 3


async def test_a_request_that_is_not_read_is_not_asked() -> None:
    provider = Provider()
    async with BatchModel.open(provider, max_items=8, max_tokens=4_096, patience_s=30.0) as model:
        await model.stream(request(1)).aclose()
        await settled()
    assert (model.name, provider.asked) == ("virtual", [])


@dataclass(slots=True, kw_only=True)
class WholeDesk(Desk):
    """The same above everything that a run has; `booked` are the households of each call as it begins, 0 as it ends."""

    booked: list[int] = field(default_factory=list)
    most_tokens: int = 1_000_000
    prefixes: PrefixModel = field(init=False)

    async def reserve(self, asked: ModelRequest, _: object) -> None:
        """A call begins."""
        self.booked.append(len(singles(asked)) or 1)

    def settle(self, _: ModelRequest, __: Usage | None) -> None:
        """It is over."""
        self.booked.append(0)

    def inner(self) -> ChatModel:
        purse = Purse(Budget(max_tokens=self.most_tokens), self)
        limited = LimitedModel(BudgetedModel(self.provider, purse, price_of=lambda _: None, halt=self.halt), self.gate)
        clock = asyncio.get_running_loop().time
        self.prefixes = PrefixModel(limited, minimums=lambda _: 10, clock=clock, block=64, company_s=0.025)
        return self.prefixes


def test_a_batch_is_booked_as_one_call_and_its_prompt_is_counted_as_it_was_sent() -> None:
    desk = WholeDesk(concurrency=2)
    heard = desk.ask(*households(12))
    assert [each.text for each in heard] == [answer(number) for number in range(1, 13)]
    assert [len(numbers) for numbers in desk.provider.asked] == [8, 4]
    assert sorted(desk.booked) == [0, 0, 4, 8]
    (use,) = desk.prefixes.uses.values()
    assert (use.prompts, use.prompt_tokens) == (2, desk.provider.took.input_tokens)
    assert use.best_tokens < desk.provider.took.input_tokens / 2


def test_a_budget_that_is_used_up_ends_the_run_for_all_that_are_left() -> None:
    desk = WholeDesk(most_tokens=4_000)
    heard = desk.ask(*households(40))
    answered = [each.text for each in heard if each.error is None]
    assert 0 < len(answered) < 40
    assert answered == [answer(number) for number in range(1, len(answered) + 1)]
    assert {type(each.error) for each in heard if not each.text} == {RunStopped}
    assert desk.booked.count(0) == len(desk.booked) / 2
