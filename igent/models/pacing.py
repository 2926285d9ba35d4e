"""How fast calls may begin: what a provider's rate-limit headers allow, and what its refusals teach where they promise
too much or nothing. Arithmetic only: times are seconds of one monotonic clock, and whoever asks does the waiting.

A limit is a token bucket, refilled continuously up to a minute's worth
(https://platform.claude.com/docs/en/api/rate-limits, November 2026). Where that does not hold, because its headers tell
of a much shorter window or a call is refused although it should fit, calls are spaced evenly: even distances suit every
bucket and window of the same rate. Without a rate in headers, refusals set the pace: cut to a little less than what was
just accepted, then raised again, slowly at first and faster the longer nobody objects.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from igent.domain.records import Json

__all__ = ["Cost", "Limit", "MAX_HOLD_S", "ONE_CALL", "Pacing", "RESOURCES", "Resource", "maybe_limit"]

Resource = Literal["requests", "input-tokens", "output-tokens"]
Cost = Mapping[Resource, float]
RESOURCES: tuple[Resource, ...] = get_args(Resource)
ONE_CALL: Cost = {"requests": 1}

# The longest that new calls are held for one refusal: as long as a retry waits at most.
MAX_HOLD_S = 20.0
# How long they are held where a provider does not say, and twice as long each time that the first call after it fails.
_HOLD_S = 0.5
# What spaced calls use of a rate: a sixth call in a second, early by network jitter, must not be one too many.
_SHARE = 0.97
_LATE_S = 0.005  # what a late timer may make up for
# By how much a reset must come sooner than a minute's bucket would be full to be that of a window: answers are late.
_SOONER_S = 10.0
# How much of the way up is gone with each response that allows more than was thought: answers also overtake each other.
_TRUST = 0.2
# What is kept of a pace that was too fast, or of what was accepted of calls that had none.
_KEPT = 0.95
# A pace that ran this long unrefused is nearly right; where one came sooner, calls are counted, over 1 s at least.
_PROVEN_S, _LEAST_S = 3.0, 1.0
# The pace doubles after 0.83 of this without a refusal: a measured one, and one that is a guess.
_PATIENCE_S, _IMPATIENCE_S = 120.0, 10.0
# What is tried even of a provider that refuses everything: from here a pace finds back in minutes.
_SLOWEST_PER_S = 0.2
# Far past any limit (e^10 times the pace), so that years of quiet overflow nothing.
_MAX_GROWTH = 10.0
_MINUTE_S = 60.0
_COUNT = re.compile(r"[0-9]{1,15}")
_EPSILON = 1e-6  # less of a call, a token or a second is a rounding error


@dataclass(slots=True, kw_only=True)
class Bucket:
    """A store of calls or tokens that fills at `per_s`; with no `burst` what is taken is owed, and so spaced."""

    per_s: float
    burst: float
    level: float
    at_s: float

    def wait_s(self, cost: float, now_s: float) -> float:
        """Seconds until `cost` may be taken; one above `burst` waits for all of that."""
        self.refill(now_s)
        short = min(cost, self.burst) - self.level
        return short / self.per_s if short > _EPSILON else 0.0

    def take(self, cost: float, now_s: float) -> None:
        """Take `cost`, whether there is enough or not."""
        self.refill(now_s)
        self.level -= cost

    def refill(self, now_s: float) -> None:
        """Add what came in since the last time."""
        full = self.burst + _LATE_S * self.per_s
        self.level, self.at_s = min(full, self.level + (now_s - self.at_s) * self.per_s), now_s

    def space(self) -> None:
        """Let nothing be saved up from here on."""
        self.per_s, self.burst, self.level = self.per_s * _SHARE, 0, min(0.0, self.level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What one response said of one resource; `full_in_s` is when all of it can be had again, where that is told."""

    limit: int
    remaining: int
    full_in_s: float | None

    @property
    def windowed(self) -> bool:
        """Whether all of it comes back much sooner than a minute's bucket would be full."""
        expected_s = (self.limit - self.remaining) / self.limit * _MINUTE_S
        return self.full_in_s is not None and self.full_in_s + _SOONER_S < expected_s


def maybe_limit(headers: Mapping[str, str], resource: Resource, now: datetime) -> Limit | None:
    """The limit in a response's headers, whose names are in lower case; None where there is none to be understood."""
    prefix = f"anthropic-ratelimit-{resource}"
    limit, remaining = (headers.get(f"{prefix}-{what}", "") for what in ("limit", "remaining"))
    if not (_COUNT.fullmatch(limit) and _COUNT.fullmatch(remaining) and int(limit)):
        return None
    try:
        full_in_s = (datetime.fromisoformat(headers.get(f"{prefix}-reset", "")) - now).total_seconds()
    except (ValueError, TypeError):  # no time, or one without its zone
        full_in_s = None
    return Limit(limit=int(limit), remaining=int(remaining), full_in_s=full_in_s)


class Pace:
    """The pace that refusals teach, in calls a second: none until the first of them."""

    def __init__(self) -> None:
        self.per_s: float | None = None
        self.pause_s = _HOLD_S
        self._sent_s: deque[float] = deque()
        self._since_s: float | None = None
        self._cut_s = self._next_s = float("-inf")
        self._base_per_s = self._pressed_s = self._last_s = self._span_s = self._tried_per_s = 0.0
        self._patience_s, self._accepted = _PATIENCE_S, 0
        self._measuring = self._proven = False

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next call."""
        return max(0.0, self._next_s - now_s)

    def take(self, now_s: float, *, pressed: bool) -> None:
        """Begin a call; `pressed` where it had to wait for this: a pace grows only where that is of use."""
        if self._since_s is None:
            self._since_s = self._last_s = now_s
        self._sent_s.append(now_s)
        while self._sent_s[0] < now_s - _PROVEN_S:
            self._sent_s.popleft()
        if self.per_s is not None:
            self._pressed_s += now_s - self._last_s if pressed else 0.0
            growth = min(_MAX_GROWTH, (self._pressed_s / self._patience_s) ** 2)
            self.per_s = self._base_per_s * math.exp(growth)
            self._next_s = max(self._next_s, now_s - _LATE_S) + 1 / self.per_s
        self._last_s = now_s

    def refused(self, *, sent_s: float, now_s: float, known_per_s: float | None) -> None:
        """A call sent at `sent_s` was refused: the first of those sent since the last cut makes the next one.

        `known_per_s` is the rate that headers tell of, for the first cut.
        """
        if sent_s >= self._cut_s:
            self._begin_cut(now_s, known_per_s)
            self._cut_s, self._since_s, self._pressed_s = now_s, None, 0.0
            self._sent_s.clear()
        self._accepted -= 1
        if self._measuring:
            self._measure()

    def _begin_cut(self, now_s: float, known_per_s: float | None) -> None:
        ran_s = 0.0 if self._since_s is None else now_s - self._since_s
        sent, per_s, self._measuring = len(self._sent_s), self.per_s, False
        if per_s is not None and sent <= 1 and ran_s < _PROVEN_S:  # too early to go on, which says nothing of the pace
            self.pause_s *= 2
            return
        self.pause_s = _HOLD_S
        if per_s is None and known_per_s is not None:
            self._set(known_per_s)
            self._proven = True
        elif per_s is not None and (self._proven or ran_s >= _PROVEN_S):
            self._set(_KEPT * per_s)
            self._proven = ran_s >= _PROVEN_S
        else:
            self._span_s = max(_LEAST_S, min(_PROVEN_S, ran_s))
            self._tried_per_s = sent / self._span_s if per_s is None else per_s
            self._accepted, self._measuring = sent, True

    def _measure(self) -> None:
        """Slow down to what was accepted, each refusal of a wave taking one off it, but to no less than half."""
        accepted_per_s, half = self._accepted / self._span_s, self._tried_per_s / 2
        self._patience_s = _PATIENCE_S if accepted_per_s > half else _IMPATIENCE_S
        self._set(max(half, _KEPT * min(accepted_per_s, self._tried_per_s)))

    def _set(self, per_s: float) -> None:
        self.per_s = self._base_per_s = max(_SLOWEST_PER_S, per_s)


class Pacing:
    """When the next call may begin, by limits, pace and refusals together."""

    def __init__(self) -> None:
        self.refusals = 0
        self.limits: dict[Resource, Limit] = {}
        self._buckets: dict[Resource, Bucket] = {}
        self._windows_s: dict[Resource, float] = {}
        self._pace = Pace()
        self._spaced = self._pressed = False
        self._held_until_s = float("-inf")

    def wait_s(self, cost: Cost, now_s: float) -> float:
        """Seconds until a call of this cost may begin, 0 for at once."""
        pace_s, other_s = self._pace.wait_s(now_s), 0.0
        for resource, bucket in self._buckets.items():
            other_s = max(other_s, bucket.wait_s(cost.get(resource, 0), now_s))
        self._pressed = self._pressed or pace_s > other_s
        wait_s = max(pace_s, other_s, self._held_until_s - now_s)
        return wait_s if wait_s > _EPSILON else 0.0

    def take(self, cost: Cost, now_s: float) -> None:
        """Begin a call."""
        self._pace.take(now_s, pressed=self._pressed)
        self._pressed = False
        for resource, bucket in self._buckets.items():
            bucket.take(cost.get(resource, 0), now_s)

    def observe(self, resource: Resource, seen: Limit, *, pending: float, now_s: float) -> None:
        """Follow what a response said; `pending` is what calls take of it that it may not have counted yet."""
        self.limits[resource] = seen
        if seen.windowed and seen.full_in_s is not None:
            self._windows_s[resource] = max(self._windows_s.get(resource, 1.0), math.ceil(seen.full_in_s))
        level = seen.remaining - pending
        bucket = self._buckets.setdefault(resource, Bucket(per_s=1, burst=seen.limit, level=level, at_s=now_s))
        bucket.refill(now_s)
        bucket.per_s, bucket.burst = seen.limit / self._windows_s.get(resource, _MINUTE_S), seen.limit
        if self._spaced or resource in self._windows_s:
            bucket.space()
        else:
            bucket.level += (level - bucket.level) * (_TRUST if level > bucket.level else 1)

    def refused(self, *, sent_s: float, retry_after_s: float | None, now_s: float) -> None:
        """A call sent at `sent_s` was one too many: space the next ones, slow down if they are spaced, and hold."""
        self.refusals += 1
        if not self._spaced:
            self._spaced = True
            for bucket in self._buckets.values():
                bucket.space()
        known = self._buckets.get("requests")
        self._pace.refused(sent_s=sent_s, now_s=now_s, known_per_s=known.per_s if known else None)
        self.hold(self._pace.pause_s if retry_after_s is None else retry_after_s, now_s)

    def hold(self, seconds: float, now_s: float) -> None:
        """Let no call begin for so long, or `MAX_HOLD_S`."""
        self._held_until_s = max(self._held_until_s, now_s + min(seconds, MAX_HOLD_S))

    def as_record(self) -> dict[str, Json]:
        """The JSON form: refusals, the pace they taught, and the limits seen, each for `window_s`."""
        per_s = self._pace.per_s and round(self._pace.per_s, 3)
        limits: dict[str, Json] = {
            resource: {"limit": seen.limit, "window_s": self._windows_s.get(resource, _MINUTE_S)}
            for resource, seen in self.limits.items()
        }
        return {"throttled": self.refusals, "pace_per_s": per_s, "limits": limits}
