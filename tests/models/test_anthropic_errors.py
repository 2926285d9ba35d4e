"""Every way a call can fail is one of igent's errors, says what to do, and never says the key."""

from __future__ import annotations

import traceback
from dataclasses import replace
from inspect import isclass

import anthropic
import httpx2
import pytest
from anthropic import _error_classes

from igent.domain.records import Json
from igent.errors import ModelError, ModelLocked, ModelRejected, ModelUnavailable
from igent.models.anthropic import Access, AnthropicModel
from igent.models.anthropic_errors import mapped
from igent.models.base import ModelEvent
from tests.models.loopback import (
    HAIKU,
    REQUEST,
    Loopback,
    Play,
    failure,
    good_events,
    good_stream,
    heard,
    provider,
    sse,
)

KEY = "sk-ant-canary-0123456789"
SENT = httpx2.Request("POST", "http://127.0.0.1/v1/messages", headers={"authorization": f"Bearer {KEY}"})
STARTED = [sse(event) for event in good_events(["{", "}"])[:7]]


async def failed(play: Play) -> ModelError:
    """The error of a call that is answered so."""
    async with provider(play) as (_, model):
        error = (await heard(model))[1]
    assert error is not None
    return error


def told(kind: str, message: str = "because") -> dict[str, Json]:
    """An error as the provider tells it, in a response or in a stream."""
    return {"type": "error", "error": {"type": kind, "message": message}}


STATUSES: dict[int, type[ModelError]] = {
    400: ModelRejected,
    401: ModelLocked,
    402: ModelLocked,
    403: ModelLocked,
    404: ModelLocked,
    405: ModelRejected,
    408: ModelUnavailable,
    409: ModelUnavailable,
    412: ModelRejected,
    413: ModelRejected,
    422: ModelRejected,
    429: ModelUnavailable,
    431: ModelRejected,
    499: ModelUnavailable,
    500: ModelUnavailable,
    501: ModelUnavailable,
    502: ModelUnavailable,
    503: ModelUnavailable,
    504: ModelUnavailable,
    529: ModelUnavailable,
}


@pytest.mark.parametrize(
    "body", [{}, b"<html>", b"", b"\xff", [1], {"error": 7}, {"error": {"type": {}, "message": 7}}]
)
async def test_a_status_says_enough_whatever_comes_with_it(body: Json | bytes) -> None:
    async with provider(*[failure(status, body) for status in STATUSES]) as (_, model):
        found = {status: type((await heard(model))[1]) for status in STATUSES}
    assert found == STATUSES


TYPES: dict[str, type[ModelError]] = {
    "api_error": ModelUnavailable,
    "authentication_error": ModelLocked,
    "billing_error": ModelLocked,
    "invalid_request_error": ModelRejected,
    "not_found_error": ModelLocked,
    "overloaded_error": ModelUnavailable,
    "permission_error": ModelLocked,
    "rate_limit_error": ModelUnavailable,
    "request_too_large": ModelRejected,
    "timeout_error": ModelUnavailable,
    "later_error": ModelUnavailable,
}


async def test_an_error_inside_a_stream_is_told_by_its_type() -> None:
    plays = [Play(parts=[*STARTED, sse(told(kind))]) for kind in TYPES]
    async with provider(*plays) as (_, model):
        found = {kind: (await heard(model))[1] for kind in TYPES}
    assert {kind: type(error) for kind, error in found.items()} == TYPES
    assert [kind for kind, error in found.items() if kind not in str(error)] == ["later_error"]


async def test_an_empty_account_is_no_bad_request() -> None:
    assert type(await failed(failure(400, told("billing_error")))) is ModelLocked


@pytest.mark.parametrize(
    ("status", "code"),
    [(429, "enforced_spend_limit_reached"), (429, "contract_spend_limit_reached"), (400, "organization_on_hold")],
)
async def test_what_no_waiting_helps_is_no_rate_limit(status: int, code: str) -> None:
    detail: dict[str, Json] = {"type": "rate_limit_error", "message": "", "details": {"error_code": code}}
    assert type(await failed(failure(status, {"error": detail}))) is ModelLocked


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("0.5", 0.5),
        ("0", 0.0),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        (None, None),
    ],
)
async def test_the_wait_that_a_provider_asks_for_is_passed_on(header: str | None, seconds: float | None) -> None:
    headers = [] if header is None else [("retry-after", header)]
    error = await failed(failure(429, told("rate_limit_error"), headers=headers))
    assert isinstance(error, ModelUnavailable)
    assert error.retry_after_s == seconds


async def throttles(*plays: Play) -> list[str | None]:
    """Whether each of these passing faults asks for fewer calls."""
    async with provider(*plays) as (_, model):
        errors = [(await heard(model))[1] for _ in plays]
    assert all(isinstance(error, ModelUnavailable) for error in errors)
    return [error.throttle for error in errors if isinstance(error, ModelUnavailable)]


async def test_a_limit_and_an_overload_ask_for_fewer_calls() -> None:
    asked = await throttles(*(failure(status, {}) for status in (429, 529, 500, 503, 408)))
    assert asked == ["rate", "overload", None, None, None]
    assert await throttles(*(failure(status, told("api_error")) for status in (429, 529, 500))) == asked[:3]


async def test_in_the_middle_of_a_stream_the_type_asks_for_fewer_calls() -> None:
    kinds = ("rate_limit_error", "overloaded_error", "api_error", "timeout_error", "later_error")
    asked = await throttles(*(Play(parts=[*STARTED, sse(told(kind))]) for kind in kinds))
    assert asked == ["rate", "overload", None, None, None]


async def test_a_connection_that_is_lost_asks_for_nothing() -> None:
    assert await throttles(Play(parts=STARTED, end="reset")) == [None]


async def test_what_a_provider_refuses_before_its_stream_it_has_not_read() -> None:
    plays = [failure(529, {}), Play(parts=[sse(told("overloaded_error"))]), Play(parts=STARTED, end="reset")]
    async with provider(*plays) as (_, model):
        errors = [(await heard(model))[1] for _ in plays]
    assert [error and error.unread for error in errors] == [True, False, False]


async def test_a_rejection_repeats_what_the_provider_says_on_one_short_line() -> None:
    error = await failed(failure(400, told("invalid_request_error", "prompt is\ntoo long: " + "9" * 1000)))
    assert "(400 invalid_request_error): prompt is too long: 999" in str(error)
    assert len(str(error)) < 400


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(401, "Set ANTHROPIC_API_KEY"), (402, "Add credit"), (403, "choose another model"), (404, "ANTHROPIC_BASE_URL")],
)
async def test_a_lock_says_what_to_do(status: int, remedy: str) -> None:
    error = await failed(failure(status, {}))
    assert isinstance(error, ModelLocked)
    assert remedy in error.remedy
    assert error.remedy in str(error)


GARBAGE = {
    "no stream": failure(200, b"<html>busy</html>"),
    "no events": Play(),
    "no UTF-8": Play(parts=[*STARTED, b'event: content_block_delta\ndata: {"type":"\xff"}\n\n']),
    "no JSON": Play(parts=[*STARTED, b"event: content_block_delta\ndata: {nope\n\n"]),
    "nesting": Play(parts=[*STARTED, b"event: content_block_delta\ndata: " + b"[" * 200_000 + b"\n\n"]),
    "digits": Play(parts=[*STARTED, b"event: content_block_delta\ndata: " + b"9" * 5_000 + b"\n\n"]),
    "nothing": Play(parts=[*STARTED, b"event: message_delta\ndata: null\n\n"]),
    "a nameless error": Play(parts=[*STARTED, b"event: error\ndata: oops\n\n"]),
    "a reset": Play(parts=STARTED, end="reset"),
    "half an event": Play(parts=[*STARTED, sse(good_events([])[-1])[:-1]]),
    "bad gzip": Play(parts=[good_stream(["{}"])], headers=[("content-encoding", "gzip")]),
}


@pytest.mark.parametrize("aiohttp", [False, True])
async def test_a_stream_that_cannot_be_read_is_a_passing_fault(aiohttp: bool) -> None:
    async with provider(*GARBAGE.values(), access=Access(api_key=KEY, aiohttp=aiohttp)) as (_, model):
        found = {name: type((await heard(model))[1]) for name in GARBAGE}
    assert found == dict.fromkeys(GARBAGE, ModelUnavailable)


async def test_a_provider_that_is_not_there_is_a_passing_fault() -> None:
    async with Loopback([]) as server:
        url = server.url
    async with AnthropicModel.open(Access(api_key=KEY, base_url=url), model=HAIKU) as model:
        error = (await heard(model))[1]
        assert (type(error), error and error.unread) == (ModelUnavailable, True)


async def told_all(model: AnthropicModel) -> list[ModelEvent]:
    """All events of a stream. Raises what it raises."""
    return [event async for event in model.stream(REQUEST)]


@pytest.mark.parametrize("aiohttp", [False, True])
@pytest.mark.parametrize("base_url", ["ftp://127.0.0.1", "nowhere", "http://127.0.0.1:port"])
async def test_a_base_url_that_is_none_is_no_passing_fault(base_url: str, aiohttp: bool) -> None:
    access = Access(api_key=KEY, base_url=base_url, aiohttp=aiohttp)
    with pytest.raises(ModelRejected, match="check the base URL"):
        async with AnthropicModel.open(access, model=HAIKU) as model:
            await told_all(model)


async def test_text_that_is_no_unicode_is_no_passing_fault() -> None:
    async with provider() as (_, model):
        assert type((await heard(model, replace(REQUEST, system="\ud83c")))[1]) is ModelRejected


ECHOES = {
    "a status": failure(400, told("invalid_request_error", f"bad key {KEY}")),
    "a lock": failure(401, told("authentication_error", f"bad key {KEY}")),
    "a type": failure(400, told(KEY, KEY)),
    "a page": failure(502, KEY.encode()),
    "an overload": failure(529, told("overloaded_error", KEY)),
    "a stream": Play(parts=[*STARTED, sse(told("invalid_request_error", f"{'x' * 290} {KEY}"))]),
    "an event": Play(parts=[*STARTED, f"event: message_delta\ndata: {KEY}\n\n".encode()]),
}


@pytest.mark.parametrize("play", ECHOES.values(), ids=ECHOES)
async def test_a_key_that_the_provider_repeats_is_not_repeated(play: Play) -> None:
    assert await revealed(play, KEY) == ""


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}\r\nx: y", f"{KEY}\ud800"])
async def test_a_key_that_cannot_be_sent_is_not_shown(key: str) -> None:
    assert await revealed(Play(parts=[good_stream([])], end="cut"), key) == ""


async def revealed(play: Play, key: str) -> str:
    """The traceback of the failed call, where the key is in it."""
    async with provider(play, access=Access(api_key=key)) as (_, model):
        error = (await heard(model))[1]
    assert error is not None
    shown = "".join(traceback.format_exception(error)) + repr(error)
    return shown if KEY[:12] in shown else ""


def test_the_key_is_not_in_the_form_of_what_holds_it() -> None:
    assert KEY not in repr(Access(api_key=KEY))


def example(kind: type[Exception]) -> Exception:
    """An error of that class, of the status that its class has."""
    if issubclass(kind, anthropic.APIStatusError):
        return kind("no", response=httpx2.Response(status_of(kind), request=SENT), body=None)
    if issubclass(kind, anthropic.APIResponseValidationError):
        return kind(httpx2.Response(200, request=SENT), None)
    error = kind.__new__(kind)
    Exception.__init__(error, "no")
    return error


LOCKED = {"CredentialsError", "IdentityTokenFileError", "WorkloadIdentityError"}
REJECTED = {"AnthropicError", "InvalidURL", "LocalProtocolError", "TooManyRedirects", "UnsupportedProtocol"}
DECODING: list[type[Exception]] = [AssertionError, ConnectionResetError, RecursionError, TimeoutError, ValueError]


def expected(kind: type[Exception]) -> type[ModelError]:
    if issubclass(kind, anthropic.APIStatusError):
        return STATUSES[status_of(kind)]
    if kind.__name__ in LOCKED:
        return ModelLocked
    return ModelRejected if kind.__name__ in REJECTED else ModelUnavailable


def status_of(kind: type[Exception]) -> int:
    """The status that an error's class stands for; those that stand for any are tried with 500."""
    return getattr(kind, "status_code", 500)


def classes(module: object) -> list[type[Exception]]:
    """Every exception class that a module names."""
    found = {each for each in vars(module).values() if isclass(each) and issubclass(each, Exception)}
    return sorted(found, key=lambda each: each.__name__)


KNOWN = [*classes(anthropic), *classes(httpx2), *classes(_error_classes)]


@pytest.mark.parametrize("kind", dict.fromkeys([*KNOWN, *DECODING]), ids=lambda kind: kind.__name__)
def test_every_error_of_the_sdk_and_of_its_transport_is_one_of_igents(kind: type[Exception]) -> None:
    assert type(mapped(example(kind), model="m")) is expected(kind)


def test_there_are_errors_to_map() -> None:
    assert {"APITimeoutError", "OverloadedError", "SSEError", "ReadError", "FileExpiredError"} <= {
        kind.__name__ for kind in KNOWN
    }


def test_an_error_that_nobody_knows_is_a_plain_one() -> None:
    assert type(mapped(KeyError("x"), model="m")) is ModelError
