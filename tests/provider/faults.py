"""Everything that can be wrong with a response, on demand: a plan says which request meets which fault."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, TypeAlias

from tests.models.loopback import PING, sse
from tests.provider.script import JSON, Part, Reply, Script, refusal

__all__ = ["ERRORS", "Fault", "Kind", "PASSING", "Plan", "drawn", "listed", "refused", "reworded", "spoiled"]

Kind: TypeAlias = Literal[
    "bad-utf8",  # bytes that are no text in event `at`
    "cut",  # the body ends, properly, after `at` bytes
    "drip",  # every event, and each half of it, waits for `wait_s`
    "drop",  # the connection is closed after `at` bytes
    "html",  # the error page of a gateway, with `status`
    "max_tokens",  # the reply stops after `at` characters, for want of tokens
    "no-stop",  # the reply ends without a reason
    "not-sse",  # a status of 200 and JSON
    "overload",  # an error after `at` events
    "pause_turn",  # the reply ends with a reason that is none
    "pings",  # nothing but pings, one each `wait_s`, after `at` events
    "refusal",  # the reply stops after `at` characters, for the safety of somebody
    "silence",  # nothing after `at` events
    "status",  # an error with `status`
]

# https://platform.claude.com/docs/en/api/errors (November 2026)
ERRORS: Mapping[int, str] = MappingProxyType(
    {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        500: "api_error",
        529: "overloaded_error",
    }
)
_OVERLOAD = sse({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault; `at` counts from 0 what its kind counts: events, bytes or characters."""

    kind: Kind
    at: int = 0
    status: int = 500
    wait_s: float = 0.02


Plan: TypeAlias = Callable[[bytes], Fault | None]

# What a client is expected to live through when it comes at random.
PASSING = (
    Fault(kind="status", status=429),
    Fault(kind="status", status=529),
    Fault(kind="status", status=500),
    Fault(kind="overload"),
    Fault(kind="cut"),
    Fault(kind="drop"),
)


def listed(faults: Iterable[Fault | None]) -> Plan:
    """The plan that the next requests meet these faults, in order of arrival, and later ones none."""
    left = deque(faults)
    return lambda _body: left.popleft() if left else None


def drawn(rate: float, seed: int, faults: Sequence[Fault] = PASSING) -> Plan:
    """The plan that of all requests a share of `rate` meets one of these faults, somewhere in its stream.

    What is drawn depends on the body and on how often it has come, so that it does not depend on timing.
    """
    times: Counter[bytes] = Counter()

    def draw(body: bytes) -> Fault | None:
        key = hashlib.sha256(body).digest()
        times[key] += 1
        bits = hashlib.sha256(b"%d|%d|%s" % (seed, times[key], key)).digest()
        if int.from_bytes(bits[:6], "big") >= rate * 2**48:
            return None
        fault = faults[bits[6] % len(faults)]
        events = fault.kind in ("bad-utf8", "overload", "pings", "silence")
        return replace(fault, at=bits[7] % 8 if events else int.from_bytes(bits[8:10], "big") % 1_500)

    return draw


def refused(fault: Fault) -> Script | None:
    """The response of a fault that leaves no stream at all, None for any other."""
    if fault.kind == "status":
        return refusal(fault.status, ERRORS.get(fault.status, "api_error"), "planned")
    if fault.kind == "html":
        page = b"<html><head><title>Bad Gateway</title></head><body><h1>cloudy today</h1></body></html>"
        return Script(parts=(Part(data=page),), status=fault.status, headers=(("content-type", "text/html"),))
    if fault.kind == "not-sse":
        return Script(parts=(Part(data=b'{"type":"message","content":[]}'),), headers=JSON)
    return None


def reworded(reply: Reply, fault: Fault) -> Reply:
    """The reply that a fault leaves of one."""
    if fault.kind in ("max_tokens", "refusal"):
        return replace(reply, text=reply.text[: fault.at], stop_reason=fault.kind)
    if fault.kind == "pause_turn":
        return replace(reply, stop_reason=fault.kind)
    return replace(reply, stop_reason=None) if fault.kind == "no-stop" else reply


def spoiled(script: Script, fault: Fault) -> Script:
    """The response that a fault leaves of one."""
    before, parts = script.parts[: fault.at], script.parts
    match fault.kind:
        case "cut" | "drop":
            return replace(script, parts=_first(parts, fault.at), end="whole" if fault.kind == "cut" else "drop")
        case "overload":
            return replace(script, parts=(*before, Part(data=_OVERLOAD)))
        case "silence":
            return replace(script, parts=before, end="stall", beat_s=fault.wait_s)
        case "pings":
            return replace(script, parts=before, end="stall", beat=PING, beat_s=fault.wait_s)
        case "bad-utf8":
            spoilt = [_with(part, b"\xff\xfe") for part in parts[fault.at : fault.at + 1]]
            return replace(script, parts=(*before, *spoilt, *parts[fault.at + 1 :]))
        case "drip":
            return replace(script, parts=tuple(half for part in parts for half in _halves(part, fault.wait_s)))
        case _:
            return script


def _first(parts: Sequence[Part], size: int) -> tuple[Part, ...]:
    """The first bytes of some parts."""
    kept: list[Part] = []
    for part in parts:
        kept.append(replace(part, data=part.data[:size], answers=part.answers and len(part.data) <= size))
        size -= len(kept[-1].data)
    return tuple(part for part in kept if part.data)


def _with(part: Part, junk: bytes) -> Part:
    middle = len(part.data) // 2
    return replace(part, data=part.data[:middle] + junk + part.data[middle:])


def _halves(part: Part, wait_s: float) -> list[Part]:
    middle = len(part.data) // 2
    first = Part(data=part.data[:middle], after_s=wait_s)
    return [first, replace(part, data=part.data[middle:], after_s=wait_s)]
