"""How many calls may be in flight: few at first, twice as many each round while nothing objects, then carefully.

The control is that of TCP (slow start, additive increase, multiplicative decrease), counted in calls. Arithmetic only.
"""

from __future__ import annotations

from typing import Literal

__all__ = ["Concurrency", "FIRST", "MOST"]

# What an unknown provider is sent at once: a refused call costs a retry, so the first wave may be all refused.
FIRST = 8
# Past this one core cannot read the streams (about 300 at 100 events/s) and sockets near the usual 1,024 open files.
MOST = 256
# What is kept after an objection: RFC 9438, section 4.6, has 0.7, so that a limit just found is not far away again.
_KEPT = 0.7


class Concurrency:
    """How many calls may be in flight, at most `fixed`, or as many as prove possible where that is None.

    A fixed number is one that its user knows to be fine: calls that come too fast are spaced, not cut.
    """

    def __init__(self, fixed: int | None = None) -> None:
        self._fixed = fixed is not None
        self._most = MOST if fixed is None else fixed
        self._window = float(min(FIRST, self._most))
        self._slow_start = True
        self._cut_s = float("-inf")

    @property
    def limit(self) -> int:
        """How many calls may be in flight now."""
        return int(self._window)

    def answered(self) -> None:
        """A call began to be answered while others waited for its like: there may be room for one more each round."""
        self._window = min(self._most, self._window + (1 if self._slow_start else 1 / self._window))

    def objected(self, throttle: Literal["rate", "overload"], *, sent_s: float, now_s: float) -> None:
        """A call sent at `sent_s` was refused; those sent before the last cut say nothing new."""
        if sent_s < self._cut_s or (self._fixed and throttle == "rate"):
            return
        least = FIRST if throttle == "rate" else 1
        self._window = min(self._window, max(least, self._window * _KEPT))
        self._slow_start, self._cut_s = False, now_s
