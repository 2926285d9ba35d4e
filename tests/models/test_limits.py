"""The gate: never more than its limit, the lowest number first, no place lost or gained by whoever gives up waiting;
and what it makes of providers that limit calls, each in its own way, in minutes of virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain, combinations, permutations, product
from typing import Literal, TypeAlias

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from igent.accounting.usage import Usage
from igent.errors import ModelRejected, ModelUnavailable, RunStopped
from igent.models.base import ModelEvent, ModelRequest, PromptRead, ReplyEnd, Sent
from igent.models.halt import Halt
from igent.models.limits import Gate, LimitedModel
from igent.models.retry import RetryPolicy
from tests.models.virtual import Bucket, Free, Policy, Provider, Verdict, Window, headers_of, run, time_of_day

# How often the loop runs until every client has gone as far as it can: more cycles than a hand-over takes.
_CYCLES = 10
END = ReplyEnd(stop_reason="end_turn", usage=Usage(input_tokens=500, output_tokens=40))


def request(priority: int = 0, attempt: int = 0) -> ModelRequest:
    return ModelRequest(
        agent="matcher",
        kind="match",
        system="x" * 2_000,
        messages=(),
        max_tokens=500,
        priority=priority,
        attempt=attempt,
    )


async def settled() -> None:
    """Let every client go as far as it can."""
    for _ in range(_CYCLES):
        await asyncio.sleep(0)


async def free(gate: Gate) -> int:
    """How many more calls could begin at once."""
    clients = [asyncio.create_task(gate.enter(request())) for _ in range(10)]
    await settled()
    inside = [client.result() for client in clients if client.done()]
    for client in clients:
        client.cancel()
    await settled()
    for turn in inside:
        gate.leave(turn)
    return len(inside)


class Room:
    """Clients of one gate; `held` names those inside, `served` all that ever were, in order."""

    def __init__(self, limit: int) -> None:
        self.halt = Halt()
        self.gate = Gate(concurrency=limit, halt=self.halt)
        self.held: list[int] = []
        self.served: list[int] = []
        self.most = 0
        self.clients: list[asyncio.Task[None]] = []
        self._leave: dict[int, asyncio.Event] = {}

    def arrive(self, priority: int) -> None:
        number = len(self.clients)
        self._leave[number] = asyncio.Event()
        self.clients.append(asyncio.create_task(self._client(number, priority)))

    def leave(self, number: int) -> None:
        self._leave[number].set()

    async def _client(self, number: int, priority: int) -> None:
        turn = await self.gate.enter(request(priority))
        self.held.append(number)
        self.served.append(number)
        self.most = max(self.most, len(self.held))
        try:
            await self._leave[number].wait()
        finally:
            self.held.remove(number)
            self.gate.leave(turn)

    async def close(self) -> None:
        """Let everybody leave and wait until they are gone."""
        for number in self._leave:
            self.leave(number)
        for client in self.clients:
            with suppress(asyncio.CancelledError, RunStopped):
                await client


Move: TypeAlias = tuple[Literal["arrive", "leave", "cancel", "settle"], int]
MOVES: st.SearchStrategy[list[Move]] = st.lists(
    st.tuples(st.sampled_from(["arrive", "arrive", "leave", "cancel", "settle"]), st.integers(0, 5)), max_size=30
)


async def play(limit: int, moves: list[Move]) -> None:
    """Make the moves and check after each that no place is left idle, and at the end that all of them are back."""
    room = Room(limit)
    for kind, number in moves:
        if kind == "arrive":
            room.arrive(number)
        elif kind == "settle":
            await settled()
            left = sum(not client.done() for client in room.clients)
            assert len(room.held) == min(limit, left)
        elif kind == "leave" and room.held:
            room.leave(room.held[number % len(room.held)])
        elif kind == "cancel" and room.clients:
            room.clients[number % len(room.clients)].cancel()
    await room.close()
    assert room.most <= limit
    assert await free(room.gate) == limit


@given(st.integers(1, 3), MOVES)
@example(1, [("arrive", 0), ("arrive", 1), ("settle", 0), ("leave", 0), ("cancel", 1), ("arrive", 2), ("settle", 0)])
def test_places_are_never_exceeded_left_idle_or_lost(limit: int, moves: list[Move]) -> None:
    asyncio.run(play(limit, moves))


async def test_waiters_are_served_by_priority_whoever_gives_up() -> None:
    everyone = range(3)
    gone = chain.from_iterable(combinations(everyone, count) for count in range(4))
    for order, cancelled in product(permutations(everyone), gone):
        room = Room(1)
        first = await room.gate.enter(request())
        for priority in order:
            room.arrive(priority)
        await settled()
        for priority in cancelled:
            room.clients[order.index(priority)].cancel()
        room.gate.leave(first)
        await room.close()
        assert [order[number] for number in room.served] == [each for each in everyone if each not in cancelled]
        assert await free(room.gate) == 1


async def test_equals_are_served_in_order_of_arrival() -> None:
    room = Room(1)
    for priority in (5, 5, 5, 0, 5):
        room.arrive(priority)
    await room.close()
    assert room.served == [3, 0, 1, 2, 4]


async def test_a_place_given_to_a_waiter_that_is_cancelled_at_that_moment_goes_to_the_next() -> None:
    room = Room(1)
    first = await room.gate.enter(request())
    room.arrive(1)
    room.arrive(2)
    await settled()
    room.gate.leave(first)
    asyncio.get_running_loop().call_soon(room.clients[0].cancel)  # between the gift and the waking
    await settled()
    assert room.held == [1]
    await room.close()
    assert await free(room.gate) == 1


async def test_leaving_twice_gives_back_one_place() -> None:
    gate = Gate(concurrency=1, halt=Halt())
    turn = await gate.enter(request())
    gate.leave(turn)
    gate.leave(turn)
    assert await free(gate) == 1


async def test_once_the_run_is_to_end_nobody_enters_and_who_is_inside_stays() -> None:
    room = Room(1)
    for _ in range(3):
        room.arrive(0)
    await settled()
    room.halt.set("enough")
    room.halt.set("too late a reason")
    await settled()
    assert room.held == [0]
    for client in room.clients[1:]:
        with pytest.raises(RunStopped, match="run stopped: enough"):
            await client
    with pytest.raises(RunStopped):
        await room.gate.enter(request())
    await room.close()


async def test_a_run_that_ends_just_when_a_place_was_given_takes_it_back() -> None:
    room = Room(1)
    first = await room.gate.enter(request())
    room.arrive(0)
    await settled()
    room.gate.leave(first)
    asyncio.get_running_loop().call_soon(room.halt.set)  # between the gift and the waking
    with pytest.raises(RunStopped):
        await room.clients[0]
    assert room.served == []
    assert room.gate.as_record()["concurrency"] == {"now": 1, "highest": 1}


class Scripted:
    """A model that says what it is told to, and then fails if that is what comes last."""

    name = "scripted"

    def __init__(self, *script: ModelEvent | Exception) -> None:
        self._script = script
        self.closed = 0

    async def stream(self, _: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        try:
            for event in self._script:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.closed += 1


async def test_a_limited_model_passes_its_stream_through() -> None:
    events: list[ModelEvent] = [Sent(), PromptRead(usage=Usage(input_tokens=5)), "a", "b", END]
    model = LimitedModel(Scripted(*events), Gate(concurrency=1, halt=Halt()))
    assert model.name == "scripted"
    assert [event async for event in model.stream(request())] == events


@pytest.mark.parametrize("error", [ModelUnavailable("m", "busy", throttle="overload"), ModelRejected("m", "no"), None])
async def test_a_place_is_given_back_when_the_stream_ends_or_fails(error: Exception | None) -> None:
    gate = Gate(concurrency=1, halt=Halt())
    inner = Scripted(Sent(), "a", END if error is None else error)
    with suppress(ModelUnavailable, ModelRejected):
        async for _ in LimitedModel(inner, gate).stream(request()):
            assert await free(gate) == 0
    assert await free(gate) == 1
    assert inner.closed == 1


async def test_a_place_is_given_back_when_the_stream_is_closed_or_its_reader_cancelled() -> None:
    gate = Gate(concurrency=1, halt=Halt())
    inner = Scripted(Sent(), "a", END)

    async def read(*, forever: bool) -> None:
        async with aclosing(LimitedModel(inner, gate).stream(request())) as events:
            await anext(events)
            if forever:
                await asyncio.Event().wait()

    await read(forever=False)
    assert inner.closed == 1
    reader = asyncio.create_task(read(forever=True))
    await settled()
    assert await free(gate) == 0
    reader.cancel()
    await settled()
    assert await free(gate) == 1
    assert inner.closed == 2


def test_after_a_refusal_nobody_begins_until_the_provider_wants_to_be_asked_again() -> None:
    async def waited() -> list[float]:
        gate, times = Gate(concurrency=8, halt=Halt(), now=time_of_day), list[float]()
        gate.refused(await gate.enter(request()), ModelUnavailable("m", "429", retry_after_s=3.0, throttle="rate"))
        for _ in range(2):
            await gate.enter(request())
            times.append(asyncio.get_running_loop().time())
        return [*times, float(str(gate.as_record()["held_s"]))]

    assert run(waited()) == pytest.approx([3.0, 5.04, 5.04], abs=0.02)


def test_who_waits_for_a_rate_leaves_promptly_when_the_run_ends() -> None:
    async def stopped_at() -> float:
        halt = Halt()
        gate = Gate(concurrency=8, halt=halt)
        gate.refused(await gate.enter(request()), ModelUnavailable("m", "429", retry_after_s=15.0, throttle="rate"))
        asyncio.get_running_loop().call_later(1.0, halt.set)
        with pytest.raises(RunStopped):
            await gate.enter(request())
        return asyncio.get_running_loop().time()

    assert run(stopped_at()) == pytest.approx(1.0)


@pytest.mark.parametrize(("answered", "begun_s"), [(0, 2.0), (2, 0.0), (4, 0.0)])
def test_calls_without_an_answer_may_not_be_counted_yet_but_for_the_one_that_tells(
    answered: int, begun_s: float
) -> None:
    async def entered_s() -> float:
        gate = Gate(concurrency=8, halt=Halt(), now=time_of_day)
        for turn in [await gate.enter(request()) for _ in range(4)][:answered]:
            gate.heard(turn, "a")
        gate.observe(headers_of("requests", 60, 2, 58))
        await gate.enter(request())
        return asyncio.get_running_loop().time()

    assert run(entered_s()) == pytest.approx(begun_s)


def test_replies_of_calls_in_flight_are_not_counted_before_they_end() -> None:
    async def entered_s() -> float:
        gate = Gate(concurrency=8, halt=Halt(), now=time_of_day)
        gate.observe(headers_of("output-tokens", 6_000, 6_000, 0))
        for turn in [await gate.enter(request()) for _ in range(2)]:
            gate.heard(turn, "a")
        gate.observe(headers_of("output-tokens", 6_000, 512, 54))
        await gate.enter(request())
        return asyncio.get_running_loop().time()

    assert run(entered_s()) == pytest.approx(256 / 100)  # what a reply is taken for, at 100 tokens a second


def test_who_gives_up_a_long_wait_does_not_leave_it_to_the_next() -> None:
    async def entered_s() -> float:
        gate = Gate(concurrency=8, halt=Halt(), now=time_of_day)
        gate.observe(headers_of("input-tokens", 60_000, 0, 60))
        long = asyncio.create_task(gate.enter(replace(request(), system="x" * 200_000)))
        short = asyncio.create_task(gate.enter(request(1)))
        asyncio.get_running_loop().call_later(1.0, long.cancel)
        await short
        return asyncio.get_running_loop().time()

    assert run(entered_s()) == pytest.approx(1.0)


def test_an_overload_holds_and_lowers_a_fixed_concurrency() -> None:
    async def limit() -> float:
        gate = Gate(concurrency=8, halt=Halt())
        gate.refused(await gate.enter(request()), ModelUnavailable("m", "529", retry_after_s=2.0, throttle="overload"))
        await gate.enter(request())
        assert gate.as_record()["concurrency"] == {"now": 5, "highest": 2}
        return asyncio.get_running_loop().time()

    assert run(limit()) == pytest.approx(2.0)


def test_calls_are_expected_to_take_what_those_of_their_agent_took() -> None:
    async def begun_s() -> float:
        gate = Gate(concurrency=8, halt=Halt(), now=time_of_day)
        turn = await gate.enter(request())
        gate.heard(turn, PromptRead(usage=Usage(input_tokens=100, cache_read_tokens=400)))
        gate.heard(turn, END)
        gate.leave(turn)
        gate.observe(headers_of("input-tokens", 6_000, 0, 60) | headers_of("output-tokens", 60_000, 60_000, 0))
        await gate.enter(request())
        return asyncio.get_running_loop().time()

    assert run(begun_s()) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("ours_is_ahead_s", [0, 3_600, -3_600])
def test_resets_are_read_by_the_clock_that_told_them(ours_is_ahead_s: int) -> None:
    async def record() -> object:
        gate = Gate(concurrency=8, halt=Halt(), now=lambda: time_of_day() + timedelta(seconds=ours_is_ahead_s))
        date = time_of_day().strftime("%a, %d %b %Y %H:%M:%S GMT")
        gate.observe(headers_of("requests", 300, 100, 40) | {"date": date})
        return gate.as_record()["limits"]

    assert run(record()) == {"requests": {"limit": 300, "window_s": 60.0}}


CALLS = 300


async def crowd(policy: Policy, concurrency: int | None, *, calls: int = CALLS, workers: int = 64) -> Provider:
    """So many workers make so many calls through one gate, trying again what is refused as calls do everywhere."""
    provider = Provider(policy, sigma=0.0 if isinstance(policy, Free) else 0.5)
    gate = Gate(concurrency=concurrency, halt=Halt(), now=time_of_day)
    provider.observe = gate.observe
    model, draws, numbers = LimitedModel(provider, gate), random.Random(1), iter(range(calls))

    async def work() -> None:
        for number in numbers:
            await persist(model, number, draws)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(workers):
            tasks.create_task(work())
    return provider


async def persist(model: LimitedModel, priority: int, draws: random.Random) -> None:
    """One call with its retries; what is refused to the last is not among the finished."""
    policy = RetryPolicy()
    for attempt in range(policy.attempts):
        try:
            async for _ in model.stream(request(priority, attempt)):
                pass
        except ModelUnavailable as error:
            await asyncio.sleep(policy.backoff_s(attempt, draws.random(), error.retry_after_s))
        else:
            return


LIMITED: dict[str, Callable[[], Policy]] = {
    "a-full": lambda: Bucket(level=300),
    "a-empty": lambda: Bucket(level=0, told=0),
    "b": Window,
    "c-bucket": lambda: Bucket(burst=5, level=5, headers=False),
    "c-large-bucket": lambda: Bucket(burst=50, level=50, headers=False),
    "c-window": lambda: Window(headers=False),
    "d-bucket": lambda: Bucket(burst=5, level=5, headers=False, retry_after=False),
    "d-window": lambda: Window(headers=False, retry_after=False),
    "e": lambda: Bucket(burst=5, level=5),
    "e-no-burst": lambda: Bucket(burst=1, level=1),
}


@pytest.mark.parametrize("concurrency", [64, None], ids=["64", "auto"])
@pytest.mark.parametrize("policy", LIMITED)
def test_a_limit_is_used_well_and_refuses_few(policy: str, concurrency: int | None) -> None:
    provider = run(crowd(LIMITED[policy](), concurrency))
    assert len(provider.done_s) == CALLS
    assert len(provider.sent_s) <= 1.1 * CALLS
    assert sum(done_s <= 60 for done_s in provider.done_s) >= 0.9 * CALLS
    assert most_within(0.2, provider.retried_s) <= 4


@dataclass(slots=True, kw_only=True)
class Strays:
    """No limit; the `first` calls and a share of all others are refused, each for the same time if for any."""

    share: float = 0.0
    first: int = 0
    retry_after_s: float | None = None
    draws: random.Random = field(default_factory=lambda: random.Random(0))

    def judge(self, now_s: float) -> Verdict:
        self.first -= 1
        refused = self.draws.random() < self.share or self.first >= 0
        return Verdict(accepted=not refused, retry_after_s=self.retry_after_s if refused else None)


@dataclass(slots=True, kw_only=True)
class Away:
    """Nobody is let in for so long."""

    until_s: float

    def judge(self, now_s: float) -> Verdict:
        return Verdict(accepted=now_s >= self.until_s)


def took_s(policy: Policy, concurrency: int | None, *, calls: int = CALLS) -> float:
    """When the last of the calls was done."""
    return max(run(crowd(policy, concurrency, calls=calls)).done_s)


@pytest.mark.parametrize("retry_after_s", [None, 1.0])
@pytest.mark.parametrize("concurrency", [64, None], ids=["64", "auto"])
def test_one_call_in_fifty_refused_for_no_reason_costs_little(
    concurrency: int | None, retry_after_s: float | None
) -> None:
    strays = took_s(Strays(share=0.02, retry_after_s=retry_after_s), concurrency, calls=1_000)
    assert strays < 1.3 * took_s(Strays(), concurrency, calls=1_000)


@pytest.mark.parametrize("retry_after_s", [None, 1.0])
@pytest.mark.parametrize(("first", "lost_s"), [(1, 2.0), (8, 6.0)])
def test_calls_refused_at_the_very_start_are_forgotten_within_seconds(
    first: int, lost_s: float, retry_after_s: float | None
) -> None:
    assert took_s(Strays(first=first, retry_after_s=retry_after_s), 64) < took_s(Strays(), 64) + lost_s


def test_a_provider_that_was_away_is_used_again_soon() -> None:
    assert took_s(Away(until_s=30.0), 64, calls=2_000) < 30.0 + took_s(Strays(), 64, calls=2_000) + 30.0


def most_within(seconds: float, times: list[float]) -> int:
    """How many of the times come within so many seconds, at most."""
    return max((sum(start <= each < start + seconds for each in times) for start in times), default=0)


def test_without_any_limit_there_are_soon_64_in_flight_and_in_the_end_as_many_as_there_may_be() -> None:
    provider = run(crowd(Free(), None, calls=2_000, workers=300))
    assert provider.flying_s[63] < 3
    assert len(provider.flying_s) == 256


def test_a_fixed_concurrency_is_reached_and_kept() -> None:
    assert len(run(crowd(Free(), 40, calls=500)).flying_s) == 40
