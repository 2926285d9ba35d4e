"""What a provider has played, response by response: the least that it had to take, and how busy it was kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Play", "Steady", "limit_s", "steady"]

_TICK_S = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One response: its begin and end in seconds of the monotonic clock, and the seconds that were drawn for it.

    `opens` says that it is about a registration of which nothing was asked before.
    """

    begun_s: float
    ended_s: float
    drawn_s: float
    opens: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """A time in which as many calls could be in flight as may be: calls a second, and how many there could have been.

    A call that lies only partly within counts as that part. The ideal is the places by the mean of what was drawn;
    `taken` is the share of the places that had a call in flight, which the provider's own lateness does not lessen.
    """

    seconds: float
    per_s: float
    ideal_per_s: float
    taken: float

    @property
    def share(self) -> float:
        """How much of the ideal was reached."""
        return self.per_s / self.ideal_per_s


def limit_s(plays: Iterable[Play]) -> float:
    """The least that these could take, as they followed each other: of those that overlap only the longest counts."""
    past_s = longest_s = 0.0
    open_until_s = float("-inf")
    for play in sorted(plays, key=lambda one: one.begun_s):
        if play.begun_s > open_until_s:
            past_s, longest_s = past_s + longest_s, 0.0
        longest_s = max(longest_s, play.drawn_s)
        open_until_s = max(open_until_s, play.ended_s)
    return past_s + longest_s


def steady(plays: Sequence[Play], *, places: int) -> Steady:
    """How it went from when all places were taken for the first time until nothing new came in, the ends left out."""
    begin_s, end_s = _all_taken_s(plays, places), max(play.begun_s for play in plays if play.opens)
    if begin_s >= end_s:  # too few for a middle
        begin_s, end_s = min(play.begun_s for play in plays), max(play.ended_s for play in plays)
    parts = [(_part(play, begin_s, end_s), play) for play in plays]
    calls, seconds = sum(part for part, _ in parts), end_s - begin_s
    return Steady(
        seconds=seconds,
        per_s=calls / seconds,
        ideal_per_s=places * calls / sum(part * play.drawn_s for part, play in parts),
        taken=sum(part * (play.ended_s - play.begun_s) for part, play in parts) / places / seconds,
    )


def _all_taken_s(plays: Sequence[Play], places: int) -> float:
    """When so many were in flight for the first time, or as many as there ever were."""
    changes = sorted([(play.begun_s, 1) for play in plays] + [(play.ended_s, -1) for play in plays])
    highest = reached_s = in_flight = 0.0
    for at_s, change in changes:
        in_flight += change
        if highest < in_flight <= places:
            highest, reached_s = in_flight, at_s
    return reached_s


def _part(play: Play, begin_s: float, end_s: float) -> float:
    within_s = min(play.ended_s, end_s) - max(play.begun_s, begin_s)
    return max(0.0, within_s) / max(_TICK_S, play.ended_s - play.begun_s)
