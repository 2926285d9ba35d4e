"""A model within a budget: no call begins that could take more than is left of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cache

from igent import codec
from igent.accounting.budget import Budget, Most, Reservation
from igent.accounting.prices import Price
from igent.accounting.usage import Usage, estimate_tokens
from igent.dialogue.replies import ReplyKind, reply_schema
from igent.errors import ModelError, RunStopped
from igent.models.base import ChatModel, ModelEvent, ModelRequest, PromptRead, ReplyEnd
from igent.models.halt import Halt

__all__ = ["BudgetedModel"]


class BudgetedModel:
    """A `ChatModel` that reserves the most a call can take, lets the inner one make it, and settles what it took.

    Several may share one budget. `price_of` gives the price of a model by its name. A call that finds no room waits
    until others have ended; one that will never find any halts the run.

    What a stream took that was closed or broke off is an estimate: its prompt as the provider counted it, and the text
    that arrived. The provider bills that, and whatever it had said but not sent. A call that it refused costs nothing.
    """

    def __init__(
        self, inner: ChatModel, *, budget: Budget, price_of: Callable[[str], Price | None], halt: Halt
    ) -> None:
        self._inner, self._budget, self._price_of, self._halt = inner, budget, price_of, halt
        self._news = asyncio.Event()
        budget.tell(self._wake)
        halt.tell(self._wake)

    @property
    def name(self) -> str:
        """The name that a run records."""
        return self._inner.name

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream the inner model's events. Raises `RunStopped` where the run is to end, and what the inner one does."""
        reservation, taken = await self._room(request), _Taken(request=request)
        try:
            async with aclosing(self._inner.stream(request)) as events:
                async for event in events:
                    taken.add(event)
                    yield event
        except ModelError:
            taken.refused = True
            raise
        finally:
            self._budget.settle(reservation, taken.usage)

    async def _room(self, request: ModelRequest) -> Reservation:
        """Wait for room. There is a call to wait for wherever there is no refusal, and it settles, however it ends."""
        price, most = self._price_of(request.model or self._inner.name), _most(request)
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


@dataclass(slots=True, kw_only=True)
class _Taken:
    """What is known of what a call takes, from its events so far."""

    request: ModelRequest
    begun: bool = False
    refused: bool = False
    prompt: Usage | None = None
    pieces: list[str] = field(default_factory=list)
    end: ReplyEnd | None = None

    def add(self, event: ModelEvent) -> None:
        """Add one event."""
        self.begun = True
        match event:
            case str():
                self.pieces.append(event)
            case PromptRead(usage=usage):
                self.prompt = usage
            case ReplyEnd():
                self.end = event

    @property
    def usage(self) -> Usage:
        """As the provider counted; where it did not, as estimated."""
        if self.end is not None:
            return self.end.usage
        heard = self.prompt is not None or self.pieces
        if not self.begun or (self.refused and not heard):
            return Usage()
        prompt = self.prompt or Usage(input_tokens=estimate_tokens(self.request.prompt))
        output = min(estimate_tokens("".join(self.pieces)), self.request.max_tokens)
        return prompt + Usage(output_tokens=output, estimated=True)


def _most(request: ModelRequest) -> Most:
    return Most.of(
        prompt_bytes=len(request.prompt.encode("utf-8", "replace")),
        form_bytes=_form_bytes(request.kind),
        max_tokens=request.max_tokens,
    )


@cache
def _form_bytes(kind: ReplyKind) -> int:
    return len(codec.dump(reply_schema(kind)))
