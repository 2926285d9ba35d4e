"""How many registrations may fail before it is the run that goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from igent.models.halt import Halt

__all__ = ["Failures", "TELLING", "Tolerance"]

T = TypeVar("T")
R = TypeVar("R")

# A share of fewer registrations than this says little: of ten, one failure is ten percent.
TELLING = 20


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The most that may fail: so many registrations, or that many `percent` of those decided, once 20 are."""

    most: Decimal
    percent: bool = False

    def __str__(self) -> str:
        return f"{self.most:f}{'%' if self.percent else ''}"

    def exceeded(self, *, failed: int, decided: int) -> bool:
        """Whether more than that have failed."""
        if self.percent:
            return decided >= TELLING and 100 * failed > self.most * decided
        return failed > self.most


class Failures:
    """Counts what this process decides, in its order, and lets the run end where too many have failed.

    What an earlier process has decided does not count, so that a run that was stopped can be gone on with as it is.
    """

    def __init__(self, tolerance: Tolerance | None, halt: Halt) -> None:
        self._tolerance, self._halt = tolerance, halt
        self._failed = self._decided = 0

    def exceeded(self) -> bool:
        """Whether nothing may be committed any more: `failed` is final, and what comes next may be no better."""
        return self._tolerance is not None and self._tolerance.exceeded(failed=self._failed, decided=self._decided)

    def counting(self, commit: Callable[[T, R], object]) -> Callable[[T, R], None]:
        """A commit that is counted; it says `failed` where it has come to that."""

        def counted(item: T, result: R) -> None:
            outcome = commit(item, result)
            self._decided += 1
            self._failed += outcome == "failed"
            if self.exceeded():
                told = f"{self._failed} of {self._decided} registrations failed"
                self._halt.set(f"{told}, more than the {self._tolerance} that may")

        return counted
