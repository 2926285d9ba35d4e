"""Every fault of a provider, at every place of a stream, over real sockets: a whole answer or one of igent's errors."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import accumulate, product

import pytest

from igent.accounting.calls import CallFacts
from igent.agents.calls import CallJournal, Calls, CallSettings, Kept, Retries
from igent.errors import ModelError, ModelLocked, ModelRejected, ModelTimeout, ModelUnavailable, ReplyUnusable
from igent.models.anthropic import Access, AnthropicModel
from igent.models.anthropic_body import message_body
from igent.models.base import ChatModel, Message, ModelEvent, ModelRequest, ReplyEnd
from igent.models.retry import RetryBudget, RetryPolicy
from tests.models.loopback import HAIKU, REQUEST, SOON_S, heard
from tests.provider.faults import Fault, Kind, drawn
from tests.provider.serving import serving
from tests.provider.state import Provider, Settings

# {Braces} that are none before the answer, and more behind it: one place alone completes it.
ANSWER = '{"fit":[["o1"]],"why":"ü {no}"}'
TEXT = f"So {{this}}: {ANSWER} I approve {{it}}."
SETTINGS = Settings(answer=lambda _: TEXT)
# What a silent stream is given up after, where that is what is to happen.
IDLE_S = 0.3
AT_ONCE = 8


def request(number: int) -> ModelRequest:
    return replace(REQUEST, messages=(Message(author="user", text=f"CASE {number:04}"),))


PARTS = Provider(SETTINGS).message(json.dumps(message_body(request(0), model=HAIKU)).encode(), keyed=True).script.parts
ENDS = [0, *accumulate(len(part.data) for part in PARTS)]
ANSWERED = next(number for number, part in enumerate(PARTS) if part.answers)
# How a stream can break before each of its events: with something to see, or with nothing but time passing.
BREAKING: tuple[Kind, ...] = ("cut", "drop", "overload", "bad-utf8")
SILENT: tuple[Kind, ...] = ("silence", "pings")
PLACES = range(len(PARTS))


def break_at(kind: Kind, place: int) -> Fault:
    return Fault(kind=kind, at=ENDS[place] if kind in ("cut", "drop") else place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A provider of which case n meets fault n, and a model that talks to it."""

    provider: Provider
    model: AnthropicModel


@asynccontextmanager
async def bench(faults: Sequence[Fault], *, aiohttp: bool = False, idle_s: float = SOON_S) -> AsyncIterator[Bench]:
    """A bench; leaving it shows that the provider is left with nothing to do."""

    def plan(body: bytes) -> Fault:
        found = re.search(rb"CASE (\d{4})", body)
        assert found is not None
        return faults[int(found[1])]

    provider = Provider(SETTINGS, plan=plan)
    with serving(provider) as url:
        access = Access(api_key="sk-test", base_url=url, aiohttp=aiohttp)
        async with asyncio.timeout(6 * SOON_S), AnthropicModel.open(access, model=HAIKU, idle_s=idle_s) as model:
            yield Bench(provider=provider, model=model)
            assert await asyncio.to_thread(provider.stats.quiet.wait, SOON_S)
    assert provider.stats.problems == []


async def answers(
    model: ChatModel,
    cases: Iterable[int],
    *,
    early_json: bool,
    deadline_s: float = SOON_S,
    retries: Retries | None = None,
) -> list[str | ModelError]:
    """What comes of asking for each case, some of them at once, by number."""
    settings = CallSettings(
        model=model, deadline_s=deadline_s, early_json=early_json, clock=time.monotonic, retries=retries
    )
    found: dict[int, str | ModelError] = {}
    left = iter(cases)

    async def ask_in_turn(lingering: asyncio.TaskGroup) -> None:
        for number in left:
            calls = Calls(settings, CallJournal(keep=_keep, settle=_settle), lingering=lingering)
            try:
                found[number] = await calls.ask(request(number))
            except ModelError as error:
                found[number] = error

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(ask_in_turn(group))
    return [found[number] for number in sorted(found)]


async def _keep(_: Kept) -> None:
    pass


def _settle(_request: ModelRequest, _facts: CallFacts) -> None:
    pass


def accepted(outcome: str | ModelError) -> bool:
    """Whether there is an answer; whatever is accepted has the whole one in it, and nothing that was not said."""
    if isinstance(outcome, ModelError):
        return False
    assert ANSWER in outcome
    assert TEXT.startswith(outcome)
    return True


async def told(at: Bench, cases: Iterable[int]) -> list[tuple[list[ModelEvent], ModelError | None]]:
    """What the model tells of each case."""
    found: dict[int, tuple[list[ModelEvent], ModelError | None]] = {}
    left = iter(cases)

    async def hear_in_turn() -> None:
        for number in left:
            found[number] = await heard(at.model, request(number))

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(hear_in_turn())
    return [found[number] for number in sorted(found)]


both_transports = pytest.mark.parametrize("aiohttp", [False, True], ids=["httpx2", "aiohttp"])


@pytest.mark.parametrize(("kind", "aiohttp"), [*product(BREAKING, (False, True)), *product(SILENT, (True,))])
async def test_a_stream_that_breaks_has_no_end_however_far_it_came(kind: Kind, aiohttp: bool) -> None:
    asyncio.get_running_loop().set_debug(False)
    faults = [break_at(kind, place) for place in PLACES]
    async with bench(faults, aiohttp=aiohttp, idle_s=IDLE_S if kind in SILENT else SOON_S) as at:
        outcomes = await told(at, PLACES)
    assert [type(error) for _, error in outcomes] == [ModelUnavailable] * len(PLACES)
    said = ["".join(event for event in events if isinstance(event, str)) for events, _ in outcomes]
    assert all(TEXT.startswith(text) for text in said)
    assert not any(isinstance(event, ReplyEnd) for events, _ in outcomes for event in events)


@both_transports
async def test_a_break_behind_the_last_event_harms_nobody(aiohttp: bool) -> None:
    faults = [break_at(kind, len(PLACES)) for kind in (*BREAKING, *SILENT)]
    async with bench(faults, aiohttp=aiohttp) as at:
        outcomes = await told(at, range(len(faults)))
    assert all(outcome == outcomes[0] for outcome in outcomes)
    events, error = outcomes[0]
    assert error is None
    assert isinstance(events[-1], ReplyEnd)


@both_transports
@pytest.mark.parametrize("kind", BREAKING)
async def test_an_answer_counts_from_its_closing_brace_on(kind: Kind, aiohttp: bool) -> None:
    asyncio.get_running_loop().set_debug(False)
    faults = [break_at(kind, place) for place in PLACES]
    async with bench(faults, aiohttp=aiohttp) as at:
        outcomes = await answers(at.model, PLACES, early_json=True)
    assert [accepted(outcome) for outcome in outcomes] == [place > ANSWERED for place in PLACES]


@pytest.mark.parametrize("kind", SILENT)
async def test_an_answer_is_used_though_its_stream_never_ends(kind: Kind) -> None:
    faults = [break_at(kind, place) for place in PLACES[ANSWERED + 1 :]]
    async with bench(faults, idle_s=100 * SOON_S) as at:
        outcomes = await answers(at.model, range(len(faults)), early_json=True)
    assert all(accepted(outcome) for outcome in outcomes)
    assert len(at.provider.stats.left_s) == len(faults)


@pytest.mark.parametrize("kind", SILENT)
async def test_a_stream_that_falls_silent_before_its_answer_is_given_up(kind: Kind) -> None:
    faults = [break_at(kind, place) for place in PLACES[: ANSWERED + 1]]
    async with bench(faults, idle_s=IDLE_S) as at:
        outcomes = await answers(at.model, range(len(faults)), early_json=True)
    assert [type(outcome) for outcome in outcomes] == [ModelUnavailable] * len(faults)


@pytest.mark.parametrize("kind", BREAKING)
async def test_without_early_use_only_a_whole_reply_counts(kind: Kind) -> None:
    faults = [break_at(kind, place) for place in range(len(PARTS) + 1)]
    async with bench(faults) as at:
        *broken, whole = await answers(at.model, range(len(faults)), early_json=False)
    assert [type(outcome) for outcome in broken] == [ModelUnavailable] * len(PARTS)
    assert accepted(whole)


async def test_of_all_cuts_of_a_reply_those_behind_its_answer_count() -> None:
    asyncio.get_running_loop().set_debug(False)  # which makes each of so many calls take three times as long
    sizes = [*range(0, ENDS[3], 5), *range(ENDS[3], ENDS[-1] + 1)]  # before the first text there is little to mistake
    async with bench([Fault(kind="cut", at=size) for size in sizes], aiohttp=True) as at:
        outcomes = await answers(at.model, range(len(sizes)), early_json=True)
    assert [accepted(outcome) for outcome in outcomes] == [size >= ENDS[ANSWERED + 1] for size in sizes]


async def test_of_all_cuts_in_the_end_of_a_reply_only_that_behind_it_counts_without_early_use() -> None:
    asyncio.get_running_loop().set_debug(False)
    sizes = range(ENDS[-3], ENDS[-1] + 1)
    async with bench([Fault(kind="cut", at=size) for size in sizes], aiohttp=True) as at:
        outcomes = await answers(at.model, range(len(sizes)), early_json=False)
    assert [accepted(outcome) for outcome in outcomes] == [size == ENDS[-1] for size in sizes]


REFUSED: dict[Fault, type[ModelError]] = {
    Fault(kind="status", status=400): ModelRejected,
    Fault(kind="status", status=401): ModelLocked,
    Fault(kind="status", status=429): ModelUnavailable,
    Fault(kind="status", status=500): ModelUnavailable,
    Fault(kind="status", status=529): ModelUnavailable,
    Fault(kind="html", status=502): ModelUnavailable,
    Fault(kind="html", status=401): ModelLocked,
    Fault(kind="html", status=200): ModelUnavailable,
    Fault(kind="not-sse"): ModelUnavailable,
}


@both_transports
@pytest.mark.parametrize("early_json", [False, True])
async def test_a_response_that_is_no_stream_is_an_error(early_json: bool, aiohttp: bool) -> None:
    async with bench([*REFUSED], aiohttp=aiohttp) as at:
        outcomes = await answers(at.model, range(len(REFUSED)), early_json=early_json)
    assert [type(outcome) for outcome in outcomes] == [*REFUSED.values()]


@pytest.mark.parametrize("kind", ["max_tokens", "refusal"])
async def test_a_reply_that_stops_short_is_never_an_answer(kind: Kind) -> None:
    faults = [Fault(kind=kind, at=size) for size in range(0, len(TEXT) + 1, 3)]
    async with bench(faults, aiohttp=True) as at:
        outcomes = await answers(at.model, range(len(faults)), early_json=False)
    assert [type(outcome) for outcome in outcomes] == [ReplyUnusable] * len(faults)


@pytest.mark.parametrize("kind", ["max_tokens", "refusal"])
async def test_a_reply_that_stops_short_of_its_answer_is_unusable(kind: Kind) -> None:
    faults = [Fault(kind=kind, at=size) for size in range(TEXT.index(ANSWER), TEXT.index(ANSWER) + len(ANSWER))]
    async with bench(faults, aiohttp=True) as at:
        outcomes = await answers(at.model, range(len(faults)), early_json=True)
    assert [type(outcome) for outcome in outcomes] == [ReplyUnusable] * len(faults)


@pytest.mark.parametrize(("kind", "error"), [("pause_turn", ModelRejected), ("no-stop", ModelUnavailable)])
async def test_an_end_that_is_none_is_an_error(kind: Kind, error: type[ModelError]) -> None:
    async with bench([Fault(kind=kind)]) as at:
        assert [type(outcome) for outcome in await answers(at.model, [0], early_json=False)] == [error]
        assert accepted((await answers(at.model, [0], early_json=True))[0])


async def test_a_slow_reply_is_waited_for_as_long_as_it_is_one() -> None:
    async with bench([Fault(kind="drip", wait_s=0.005)]) as at:
        assert accepted((await answers(at.model, [0], early_json=False))[0])


@pytest.mark.parametrize("fault", [Fault(kind="drip", wait_s=0.1), Fault(kind="pings"), Fault(kind="silence")])
async def test_no_call_outlives_its_deadline(fault: Fault) -> None:
    async with bench([fault], idle_s=100 * SOON_S) as at:
        outcomes = await answers(at.model, [0], early_json=True, deadline_s=0.1)
    assert [type(outcome) for outcome in outcomes] == [ModelTimeout]


async def _at_once(_seconds: float) -> None:
    pass


async def test_faults_that_pass_are_lived_through() -> None:
    retries = Retries(
        policy=RetryPolicy(attempts=10), budget=RetryBudget(first=500), uniform=lambda: 0.5, sleep=_at_once
    )
    async with bench([], aiohttp=True) as at:
        at.provider.plan = drawn(0.5, seed=1)
        outcomes = await answers(at.model, range(40), early_json=True, retries=retries)
    assert all(accepted(outcome) for outcome in outcomes)
    stats = at.provider.stats
    assert len(stats.repeats_s) == len(stats.arrivals_s) - 40 > 20
