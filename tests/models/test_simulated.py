"""The simulator: seeded replies, faults and waits; a test's `sleep` only notes how long it would have been."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import replace
from math import exp, log
from statistics import median, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.accounting.usage import Usage, estimate_tokens
from igent.dialogue.prompts import review_text
from igent.dialogue.replies import ReplyKind, find_answer
from igent.domain.verify import MatchDecision, MatchTask, OrderDecision, OrderTask, verify_match, verify_order
from igent.models.base import Message, ModelEvent, ModelRequest, ReplyEnd, Sent
from igent.models.rules import RulesModel, keyword_judgement
from igent.models.simulated import CHUNK_TOKENS, LATENCIES, Latency, SimulatedModel
from tests.agents.scripted import SBUS, match_task, opening, order_task

HAIKU = Latency(first_token_s=0.70, sigma=0.35, decode_per_s=100, prefill_per_s=20_000)
INNER = RulesModel(keyword_judgement(SBUS))
DRAWS = 1_500


class Naps:
    """A clock's `sleep` that returns at once and keeps what it was asked for, in seconds."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)


def mock(
    *, seed: int = 0, latency: Latency | None = None, error_rate: float = 0.0, naps: Naps | None = None
) -> SimulatedModel:
    return SimulatedModel(INNER, sleep=naps or Naps(), seed=seed, latency=latency, error_rate=error_rate)


def request(text: str, kind: ReplyKind = "match", *, system: str = "Match.") -> ModelRequest:
    messages = (Message(author="user", text=text),)
    return ModelRequest(agent="matcher", kind=kind, system=system, messages=messages, max_tokens=512)


def requests(count: int, note: str | None = "only S2") -> list[ModelRequest]:
    """As many requests about the same household, told apart by their instructions."""
    text = opening(match_task(note), SBUS)
    return [request(text, system=f"{number:04}") for number in range(count)]


async def replied(model: SimulatedModel | RulesModel, asked: ModelRequest) -> tuple[str, ReplyEnd]:
    events = [event async for event in model.stream(asked)]
    last = events.pop()
    assert isinstance(last, ReplyEnd)
    return "".join(event for event in events if isinstance(event, str)), last


async def observed(model: SimulatedModel, naps: Naps, asked: ModelRequest) -> tuple[str, ReplyEnd, list[float]]:
    """All that a draw can change: the reply, its end, and the waits."""
    naps.asked.clear()
    return (*await replied(model, asked), [*naps.asked])


def fault(text: str, whole: str, stop_reason: str) -> str:
    """Which of the ways to go wrong a spoiled reply shows."""
    if stop_reason == "max_tokens":
        return "truncated" if whole.startswith(text) and len(text) < len(whole) else "?"
    if whole in text and text != whole:
        return "prose"
    if '"o0"' in text or '"i0"' in text or "maybe-" in text:
        return "wrong-id"
    return "none" if text == whole else "wrong-json"


async def test_without_faults_the_reply_is_that_of_the_inner_model() -> None:
    for asked in requests(20):
        text, last = await replied(mock(), asked)
        assert text == (await replied(INNER, asked))[0]
        usage = Usage(input_tokens=estimate_tokens(asked.prompt), output_tokens=estimate_tokens(text))
        assert last == ReplyEnd(stop_reason="end_turn", usage=usage)


@given(st.integers(0, 2**32), st.integers(0, 99), st.floats(0, 1))
async def test_the_same_seed_gives_the_same_reply(seed: int, number: int, error_rate: float) -> None:
    asked = requests(100)[number]
    both = []
    for _ in range(2):
        naps = Naps()
        both.append(await observed(mock(seed=seed, latency=HAIKU, error_rate=error_rate, naps=naps), naps, asked))
    assert both[0] == both[1]


async def test_streams_that_are_read_in_turns_say_what_they_say_alone() -> None:
    model, asked = mock(error_rate=0.7), requests(12)
    alone = [await replied(model, each) for each in asked]
    streams: list[AsyncGenerator[ModelEvent, None]] = [model.stream(each) for each in asked]
    together: list[list[ModelEvent]] = [[] for _ in streams]
    while any(not (events and isinstance(events[-1], ReplyEnd)) for events in together):
        for stream, events in zip(streams, together, strict=True):
            events += [event async for event in _next(stream)]
    assert [("".join(map(str, events[1:-1])), events[-1]) for events in together] == alone


async def _next(stream: AsyncGenerator[ModelEvent, None]) -> AsyncGenerator[ModelEvent, None]:
    event = await anext(stream, None)
    if event is not None:
        yield event


def drawn_anew(asked: ModelRequest) -> dict[str, ModelRequest]:
    return {
        "role": replace(asked, kind="critique"),
        "prompt": replace(asked, system=asked.system + "!"),
        "attempt": replace(asked, attempt=1),
    }


@pytest.mark.parametrize("what", ["role", "prompt", "attempt"])
async def test_a_draw_depends_on_who_is_asked_what_and_how_often(what: str) -> None:
    naps = Naps()
    model = mock(latency=HAIKU, naps=naps)
    asked = requests(1)[0]
    waits = [(await observed(model, naps, each))[2][0] for each in (asked, drawn_anew(asked)[what])]
    assert abs(waits[0] - waits[1]) > 1e-3  # more than the prompt's length can make


async def test_a_draw_depends_on_the_seed() -> None:
    naps, asked = Naps(), requests(1)[0]
    waits = [(await observed(mock(seed=seed, latency=HAIKU, naps=naps), naps, asked))[2][0] for seed in range(20)]
    assert len(set(waits)) == 20


@pytest.mark.parametrize(
    "change",
    [
        {"priority": 9},
        {"max_tokens": 16},
        {"effort": "low"},
        {"model": "other"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_draw_depends_on_nothing_else(change: dict[str, str | int]) -> None:
    naps = Naps()
    model = mock(latency=HAIKU, error_rate=0.5, naps=naps)
    for asked in requests(10):
        assert await observed(model, naps, replace(asked, **change)) == await observed(model, naps, asked)  # type: ignore[arg-type]


async def test_every_kind_of_fault_occurs_and_none_is_spared_at_an_error_rate_of_1() -> None:
    seen = Counter[str]()
    for asked in requests(200):
        text, last = await replied(mock(error_rate=1.0), asked)
        seen[fault(text, (await replied(INNER, asked))[0], last.stop_reason)] += 1
    assert seen.keys() == {"wrong-id", "wrong-json", "prose", "truncated"}
    assert min(seen.values()) > 30  # a quarter each is 50, and five sigma below that is 19


async def test_faults_come_as_often_as_the_error_rate_says_and_of_every_kind() -> None:
    seen = Counter[str]()
    for asked in requests(DRAWS):
        text, last = await replied(mock(error_rate=0.2), asked)
        seen[fault(text, (await replied(INNER, asked))[0], last.stop_reason)] += 1
    assert seen.keys() == {"none", "wrong-id", "wrong-json", "prose", "truncated"}
    assert seen["none"] / DRAWS == pytest.approx(0.8, abs=0.05)  # five sigma


def south_facing() -> OrderTask:
    """Phase 2 for a household that meets the condition of its one incentive."""
    task = order_task(incentives=1)
    [standing] = task.standings
    incentive = replace(standing.incentive, prose="for roofs facing south")
    registration = replace(task.registration, facts={"Product_RoofOrientation": "South"})
    return replace(task, registration=registration, standings=(replace(standing, incentive=incentive),))


NOTED = [None, "only S2", "S2 and all black", "no preference", "pay monthly", "what is this?", '"fit":[[ignore']
MATCH_TASKS = [match_task(note, offers=offers) for note in NOTED for offers in (1, 3)]
ORDER_TASKS = [south_facing(), *[order_task(note, incentives=count) for note in NOTED for count in (0, 2)]]


async def spoiled(kind: ReplyKind, text: str) -> dict[str, list[tuple[str, str]]]:
    """Replies at an error rate of 1 by fault, each with what the inner model said."""
    found: dict[str, list[tuple[str, str]]] = {}
    for number in range(24):
        asked = request(text, kind, system=f"{number:04}")
        reply, last = await replied(mock(error_rate=1.0), asked)
        whole = (await replied(INNER, asked))[0]
        found.setdefault(fault(reply, whole, last.stop_reason), []).append((reply, whole))
    return found


@pytest.mark.parametrize("task", MATCH_TASKS, ids=lambda task: f"{task.registration.note}-{len(task.offers)}")
async def test_a_wrong_id_in_a_match_always_breaks_a_hard_rule(task: MatchTask) -> None:
    for reply, _ in (await spoiled("match", opening(task, SBUS)))["wrong-id"]:
        decision = find_answer("match", reply)
        assert isinstance(decision, MatchDecision)
        verdict = verify_match(decision, task)
        assert (verdict.kind, "offer-unknown" in {each.code for each in verdict.violations}) == ("violated", True)


@pytest.mark.parametrize("task", ORDER_TASKS, ids=lambda task: f"{task.registration.note}-{len(task.standings)}")
async def test_a_wrong_id_in_an_order_always_breaks_a_hard_rule(task: OrderTask) -> None:
    for reply, _ in (await spoiled("order", opening(task, SBUS)))["wrong-id"]:
        decision = find_answer("order", reply)
        assert isinstance(decision, OrderDecision)
        verdict = verify_order(decision, task)
        assert (verdict.kind, "incentive-unknown" in {each.code for each in verdict.violations}) == ("violated", True)


@pytest.mark.parametrize("task", [*MATCH_TASKS[:6], *ORDER_TASKS[:6]])
async def test_the_other_faults_leave_the_answer_or_no_answer(task: MatchTask | OrderTask) -> None:
    kind: ReplyKind = "match" if isinstance(task, MatchTask) else "order"
    found = await spoiled(kind, opening(task, SBUS))
    assert all(find_answer(kind, reply) == find_answer(kind, whole) is not None for reply, whole in found["prose"])
    assert [reply for reply, _ in found["truncated"] + found["wrong-json"] if find_answer(kind, reply)] == []


async def test_every_fault_of_a_critic_but_prose_is_unreadable() -> None:
    proposal = MatchDecision(fit=(("o2",),), words=("S2",)).as_record()
    found = await spoiled("critique", review_text(opening(match_task("only S2"), SBUS), proposal))
    assert found.keys() == {"wrong-id", "wrong-json", "prose", "truncated"}
    readable = {kind for kind, replies in found.items() for reply, _ in replies if find_answer("critique", reply)}
    assert readable == {"prose"}


async def test_a_reply_is_streamed_in_pieces_of_four_tokens() -> None:
    asked = requests(1)[0]
    pieces = [event async for event in mock(latency=HAIKU, naps=Naps()).stream(asked) if isinstance(event, str)]
    assert "".join(pieces) == (await replied(INNER, asked))[0]
    assert len(pieces) > 4
    assert [estimate_tokens(piece) for piece in pieces[:-1]] == [CHUNK_TOKENS] * (len(pieces) - 1)


async def test_without_a_latency_and_faults_a_reply_is_there_whole() -> None:
    asked = requests(1)[0]
    pieces = [event async for event in mock().stream(asked) if isinstance(event, str)]
    assert pieces == [(await replied(INNER, asked))[0]]


async def test_without_a_latency_nothing_waits() -> None:
    naps = Naps()
    await replied(mock(naps=naps), requests(1)[0])
    assert naps.asked == []


async def test_a_call_is_sent_at_once_and_one_wait_comes_before_each_piece() -> None:
    naps = Naps()
    waited = [(event, len(naps.asked)) async for event in mock(latency=HAIKU, naps=naps).stream(requests(1)[0])]
    pieces = len(waited) - 2
    assert waited[0] == (Sent(), 0)
    assert [naps_before for _, naps_before in waited[1:]] == [*range(1, pieces + 1), pieces]  # the end comes at once
    assert naps.asked[1:] == [CHUNK_TOKENS / HAIKU.decode_per_s] * (len(naps.asked) - 1)


async def test_the_time_to_the_first_token_is_log_normal_behind_the_prefill() -> None:
    naps, asked = Naps(), requests(DRAWS)
    model = mock(latency=HAIKU, naps=naps)
    prefill_s = estimate_tokens(asked[0].prompt) / HAIKU.prefill_per_s
    first_s = [(await observed(model, naps, each))[2][0] - prefill_s for each in asked]
    assert median(first_s) == pytest.approx(HAIKU.first_token_s, rel=0.05)  # four sigma of a median of so many
    assert stdev(map(log, first_s)) == pytest.approx(HAIKU.sigma, rel=0.08)
    assert median(map(log, first_s)) == pytest.approx(sum(map(log, first_s)) / DRAWS, abs=0.05)


@given(st.integers(0, 100_000))
def test_the_median_is_the_published_one_and_a_prompt_is_read_at_its_rate(prompt_tokens: int) -> None:
    expected = HAIKU.first_token_s + prompt_tokens / HAIKU.prefill_per_s
    assert HAIKU.until_first_token_s(0.5, prompt_tokens) == pytest.approx(expected)
    one_sigma = HAIKU.first_token_s * exp(HAIKU.sigma) + prompt_tokens / HAIKU.prefill_per_s
    assert HAIKU.until_first_token_s(0.8413447460685429, prompt_tokens) == pytest.approx(one_sigma)


@given(st.floats(0.001, 10), st.floats(0.01, 0.99), st.integers(0, 10_000))
def test_a_scaled_clock_scales_every_wait(factor: float, uniform: float, prompt_tokens: int) -> None:
    scaled = HAIKU.scaled(factor)
    expected = factor * HAIKU.until_first_token_s(uniform, prompt_tokens)
    assert scaled.until_first_token_s(uniform, prompt_tokens) == pytest.approx(expected)
    assert 1 / scaled.decode_per_s == pytest.approx(factor / HAIKU.decode_per_s)


def test_the_latencies_are_none_and_those_of_three_models() -> None:
    assert {
        "none": None,
        "haiku": HAIKU,
        "sonnet": Latency(first_token_s=1.3, sigma=0.35, decode_per_s=63, prefill_per_s=15_000),
        "opus": Latency(first_token_s=2.0, sigma=0.35, decode_per_s=45, prefill_per_s=10_000),
    } == LATENCIES


def test_the_name_says_that_it_is_no_real_model() -> None:
    assert (mock().name, RulesModel().name) == ("mock", "rules")
