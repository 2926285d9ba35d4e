"""The provider's rate limits: buckets that fill continuously, or windows that begin anew, and the headers about them.

https://platform.claude.com/docs/en/api/rate-limits (November 2026): a limit per minute may be enforced over shorter
times; input read from the cache does not count; output counts as it is produced.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, floor
from typing import Protocol

__all__ = ["Limit", "Limits", "Rates"]

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """So many per `period_s`: of a bucket that fills all the time, or `fixed`, all at once when a period begins.

    Headers speak of the whole bucket. A `burst` below it is enforced besides, and nothing tells of that.
    """

    amount: float
    period_s: float = 60.0
    burst: float | None = None
    fixed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The limits of a server; `told` is whether its headers speak of them, `retry_after` whether a 429 says when."""

    requests: Limit | None = None
    input_tokens: Limit | None = None
    output_tokens: Limit | None = None
    told: bool = True
    retry_after: bool = True


class _Meter(Protocol):
    """What is left of one limit; times are seconds since the epoch."""

    def left(self, now: float) -> float: ...

    def take(self, amount: float, now: float) -> None: ...

    def wait_s(self, amount: float, now: float) -> float: ...

    def full_at(self, now: float) -> float: ...


class _Bucket:
    def __init__(self, size: float, per_s: float) -> None:
        self._size, self._per_s = size, per_s
        self._level, self._at = size, 0.0

    def left(self, now: float) -> float:
        self._level = min(self._size, self._level + max(0.0, now - self._at) * self._per_s)
        self._at = max(now, self._at)
        return self._level

    def take(self, amount: float, now: float) -> None:
        self._level = self.left(now) - amount

    def wait_s(self, amount: float, now: float) -> float:
        return max(0.0, amount - self.left(now)) / self._per_s

    def full_at(self, now: float) -> float:
        return now + (self._size - self.left(now)) / self._per_s


class _Window:
    def __init__(self, size: float, period_s: float) -> None:
        self._size, self._period_s = size, period_s
        self._level, self._number = size, -1

    def left(self, now: float) -> float:
        number = floor(now / self._period_s)
        if number > self._number:
            self._level, self._number = self._size, number
        return self._level

    def take(self, amount: float, now: float) -> None:
        self._level = self.left(now) - amount

    def wait_s(self, amount: float, now: float) -> float:
        return 0.0 if self.left(now) >= amount else self.full_at(now) - now

    def full_at(self, now: float) -> float:
        return (floor(now / self._period_s) + 1) * self._period_s


class _Enforced:
    """One limit: the meter that headers tell of, and a shorter one where there is a burst."""

    def __init__(self, name: str, limit: Limit) -> None:
        self._name, self._limit = name, limit
        per_s = limit.amount / limit.period_s
        self._told: _Meter = _Window(limit.amount, limit.period_s) if limit.fixed else _Bucket(limit.amount, per_s)
        self._meters = [self._told]
        if limit.burst is not None:
            self._meters.append(_Bucket(limit.burst, per_s))

    def take(self, amount: float, now: float) -> None:
        for meter in self._meters:
            meter.take(amount, now)

    def wait_s(self, amount: float, now: float) -> float:
        return max(meter.wait_s(amount, now) for meter in self._meters)

    def headers(self, now: float) -> Headers:
        reset = datetime.fromtimestamp(ceil(self._told.full_at(now)), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        said = {"limit": floor(self._limit.amount), "remaining": max(0, floor(self._told.left(now))), "reset": reset}
        return [(f"anthropic-ratelimit-{self._name}-{what}", str(value)) for what, value in said.items()]


class Limits:
    """All limits of a server; what is refused takes nothing."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        limits = {"requests": rates.requests, "input-tokens": rates.input_tokens, "output-tokens": rates.output_tokens}
        self._enforced = {name: _Enforced(name, limit) for name, limit in limits.items() if limit is not None}

    def admit(self, input_tokens: int, now: float) -> float | None:
        """Take a request and its input; or the seconds after which it would be let in. Of output any will do."""
        costs = {"requests": 1, "input-tokens": input_tokens, "output-tokens": 0}
        least = {**costs, "output-tokens": 1}
        wait_s = max((each.wait_s(least[name], now) for name, each in self._enforced.items()), default=0.0)
        if wait_s > 0:
            return wait_s
        for name, each in self._enforced.items():
            each.take(costs[name], now)
        return None

    def produced(self, tokens: int, now: float) -> None:
        """Take output that was said; a limit that is passed by it is a debt."""
        if "output-tokens" in self._enforced:
            self._enforced["output-tokens"].take(tokens, now)

    def headers(self, now: float, wait_s: float | None = None) -> Headers:
        """What a response says about the limits, and how long to wait where it is a refusal."""
        told = [pair for each in self._enforced.values() for pair in each.headers(now)] if self._rates.told else []
        if wait_s is not None and self._rates.retry_after:
            told.append(("retry-after", str(ceil(wait_s))))
        return told
