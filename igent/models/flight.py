"""One call for several households on its way: what it says goes to the one whose it is, what it takes is shared out.

A household's answer is its own the moment it is complete. Its usage is then told as an equal share of the prompt and an
estimate of its own words; whoever is answered last is told the rest, so that together they come to what was counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

from igent.accounting.usage import Usage, estimate_tokens
from igent.dialogue.batch import Answers
from igent.dialogue.replies import maybe_answer
from igent.models.base import ModelEvent, ModelRequest, PromptRead, ReplyEnd, Sent

__all__ = ["Flight", "Seat"]

_COUNTS = tuple(each.name for each in fields(Usage) if each.name != "estimated")


@dataclass(slots=True, eq=False)
class Seat:
    """One household's place in a call; `events` is what its reader reads.

    It is `open` until its answer has come and `over` with the end of its reply. `owed` is what it took besides its own
    call, in so many `owed_calls`.
    """

    request: ModelRequest
    events: asyncio.Queue[ModelEvent | Exception] = field(default_factory=asyncio.Queue)
    task: asyncio.Task[None] | None = None
    flight: Flight | None = None
    open: bool = True
    over: bool = False
    left: bool = False
    sent: bool = False
    owed: Usage = field(default_factory=Usage)
    owed_calls: int = 0

    def hear(self, event: ModelEvent | Exception) -> None:
        """Pass an event on to the reader: that it is sent but once, at its end with all that it took."""
        if isinstance(event, Sent):
            if self.sent:
                return
            self.sent, event = True, Sent()
        elif isinstance(event, ReplyEnd):
            self.open, self.over = False, True
            event = replace(event, usage=event.usage + self.owed, calls=event.calls + self.owed_calls)
        elif isinstance(event, Exception):
            self.open, self.over = False, True
        self.events.put_nowait(event)


@dataclass(slots=True, eq=False)
class Flight:
    """A call and whom it is for: one household, or several in one reply."""

    seats: Sequence[Seat]
    prompt: Usage | None = None
    end: ReplyEnd | None = None
    _told: Usage = field(default_factory=Usage)
    _last: Seat | None = None
    _tried: set[int] = field(default_factory=set)
    _answers: Answers = field(default_factory=Answers)

    @property
    def shared(self) -> bool:
        """Whether it is for several."""
        return len(self.seats) > 1

    @property
    def unanswered(self) -> list[Seat]:
        """Those who still wait for their answer."""
        return [seat for seat in self.seats if seat.open and not seat.left]

    @property
    def deserted(self) -> bool:
        """Whether nobody reads it any more, nor what it took."""
        return all(seat.left or seat.over for seat in self.seats)

    def take(self, event: ModelEvent) -> None:
        """Let everybody hear what is theirs of an event."""
        if not self.shared:
            self.seats[0].hear(event)
        elif isinstance(event, str):
            for place, text in self._answers.feed(event):
                self._answer(place, text)
        elif isinstance(event, ReplyEnd):
            self.end = event
            self._settle(event)
        else:
            self.prompt = event.usage if isinstance(event, PromptRead) else None
            for seat in self.seats:
                seat.hear(PromptRead(usage=self._part(event.usage)) if isinstance(event, PromptRead) else event)

    def broken_off(self) -> None:
        """It ended without its end; what it took is owed by whoever is left."""
        if self.shared and self.seats[0].sent and self.end is None:
            self._owe((self.prompt or Usage()) + Usage(estimated=True))

    def _answer(self, place: int, text: str) -> None:
        """One household's answer, if it has its form and breaks no rule; else it is asked about alone."""
        if place in self._tried or not 0 <= place < len(self.seats):
            return
        self._tried.add(place)
        seat = self.seats[place]
        form = maybe_answer(seat.request.kind, text.encode())
        if form is None or not (seat.request.verified is None or seat.request.verified(text)):
            return
        seat.hear(text)
        if len(self._tried) == len(self.seats):
            self._last, seat.open = seat, False
            return
        usage = self._part(self.prompt or Usage()) + Usage(output_tokens=estimate_tokens(text), estimated=True)
        self._told += usage
        seat.hear(ReplyEnd(stop_reason="end_turn", usage=usage, calls=0))

    def _settle(self, end: ReplyEnd) -> None:
        rest = _less(end.usage, self._told)
        if self._last is not None:
            self._last.hear(replace(end, stop_reason="end_turn", usage=rest))
        else:
            self._owe(rest)

    def _owe(self, usage: Usage) -> None:
        for seat in self.unanswered[:1]:
            seat.owed, seat.owed_calls = seat.owed + usage, seat.owed_calls + 1

    def _part(self, usage: Usage) -> Usage:
        counts = {name: getattr(usage, name) // len(self.seats) for name in _COUNTS}
        return Usage(**counts, estimated=usage.estimated)


def _less(whole: Usage, told: Usage) -> Usage:
    """What is left of a usage, none of it below 0."""
    counts = {name: max(0, getattr(whole, name) - getattr(told, name)) for name in _COUNTS}
    return Usage(**counts, estimated=whole.estimated)
