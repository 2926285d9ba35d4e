"""Prompt caching: a breakpoint only where it is reused, one of a prefix first, nobody stranded, candidates together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent import codec
from igent.accounting.usage import Usage
from igent.dialogue.prompts import review_text, shared_chars
from igent.errors import ModelError, ModelUnavailable
from igent.models.base import CacheLevel, Message, ModelEvent, ModelRequest, PromptRead, ReplyEnd, Sent
from igent.models.prefix import LIFETIME_S, PrefixUse
from igent.models.prefixes import PrefixModel
from tests.agents.scripted import SBUS, match_task, opening, order_task
from tests.models import virtual

CHARS_PER_TOKEN = 4
# A prefix of the short instructions is too short by itself; one with candidates, or of the long ones, is not.
MINIMUM = 40
SHORT, LONG = "Match.", "Match with care. " * 20
# More turns of the loop than anything here takes to come to rest.
_TURNS = 20


def request(
    index: int, candidates: int = 3, *, system: str = SHORT, note: str | None = None, agent: str = "matcher"
) -> ModelRequest:
    """What is asked about household `index`, who has so many candidates."""
    text = opening(match_task(note or f"note {index}", offers=candidates), SBUS)
    messages = (Message(author="user", text=text),)
    return ModelRequest(
        agent=agent, kind="match", system=system, messages=messages, max_tokens=512, model="claude", priority=index
    )


@dataclass(slots=True)
class Call:
    """A request as the provider got it; it answers once `go` is set, or fails with `error`."""

    request: ModelRequest
    go: asyncio.Event = field(default_factory=asyncio.Event)
    error: ModelError | None = None
    state: Literal["sent", "begun", "over"] = "sent"


class Provider:
    """A model with a prompt cache that keeps what is marked and long enough, from the first byte on.

    Requests stay in `calls` in the order in which they arrive. Its clock is whatever `now_s` says.
    """

    def __init__(self, *, minimum: int = MINIMUM, chars_per_token: int = CHARS_PER_TOKEN) -> None:
        self.calls: list[Call] = []
        self.now_s = 1_000.0
        self._kept: dict[str, float] = {}
        self._minimum, self._chars = minimum, chars_per_token

    @property
    def name(self) -> str:
        """The model that answers where a request names none."""
        return "claude"

    def clock(self) -> float:
        """Seconds."""
        return self.now_s

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Answer when told to."""
        call = Call(request)
        self.calls.append(call)
        try:
            yield Sent()
            await call.go.wait()
            if call.error is not None:
                raise call.error
            usage = self._read(request)
            call.state = "begun"
            yield PromptRead(usage=usage)
            yield "{}"
            yield ReplyEnd(stop_reason="end_turn", usage=usage + Usage(output_tokens=1))
        finally:
            call.state = "over"

    def _read(self, request: ModelRequest) -> Usage:
        shared = shared_chars(request.messages[0].text)
        texts: dict[CacheLevel, str] = {
            "system": request.system,
            "shared": f"{request.system}\n{request.messages[0].text[:shared]}",
        }
        tokens, read, written = len(request.prompt) // self._chars, 0, 0
        for level in sorted(request.cache_at, key=["system", "shared"].index):
            key, length = codec.digest([request.model, request.kind, texts[level]]), len(texts[level]) // self._chars
            if self._kept.get(key, -LIFETIME_S) > self.now_s - LIFETIME_S:
                read, written = length, 0
            elif length >= self._minimum:
                written = length - read
            else:
                continue
            self._kept[key] = self.now_s
        return Usage(input_tokens=tokens - read - written, cache_read_tokens=read, cache_write_tokens=written)


class Desk:
    """Streams of one `PrefixModel` over a provider, each read by a task of its own as soon as it is `ask`ed."""

    def __init__(
        self,
        provider: Provider | None = None,
        *,
        minimum: int | None = MINIMUM,
        block: int = 16,
        registrations: int = 0,
        company_s: float = 0.0,
    ) -> None:
        self.provider = provider or Provider()
        self.model = PrefixModel(
            self.provider,
            minimums={"claude": minimum}.get,
            clock=self.provider.clock,
            block=block,
            registrations=registrations,
            company_s=company_s,
        )
        self.readers: list[asyncio.Task[list[ModelEvent | ModelError]]] = []

    async def ask(self, *requests: ModelRequest) -> list[Call]:
        """Ask all of them at the same time; the calls that have got through so far."""
        self.readers += [asyncio.create_task(self._read(each)) for each in requests]
        return await self.settled()

    async def settled(self) -> list[Call]:
        """The calls that have got through once everybody has gone as far as can be."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        return self.provider.calls

    async def answer(self, call: Call, error: ModelError | None = None) -> None:
        """Let the provider answer one call."""
        call.error = error
        call.go.set()
        await self.settled()

    async def answer_all(self) -> list[Call]:
        """Let it answer whatever comes, one call at a time, until nothing more does."""
        while waiting := [call for call in await self.settled() if not call.go.is_set()]:
            await self.answer(waiting[0])
        return self.provider.calls

    async def _read(self, request: ModelRequest) -> list[ModelEvent | ModelError]:
        heard: list[ModelEvent | ModelError] = []
        try:
            async for event in self.model.stream(request):
                heard.append(event)  # noqa: PERF401 - what was heard before an error counts
        except ModelError as error:
            heard.append(error)
        return heard


def marked(calls: Sequence[Call]) -> list[list[CacheLevel]]:
    """Where each call asks for its prompt to be kept."""
    return [sorted(call.request.cache_at) for call in calls]


async def test_a_request_by_itself_goes_at_once_and_has_nothing_kept() -> None:
    assert marked(await Desk().ask(request(0))) == [[]]


@pytest.mark.parametrize(("apart_s", "kept"), [(0.9, True), (1.1, False)])
def test_one_that_is_alone_waits_a_moment_for_company(apart_s: float, kept: bool) -> None:
    async def first_is_kept() -> bool:
        desk = Desk(company_s=1.0)
        assert await desk.ask(request(0)) == []
        await asyncio.sleep(apart_s)
        await desk.ask(request(1))
        await asyncio.sleep(1.0)
        calls = await desk.answer_all()
        return "shared" in calls[0].request.cache_at

    assert virtual.run(first_is_kept()) == kept


async def test_of_those_with_the_same_prefix_one_goes_first_and_all_have_it_kept() -> None:
    desk = Desk()
    calls = await desk.ask(*map(request, range(3)))
    assert marked(calls) == [["shared"]]
    await desk.answer(calls[0])
    assert marked(calls) == [["shared"]] * 3


async def test_text_is_a_first_byte_as_well() -> None:
    class Terse(Provider):
        async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
            self.calls.append(call := Call(request))
            yield Sent()
            yield "{"
            await call.go.wait()

    assert marked(await Desk(Terse()).ask(*map(request, range(3)))) == [["shared"]] * 3


async def test_that_a_call_is_sent_is_not_its_first_byte() -> None:
    desk = Desk()
    assert len(await desk.ask(*map(request, range(2)))) == 1
    assert desk.provider.calls[0].state == "sent"


@pytest.mark.parametrize("ending", ["fails", "cancelled"])
async def test_where_the_first_gets_no_answer_the_next_goes_first(ending: str) -> None:
    desk = Desk()
    calls = await desk.ask(*map(request, range(3)))
    if ending == "fails":
        await desk.answer(calls[0], ModelUnavailable("claude", "overloaded"))
        assert [type(heard) for heard in await desk.readers[0]] == [Sent, ModelUnavailable]
    else:
        desk.readers[0].cancel()
    assert [call.request.priority % 16 for call in await desk.settled()] == [0, 1]
    await desk.answer(calls[1])
    assert marked(calls) == [["shared"]] * 3


async def test_where_the_first_is_closed_the_next_goes_first() -> None:
    desk = Desk()
    async with aclosing(desk.model.stream(request(0))) as first:
        first_event = asyncio.create_task(anext(first))
        await desk.ask(*map(request, (1, 2)))
        assert await first_event == Sent()
        assert len(desk.provider.calls) == 1
    assert desk.provider.calls[0].state == "over"
    assert [call.request.priority % 16 for call in await desk.settled()] == [0, 1]


async def test_whoever_gives_up_waiting_is_missed_by_nobody() -> None:
    desk = Desk()
    calls = await desk.ask(*map(request, range(4)))
    desk.readers[1].cancel()
    await desk.settled()
    await desk.answer(calls[0], ModelUnavailable("claude", "overloaded"))
    await desk.answer(calls[1])
    assert [call.request.priority % 16 for call in calls] == [0, 2, 3]


async def test_a_prefix_that_comes_again_in_time_is_kept_from_its_second_use_on() -> None:
    desk = Desk()
    for index in range(3):
        await desk.ask(request(index))
        await desk.answer_all()
        desk.provider.now_s += LIFETIME_S - 1
    assert marked(desk.provider.calls) == [[], ["shared"], ["shared"]]
    use = desk.model.uses["claude", "matcher"]
    assert use.written_tokens == use.read_tokens > 0
    assert use.theoretical_hit_rate == pytest.approx(2 * use.hit_rate, rel=0.02)


async def test_the_first_of_a_prefix_has_it_kept_for_those_to_come() -> None:
    desk = Desk(registrations=3)
    for index in range(3):
        await desk.ask(request(index))
        await desk.answer_all()
    assert marked(desk.provider.calls) == [["shared"]] * 3


async def test_the_last_registration_has_nothing_kept_for_others() -> None:
    assert marked(await Desk(registrations=1).ask(request(0))) == [[]]


async def test_prefixes_that_never_come_again_are_soon_not_kept_any_more() -> None:
    desk = Desk(registrations=100)
    for index in range(8):
        await desk.ask(request(index, candidates=3 + index))
        await desk.answer_all()
    assert marked(desk.provider.calls) == [["shared"]] * 4 + [[]] * 4


@pytest.mark.parametrize(("seconds", "gone"), [(2.9, 1), (3.1, 2)])
def test_whoever_gets_no_answer_for_seconds_lets_the_next_go_first(seconds: float, gone: int) -> None:
    async def waiting() -> int:
        desk = Desk()
        await desk.ask(*map(request, range(3)))
        await asyncio.sleep(seconds)
        return len(await desk.settled())

    assert virtual.run(waiting()) == gone


async def test_who_goes_first_for_others_goes_before_those_whose_prefix_is_kept() -> None:
    desk = Desk()
    calls = await desk.ask(*map(request, range(2)))
    await desk.answer(calls[0])
    await desk.ask(request(2, candidates=4), request(3, candidates=4))
    assert [call.request.priority % 16 for call in sorted(calls, key=lambda one: one.request.priority)] == [0, 2, 1]


async def test_a_prefix_that_comes_again_too_late_is_not_kept() -> None:
    desk = Desk()
    for index in range(3):
        await desk.ask(request(index))
        await desk.answer_all()
        desk.provider.now_s += LIFETIME_S
    assert marked(desk.provider.calls) == [[], [], []]


async def test_nobody_waits_for_a_prefix_that_is_kept_already() -> None:
    desk = Desk()
    await desk.ask(*map(request, range(2)))
    await desk.answer_all()
    assert marked((await desk.ask(*map(request, range(2, 5))))[2:]) == [["shared"]] * 3


async def test_a_prefix_whose_time_is_up_is_written_by_one_again() -> None:
    desk = Desk()
    await desk.ask(*map(request, range(2)))
    await desk.answer_all()
    desk.provider.now_s += LIFETIME_S
    assert len(await desk.ask(*map(request, range(3)))) == 3


BASE = request(0)
OTHERS = {
    "model": replace(BASE, model="claude-2"),
    "instructions": replace(BASE, system="Match!"),
    "form of the reply": replace(BASE, kind="critique"),
    "effort": replace(BASE, effort="high"),
    "thinking": replace(BASE, thinking=True),
    "candidates": request(0, 4),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
async def test_what_differs_in_anything_that_a_prompt_is_read_with_shares_nothing(other: ModelRequest) -> None:
    assert marked(await Desk().ask(BASE, other)) == [[], []]


async def test_instructions_that_are_long_enough_are_kept_apart() -> None:
    desk = Desk()
    calls = await desk.ask(*(request(index, 1 + index % 2, system=LONG) for index in range(4)))
    assert marked(calls) == [["shared", "system"]]
    await desk.answer(calls[0])
    assert marked(calls) == [["shared", "system"]] * 3  # the other of its group, and the first of the other group
    await desk.answer_all()
    assert marked(calls) == [["shared", "system"]] * 4


async def test_instructions_are_kept_where_candidates_are_nobody_elses() -> None:
    desk = Desk()
    await desk.ask(*(request(index, 1 + index, system=LONG) for index in range(3)))
    assert marked(await desk.answer_all()) == [["system"]] * 3


async def test_a_message_that_is_no_opening_has_only_its_instructions_kept() -> None:
    message = Message(author="user", text="Anything else?")
    desk = Desk()
    await desk.ask(*[replace(request(0, system=LONG), messages=(message,))] * 2)
    assert marked(await desk.answer_all()) == [["system"]] * 2


@pytest.mark.parametrize("minimum", [None, 4096])
async def test_nothing_is_kept_and_nobody_waits_where_a_prefix_is_too_short_or_that_is_unknown(
    minimum: int | None,
) -> None:
    calls = await Desk(minimum=minimum).ask(*map(request, range(3)))
    assert marked(calls) == [[], [], []]


@pytest.mark.parametrize(("chars_per_token", "kept"), [(1, True), (20, False)])
async def test_how_long_a_prefix_is_follows_from_what_the_model_counted(chars_per_token: int, kept: bool) -> None:
    length = len(SHORT) + 1 + shared_chars(BASE.messages[0].text)
    desk = Desk(Provider(chars_per_token=chars_per_token), minimum=length // 3 + 50 if kept else length // 6)
    await desk.ask(request(0))
    await desk.answer_all()
    assert marked((await desk.ask(request(1)))[1:]) == [["shared"] if kept else []]


async def test_everything_else_passes_through() -> None:
    desk = Desk()
    asked = replace(request(7), attempt=2, verified=bool)
    await desk.ask(asked)
    calls = await desk.answer_all()
    assert calls[0].request == asked
    assert (calls[0].request.attempt, calls[0].request.verified) == (2, bool)
    assert [type(event) for event in await desk.readers[0]] == [Sent, PromptRead, str, ReplyEnd]


HOUSEHOLDS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 4)), min_size=1, max_size=12, unique_by=lambda h: h[0]
)


@given(HOUSEHOLDS, st.integers(1, 20))
def test_candidates_go_together_within_a_block_and_blocks_in_order(
    households: list[tuple[int, int]], block: int
) -> None:
    async def placed() -> list[Call]:
        desk = Desk(minimum=None, block=block)
        await desk.ask(*(request(*household) for household in households))
        calls = await desk.answer_all()
        return sorted(calls, key=lambda call: call.request.priority)

    def key(household: tuple[int, int]) -> tuple[int, int, int]:
        number = household[0] // block
        group = [index for index, candidates in households if (index // block, candidates) == (number, household[1])]
        return number, min(group), household[0]

    expected = [request(*household).messages for household in sorted(households, key=key)]
    assert [call.request.messages for call in asyncio.run(placed())] == expected


async def test_whatever_else_is_asked_about_a_household_goes_with_its_group() -> None:
    desk = Desk(minimum=None)
    await desk.ask(request(0, 1), request(1, 2), request(2, 1))
    first = request(2, 1).messages[0].text
    critic = replace(request(2, 1), agent="critic", messages=(Message(author="user", text=review_text(first, {})),))
    order = replace(request(2, 1), messages=(Message(author="user", text=opening(order_task(offers=1), SBUS)),))
    heard = replace(critic, messages=(Message(author="user", text="{}"), *critic.messages))
    calls = await desk.ask(critic, order, heard)
    assert {call.request.priority for call in calls[3:]} == {calls[2].request.priority}
    assert calls[2].request.priority < calls[1].request.priority


async def test_what_the_provider_finds_too_short_is_not_tried_again() -> None:
    desk = Desk(Provider(minimum=10 * MINIMUM))
    await desk.ask(request(0), request(1))
    await desk.answer_all()
    await desk.ask(request(2), request(3))
    assert marked(await desk.answer_all()) == [["shared"], ["shared"], [], []]
    assert desk.model.uses["claude", "matcher"].best_tokens == 0


async def test_what_came_of_it_is_told_by_model_and_agent() -> None:
    desk = Desk()
    await desk.ask(*map(request, range(3)), request(0, 4, agent="critic"))
    await desk.answer_all()
    length = len(SHORT) + 1 + shared_chars(BASE.messages[0].text)
    tokens, kept = len(BASE.prompt) // CHARS_PER_TOKEN, length // CHARS_PER_TOKEN
    use = desk.model.uses["claude", "matcher"]
    assert (use.prompts, use.prompt_tokens) == (3, 3 * tokens)
    assert (use.read_tokens, use.written_tokens) == (2 * kept, kept)
    assert use.hit_rate == pytest.approx(2 * kept / (3 * tokens))
    assert use.theoretical_hit_rate == pytest.approx(use.hit_rate, rel=0.02)
    assert desk.model.uses["claude", "critic"].theoretical_hit_rate == 0


async def test_the_record_of_a_run_lists_models_and_agents() -> None:
    desk = Desk()
    await desk.ask(*map(request, range(3)), request(0, 4, agent="critic"))
    await desk.answer_all()
    report = desk.model.uses
    assert desk.model.as_record() == [
        {"model": "claude", "agent": "critic", **report["claude", "critic"].as_record()},
        {"model": "claude", "agent": "matcher", **report["claude", "matcher"].as_record()},
    ]
    assert list(report["claude", "critic"].as_record())[-2:] == ["hit_rate", "theoretical_hit_rate"]


def test_where_nothing_was_counted_the_rates_are_none_of_it() -> None:
    assert (PrefixUse().hit_rate, PrefixUse().theoretical_hit_rate) == (0, 0)


class Telling(Provider):
    """One that tells what a prompt took only at the end."""

    def __init__(self, usage: Usage) -> None:
        super().__init__()
        self.usage = usage

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Answer at once."""
        yield Sent()
        yield "{}"
        yield ReplyEnd(stop_reason="end_turn", usage=self.usage)


async def test_what_a_prompt_took_is_learned_at_the_end_where_it_is_not_told_before() -> None:
    desk = Desk(Telling(Usage(input_tokens=50, cache_read_tokens=30, cache_write_tokens=4, cache_write_1h_tokens=16)))
    await desk.ask(request(0))
    use = desk.model.uses["claude", "matcher"]
    assert use == PrefixUse(prompts=1, prompt_tokens=100, read_tokens=30, written_tokens=20, best_tokens=30)
    assert use.theoretical_hit_rate == use.hit_rate == 0.3


@pytest.mark.parametrize("usage", [Usage(output_tokens=9), Usage(input_tokens=50, estimated=True)])
async def test_what_nobody_counted_is_not_reported(usage: Usage) -> None:
    desk = Desk(Telling(usage))
    await desk.ask(request(0))
    assert desk.model.uses == {}


async def test_what_nobody_has_used_for_a_lifetime_is_forgotten() -> None:
    desk = Desk()
    for index in range(50):
        await desk.ask(request(index, 1, system=f"Match {index}."))
        await desk.answer_all()
        desk.provider.now_s += LIFETIME_S / 5
    assert len(desk.model._prefixes) <= 2 * 10


async def test_whom_others_would_have_to_wait_for_is_not_forgotten() -> None:
    desk = Desk()
    await desk.ask(*map(request, range(2)))
    desk.readers[1].cancel()
    desk.provider.now_s += 3 * LIFETIME_S
    assert len(await desk.ask(request(2))) == 1
    assert marked(await desk.answer_all()) == [["shared"]] * 2


async def test_what_somebody_waits_with_is_not_forgotten() -> None:
    desk = Desk()
    await desk.ask(request(0, 1, system=LONG), request(1, 2, system=LONG))
    desk.provider.now_s += 3 * LIFETIME_S
    calls = await desk.ask(request(2, 2, system=LONG))
    await desk.answer(calls[0])
    assert marked(calls) == [["system"], ["shared", "system"]]


async def test_an_entry_lives_from_the_first_byte_on_and_not_from_the_last() -> None:
    class Slow(Provider):
        async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
            self.calls.append(call := Call(request))
            yield "{"
            await call.go.wait()
            yield "}"

    desk = Desk(Slow())
    await desk.ask(*map(request, range(2)))
    desk.provider.now_s += LIFETIME_S / 2
    await desk.answer_all()
    desk.provider.now_s += LIFETIME_S / 2
    assert marked((await desk.ask(request(2)))[2:]) == [[]]


def test_no_more_candidate_sets_are_remembered_than_a_window_can_have() -> None:
    desk = Desk(block=1)
    for index in range(5_000):
        desk.model._join(replace(BASE, priority=index))
    assert len(desk.model._firsts) == 4_096


Move: TypeAlias = tuple[Literal["ask", "answer", "fail", "cancel", "wait"], int]
MOVES: st.SearchStrategy[list[Move]] = st.lists(
    st.tuples(st.sampled_from(["ask", "ask", "ask", "answer", "fail", "cancel", "wait"]), st.integers(0, 7)),
    max_size=25,
)


def check(desk: Desk) -> None:
    """Nobody waits unless somebody is on the way, and nobody is on the way to write what another is writing."""
    unbegun = [call.request for call in desk.provider.calls if call.state == "sent"]
    left = sum(not reader.done() for reader in desk.readers)
    assert len(unbegun) > 0 or left == 0
    assert len(unbegun) <= left


async def play(moves: list[Move]) -> Desk:
    desk = Desk()
    for kind, number in moves:
        sent = [call for call in await desk.settled() if call.state == "sent"]
        if kind == "ask":
            system = LONG if number % 2 else SHORT
            await desk.ask(*(request(each, 1 + number // 4, system=system) for each in range(1 + number % 3)))
        elif kind == "wait":
            desk.provider.now_s += number * LIFETIME_S / 4
        elif kind == "cancel" and desk.readers:
            desk.readers[number % len(desk.readers)].cancel()
        elif sent:
            error = ModelUnavailable("claude", "overloaded") if kind == "fail" else None
            await desk.answer(sent[number % len(sent)], error)
        await desk.settled()
        check(desk)
    await desk.answer_all()
    check(desk)
    await asyncio.wait(desk.readers) if desk.readers else None
    return desk


@given(MOVES)
def test_whatever_happens_nobody_is_stranded_and_the_best_is_never_less_than_what_was_read(moves: list[Move]) -> None:
    desk = asyncio.run(play(moves))
    for use in desk.model.uses.values():
        assert 0 <= use.hit_rate <= use.theoretical_hit_rate < 1
    assert all(one.waiting == 0 and not one.lead.locked() for one in desk.model._prefixes.values())


async def test_a_window_of_households_reads_nearly_all_that_can_be_read() -> None:
    desk = Desk()
    await desk.ask(*(request(index, 1 + index % 4, system=LONG) for index in range(100)))
    await desk.answer_all()
    use = desk.model.uses["claude", "matcher"]
    assert use.read_tokens >= 0.97 * use.best_tokens
    assert use.written_tokens <= 0.05 * use.prompt_tokens
