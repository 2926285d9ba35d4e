"""How fast calls may begin: what a provider's rate-limit headers allow, and what its refusals teach where they promise
too much or nothing. Arithmetic only: times are seconds of one monotonic clock, and whoever asks does the waiting.

A limit is a token bucket, refilled continuously up to a minute's worth
(https://platform.claude.com/docs/en/api/rate-limits, November 2026). Where that does not hold, because its headers tell
of a much shorter window or too many calls are refused, calls are spaced evenly: even distances suit every bucket and
window of the same rate. Such refusals also set a pace, a little less than what was accepted of the latest calls, which
then grows: soon where it was a guess, slowly once it is found again. Less than that may be refused for no reason.
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
# How long where all are refused and nobody says for how long; then twice as long each time.
_HOLD_S = 0.5
# What spaced calls use of a rate: a sixth call in a second, early by network jitter, must not be one too many.
_SHARE = 0.97
_LATE_S = 0.005  # what a late timer may make up for
# By how much a reset must come sooner than a minute's bucket would be full to be that of a window: answers are late.
_SOONER_S = 10.0
# How much of the way up is gone with each response that allows more than was thought: answers also overtake each other.
_TRUST = 0.2
# The calls that a pace is learned from: those of so long, and so many; and the least that their rate is taken over.
_RECENT_S, _RECENT, _LEAST_S = 3.0, 32, 1.0
# So many of these, or this share, may be refused for no reason: less than a tenth, so that few are sent in vain.
_STRAYS, _STRAY = 2, 0.07
# A pace is found again where what is accepted is so much of it: few calls are counted.
_LOW, _HIGH = 0.9, 1.25
# A pace doubles in so long: one that was found again, and a guess; for that, the time between two calls counts for no
# more than a step, so that enough of them are sent on the way to tell when it is too fast.
_PATIENCE_S, _IMPATIENCE_S, _STEP_S = 60.0, 2.5, 0.25
_SLOWEST_PER_S = 0.2  # what is tried even of a provider that refuses everything
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
    """The pace that refusals teach, in calls a second: none until the first objection."""

    def __init__(self) -> None:
        self.per_s: float | None = None
        self.next_s = self._cut_s = float("-inf")
        self._base_per_s = self._tried_per_s = self._pressed_s = self._pause_s = 0.0
        self._found = False
        self._fresh = True  # nothing was sent since the last cut
        self._sent_s: deque[float] = deque()  # behind when the count begins
        self._refused_s: deque[float] = deque()

    def take(self, now_s: float) -> None:
        """Begin a call."""
        gap_s = 1 / self.per_s if self.per_s else 0.0
        if self._fresh:
            self._fresh, self._pressed_s = False, 0.0
            self._sent_s, self._refused_s = deque([now_s - gap_s]), deque()
        while len(self._sent_s) > _RECENT and self._sent_s[0] < now_s - _RECENT_S:
            self._sent_s.popleft()
        if self.per_s:
            if now_s - self.next_s < gap_s:  # it grows only where it is used
                self._pressed_s += min(now_s - self._sent_s[-1], math.inf if self._found else _STEP_S)
            growth = (self._pressed_s / (_PATIENCE_S if self._found else _IMPATIENCE_S)) ** 2
            self.per_s = self._tried_per_s = self._base_per_s * (1 + growth)
            self.next_s = max(self.next_s, now_s - _LATE_S) + 1 / self.per_s
        self._sent_s.append(now_s)

    def refused(self, *, sent_s: float, retry_after_s: float | None, now_s: float) -> bool:
        """Whether too many were refused by now; if so slow down, and hold where all were.

        A few more or less are not worth a hold: each waits on its own for as long as it was told.
        """
        if sent_s < self._cut_s and not self._fresh:
            return False  # it was sent before the last cut and says nothing new
        while self._refused_s and self._refused_s[0] < self._sent_s[0]:
            self._refused_s.popleft()
        self._refused_s.append(now_s)
        sent, refused = len(self._sent_s) - 1, len(self._refused_s)
        if not self._fresh and refused < sent and refused <= max(_STRAYS, _STRAY * sent):
            return False
        if refused < sent or not self._tried_per_s:
            self._cut(sent, refused, max(_LEAST_S, now_s - self._sent_s[0]))
        elif not self._fresh:  # it was too early to go on, which says nothing of the pace
            self._pause_s = max(_HOLD_S, 2 * self._pause_s)
        self.hold(self._pause_s if retry_after_s is None or refused < sent else retry_after_s, now_s)
        self._fresh, self._cut_s = True, now_s
        return True

    def hold(self, seconds: float, now_s: float) -> None:
        """Let no call begin for so long, or `MAX_HOLD_S`."""
        self.next_s = max(self.next_s, now_s + min(seconds, MAX_HOLD_S))

    def _cut(self, sent: int, refused: int, span_s: float) -> None:
        """Slow down to what was accepted, but at most to half; each refusal of a wave does so anew."""
        least_per_s = (self._tried_per_s or sent / span_s) / 2
        found_per_s = max(least_per_s, (sent - refused) / span_s)
        if not self._fresh:
            self._found = _LOW * self._base_per_s <= found_per_s <= _HIGH * self._base_per_s
        self._base_per_s = self.per_s = max(_SLOWEST_PER_S, _SHARE * found_per_s)
        self._pause_s = 1 / self.per_s


class Pacing:
    """When the next call may begin, by limits, pace and refusals together."""

    def __init__(self) -> None:
        self.refusals = 0
        self.limits: dict[Resource, Limit] = {}
        self._buckets: dict[Resource, Bucket] = {}
        self._windows_s: dict[Resource, float] = {}
        self._pace, self._spaced = Pace(), False

    def wait_s(self, cost: Cost, now_s: float) -> float:
        """Seconds until a call of this cost may begin, 0 for at once."""
        waits_s = [bucket.wait_s(cost.get(resource, 0), now_s) for resource, bucket in self._buckets.items()]
        wait_s = max(self._pace.next_s - now_s, *waits_s, 0.0)
        return wait_s if wait_s > _EPSILON else 0.0

    def take(self, cost: Cost, now_s: float) -> None:
        """Begin a call."""
        self._pace.take(now_s)
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

    def refused(self, *, sent_s: float, retry_after_s: float | None, now_s: float) -> bool:
        """Whether a call sent at `sent_s` was one too many: so hold, space the next ones, and slow down."""
        self.refusals += 1
        if not self._pace.refused(sent_s=sent_s, retry_after_s=retry_after_s, now_s=now_s):
            return False
        for bucket in self._buckets.values() if not self._spaced else ():
            bucket.space()
        self._spaced = True
        return True

    def hold(self, seconds: float, now_s: float) -> None:
        """Let no call begin for so long, or `MAX_HOLD_S`."""
        self._pace.hold(seconds, now_s)

    def as_record(self) -> dict[str, Json]:
        """The JSON form: refusals, the pace they taught, and the limits seen, each for `window_s`."""
        per_s = self._pace.per_s and round(self._pace.per_s, 3)
        limits: dict[str, Json] = {
            resource: {"limit": seen.limit, "window_s": self._windows_s.get(resource, _MINUTE_S)}
            for resource, seen in self.limits.items()
        }
        return {"throttled": self.refusals, "pace_per_s": per_s, "limits": limits}
