"""How long calls take that share a number of slots, as the scheduler lets them through."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import NamedTuple

__all__ = ["Call", "makespan"]


class Call(NamedTuple):
    """One call's seconds, to its first token and in all; `gate` is what only one call may be first to have sent."""

    first_s: float
    seconds: float
    gate: str | None = None


def makespan(chains: Sequence[Sequence[Call]], slots: int) -> float:
    """Seconds until all calls are over: each chain's one after the other, at most `slots` at once, first chains first.

    Of the calls with one gate the first goes alone until its reply begins; the others wait without a slot.
    """
    ready, done = [*range(len(chains))], [0] * len(chains)
    events: list[tuple[float, bool, int]] = []  # at that time a chain's gate opens (False) or its call ends (True)
    behind: dict[str, list[int]] = {}
    opened: set[str | None] = {None}
    now, free = 0.0, slots
    while True:
        while free and ready:
            at = heappop(ready)
            first_s, seconds, gate = chains[at][done[at]]
            if gate not in opened and gate is not None:
                if gate in behind:
                    behind[gate].append(at)
                    continue
                behind[gate] = []
                heappush(events, (now + first_s, False, at))
            free -= 1
            heappush(events, (now + seconds, True, at))
        if not events:
            return now
        now, ended, at = heappop(events)
        gate = chains[at][done[at]].gate
        if ended:
            free, done[at] = free + 1, done[at] + 1
            if done[at] < len(chains[at]):
                heappush(ready, at)
        elif gate is not None:
            opened.add(gate)
            for waiting in behind.pop(gate):
                heappush(ready, waiting)
