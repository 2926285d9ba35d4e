"""Calls within a budget: what is reserved, waited for, refused and settled, however a stream comes to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent import codec
from igent.accounting.budget import PROVIDER_TOKENS, Budget, Most, Reservation
from igent.accounting.prices import Bill, Price, PriceTable, prompt_tokens, usd_text
from igent.accounting.usage import Usage
from igent.agents.reading import Reading
from igent.dialogue.replies import reply_schema
from igent.domain.records import Json
from igent.errors import ModelUnavailable, RunStopped
from igent.models.base import Message, ModelEvent, ModelRequest, PromptRead, ReplyEnd, Sent
from igent.models.budgeted import BudgetedModel, Purse
from igent.models.halt import Halt
from tests.models.loopback import Play, provider, sse

REPO = Path(__file__).parents[2]
GOLDEN: dict[str, Any] = {
    path.stem: codec.load(path.read_bytes()) for path in sorted((REPO / "tests/accounting/golden").glob("*.json"))
}
BUNDLED = PriceTable.read(codec.load((REPO / "igent/accounting/prices.json").read_bytes()), file="prices.json")
REQUEST = ModelRequest(
    agent="matcher", kind="match", system="Match.", messages=(Message(author="user", text="TÄSK"),), max_tokens=100
)
# The most that REQUEST can take, in tokens: "Match.", a line break, five bytes, the form, what a provider adds.
MOST = 6 + 1 + 5 + len(codec.dump(reply_schema("match"))) + PROVIDER_TOKENS + 100
ALL = Usage(input_tokens=MOST - 100, output_tokens=100, estimated=True)
TEXT = '{"fit":[["o1"]]}'  # 16 bytes, which may be as many tokens
PROMPT = Usage(input_tokens=20, cache_read_tokens=3)
END = ReplyEnd(stop_reason="end_turn", usage=PROMPT + Usage(output_tokens=7))
FAULT = ModelUnavailable("scripted", "the call broke off")
REFUSAL = ModelUnavailable("scripted", "the provider answers 529", unread=True)
# Any number of turns of the loop that is more than it takes until nothing moves any more.
TURNS = 10


@dataclass
class Scripted:
    """A model that streams its events, then raises its error; with `hold` it waits for `go` after the first of them."""

    events: Sequence[ModelEvent] = (Sent(), PromptRead(usage=PROMPT), TEXT, END)
    error: Exception | None = None
    hold: bool = False
    go: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0
    closed: int = 0
    name: str = "scripted"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        self.begun += 1
        try:
            for number, event in enumerate(self.events):
                if number == 1 and self.hold:
                    await self.go.wait()
                yield event
            if self.error is not None:
                raise self.error
        finally:
            self.closed += 1


@dataclass
class Book:
    """Keeps what is written down; with `full` nothing can be."""

    lines: list[tuple[str, Most | Usage | None]] = field(default_factory=list)
    full: bool = False

    async def reserve(self, request: ModelRequest, most: Most) -> None:
        if self.full:
            raise OSError("no space left")
        self.lines.append((request.digest, most))

    def settle(self, request: ModelRequest, call: Usage | None) -> None:
        self.lines.append((request.digest, call))


def budgeted(
    inner: Scripted, budget: Budget, *, halt: Halt | None = None, price_of: Callable[[str], Price | None] | None = None
) -> BudgetedModel:
    return BudgetedModel(inner, Purse(budget, Book()), price_of=price_of or (lambda _: None), halt=halt or Halt())


async def heard(model: BudgetedModel, request: ModelRequest = REQUEST) -> list[ModelEvent]:
    async with aclosing(model.stream(request)) as events:
        return [event async for event in events]


async def settled() -> None:
    """Let everybody go as far as they can."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


def tokens(budget: Budget) -> int:
    return prompt_tokens(budget.spent.usage) + budget.spent.usage.output_tokens


async def spent_after(events: Sequence[ModelEvent], *, error: Exception | None = None, stop_at: int = 99) -> Usage:
    """What is settled for a stream of these events, closed by its reader after so many."""
    budget = Budget()
    async with aclosing(budgeted(Scripted(events, error), budget).stream(REQUEST)) as stream:
        with suppress(ModelUnavailable, StopAsyncIteration):
            for _ in range(stop_at):
                await anext(stream)
    return budget.spent.usage


async def test_events_pass_as_they_are_under_the_inner_models_name() -> None:
    model = budgeted(Scripted(), Budget(max_tokens=MOST))
    assert (model.name, await heard(model)) == ("scripted", [*Scripted().events])


async def test_a_reply_takes_what_the_provider_counted() -> None:
    assert await spent_after(Scripted().events) == END.usage


@pytest.mark.parametrize(
    ("events", "error", "expected"),
    [
        ([Sent()], REFUSAL, Usage()),
        ([Sent()], FAULT, ALL),
        ([Sent(), PromptRead(usage=PROMPT)], FAULT, replace(PROMPT, estimated=True)),
        ([Sent(), PromptRead(usage=PROMPT), TEXT], FAULT, replace(PROMPT, output_tokens=16, estimated=True)),
        ([Sent(), TEXT], REFUSAL, ALL),
        ([Sent(), TEXT], None, ALL),
    ],
    ids=["refused", "silent", "broken before text", "broken after text", "never counted", "cut off without an error"],
)
async def test_a_stream_that_fails_takes_what_was_heard_of_it(
    events: Sequence[ModelEvent], error: Exception | None, expected: Usage
) -> None:
    assert await spent_after(events, error=error) == expected


@pytest.mark.parametrize(
    ("stop_at", "expected"),
    [
        (0, Usage()),
        (1, ALL),
        (2, replace(PROMPT, estimated=True)),
        (3, replace(PROMPT, output_tokens=16, estimated=True)),
        (4, END.usage),
    ],
)
async def test_a_stream_that_is_closed_takes_its_prompt_and_what_arrived(stop_at: int, expected: Usage) -> None:
    assert await spent_after(Scripted().events, stop_at=stop_at) == expected


async def test_closing_a_stream_closes_the_call_before_its_room_is_given_back() -> None:
    inner, closed = Scripted(), list[int]()

    class Noting(Budget):
        def settle(self, reservation: Reservation, call: Usage | None) -> None:
            closed.append(inner.closed)
            super().settle(reservation, call)

    async with aclosing(budgeted(inner, Noting()).stream(REQUEST)) as events:
        await anext(events)
    assert closed == [1]


async def test_a_call_cancelled_before_it_is_on_its_way_takes_nothing() -> None:
    budget = Budget()

    class Queued(Scripted):
        async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
            await self.go.wait()
            yield Sent()

    async with asyncio.TaskGroup() as group:
        call = group.create_task(heard(budgeted(Queued(), budget)))
        await settled()
        call.cancel()
    assert budget.spent.usage == Usage()


async def test_no_estimate_is_past_what_the_reply_could_be() -> None:
    usage = await spent_after([Sent(), PromptRead(usage=PROMPT), "x" * 1_000], stop_at=3)
    assert usage.output_tokens == REQUEST.max_tokens


async def test_a_call_is_priced_by_the_model_that_its_request_names() -> None:
    asked: list[str] = []

    def price_of(model: str) -> Price | None:
        asked.append(model)
        return BUNDLED.maybe(model)

    budget = Budget(max_usd=Decimal(1))
    model = budgeted(Scripted(name="claude-haiku-4-5"), budget, price_of=price_of)
    await heard(model)
    await heard(model, replace(REQUEST, model="claude-opus-5-5"))
    assert asked == ["claude-haiku-4-5", "claude-opus-5-5"]
    assert budget.spent.usd == Decimal("0.0000553") + Decimal("0.0002206")


async def test_what_fits_to_the_last_token_begins_at_once() -> None:
    budget = Budget(max_tokens=MOST)
    await heard(budgeted(Scripted(), budget))
    assert tokens(budget) == 30


async def test_what_will_never_fit_is_not_asked_and_halts_the_run() -> None:
    inner, halt = Scripted(), Halt()
    model = budgeted(inner, Budget(max_tokens=MOST - 1), halt=halt)
    with pytest.raises(RunStopped) as caught:
        await heard(model)
    told = f"the cap of {MOST - 1} tokens is reached, 0 are spent and a call can take {MOST}: raise --max-tokens"
    assert (inner.begun, halt.reason, caught.value.reason) == (0, told, told)


async def test_a_run_that_is_ending_already_keeps_its_reason() -> None:
    halt = Halt()
    halt.set("interrupted")
    with pytest.raises(RunStopped, match="the cap"):
        await heard(budgeted(Scripted(), Budget(max_tokens=0), halt=halt))
    assert halt.reason == "interrupted"


async def test_a_call_waits_for_the_room_that_another_gives_back() -> None:
    inner, budget = Scripted(hold=True), Budget(max_tokens=MOST + 100)
    model = budgeted(inner, budget)
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(heard(model))
        await settled()
        assert inner.begun == 1
        inner.go.set()
    assert (inner.begun, tokens(budget)) == (2, 60)


async def test_a_call_waits_for_the_room_of_another_model_on_the_same_budget() -> None:
    busy, other, budget = Scripted(hold=True), Scripted(), Budget(max_tokens=MOST + 100)
    async with asyncio.TaskGroup() as group:
        group.create_task(heard(budgeted(busy, budget)))
        await settled()
        waiting = group.create_task(heard(budgeted(other, budget)))
        await settled()
        assert (other.begun, waiting.done()) == (0, False)
        busy.go.set()
    assert (other.begun, tokens(budget)) == (1, 60)


async def test_a_call_that_waited_is_refused_once_the_others_have_taken_too_much() -> None:
    inner, halt = Scripted(hold=True), Halt()
    model = budgeted(inner, Budget(max_tokens=MOST + 29), halt=halt)
    async with asyncio.TaskGroup() as group:
        first, second = (group.create_task(refused(model)) for _ in range(2))
        await settled()
        inner.go.set()
    assert (first.result(), second.result(), inner.begun) == (False, True, 1)
    assert halt.reason is not None
    assert "30 are spent" in halt.reason


async def refused(model: BudgetedModel) -> bool:
    """Whether a call is."""
    try:
        await heard(model)
    except RunStopped:
        return True
    return False


async def test_whoever_waits_is_sent_away_as_soon_as_the_run_is_to_end() -> None:
    inner, halt = Scripted(hold=True), Halt()
    model = budgeted(inner, Budget(max_tokens=MOST), halt=halt)
    async with asyncio.TaskGroup() as group:
        group.create_task(heard(model))
        await settled()
        waiting = group.create_task(refused(model))
        await settled()
        halt.set()
        assert await waiting
        inner.go.set()
    assert inner.begun == 1


async def test_a_call_cancelled_while_it_waits_holds_no_room() -> None:
    inner, budget = Scripted(hold=True), Budget(max_tokens=MOST + 100)
    model = budgeted(inner, budget)
    async with asyncio.TaskGroup() as group:
        group.create_task(heard(model))
        await settled()
        waiting = group.create_task(heard(model))
        await settled()
        waiting.cancel()
        inner.go.set()
    assert tokens(budget) == 30
    await heard(model)


async def test_a_call_cancelled_in_its_stream_is_settled_once_and_closed() -> None:
    inner, budget = Scripted(hold=True), Budget(max_tokens=2 * MOST)
    async with asyncio.TaskGroup() as group:
        call = group.create_task(heard(budgeted(inner, budget)))
        await settled()
        call.cancel()
    assert (inner.closed, budget.spent.usage) == (1, ALL)


@pytest.mark.parametrize(("stop_at", "call"), [(0, Usage()), (1, None), (9, END.usage)])
async def test_what_a_call_may_take_is_written_down_before_it_and_what_it_took_behind_it(
    stop_at: int, call: Usage | None
) -> None:
    book = Book()
    model = BudgetedModel(Scripted(), Purse(Budget(), book), price_of=lambda _: None, halt=Halt())
    async with aclosing(model.stream(REQUEST)) as events:
        for _ in range(stop_at):
            await anext(events, None)
    most = Most(prompt_tokens=MOST - 100, output_tokens=100)
    assert book.lines == ([(REQUEST.digest, most), (REQUEST.digest, call)] if stop_at else [])


async def test_a_call_that_cannot_be_written_down_is_not_made() -> None:
    inner, budget = Scripted(), Budget(max_tokens=MOST)
    model = BudgetedModel(inner, Purse(budget, Book(full=True)), price_of=lambda _: None, halt=Halt())
    with pytest.raises(OSError, match="no space"):
        await heard(model)
    assert (inner.begun, tokens(budget), budget._open) == (0, 0, set())


Fate: TypeAlias = tuple[int | None, int]  # after how many turns of the loop a call is cancelled; the tokens it takes
FATES = st.lists(st.tuples(st.none() | st.integers(0, TURNS), st.integers(0, 100)), min_size=1, max_size=8)


class Slow(Scripted):
    """A model that takes a turn of the loop before each event, and as many tokens as its request's priority says."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        end = replace(END, usage=Usage(output_tokens=request.priority))
        for event in (Sent(), PromptRead(usage=Usage()), TEXT, end):
            await asyncio.sleep(0)
            yield event


@given(FATES, st.integers(0, 3 * MOST))
def test_no_interleaving_of_calls_and_cancellations_passes_a_cap_or_hangs(fates: list[Fate], cap: int) -> None:
    async def run() -> None:
        budget = Budget(max_tokens=cap)
        model = budgeted(Slow(), budget)
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            calls = [group.create_task(refused_at(model, used)) for _, used in fates]
            for turn in range(TURNS + 1):
                for call, (when, _) in zip(calls, fates, strict=True):
                    if turn == when:
                        call.cancel()
                await asyncio.sleep(0)
        assert tokens(budget) <= cap
        assert budget._open == set()

    asyncio.run(run())


async def refused_at(model: BudgetedModel, used: int) -> None:
    with suppress(RunStopped):
        await heard(model, replace(REQUEST, priority=used))


def recorded(golden: Any) -> list[dict[str, Json]]:
    """The events of a stream around recorded usages; one that broke off has no end."""
    message: dict[str, Json] = {"id": "msg_1", "type": "message", "role": "assistant", "model": golden["model"]}
    text: dict[str, Json] = {"type": "text_delta", "text": golden["text"]}
    begin: list[dict[str, Json]] = [
        {"type": "message_start", "message": {**message, "content": [], "usage": golden["message_start"]}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": text},
    ]
    if golden["message_delta"] is None:
        return begin
    stop: dict[str, Json] = {"stop_reason": "end_turn", "stop_sequence": None}
    end: dict[str, Json] = {"type": "message_delta", "delta": stop, "usage": golden["message_delta"]}
    return [*begin, {"type": "content_block_stop", "index": 0}, end, {"type": "message_stop"}]


@pytest.mark.parametrize("name", GOLDEN)
async def test_a_recorded_stream_costs_to_the_micro_dollar_what_was_computed_by_hand(name: str) -> None:
    golden = GOLDEN[name]
    aborted = golden["message_delta"] is None
    parts = [sse(event) for event in recorded(golden)]
    reading, budget = Reading(request=REQUEST, clock=lambda: 0.0), Budget(max_usd=Decimal(1))
    async with provider(Play(parts=parts, end="stall" if aborted else "whole")) as (_, model):
        capped = BudgetedModel(model, Purse(budget, Book()), price_of=BUNDLED.maybe, halt=Halt())
        async with aclosing(capped.stream(replace(REQUEST, model=golden["model"]))) as events:
            async for event in events:
                reading.take(event)
                if aborted and event == golden["text"]:
                    break
    bill = Bill.of(reading.facts().usage, BUNDLED.maybe(golden["model"]))
    assert bill == Bill(usage=Usage.from_record(golden["usage"]), usd=Decimal(golden["cost_usd"]))
    assert usd_text(bill.usd) == golden["written"]
    assert (budget.spent == bill) == (not aborted)
