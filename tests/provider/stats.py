"""What the provider has seen and done: counts, times, and who hung up when."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from igent.domain.records import Json
from tests.provider.prefixes import Counts

__all__ = ["Stats"]


@dataclass(slots=True, kw_only=True)
class Stats:
    """The counts of one server; times are seconds of `monotonic`, which all processes of a machine share.

    `repeats_s` are the arrivals of bodies that had come before, retries among them. `left_s` says for each response
    that a client hung up on how long after the reply's object was complete it did, None where it was not. `quiet` is
    set while nothing is in flight.
    """

    monotonic: Callable[[], float]
    statuses: Counter[int] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    arrivals_s: list[float] = field(default_factory=list)
    repeats_s: list[float] = field(default_factory=list)
    left_s: list[float | None] = field(default_factory=list)
    in_flight: int = 0
    highest: int = 0
    quiet: threading.Event = field(default_factory=threading.Event)
    _clients: set[int] = field(default_factory=set)
    _bodies: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.quiet.set()

    def arrive(self, body: bytes, client_port: int) -> None:
        """A request has come."""
        now = self.monotonic()
        self.arrivals_s.append(now)
        digest = hashlib.sha256(body).digest()
        if digest in self._bodies:
            self.repeats_s.append(now)
        self._bodies.add(digest)
        self._clients.add(client_port)
        self.in_flight += 1
        self.highest = max(self.highest, self.in_flight)
        self.quiet.clear()

    def depart(self, status: int) -> None:
        """A response is over, whichever way."""
        self.statuses[status] += 1
        self.in_flight -= 1
        if not self.in_flight:
            self.quiet.set()

    def leave(self, answered_at: float | None) -> None:
        """A client has hung up on a response whose object was complete at a time, if it was."""
        self.left_s.append(None if answered_at is None else self.monotonic() - answered_at)

    def count(self, counts: Counts) -> None:
        """A prompt was read."""
        for name in ("fresh", "read", "written", "written_1h"):
            self.tokens[name] += getattr(counts, name)

    def as_record(self) -> dict[str, Json]:
        """The JSON form."""
        return {
            "requests": len(self.arrivals_s),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "in_flight": self.in_flight,
            "highest_in_flight": self.highest,
            "connections": len(self._clients),
            "invalid": len(self.problems),
            "problems": [*self.problems[:10]],
            "tokens": dict(self.tokens),
            "left_s": [*self.left_s],
            "arrivals_s": [*self.arrivals_s],
            "repeats_s": [*self.repeats_s],
        }
