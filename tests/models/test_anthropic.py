"""Streams from a provider on loopback, over the real SDK and real sockets: what counts as a reply, and what ends it."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace

import anthropic
import httpx2
import pytest

from igent.accounting.usage import Usage
from igent.domain.records import Json
from igent.errors import ModelError, ModelRejected, ModelUnavailable
from igent.models.anthropic import Access, AnthropicModel
from igent.models.base import ModelEvent, PromptRead, ReplyEnd, Sent
from tests.models.loopback import (
    HAIKU,
    REQUEST,
    SOON_S,
    End,
    Play,
    failure,
    good_events,
    good_stream,
    heard,
    provider,
    sse,
)

TEXTS = ['{"fit":[["o2"],', '["o1"]],"why":"ünïcode ✓ 😀 \\n', ' data: [DONE]"}']
GOOD = good_stream(TEXTS)
USAGE = Usage(input_tokens=21, output_tokens=42, cache_read_tokens=700, cache_write_tokens=3, cache_write_1h_tokens=2)
BEGUN = [Sent(), PromptRead(usage=replace(USAGE, output_tokens=0))]
END = ReplyEnd(stop_reason="end_turn", usage=USAGE)
WHOLE = [*BEGUN, *TEXTS, END]


async def until_text(stream: AsyncGenerator[ModelEvent, None]) -> str:
    """Read a stream as far as its first text."""
    while not isinstance(event := await anext(stream), str):
        pass
    return event


@pytest.mark.parametrize("size", [1, 2, 7, 64, len(GOOD)])
async def test_a_reply_is_what_its_prompt_took_its_text_and_its_end_however_it_is_cut_into_chunks(size: int) -> None:
    parts = [GOOD[start : start + size] for start in range(0, len(GOOD), size)]
    async with provider(Play(parts=parts)) as (_, model):
        assert await heard(model) == (WHOLE, None)


async def test_usage_is_the_last_that_was_told() -> None:
    events = good_events(TEXTS)
    early: dict[str, Json] = {"type": "message_delta", "delta": {"stop_reason": None}, "usage": {"output_tokens": 7}}
    early_end: dict[str, Json] = {**early, "delta": {"stop_reason": "max_tokens"}}
    parts = [sse(event) for event in [*events[:-2], early, early_end, *events[-2:]]]
    async with provider(Play(parts=parts)) as (_, model):
        assert (await heard(model))[0][-1] == END


@pytest.mark.parametrize(
    ("told", "stop_reason"),
    [
        ("end_turn", "end_turn"),
        ("stop_sequence", "stop_sequence"),
        ("max_tokens", "max_tokens"),
        ("refusal", "refusal"),
        ("model_context_window_exceeded", "max_tokens"),
    ],
)
async def test_a_stop_reason_is_told_in_igents_words(told: str, stop_reason: str) -> None:
    async with provider(Play(parts=[good_stream(TEXTS, stop_reason=told)])) as (_, model):
        events, error = await heard(model)
        assert error is None
        assert isinstance(events[-1], ReplyEnd)
        assert (events[-1].stop_reason, events[-1].usage) == (stop_reason, USAGE)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("tool_use", ModelRejected),
        ("pause_turn", ModelRejected),
        ("later" * 1_000, ModelRejected),
        (None, ModelUnavailable),
    ],
    ids=["tools", "a pause", "a later one", "none"],
)
async def test_a_stop_reason_that_ends_no_answer_is_an_error(told: str | None, kind: type[ModelError]) -> None:
    async with provider(Play(parts=[good_stream(TEXTS, stop_reason=told)])) as (_, model):
        events, error = await heard(model)
        assert (events, type(error)) == ([*BEGUN, *TEXTS], kind)
        assert len(str(error)) < 200


@pytest.mark.parametrize("end", ["whole", "cut", "reset"])
async def test_no_stream_that_breaks_off_at_an_event_has_an_end(end: End) -> None:
    events = [sse(event) for event in good_events(TEXTS)]
    plays = [Play(parts=events[:count], end=end) for count in range(len(events))]
    async with provider(*plays) as (_, model):
        for _ in plays:
            said, error = await heard(model)
            assert type(error) is ModelUnavailable
            assert said == WHOLE[: len(said)] != WHOLE


@pytest.mark.parametrize("end", ["whole", "cut", "reset", "stall"])
async def test_a_reply_that_is_over_is_whole_whatever_becomes_of_the_connection(end: End) -> None:
    async with provider(Play(parts=[GOOD], end=end)) as (_, model):
        assert await heard(model) == (WHOLE, None)


def places(value: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path to every value inside one, its own last."""
    for key, each in value.items() if isinstance(value, dict) else ():
        yield from places(each, (*path, key))
    yield path


def with_other(value: Json, path: Sequence[str], other: Json) -> Json:
    """The value with another one in a place."""
    if not path or not isinstance(value, dict):
        return other
    return {**value, path[0]: with_other(value[path[0]], path[1:], other)}


def event_of(kind: Json, data: Json) -> bytes:
    """An event whose data may be anything."""
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def mangled(draw: random.Random) -> bytes:
    """A whole reply with one value in it that is not as documented."""
    events = good_events(TEXTS)
    spoiled = draw.choice(events)
    path = draw.choice([*places(spoiled)])
    others: list[Json] = [None, True, -1, 0.5, "x", [], {}, [{}], {"type": "x"}]
    other = with_other(spoiled, path, draw.choice(others))
    return b"".join(event_of(event["type"], other if event is spoiled else event) for event in events)


async def test_an_event_that_is_not_as_documented_is_an_error_of_igents_or_none() -> None:
    draw = random.Random(0)
    plays = [Play(parts=[mangled(draw)]) for _ in range(200)]
    async with provider(*plays) as (_, model):
        for _ in plays:
            events, error = await heard(model)
            if error is None:
                end = events.pop()
                assert isinstance(end, ReplyEnd)
                assert Usage.from_record(end.usage.as_record()) == end.usage
            assert not any(isinstance(event, ReplyEnd) for event in events)


@pytest.mark.parametrize(
    "path",
    [
        ("message", "usage", "input_tokens"),
        ("message", "usage", "cache_read_input_tokens"),
        ("message", "usage", "cache_creation_input_tokens"),
        ("message", "usage", "cache_creation", "ephemeral_1h_input_tokens"),
        ("usage", "output_tokens"),
    ],
    ids=lambda path: path[-1],
)
async def test_a_count_below_none_is_no_count(path: tuple[str, ...]) -> None:
    events = good_events(TEXTS)
    parts = [event_of(event["type"], with_other(event, path, -1) if path[0] in event else event) for event in events]
    async with provider(Play(parts=parts)) as (_, model):
        said, error = await heard(model)
        begun = BEGUN if path[0] == "usage" else BEGUN[:1]
        assert (said, type(error)) == ([*begun, *TEXTS], ModelUnavailable)


async def test_events_and_deltas_of_the_future_say_nothing() -> None:
    events = good_events(TEXTS)
    future: list[dict[str, Json]] = [
        {"type": "content_block_delta", "index": 1, "delta": {"type": "later_delta", "text": "never"}},
        {"type": "later", "message": {"usage": {"input_tokens": 1}}, "delta": {"type": "text_delta", "text": "never"}},
    ]
    async with provider(Play(parts=[sse(event) for event in [*events[:7], *future, *events[7:]]])) as (_, model):
        assert await heard(model) == (WHOLE, None)


async def test_a_call_is_sent_before_anything_is_asked_of_the_provider() -> None:
    async with provider(Play(parts=[GOOD])) as (server, model):
        stream = model.stream(REQUEST)
        assert (await anext(stream), server.asked) == (Sent(), [])
        await stream.aclose()
        assert server.asked == []


async def test_streams_at_the_same_time_do_not_mix() -> None:
    async with provider(*[Play(parts=[good_stream([str(number)] * 3)]) for number in range(8)]) as (_, model):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(heard(model)) for _ in range(8)]
        said = [task.result()[0] for task in tasks]
        assert sorted(str(events[2]) for events in said) == [*"01234567"]
        assert all(events == [*BEGUN, *[events[2]] * 3, END] for events in said)


async def test_closing_a_stream_hangs_up_at_once() -> None:
    started = Play(parts=[sse(event) for event in good_events(TEXTS)[:7]], end="stall")
    async with provider(started) as (server, model):
        stream = model.stream(REQUEST)
        assert await until_text(stream) == TEXTS[0]
        assert not server.left.is_set()
        await stream.aclose()
        async with asyncio.timeout(SOON_S):
            await server.left.wait()


class Held(httpx2.AsyncBaseTransport, httpx2.AsyncByteStream):
    """A transport whose one response says a piece of text and then nothing more; `closed` once it is let go."""

    closed = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, stream=self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"".join(sse(event) for event in good_events(TEXTS)[:7])
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        self.closed = True


async def test_a_closed_stream_is_let_go_before_anything_else_happens() -> None:
    held = Held()
    http = httpx2.AsyncClient(transport=held)
    async with anthropic.AsyncAnthropic(api_key="sk-test", base_url="http://127.0.0.1", http_client=http) as client:
        stream = AnthropicModel(client, model=HAIKU).stream(REQUEST)
        await until_text(stream)
        await stream.aclose()
        assert held.closed


async def test_a_stream_can_be_closed_by_another_task_than_its_reader() -> None:
    started = Play(parts=[sse(event) for event in good_events(TEXTS)[:7]], end="stall")
    async with provider(started) as (server, model):
        stream = model.stream(REQUEST)
        async with asyncio.TaskGroup() as group:
            group.create_task(until_text(stream))
        async with asyncio.TaskGroup() as group, asyncio.timeout(SOON_S):
            group.create_task(stream.aclose())
            await server.left.wait()


async def test_a_reader_that_is_cancelled_hangs_up() -> None:
    started = Play(parts=[sse(event) for event in good_events(TEXTS)[:7]], end="stall")
    async with provider(started) as (server, model):
        stream = model.stream(REQUEST)
        await until_text(stream)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await anext(stream)
        async with asyncio.timeout(SOON_S):
            await server.left.wait()


@pytest.mark.parametrize("aiohttp", [False, True])
async def test_a_whole_reply_leaves_its_connection_to_the_next(aiohttp: bool) -> None:
    plays = [Play(parts=[GOOD])] * 3
    async with provider(*plays, access=Access(api_key="sk-test", aiohttp=aiohttp)) as (server, model):
        for _ in plays:
            stream = model.stream(REQUEST)
            while not isinstance(await anext(stream), ReplyEnd):
                pass
            await stream.aclose()
        assert [asked.connection for asked in server.asked] == [0, 0, 0]


async def test_pings_are_no_sign_of_life() -> None:
    started = Play(parts=[sse(event) for event in good_events(TEXTS)[:7]], end="stall", beat_s=0.02)
    async with provider(started, idle_s=0.4) as (server, model), asyncio.timeout(SOON_S):
        events, error = await heard(model)
        assert (events, type(error)) == ([*BEGUN, TEXTS[0]], ModelUnavailable)
        assert "silent for 0.4 s" in str(error)
        assert server.beats > 1
        await server.left.wait()


async def test_text_is_a_sign_of_life() -> None:
    beat = sse(good_events(["more"])[6])
    events = [sse(event) for event in good_events(TEXTS)[:7]]
    async with provider(Play(parts=events, end="stall", beat=beat, beat_s=0.05), idle_s=0.4) as (_, model):
        stream = model.stream(REQUEST)
        assert [await until_text(stream) for _ in range(12)] == [TEXTS[0], *["more"] * 11]
        await stream.aclose()


async def test_a_provider_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # connections are taken and nobody answers
        access = Access(api_key="sk-test", base_url=f"http://127.0.0.1:{server.getsockname()[1]}")
        async with AnthropicModel.open(access, model=HAIKU, idle_s=0.1) as model, asyncio.timeout(SOON_S):
            events, error = await heard(model)
    assert (events, type(error)) == ([Sent()], ModelUnavailable)


LIMITS = [("anthropic-ratelimit-requests-remaining", "7"), ("Anthropic-RateLimit-Input-Tokens-Limit", "9")]
TOLD = {"anthropic-ratelimit-requests-remaining": "7", "anthropic-ratelimit-input-tokens-limit": "9"}


OVERLOAD: dict[str, Json] = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}


@pytest.mark.parametrize(
    "play",
    [
        Play(parts=[GOOD], headers=LIMITS),
        Play(parts=[sse(OVERLOAD)], headers=LIMITS),
        failure(429, {}, headers=LIMITS),
        failure(401, {}, headers=LIMITS),
    ],
    ids=["a reply", "an overload", "a rate limit", "a refusal"],
)
async def test_the_rate_limits_of_every_response_are_told_once(play: Play) -> None:
    told: list[Mapping[str, str]] = []
    async with provider(play, on_headers=told.append) as (_, model):
        await heard(model)
    assert [{name: headers.get(name) for name in TOLD} for headers in told] == [TOLD]


async def test_no_one_but_igent_tries_again() -> None:
    async with provider(*[failure(529, {})] * 3) as (server, model):
        await heard(model)
        assert len(server.asked) == 1


async def test_a_client_of_its_own_is_closed_at_the_end() -> None:
    async with provider(Play(parts=[GOOD])) as (_, model):
        assert not model.client.is_closed()
    assert model.client.is_closed()


@pytest.mark.parametrize("aiohttp", [False, True])
async def test_a_compressed_stream_is_unpacked(aiohttp: bool) -> None:
    headers = [("content-type", "text/event-stream"), ("content-encoding", "gzip")]
    access = Access(api_key="sk-test", aiohttp=aiohttp)
    async with provider(Play(parts=[gzip.compress(GOOD)], headers=headers), access=access) as (_, model):
        assert await heard(model) == (WHOLE, None)
