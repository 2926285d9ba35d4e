"""What one process of a run does with ledger, journal, cache and published files, step by step: the real objects."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from igent import codec
from igent.accounting.budget import Budget
from igent.accounting.calls import CallFacts
from igent.accounting.prices import PriceTable
from igent.accounting.usage import Usage
from igent.agents.calls import CallJournal, Calls, CallSettings, Kept
from igent.domain.allocation import Wish, one_by_one
from igent.domain.ledger import Account, Ledger
from igent.domain.records import Json
from igent.models.base import ChatModel, Message, ModelEvent, ModelRequest, ReplyEnd, Sent
from igent.models.budgeted import BudgetedModel, Purse
from igent.models.cache import CachedModel
from igent.models.halt import Halt
from igent.store.files import Outputs
from igent.store.journal import Journal, Recovery
from igent.store.replies import Replies
from igent.workflows.projection import ARRAYS, LINES, Projection
from igent.workflows.publisher import CallBook, Publisher

__all__ = ["PLACES", "Process", "Provider", "is_good", "opened", "poison", "question"]

PLACES = {"A": 1, "B": 2, "C": 3}
_PLENTY = 10**9
_QUESTIONS = 3
Record = dict[str, Json]


def is_good(text: str) -> bool:
    """The verifier of these tests."""
    return text.startswith("good")


def question(number: int) -> ModelRequest:
    """What is asked about a registration: few questions, so that some are asked again."""
    asked = (Message(author="user", text=f"question {number % _QUESTIONS}"),)
    return ModelRequest(
        agent="matcher", kind="match", system="", messages=asked, max_tokens=9, model="mock", verified=is_good
    )


def poison(replies: Replies) -> None:
    """Put into a store what no verifier would let stand."""
    for number in range(_QUESTIONS):
        entry = {"v": 1, "model": "mock", "text": "bad", "usage": Usage().as_record()}
        replies.put(question(number).digest, codec.dump(entry))


@dataclass
class Provider:
    """Who is paid: it counts what it is asked and outlives every process. It says `text`, or nothing while `silent`."""

    name: str = "mock"
    text: str = "good"
    silent: bool = False
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    calls: Counter[str] = field(default_factory=Counter)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        self.calls[request.digest] += 1
        yield Sent()
        self.asked.set()
        if self.silent:
            await asyncio.Event().wait()
        yield self.text
        yield ReplyEnd(stop_reason="end_turn", usage=Usage(input_tokens=1, output_tokens=1))


@dataclass
class Process:
    """One process at work; `appended` are the records of its journal, of which `durable` are promised to be on disk."""

    journal: Journal
    projection: Projection
    publisher: Publisher
    model: ChatModel
    replies: Replies
    ledger: Ledger
    appended: list[Record]
    durable: int

    def append(self, record: Record) -> None:
        self.publisher.append(record)

    async def append_durable(self, record: Record) -> None:
        self.append(record)
        await self.settle()

    async def settle(self) -> None:
        """Have everything on disk and folded."""
        known = len(self.appended)
        await self.publisher.settle()
        self.durable = known

    @property
    def committed(self) -> int:
        return sum(record["t"] == "commit" for record in self.appended)

    async def ask(self, number: int) -> str:
        """The reply about a registration, which is in the journal then, with what it took."""

        async def keep(kept: Kept) -> None:
            about: Record = {"n": number, "agent": kept.request.agent, "request": kept.request.digest}
            await self.append_durable({"t": "reply", **about, "text": kept.text, "unusable": kept.unusable})

        def settle(request: ModelRequest, facts: CallFacts) -> None:
            about: Record = {"t": "call", "n": number, "request": request.digest}
            self.append(about | {"prompt_chars": 1, "facts": facts.as_record()})

        settings = CallSettings(model=self.model, deadline_s=60, early_json=False, clock=lambda: 0.0)
        async with asyncio.TaskGroup() as lingering:
            recorded = self.projection.recorded(number)
            calls = Calls(settings, CallJournal(keep=keep, settle=settle), lingering=lingering, recorded=recorded)
            text = await calls.ask(question(number))
        await self.settle()
        return text

    def commit(self, wish: Wish, *, held: bool) -> None:
        """Take a place and write the record of it, as one step."""
        (supplier,) = one_by_one([wish], self.ledger)
        if supplier is not None:
            self.ledger.take(supplier, hold=held)
        self.append(_commit(self.committed, supplier, held=held))

    def commit_failure(self, wish: Wish) -> None:
        """Take a place, find out that it was in vain, and write down the failure."""
        (supplier,) = one_by_one([wish], self.ledger)
        if supplier is not None:
            self.ledger.take(supplier)
            self.ledger.release(supplier)
        self.append(_commit(self.committed, None, held=False) | {"outcome": "failed"})


class _Noted(Publisher):
    """A publisher whose every record, whoever writes it, is noted too."""

    def __init__(self, journal: Journal, projection: Projection, outputs: Outputs, noted: list[Record]) -> None:
        super().__init__(journal, projection, outputs, flush_every=1)
        self._noted = noted

    def append(self, record: Record) -> int:
        self._noted.append(record)
        return super().append(record)


@asynccontextmanager
async def opened(directory: Path, cache: Path, provider: Provider) -> AsyncIterator[Process]:
    """A process that begins or goes on with what a directory holds."""
    appended: list[Record] = []
    outputs = Outputs(directory, arrays=ARRAYS, lines=LINES)
    projection = Projection(_opening(), outputs.add, prices=PriceTable(prices={}))
    async with Replies.open(cache) as replies, _journal(directory / "journal", projection, appended) as journal:
        durable = len(appended)
        publisher = _Noted(journal, projection, outputs, appended)
        spent = sum(projection.booked.open, start=projection.booked.spent)
        purse = Purse(Budget(max_tokens=_PLENTY, spent=spent), CallBook(publisher))
        paid = BudgetedModel(provider, purse, price_of=lambda _: None, halt=Halt())
        model = CachedModel(paid, replies, early=False)
        ledger = projection.ledger.copy()
        yield Process(journal, projection, publisher, model, replies, ledger, appended, durable)


def _journal(path: Path, projection: Projection, appended: list[Record]) -> Journal:
    if not path.exists():
        return Journal.create(path)
    recovery = Recovery(path)
    for entry in recovery:
        appended.append(entry.record)
        projection.fold(entry.record)
    return Journal.resume(path, recovery.state)


def _opening() -> Ledger:
    return Ledger(
        Account(supplier_id=name, order=order, capacity=places, used_before=0, used=0)
        for order, (name, places) in enumerate(PLACES.items())
    )


def _commit(number: int, supplier: str | None, *, held: bool) -> Record:
    about: Record = {"t": "commit", "n": number, "id": f"R{number}", "noted": False, "calls": {}, "audit": {}}
    about |= {"spans": [["registration", 0, 0, 1, -1]], "outcome": "review", "row": {"registration_id": f"R{number}"}}
    if supplier is None:
        return about
    about |= {"supplier": supplier, "held": held}
    match: Record = {"registration_id": f"R{number}", "judgement": "proven", "supplier_id": supplier}
    return about if held else about | {"outcome": "matched", "match": match, "order": {"registration_id": f"R{number}"}}
