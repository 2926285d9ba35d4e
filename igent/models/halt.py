"""Why a run comes to an end before its last registration: calls in flight end and are kept, no other begins."""

from __future__ import annotations

from collections.abc import Callable

from igent.errors import RunStopped

__all__ = ["Halt"]


class Halt:
    """Set once, with a reason; whoever sets it again does not change that."""

    def __init__(self) -> None:
        self._reason: str | None = None
        self._told: list[Callable[[], None]] = []

    @property
    def reason(self) -> str | None:
        """Why, or None while nothing is to end."""
        return self._reason

    def is_set(self) -> bool:
        """Whether the run is to end."""
        return self._reason is not None

    def set(self, reason: str = "interrupted") -> None:
        """Let the run end."""
        if self._reason is None:
            self._reason = reason
            for tell in self._told:
                tell()

    def tell(self, told: Callable[[], None]) -> None:
        """Have `told` called as soon as the run is to end, in whatever sets it: to wake those who wait."""
        self._told.append(told)

    def check(self) -> None:
        """Raise `RunStopped` where the run is to end."""
        if self._reason is not None:
            raise RunStopped(self._reason)
