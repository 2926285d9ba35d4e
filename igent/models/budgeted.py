"""A model within a budget: no call begins that could take more than is left of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from igent import codec
from igent.accounting.budget import Budget, Most, Reservation
from igent.accounting.prices import Price
from igent.accounting.spans import span
from igent.accounting.usage import Usage
from igent.dialogue.replies import ReplyKind, reply_schema
from igent.errors import ModelError, RunStopped
from igent.models.base import ChatModel, ModelEvent, ModelRequest
from igent.models.halt import Halt
from igent.models.tally import Tally

__all__ = ["Book", "BudgetedModel", "Purse"]


class Book(Protocol):
    """Where calls are written down that may cost something."""

    async def reserve(self, request: ModelRequest, most: Most) -> None:
        """A call begins; it is on its way only once this returns."""
        ...

    def settle(self, request: ModelRequest, call: Usage | None) -> None:
        """It is over; None where nobody knows what it took."""
        ...


@dataclass(frozen=True, slots=True)
class Purse:
    """A budget and where it is written down."""

    budget: Budget
    book: Book


class BudgetedModel:
    """A `ChatModel` that reserves the most a call can take, lets the inner one make it, and settles what it took.

    Several may share one purse. `price_of` gives the price of a model by its name. A call that finds no room waits
    until others have ended; one that will never find any halts the run. The book writes both down, for whoever goes on
    after this process was killed.

    A call that the provider did not count takes the most, unless it cannot have read the prompt; one that it counted
    in part takes a token for each byte that arrived. What it had said but not sent is not known.
    """

    def __init__(self, inner: ChatModel, purse: Purse, *, price_of: Callable[[str], Price | None], halt: Halt) -> None:
        self.name, self._inner, self._price_of, self._halt = inner.name, inner, price_of, halt
        self._budget, self._book = purse.budget, purse.book
        self._news = asyncio.Event()
        self._budget.tell(self._wake)
        halt.tell(self._wake)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream the inner model's events. Raises `RunStopped` where the run is to end, and what the inner one does."""
        with span("budget", "wait"):
            reservation = await self._room(request)
        heard, unread = Tally(request=request), False
        try:
            with span("journal", "wait"):
                await self._book.reserve(request, reservation.most)
            async with aclosing(self._inner.stream(request)) as events:
                async for event in events:
                    heard.take(event)
                    yield event
        except ModelError as exc:
            unread = exc.unread
            raise
        finally:
            taken = _taken(heard, unread=unread)
            self._budget.settle(reservation, taken)
            self._book.settle(request, taken)

    async def _room(self, request: ModelRequest) -> Reservation:
        """Wait for room. There is a call to wait for wherever there is no refusal, and it settles, however it ends."""
        price, most = self._price_of(request.model or self.name), _most(request)
        while (reservation := self._budget.maybe_reserve(most, price)) is None:
            refusal = self._budget.maybe_refusal(most, price)
            if refusal is not None:
                self._halt.set(refusal)
                raise RunStopped(refusal)
            await self._news.wait()
            self._halt.check()
        return reservation

    def _wake(self) -> None:
        """Let those who wait look again: room was given back, or the run is to end."""
        self._news.set()
        self._news = asyncio.Event()


def _taken(heard: Tally, *, unread: bool) -> Usage | None:
    """As the provider counted, and no less; None where it counted nothing."""
    known = heard.maybe_known(unread=unread)
    if known is not None or heard.prompt is None:
        return known
    said = len(heard.text.encode())
    return heard.prompt + Usage(output_tokens=min(said, heard.request.max_tokens), estimated=True)


def _most(request: ModelRequest) -> Most:
    return Most.of(
        prompt_bytes=len(request.prompt.encode("utf-8", "replace")),
        form_bytes=_form_bytes(request.kind, request.many),
        max_tokens=request.max_tokens,
    )


@cache
def _form_bytes(kind: ReplyKind, many: bool) -> int:
    return len(codec.dump(reply_schema(kind, many=many)))
