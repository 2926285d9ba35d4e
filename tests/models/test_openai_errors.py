"""Every way a call can fail is one of igent's errors, says what to do, and never says the key."""

from __future__ import annotations

import traceback
from dataclasses import replace

import httpx2
import openai
import pytest
from openai import _exceptions

from igent.domain.records import Json
from igent.errors import ModelError, ModelLocked, ModelRejected, ModelUnavailable
from igent.models.openai import Access, OpenAIModel
from igent.models.openai_errors import mapped
from tests.models.loopback import REQUEST, Loopback, Play, failure
from tests.models.loopback_openai import GPT, data, endpoint, good_chunks, good_stream, replied

KEY = "sk-proj-canary-0123456789"
SENT = httpx2.Request("POST", "http://127.0.0.1/chat/completions", headers={"authorization": f"Bearer {KEY}"})
STARTED = [data(chunk) for chunk in good_chunks(["{", "}"])[:2]]


async def failed(*plays: Play) -> list[ModelError]:
    """The errors of calls that are answered so."""
    async with endpoint(*plays) as (_, model):
        errors = [(await replied(model))[1] for _ in plays]
    return [error for error in errors if error is not None]


def told(**fields: Json) -> dict[str, Json]:
    """An error as an endpoint tells it, in a response or in a stream."""
    return {"error": {"message": "because", "type": None, "param": None, "code": None, **fields}}


def seen(error: ModelError) -> tuple[type[ModelError], str | None]:
    """What a retry goes by."""
    return type(error), getattr(error, "throttle", None)


PASSING, RATE, OVERLOAD = ((ModelUnavailable, throttle) for throttle in (None, "rate", "overload"))
REJECTED, LOCKED = ((kind, None) for kind in (ModelRejected, ModelLocked))
STATUSES = {
    **dict.fromkeys((400, 405, 412, 413, 422, 431), REJECTED),
    **dict.fromkeys((401, 402, 403, 404), LOCKED),
    **dict.fromkeys((408, 409, 425, 499, 500, 501, 502, 504), PASSING),
    429: RATE,
    503: OVERLOAD,
    529: OVERLOAD,
}


@pytest.mark.parametrize(
    "body", [{}, b"<html>", b"", b"\xff", [1], {"error": 7}, {"error": {"code": {}, "type": [], "message": 7}}]
)
async def test_a_status_says_enough_whatever_comes_with_it(body: Json | bytes) -> None:
    errors = await failed(*[failure(status, body) for status in STATUSES])
    assert dict(zip(STATUSES, map(seen, errors), strict=True)) == STATUSES


WORDS = [
    (429, {"type": "insufficient_quota", "code": "insufficient_quota"}, LOCKED),
    (429, {"type": "insufficient_quota", "code": "credit_balance_exhausted"}, LOCKED),
    (429, {"code": "1113"}, LOCKED),
    (429, {"type": "tokens", "code": "rate_limit_exceeded"}, RATE),
    (400, {"type": "invalid_request_error", "code": "billing_hard_limit_reached"}, LOCKED),
    (401, {"type": "authentication_error", "code": "invalid_request_error"}, LOCKED),
    (400, {"type": "invalid_request_error", "code": "content_filter"}, REJECTED),
    (500, {"code": "server_is_overloaded"}, OVERLOAD),
    (503, {"code": "slow_down"}, OVERLOAD),
]


async def test_a_word_that_says_more_than_its_status_counts() -> None:
    errors = await failed(*[failure(status, told(**fields)) for status, fields, _ in WORDS])
    assert [seen(error) for error in errors] == [expected for *_, expected in WORDS]


STREAMED: list[tuple[Json, tuple[type[ModelError], str | None]]] = [
    ("oops", PASSING),
    ({"type": "server_error"}, PASSING),
    ({"type": "invalid_request_error"}, REJECTED),
    ({"type": "BadRequestError", "code": 400}, REJECTED),
    ({"code": 401}, LOCKED),
    ({"code": 429}, RATE),
    ({"code": 502}, PASSING),
    ({"code": 503}, OVERLOAD),
    ({"code": 7}, PASSING),
    ({"code": "rate_limit_exceeded"}, RATE),
    ({"type": "rate_limit_error"}, RATE),
    ({"type": "overloaded_error"}, OVERLOAD),
    ({"type": "insufficient_quota"}, LOCKED),
]


async def test_an_error_inside_a_stream_is_told_by_its_words() -> None:
    errors = await failed(*[Play(parts=[*STARTED, data({"error": error})]) for error, _ in STREAMED])
    assert [seen(error) for error in errors] == [expected for _, expected in STREAMED]


async def test_what_an_endpoint_refuses_before_its_stream_it_has_not_read() -> None:
    errors = await failed(failure(503, {}), Play(parts=[data({"error": {"code": 503}})]))
    assert [error.unread for error in errors] == [True, False]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("retry-after", "120")], 120.0),
        ([("retry-after", "2"), ("retry-after-ms", "1250")], 1.25),
        ([("retry-after", "0")], 0.0),
        ([("retry-after", "-1")], None),
        ([("retry-after", "nan")], None),
        ([("retry-after", "inf")], None),
        ([("retry-after", "Sat, 21 Nov 2026 12:00:00 GMT")], None),
        ([], None),
    ],
)
async def test_the_wait_that_an_endpoint_asks_for_is_passed_on(
    headers: list[tuple[str, str]], seconds: float | None
) -> None:
    [error] = await failed(failure(429, told(), headers=headers))
    assert isinstance(error, ModelUnavailable)
    assert error.retry_after_s == seconds


async def test_a_rejection_repeats_what_the_endpoint_says_on_one_short_line() -> None:
    [error] = await failed(failure(400, told(message="prompt is\ntoo long: " + "9" * 1000)))
    assert "(400): prompt is too long: 999" in str(error)
    assert len(str(error)) < 400


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(401, "Set OPENAI_API_KEY"), (402, "Add credit"), (403, "choose another model"), (404, "the base URL")],
)
async def test_a_lock_says_what_to_do(status: int, remedy: str) -> None:
    [error] = await failed(failure(status, {}))
    assert isinstance(error, ModelLocked)
    assert remedy in error.remedy
    assert error.remedy in str(error)


GARBAGE = {
    "no stream": failure(200, b"<html>busy</html>"),
    "an answer that is no stream": failure(200, {"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}]}),
    "no events": Play(),
    "no UTF-8": Play(parts=[*STARTED, b'data: {"choices":"\xff"}\n\n']),
    "no JSON": Play(parts=[*STARTED, b"data: {nope\n\n"]),
    "nesting": Play(parts=[*STARTED, b"data: " + b"[" * 200_000 + b"\n\n"]),
    "an event without an end": Play(parts=[*STARTED, b"data: " + b"x" * (1 << 20)]),
    "a reset": Play(parts=STARTED, end="reset"),
    "bad gzip": Play(parts=[good_stream(["{}"])], headers=[("content-encoding", "gzip")]),
}


@pytest.mark.parametrize("play", GARBAGE.values(), ids=GARBAGE)
async def test_a_stream_that_cannot_be_read_is_a_passing_fault(play: Play) -> None:
    assert [type(error) for error in await failed(play)] == [ModelUnavailable]


async def test_an_endpoint_that_is_not_there_is_a_passing_fault() -> None:
    async with Loopback([]) as server:
        url = server.url
    async with OpenAIModel.open(Access(api_key=KEY, base_url=url), model=GPT) as model:
        assert type((await replied(model))[1]) is ModelUnavailable


@pytest.mark.parametrize("base_url", ["ftp://127.0.0.1", "nowhere", "http://127.0.0.1:port"])
async def test_a_base_url_that_is_none_is_no_passing_fault(base_url: str) -> None:
    with pytest.raises(ModelRejected, match="check the base URL"):
        await asked_at(base_url)


async def asked_at(base_url: str) -> None:
    """Call an endpoint there."""
    async with OpenAIModel.open(Access(api_key=KEY, base_url=base_url), model=GPT) as model:
        async for _ in model.stream(REQUEST):
            pass


async def test_text_that_is_no_unicode_is_no_passing_fault() -> None:
    async with endpoint() as (_, model):
        assert type((await replied(model, replace(REQUEST, system="\ud83c")))[1]) is ModelRejected


ECHOES = {
    "a status": failure(400, told(message=f"bad key {KEY}")),
    "a lock": failure(401, told(message=f"bad key {KEY}", code=KEY)),
    "a type": failure(400, told(type=KEY)),
    "a page": failure(502, KEY.encode()),
    "an overload": failure(503, told(message=KEY)),
    "a stream": Play(parts=[*STARTED, data(told(type="invalid_request_error", message=f"{'x' * 290} {KEY}"))]),
    "an event": Play(parts=[*STARTED, f"data: {KEY}\n\n".encode()]),
}


@pytest.mark.parametrize("play", ECHOES.values(), ids=ECHOES)
async def test_a_key_that_the_endpoint_repeats_is_not_repeated(play: Play) -> None:
    assert await revealed(play, KEY) == ""


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}\r\nx: y", f"{KEY}\ud800"])
async def test_a_key_that_cannot_be_sent_is_not_shown(key: str) -> None:
    assert await revealed(Play(parts=[good_stream([])], end="cut"), key) == ""


async def revealed(play: Play, key: str) -> str:
    """The traceback of the failed call, where the key is in it."""
    async with endpoint(play, access=Access(api_key=key)) as (_, model):
        error = (await replied(model))[1]
    assert error is not None
    shown = "".join(traceback.format_exception(error)) + repr(error)
    return shown if KEY[:12] in shown else ""


def test_the_key_is_not_in_the_form_of_what_holds_it() -> None:
    assert KEY not in repr(Access(api_key=KEY))


def example(kind: type[Exception]) -> Exception:
    """An error of that class, of the status that its class has."""
    error = kind.__new__(kind)
    Exception.__init__(error, "no")
    if isinstance(error, openai.APIStatusError):
        response = httpx2.Response(status_of(kind), request=SENT)
        openai.APIStatusError.__init__(error, "no", response=response, body=None)
    return error


UNUSABLE = {"InvalidURL", "LocalProtocolError", "TooManyRedirects", "UnsupportedProtocol"}
DECODING: list[type[Exception]] = [AssertionError, ConnectionResetError, RecursionError, TimeoutError, ValueError]


def expected(kind: type[Exception]) -> type[ModelError]:
    if issubclass(kind, openai.APIStatusError):
        return STATUSES[status_of(kind)][0]
    before_sending = issubclass(kind, openai.OpenAIError) and not issubclass(kind, openai.APIError)
    return ModelRejected if before_sending or kind.__name__ in UNUSABLE else ModelUnavailable


def status_of(kind: type[Exception]) -> int:
    """The status that an error's class stands for; those that stand for any are tried with 500."""
    return getattr(kind, "status_code", 500)


def classes(module: object) -> list[type[Exception]]:
    """Every exception class that a module names; what is loaded once it is looked into is none."""
    found = {each for each in [*vars(module).values()] if issubclass(type(each), type) and issubclass(each, Exception)}
    return sorted(found, key=lambda each: each.__name__)


KNOWN = [*classes(openai), *classes(_exceptions), *classes(httpx2)]


@pytest.mark.parametrize("kind", dict.fromkeys([*KNOWN, *DECODING]), ids=lambda kind: kind.__name__)
def test_every_error_of_the_sdk_and_of_its_transport_is_one_of_igents(kind: type[Exception]) -> None:
    assert type(mapped(example(kind), model="m")) is expected(kind)


def test_there_are_errors_to_map() -> None:
    assert {"APITimeoutError", "OAuthError", "SubjectTokenProviderError", "ReadError"} <= {
        kind.__name__ for kind in KNOWN
    }


def test_an_error_that_nobody_knows_is_a_plain_one() -> None:
    assert type(mapped(KeyError("x"), model="m")) is ModelError
