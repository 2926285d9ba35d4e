"""Streams from an OpenAI-compatible endpoint on loopback, over the real SDK and real sockets."""

from __future__ import annotations

import asyncio
import gzip
import random
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping

import httpx2
import openai
import pytest

from igent.accounting.usage import Usage, estimate_tokens
from igent.domain.records import Json
from igent.errors import ModelError, ModelRejected, ModelUnavailable
from igent.models.base import ReplyEnd, Sent
from igent.models.openai import Access, OpenAIModel
from tests.models.loopback import REQUEST, SOON_S, End, Play, failure
from tests.models.loopback_openai import (
    DONE,
    END,
    GPT,
    TOLD_USAGE,
    USAGE,
    data,
    endpoint,
    good_chunks,
    good_stream,
    replied,
    said,
)

TEXTS = ['{"fit":[["o2"],', '["o1"]],"why":"ünïcode ✓ 😀 \\n', ' data: [DONE]"}']
GOOD = good_stream(TEXTS)
WHOLE = [Sent(), *TEXTS, END]
STARTED = [data(chunk) for chunk in good_chunks(TEXTS)[:2]]


@pytest.mark.parametrize("size", [1, 2, 7, 64, len(GOOD)])
async def test_a_reply_is_its_text_and_its_end_however_it_is_cut_into_pieces(size: int) -> None:
    parts = [GOOD[start : start + size] for start in range(0, len(GOOD), size)]
    async with endpoint(Play(parts=parts)) as (_, model):
        assert await replied(model) == (WHOLE, None)


SHORT = [data({"choices": [{"delta": {"content": "{}"}}]}), data({"choices": [{"delta": {}, "finish_reason": "stop"}]})]
COUNTED = b"".join([*SHORT, data({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}), DONE])
UNCOUNTED = b"".join([*SHORT, DONE])


@pytest.mark.parametrize(
    ("stream", "needed", "end"),
    [(COUNTED, len(COUNTED) - len(DONE), "whole"), (UNCOUNTED, len(UNCOUNTED), "cut")],
    ids=["counted", "uncounted"],
)
async def test_a_reply_that_is_cut_anywhere_before_its_end_is_none(stream: bytes, needed: int, end: End) -> None:
    asyncio.get_running_loop().set_debug(False)  # which makes each of so many calls take three times as long
    sizes = [*range(0, needed - 2, 3), *range(needed - 2, len(stream) + 1)]
    plays = [Play(parts=[stream[:size]], end=end) for size in sizes]
    async with endpoint(*plays) as (_, model):
        errors = [type((await replied(model))[1]) for _ in plays]
    assert errors == [type(None) if size >= needed else ModelUnavailable for size in sizes]


async def test_a_reset_before_the_end_leaves_no_reply_either() -> None:
    chunks = [data(chunk) for chunk in good_chunks(TEXTS)]
    plays = [Play(parts=chunks[:count], end="reset") for count in range(len(chunks))]
    async with endpoint(*plays) as (_, model):
        assert {type((await replied(model))[1]) for _ in plays} == {ModelUnavailable}


@pytest.mark.parametrize("end", ["whole", "cut", "reset", "stall"])
async def test_a_reply_that_is_over_is_whole_whatever_becomes_of_the_connection(end: End) -> None:
    async with endpoint(Play(parts=[GOOD], end=end)) as (_, model):
        assert await replied(model) == (WHOLE, None)


async def test_no_end_without_a_reason_to_stop() -> None:
    chunks = [data(chunk) for chunk in good_chunks(TEXTS) if chunk["choices"] != good_chunks([])[1]["choices"]]
    async with endpoint(Play(parts=[*chunks, DONE])) as (_, model):
        events, error = await replied(model)
        assert (events, type(error)) == ([Sent(), *TEXTS], ModelUnavailable)


@pytest.mark.parametrize(
    ("told", "stop_reason"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("model_context_window_exceeded", "max_tokens"),
        ("content_filter", "refusal"),
        ("sensitive", "refusal"),
    ],
)
async def test_a_reason_to_stop_is_told_in_igents_words(told: str, stop_reason: str) -> None:
    async with endpoint(Play(parts=[good_stream(TEXTS, reason=told)])) as (_, model):
        events, error = await replied(model)
        assert error is None
        assert isinstance(events[-1], ReplyEnd)
        assert (events[-1].stop_reason, events[-1].usage) == (stop_reason, USAGE)


@pytest.mark.parametrize(
    ("told", "kind", "throttle"),
    [
        ("tool_calls", ModelRejected, None),
        ("function_call", ModelRejected, None),
        ("later" * 1_000, ModelRejected, None),
        ("abort", ModelUnavailable, None),
        ("error", ModelUnavailable, None),
        ("network_error", ModelUnavailable, None),
        ("insufficient_system_resource", ModelUnavailable, "overload"),
    ],
)
async def test_a_reason_that_ends_no_answer_is_an_error(
    told: str, kind: type[ModelError], throttle: str | None
) -> None:
    async with endpoint(Play(parts=[good_stream(TEXTS, reason=told)])) as (_, model):
        error = (await replied(model))[1]
        assert (type(error), getattr(error, "throttle", None)) == (kind, throttle)
        assert len(str(error)) < 200


async def test_a_refusal_is_no_text_and_no_answer() -> None:
    chunks = [said({"refusal": "I cannot"}), *good_chunks([])]
    async with endpoint(Play(parts=[*map(data, chunks), DONE])) as (_, model):
        assert await replied(model) == ([Sent(), ReplyEnd(stop_reason="refusal", usage=USAGE)], None)


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
async def test_reasoning_is_no_text(key: str) -> None:
    chunks = [said({"content": None, key: 'hm, {"fit"'}), *good_chunks(TEXTS)]
    async with endpoint(Play(parts=[*map(data, chunks), DONE])) as (_, model):
        assert await replied(model) == (WHOLE, None)


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 4}, Usage(input_tokens=9, output_tokens=4)),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 3},
            Usage(input_tokens=3, output_tokens=4, cache_read_tokens=6),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "cached_tokens": 6},
            Usage(input_tokens=3, output_tokens=4, cache_read_tokens=6),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": None, "total_tokens": 13},
            Usage(input_tokens=9, output_tokens=4),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 33},
            Usage(input_tokens=9, output_tokens=24),
        ),
    ],
    ids=["no details", "DeepSeek", "Moonshot", "null details", "reasoning in the total only"],
)
async def test_usage_is_told_in_several_forms(told: dict[str, Json], usage: Usage) -> None:
    chunks = good_chunks(TEXTS, usage=told)
    async with endpoint(Play(parts=[*map(data, chunks), DONE])) as (_, model):
        assert (await replied(model))[0][-1] == ReplyEnd(stop_reason="end_turn", usage=usage)


@pytest.mark.parametrize("told", [TOLD_USAGE, {**TOLD_USAGE, "completion_tokens": 7}], ids=["the last", "each"])
async def test_usage_may_come_with_the_reason_to_stop(told: Json) -> None:
    texts = [said({"content": text}, usage=told) for text in TEXTS]
    async with endpoint(Play(parts=[*map(data, [*texts, said({}, reason="stop", usage=TOLD_USAGE)]), DONE])) as (
        _,
        model,
    ):
        assert await replied(model) == (WHOLE, None)


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        7,
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": "9", "completion_tokens": 4},
        {"prompt_tokens": 9, "completion_tokens": -1},
        {"prompt_tokens": 9, "completion_tokens": 4, "cached_tokens": 10},
    ],
    ids=str,
)
async def test_a_usage_that_is_none_is_estimated_with_the_reasoning(told: Json) -> None:
    chunks = [said({"reasoning_content": "r" * 400}), *good_chunks(["{}"], usage=told)]
    async with endpoint(Play(parts=[*map(data, chunks), DONE])) as (_, model):
        expected = Usage(input_tokens=estimate_tokens(REQUEST.prompt), output_tokens=101, estimated=True)
        assert (await replied(model))[0][-1] == ReplyEnd(stop_reason="end_turn", usage=expected)


async def test_chunks_of_other_forms_say_nothing() -> None:
    odd: list[Json] = [None, 7, [], {}, {"choices": None}, {"choices": [7]}, {"choices": [{"delta": 7}]}]
    azure: dict[str, Json] = {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    parts = [b": hello\n\n", *map(data, [*odd, azure, said({"content": 7})]), b"event: x\nid: 1\n\n", GOOD]
    async with endpoint(Play(parts=parts)) as (_, model):
        assert await replied(model) == (WHOLE, None)


def mangled(draw: random.Random) -> bytes:
    """A whole reply with one value in it that is not as documented."""
    chunks = good_chunks(TEXTS)
    chunk = draw.choice(chunks)
    others: list[Json] = [None, True, -1, 0.5, "x", [], {}, [{}], {"type": "x"}]
    match draw.choice([*chunk]), chunk["choices"]:
        case "choices", [dict(choice)] if draw.random() < 0.8:
            choice[draw.choice([*choice])] = draw.choice(others)
        case "usage", _ if isinstance(chunk["usage"], dict) and draw.random() < 0.8:
            usage = chunk["usage"]
            chunk["usage"] = {**usage, draw.choice([*usage]): draw.choice(others)}
        case key, _:
            chunk[key] = draw.choice(others)
    return b"".join([*map(data, chunks), DONE])


async def test_a_chunk_that_is_not_as_documented_is_an_error_of_igents_or_none() -> None:
    draw = random.Random(0)
    plays = [Play(parts=[mangled(draw)]) for _ in range(100)]
    async with endpoint(*plays) as (_, model):
        for _ in plays:
            events, error = await replied(model)
            if error is None:
                end = events.pop()
                assert isinstance(end, ReplyEnd)
                assert Usage.from_record(end.usage.as_record()) == end.usage
            assert all(isinstance(event, str) for event in events[1:])


async def test_streams_at_the_same_time_do_not_mix() -> None:
    async with endpoint(*[Play(parts=[good_stream([str(number)] * 3)]) for number in range(8)]) as (_, model):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(replied(model)) for _ in range(8)]
        events = [task.result()[0] for task in tasks]
        assert sorted(str(each[1]) for each in events) == [*"01234567"]
        assert all(each == [Sent(), *[each[1]] * 3, END] for each in events)


async def test_a_call_is_told_before_it_is_made() -> None:
    async with endpoint() as (server, model):
        stream = model.stream(REQUEST)
        assert await anext(stream) == Sent()
        assert server.asked == []
        await stream.aclose()


async def test_closing_a_stream_hangs_up_at_once() -> None:
    async with endpoint(Play(parts=STARTED, end="stall")) as (server, model):
        stream = model.stream(REQUEST)
        assert [await anext(stream), await anext(stream)] == [Sent(), TEXTS[0]]
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
        yield b"".join(STARTED)
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        self.closed = True


async def test_a_closed_stream_is_let_go_before_anything_else_happens() -> None:
    held = Held()
    http = httpx2.AsyncClient(transport=held)
    async with openai.AsyncOpenAI(api_key="sk-test", base_url="http://127.0.0.1", http_client=http) as client:
        stream = OpenAIModel(client, model=GPT).stream(REQUEST)
        await anext(stream)
        await anext(stream)
        await stream.aclose()
        assert held.closed


async def test_a_reader_that_is_cancelled_hangs_up() -> None:
    async with endpoint(Play(parts=STARTED, end="stall")) as (server, model):
        stream = model.stream(REQUEST)
        await anext(stream)
        await anext(stream)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await anext(stream)
        async with asyncio.timeout(SOON_S):
            await server.left.wait()


@pytest.mark.parametrize("aiohttp", [False, True])
async def test_a_whole_reply_leaves_its_connection_to_the_next(aiohttp: bool) -> None:
    plays = [Play(parts=[GOOD]), Play(parts=[GOOD[: -len(DONE)], DONE]), Play(parts=[GOOD])]
    async with endpoint(*plays, access=Access(api_key="sk-test", aiohttp=aiohttp)) as (server, model):
        for _ in plays:
            assert (await replied(model))[1] is None
        assert [asked.connection for asked in server.asked] == [0, 0, 0]


@pytest.mark.parametrize(
    "beat", [b": keep-alive\n\n", b"\n", data({"choices": []}), data(said({"content": ""}))], ids=repr
)
async def test_a_beat_without_content_is_no_sign_of_life(beat: bytes) -> None:
    play = Play(parts=STARTED, end="stall", beat=beat, beat_s=0.02)
    async with endpoint(play, idle_s=0.4) as (server, model), asyncio.timeout(SOON_S):
        events, error = await replied(model)
        assert (events, type(error)) == ([Sent(), TEXTS[0]], ModelUnavailable)
        assert "silent for 0.4 s" in str(error)
        assert server.beats > 1
        await server.left.wait()


async def test_reasoning_is_a_sign_of_life() -> None:
    beat = data(said({"reasoning_content": "hm"}))
    async with endpoint(Play(parts=STARTED, end="stall", beat=beat, beat_s=0.02), idle_s=0.4) as (_, model):
        stream = model.stream(REQUEST)
        assert [await anext(stream), await anext(stream)] == [Sent(), TEXTS[0]]
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(anext(stream, None))
            assert await asyncio.wait([reader], timeout=0.6) == (set(), {reader})
            reader.cancel()


async def test_an_endpoint_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # connections are taken and nobody answers
        access = Access(api_key="", base_url=f"http://127.0.0.1:{server.getsockname()[1]}")
        async with OpenAIModel.open(access, model=GPT, idle_s=0.1) as model, asyncio.timeout(SOON_S):
            events, error = await replied(model)
    assert (events, type(error)) == ([Sent()], ModelUnavailable)


LIMITS = [("x-ratelimit-remaining-requests", "7"), ("X-RateLimit-Reset-Tokens", "6m0s")]
TOLD = {"x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-tokens": "6m0s"}


@pytest.mark.parametrize(
    "play",
    [
        Play(parts=[GOOD], headers=LIMITS),
        Play(parts=[data({"error": {"code": 503}})], headers=LIMITS),
        failure(429, {}, headers=LIMITS),
        failure(400, {}, headers=LIMITS),
    ],
    ids=["a reply", "an overload", "a rate limit", "a refusal"],
)
async def test_the_rate_limits_of_every_response_are_told_once(play: Play) -> None:
    heard: list[Mapping[str, str]] = []
    async with endpoint(play, on_headers=heard.append) as (_, model):
        await replied(model)
    assert [{name: headers.get(name) for name in TOLD} for headers in heard] == [TOLD]


async def test_no_one_but_igent_tries_again() -> None:
    async with endpoint(*[failure(503, {})] * 3) as (server, model):
        await replied(model)
        assert len(server.asked) == 1


async def test_a_server_of_ones_own_needs_no_key() -> None:
    async with endpoint(Play(parts=[GOOD]), access=Access(api_key="")) as (server, model):
        assert await replied(model) == (WHOLE, None)
        assert server.asked[0].line == "POST /chat/completions HTTP/1.1"


async def test_a_client_of_its_own_is_closed_at_the_end() -> None:
    async with endpoint(access=Access(api_key="sk-test")) as (_, model):
        assert not model.client.is_closed()
    assert model.client.is_closed()


@pytest.mark.parametrize("aiohttp", [False, True])
async def test_a_compressed_stream_is_unpacked(aiohttp: bool) -> None:
    headers = [("content-type", "text/event-stream"), ("content-encoding", "gzip")]
    access = Access(api_key="sk-test", aiohttp=aiohttp)
    async with endpoint(Play(parts=[gzip.compress(GOOD)], headers=headers), access=access) as (_, model):
        assert await replied(model) == (WHOLE, None)


def test_without_the_sdk_it_is_said_how_to_get_it() -> None:
    program = """
import sys
sys.modules["openai"] = None
from igent.errors import OptionError
try:
    import igent.models.openai
except OptionError as error:
    print(error.remedy)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "pip install 'igent[openai]'"
