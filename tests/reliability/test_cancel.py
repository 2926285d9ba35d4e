"""One registration, cancelled at each of its suspensions in turn, and gone on with."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from igent.accounting.budget import Budget
from igent.accounting.calls import CallFacts
from igent.errors import ModelUnavailable
from igent.models.base import ChatModel, ModelEvent, ModelRequest
from igent.models.budgeted import BudgetedModel, Purse
from igent.models.cache import CachedModel
from igent.models.limits import Gate, LimitedModel
from igent.models.rules import RulesModel, keyword_judgement
from igent.models.simulated import LATENCIES, SimulatedModel
from igent.store.files import Outputs
from igent.store.journal import Journal, Recovery
from igent.workflows import Halt, Pace, Rim, make_settings
from igent.workflows.plan import Planned, plan_rows
from igent.workflows.projection import ARRAYS, LINES, Projection
from igent.workflows.publisher import CallBook, Publisher
from igent.workflows.scheduler import Steps, run_in_order
from igent.workflows.session import Session, prepare
from igent.workflows.worker import Worker
from tests.reliability.record import record
from tests.reliability.suspensions import Suspensions, watched
from tests.workflows.runs import AS_OF, SAMPLE, records_of, registrations, write

CLAIM = "a registration cancelled at any suspension is committed or absent, and goes on to the same outcome"
CONSTELLATIONS = ("p1m1_p2m2", "p1m1c1_p2m2c2", "p1m1c1m2c2")
PLENTY = 10**9
SAME = ("outcome", "supplier", "match", "order", "row", "wish", "audit")


@dataclass
class Flaky:
    """A model that counts the calls it is asked to make and fails each third of them for a passing reason.

    What it says to a request is the same at every attempt, so that the outcome is the same however often it was asked.
    """

    inner: ChatModel
    name: str = "mock"
    made: int = 0

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        self.made += 1
        number = self.made
        async with aclosing(self.inner.stream(replace(request, attempt=0))) as events:
            async for event in events:
                yield event
                if number % 3 == 0:
                    raise ModelUnavailable("mock", "the line is dead")


@dataclass
class Shelf:
    """A store of replies that a reader has to wait for."""

    kept: dict[str, bytes] = field(default_factory=dict)

    async def get(self, key: str) -> bytes | None:
        await asyncio.sleep(0)
        return self.kept.get(key)

    def put(self, key: str, value: bytes) -> None:
        self.kept[key] = value


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What one process came to: how many calls it made, how many places it took, what it left: tasks and turns."""

    suspensions: int
    calls: int
    taken: int
    left: int


@dataclass
class Trial:
    """One registration with a note, judged by a constellation, as often as is asked for."""

    session: Session
    planned: Planned
    replies: Shelf = field(default_factory=Shelf)

    async def afresh(self, folder: Path, *, cancel_at: Collection[int] = ()) -> Tried:
        """Judge and commit in a new folder, with no replies kept."""
        self.replies = Shelf()
        return await self.go_on(folder, cancel_at=cancel_at)

    async def go_on(self, folder: Path, *, cancel_at: Collection[int] = ()) -> Tried:
        """Judge and commit in a process of its own, as it were, from what the journal in a folder has."""
        projection = Projection(self.session.inputs.ledger(), lambda _name, _row: None, prices=self.session.prices)
        journal = self._journal(folder, projection)
        async with journal:
            outputs = Outputs(folder, arrays=ARRAYS, lines=LINES)
            publisher, halt = Publisher(journal, projection, outputs, flush_every=1), Halt()
            gate = Gate(concurrency=2, halt=halt)
            flaky, model = self._model(publisher, projection, gate, halt)
            worker = Worker(self.session, publisher, projection, model=model, halt=halt)
            watch = Suspensions(cancel_at=cancel_at)
            left = await watched(self._judged(worker, publisher, halt, first=projection.committed), watch)
        taken = sum(account.used - account.used_before for account in worker._ledger)
        return Tried(suspensions=watch.count, calls=flaky.made, taken=taken, left=left + len(gate._inside))

    def _journal(self, folder: Path, projection: Projection) -> Journal:
        path = folder / "journal"
        if not path.exists():
            folder.mkdir(parents=True)
            return Journal.create(path)
        recovery = Recovery(path)
        for entry in recovery:
            projection.fold(entry.record)
        return Journal.resume(path, recovery.state)

    def _model(self, publisher: Publisher, projection: Projection, gate: Gate, halt: Halt) -> tuple[Flaky, ChatModel]:
        rules = RulesModel(keyword_judgement(self.session.inputs.market))
        flaky = Flaky(SimulatedModel(rules, sleep=_soon, latency=LATENCIES["haiku"], error_rate=0.4))
        spent = sum(projection.booked.open, start=projection.booked.spent)
        purse = Purse(Budget(max_tokens=PLENTY, spent=spent), CallBook(publisher))
        model: ChatModel = BudgetedModel(flaky, purse, price_of=self.session.prices.maybe, halt=halt)
        return flaky, CachedModel(LimitedModel(model, gate), self.replies)

    async def _judged(self, worker: Worker, publisher: Publisher, halt: Halt, *, first: int) -> None:
        async def one() -> AsyncGenerator[Planned, None]:
            if first == 0:
                yield self.planned

        steps = Steps(work=worker.work, commit=worker.commit)
        async with aclosing(one()) as items:
            await run_in_order(items, steps, window=4, halt=halt)
        await publisher.settle()


async def _soon(_seconds: float) -> None:
    await asyncio.sleep(0)


async def trial(folder: Path, constellation: str, household: dict[str, Any]) -> Trial:
    registration = write(folder / "one.json", [household])
    inputs: Any = {"registrations": registration, "offers": SAMPLE.offers, "incentives": SAMPLE.incentives}
    settings = make_settings(constellation, inputs, as_of=AS_OF, model="mock", hold_reviews=True)
    session = await prepare(settings, Pace(), Rim(sleep=_soon, uniform=lambda: 0.5))
    return Trial(session, await anext(plan_rows(session.inputs, session.survey, settings)))


def outcome(folder: Path) -> list[dict[str, Any]]:
    """What was committed, without what repeated calls and times leave in it."""
    commits = [one for one in records_of(folder) if one["t"] == "commit"]
    return [{key: one[key] for key in SAME if key in one} for one in commits]


async def cancelled_everywhere(at: Trial, folder: Path, *, step: int = 1, again: int = 0) -> Counter[str]:
    """Cancel at every `step`th suspension, and `again` that many later, then go on to the end each time."""
    whole, found = folder / "whole", Counter[str]()
    undisturbed = await at.afresh(whole)
    expected = outcome(whole)
    assert (len(expected), undisturbed.taken, undisturbed.left) == (1, 1, 0)
    for number in count(step, step):
        out = folder / f"{number}"
        first = await at.afresh(out, cancel_at=(number, number + again))
        assert_sound(out, first, expected, calls=first.calls)
        if first.suspensions < number:
            return found
        found["committed" if first.taken else "absent"] += 1
        if number % 2:
            at.replies = Shelf()
        second = await at.go_on(out)
        assert_sound(out, second, expected, calls=first.calls + second.calls)
        assert outcome(out) == expected, number
    raise AssertionError("there is no end of numbers")


def assert_sound(folder: Path, tried: Tried, expected: list[dict[str, Any]], *, calls: int) -> None:
    """An outcome or none, its place taken or not, nothing left at work, and each call in the books."""
    committed = outcome(folder)
    assert committed in ([], expected)
    assert (tried.taken, tried.left) == (len(committed), 0)
    records = records_of(folder)
    kinds = Counter(one["t"] for one in records)
    paid = Counter((one["agent"], one["request"]) for one in records if one["t"] == "reply")
    assert max(paid.values(), default=1) == 1
    assert calls <= kinds["reserve"] == kinds["settle"]
    facts = [CallFacts.from_record(one["facts"]) for one in records if one["t"] == "call"]
    assert calls == sum(one.saved is None for one in facts)


NOTED = [row for row in registrations() if row.get("Notes") and row["RegistrationStatus"] == "Accepted"]
# One whose matchers are asked to repair an answer, and whose critics are heard.
LENGTHY = 11


@pytest.mark.parametrize("constellation", CONSTELLATIONS)
async def test_a_registration_cancelled_is_committed_or_absent_and_goes_on(tmp_path: Path, constellation: str) -> None:
    at = await trial(tmp_path, constellation, NOTED[LENGTHY])
    found = await cancelled_everywhere(at, tmp_path, step=7)
    assert found["absent"] > 5


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("household", range(len(NOTED)))
@pytest.mark.parametrize("constellation", CONSTELLATIONS)
async def test_a_registration_cancelled_at_every_suspension_is_committed_or_absent(
    tmp_path: Path, constellation: str, household: int
) -> None:
    at, found = await trial(tmp_path, constellation, NOTED[household]), Counter[str]()
    for again in (0, 2):
        found += await cancelled_everywhere(at, tmp_path / f"{again}", again=again)
    assert found["committed"] >= 2
    record(CLAIM, cancellations=found.total(), half_committed=0, places_lost=0, tasks_left=0, calls_uncounted=0)
