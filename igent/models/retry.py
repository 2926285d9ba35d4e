"""When a call that failed for a passing reason is worth another try, and how long to wait first: arithmetic only.

Full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/, 2015) spreads those who failed
together; a provider's own wish is honoured up to a cap, and jittered too, so that they do not come back together. A
budget for the whole run keeps retries a fraction of the calls when a provider is down rather than busy.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RetryBudget", "RetryPolicy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """`attempts` counts the first call; a wait is at most `cap_s`, whatever a provider asks for."""

    attempts: int = 4
    base_s: float = 0.5
    cap_s: float = 20.0

    def backoff_s(self, attempt: int, uniform: float, retry_after_s: float | None) -> float:
        """Seconds to wait after the failure of `attempt` (0-based), for a draw in [0, 1)."""
        ceiling = min(self.cap_s, self.base_s * 2.0**attempt)
        if retry_after_s is None:
            return uniform * ceiling
        return min(self.cap_s, retry_after_s) + uniform * self.base_s


class RetryBudget:
    """How many retries a run may still make: some at first, and one more for every ten calls that succeed."""

    def __init__(self, *, first: float = 20.0, per_success: float = 0.1) -> None:
        self._left, self._per_success, self._most = first, per_success, first

    def earn(self) -> None:
        """A call succeeded."""
        self._left = min(self._most, self._left + self._per_success)

    def spend(self) -> bool:
        """Take one retry from the budget; False where none is left."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
