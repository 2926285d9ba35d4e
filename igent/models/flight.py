"""One call for several households on its way: what it says goes to the one whose it is, what it takes is shared out.

A household's answer is its own the moment it is complete. Its usage is then told as an equal share of the prompt and an
estimate of its own words; whoever comes last is told the rest, so that together they come to what was counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from igent.accounting.usage import Usage, estimate_tokens
from igent.dialogue.batch import Answers
from igent.dialogue.replies import maybe_answer
from igent.errors import ModelError
from igent.models.base import ModelEvent, ModelRequest, PromptRead, ReplyEnd, Sent
from igent.models.tally import Tally

__all__ = ["Flight", "Seat"]


@dataclass(slots=True, eq=False)
class Seat:
    """One household's place in a call; `events` is what its reader reads, up to an error or None.

    It is `done` once nothing more comes or nobody reads it any more. `owed` is what was taken before its own call.
    """

    request: ModelRequest
    flight: Flight = field(init=False)
    events: asyncio.Queue[ModelEvent | Exception | None] = field(default_factory=asyncio.Queue)
    done: bool = False
    owed: Usage = field(default_factory=Usage)

    def __post_init__(self) -> None:
        self.flight = Flight([self], Tally(request=self.request))

    def hear(self, event: ModelEvent) -> None:
        """Pass an event on to the reader, what was taken with what is owed."""
        if isinstance(event, PromptRead | ReplyEnd):
            event = replace(event, usage=event.usage + self.owed)
        self.events.put_nowait(event)

    def close(self, error: Exception | None = None) -> None:
        """Nothing more comes."""
        self.done = True
        self.events.put_nowait(error)


@dataclass(slots=True, eq=False)
class Flight:
    """A call and whom it is for: one household, or several in one reply. `task` makes it.

    `answered` are the lengths of prompt and answer of those whose answers it has brought.
    """

    seats: Sequence[Seat]
    tally: Tally
    task: asyncio.Task[None] = field(init=False)
    answered: list[tuple[int, int]] = field(default_factory=list)
    _tried: set[int] = field(default_factory=set)
    _told: Usage = field(default_factory=Usage)
    _last: Seat | None = None
    _answers: Answers = field(default_factory=Answers)

    @property
    def shared(self) -> bool:
        """Whether it is for several."""
        return len(self.seats) > 1

    @property
    def expecting(self) -> list[Seat]:
        """Those to whom something is still to come."""
        return [seat for seat in self.seats if not seat.done]

    def board(self, others: Sequence[Seat], request: ModelRequest) -> None:
        """Take others along, in a request for all of them."""
        self.seats, self.tally = [*self.seats, *others], Tally(request=request)
        for seat in others:
            seat.flight = self

    def cancel(self) -> asyncio.Task[None]:
        """End the call before its end, once; the task that is about to."""
        task = self.task
        del self.task  # which holds on to what it was cancelled in, and so to this
        task.cancel()
        return task

    def take(self, event: ModelEvent) -> None:
        """Let everybody hear what is theirs of an event."""
        self.tally.take(event)
        if not self.shared:
            self.seats[0].hear(event)
        elif isinstance(event, str):
            for place, text in self._answers.feed(event):
                self._answer(place, text)
        elif isinstance(event, Sent):
            for place, seat in enumerate(self.seats):
                seat.hear(Sent(calls=int(place == 0)))

    def close(self, error: Exception | None) -> None:
        """It is over; what it took and nobody was told is the last one's, or owed by one who is still to be asked."""
        if not self.shared:
            self.seats[0].close(error)
            return
        rest = self.usage(error).less(self._told)
        if self._last is not None:
            self._last.hear(ReplyEnd(stop_reason="end_turn", usage=rest))
            self._last.close()
        for seat in self.expecting[:1]:
            seat.owed = rest
        for seat in self.expecting if self.tally.sent else ():
            seat.hear(PromptRead(usage=Usage()))  # of its own

    def usage(self, error: Exception | None) -> Usage:
        """What it took, an estimate where it was cut off."""
        return self.tally.usage(unread=isinstance(error, ModelError) and error.unread)

    def _answer(self, place: int, text: str) -> None:
        """Take a household's first answer, if it has its form and breaks no rule; else it is asked about alone."""
        if place in self._tried or place >= len(self.seats):
            return
        self._tried.add(place)
        seat, share = self.seats[place], Usage()
        if not _answers(seat.request, text):
            return
        self.answered.append((len(seat.request.prompt), len(text)))
        if self.tally.prompt is not None:
            share = self.tally.prompt.part(len(self.seats))
            seat.hear(PromptRead(usage=share))
        seat.hear(text)
        if len(self.answered) == len(self.seats):
            self._last = seat
            return
        usage = share + Usage(output_tokens=estimate_tokens(text), estimated=True)
        self._told += usage
        seat.hear(ReplyEnd(stop_reason="end_turn", usage=usage))
        seat.close()


def _answers(request: ModelRequest, text: str) -> bool:
    if maybe_answer(request.kind, text.encode()) is None:
        return False
    return request.verified is None or request.verified(text)
