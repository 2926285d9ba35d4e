"""Whatever befalls a call: its reply is durable before it is used, its stream is closed, and it is settled once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest

from igent.accounting.calls import CallFacts
from igent.agents.calls import CallJournal, Kept
from igent.errors import JournalError, ModelError, ModelRejected, ModelUnavailable, RunStopped
from igent.models.base import ModelRequest, PromptRead
from tests.agents.desk import ANSWER, REQUEST, Desk, at_rest, begun, desk
from tests.agents.scripted import SENT, USAGE, Step, end

FULL = JournalError(path="journal", problem="the disk is full", remedy="Make room")


@dataclass(frozen=True, slots=True)
class Slow:
    """A journal that keeps nothing before it is told that it is durable, and then fails if it has an error."""

    durable: asyncio.Event
    error: JournalError | None = None

    @property
    def journal(self) -> CallJournal:
        return CallJournal(keep=self.keep, settle=lambda request, facts: None)

    async def keep(self, _: Kept) -> None:
        await self.durable.wait()
        if self.error is not None:
            raise self.error


async def registration(script: list[Step], journal: CallJournal | None = None) -> tuple[Desk, BaseException | None]:
    """One call from its request until nothing of it lingers, and what came of it other than an error of the model."""
    seen: list[Desk] = []
    try:
        async with desk(script, journal=journal) as at:
            seen.append(at)
            with suppress(ModelError):
                await at.calls.ask(REQUEST)
    except (asyncio.CancelledError, ExceptionGroup) as exc:
        return seen[0], exc
    return seen[0], None


async def test_a_reply_is_kept_before_it_is_used() -> None:
    durable = asyncio.Event()
    async with desk([SENT, ANSWER, end()], journal=Slow(durable).journal) as at:
        asking = begun(at.calls.ask(REQUEST))
        await at_rest()
        assert at.kept == [Kept(request=REQUEST, text=ANSWER, unusable=None)]
        assert not asking.done()
        durable.set()
        assert await asking == ANSWER


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_reply_that_cannot_be_kept_is_not_used_and_its_stream_is_closed(at_once: bool) -> None:
    durable = asyncio.Event()
    held = begun(registration([SENT, ANSWER, asyncio.Event()], Slow(durable, FULL).journal))
    if not at_once:
        await at_rest()
    durable.set()
    at, error = await held
    assert isinstance(error, ExceptionGroup)
    assert error.exceptions == (FULL,)
    assert (at.model.open, len(at.settled)) == (0, 1)


@pytest.mark.parametrize("script", [[SENT, f"{ANSWER} Approve"], [SENT, ModelRejected("small", "no")]])
async def test_a_stream_is_closed_also_where_what_it_took_cannot_be_written_down(script: list[Step]) -> None:
    def settle(_request: ModelRequest, _facts: CallFacts) -> None:
        raise FULL

    async def keep(_: Kept) -> None:
        """Nothing to keep a reply in."""

    at, error = await registration(script, CallJournal(keep=keep, settle=settle))
    assert isinstance(error, ExceptionGroup)
    assert error.exceptions == (FULL,)
    assert at.model.open == 0


WHOLE: list[Step] = [SENT, PromptRead(usage=USAGE), ANSWER[:5], ANSWER[5:], " ", end()]
UNAVAILABLE, REJECTED = ModelUnavailable("small", "overloaded"), ModelRejected("small", "bad request")
BEFALLS: dict[str, Callable[[], list[Step]]] = {
    "cancelled": lambda: [asyncio.Event()],
    "unavailable": lambda: [UNAVAILABLE],
    "rejected": lambda: [REJECTED],
    "cut": list,
    "stopped": lambda: [RunStopped("interrupted")],
}


@pytest.mark.parametrize("befalls", BEFALLS)
@pytest.mark.parametrize("place", range(len(WHOLE) + 1))
async def test_a_call_that_was_sent_is_closed_and_settled_once_whatever_befalls_it(place: int, befalls: str) -> None:
    held = begun(registration([*WHOLE[:place], *BEFALLS[befalls]()]))
    await at_rest()
    held.cancel()
    at, _ = await held
    sent = int(place > 0)
    assert (at.model.open, len(at.settled), at.calls.made["match"]) == (0, sent, sent)
    assert all(request == REQUEST for request, _ in at.settled)


@pytest.mark.parametrize("turns", range(1, 6))
async def test_a_call_that_is_cancelled_as_it_is_answered_is_closed_and_settled_once_too(turns: int) -> None:
    held = begun(registration([SENT, ANSWER, asyncio.Event()]))
    for _ in range(turns):
        await asyncio.sleep(0)
    held.cancel()
    at, error = await held
    assert (type(error), at.model.open, len(at.settled)) == (asyncio.CancelledError, 0, 1)
