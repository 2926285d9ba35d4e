from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from igent.errors import IgentError, ModelLocked, RunStopped
from igent.markets.sbus.prices import PriceRows
from igent.models.base import ChatModel
from igent.models.rules import RulesModel
from igent.store.files import Outputs
from igent.store.journal import Journal, Recovery
from igent.workflows import Halt, Pace, Rim, make_settings
from igent.workflows.plan import Planned, plan_rows
from igent.workflows.projection import ARRAYS, LINES, Projection
from igent.workflows.publisher import Publisher
from igent.workflows.session import prepare
from igent.workflows.worker import Worker
from tests.agents.scripted import SENT, ScriptedModel, Step, end
from tests.workflows.runs import AS_OF

LOCKED = ModelLocked("m", "the key is refused", remedy="Look at it")


@dataclass
class Bench:
    """A worker with the first household of the sample data, which wrote no note."""

    worker: Worker
    planned: Planned
    halt: Halt
    journal: Path

    async def commit(self) -> None:
        self.worker.commit(self.planned, await self.worker.work(self.planned))

    def records(self) -> list[dict[str, Any]]:
        return [entry.record for entry in Recovery(self.journal)]


@asynccontextmanager
async def bench(folder: Path, model: ChatModel) -> AsyncIterator[Bench]:
    session = await prepare(make_settings("p1m1_p2m2", {}, as_of=AS_OF), Pace(), Rim())
    planned = await anext(plan_rows(session.inputs, session.survey, session.settings))
    async with Journal.create(folder / "journal") as journal:
        outputs, halt = Outputs(folder, arrays=ARRAYS, lines=LINES), Halt()
        projection = Projection(session.inputs.ledger(), outputs.add, prices=session.prices)
        publisher = Publisher(journal, projection, outputs, flush_every=1)
        yield Bench(Worker(session, publisher, projection, model=model, halt=halt), planned, halt, folder / "journal")


def both(*script: Step) -> ScriptedModel:
    """A model that does the same in both phases."""
    return ScriptedModel(script, script)


async def test_replies_and_calls_are_in_the_journal_before_the_commit(tmp_path: Path) -> None:
    async with bench(tmp_path, RulesModel()) as at:
        await at.commit()
    kinds = [record["t"] for record in at.records()]
    assert (sorted(kinds[:4]), kinds[4:]) == (["call", "call", "reply", "reply"], ["commit"])
    assert at.halt.reason is None


@pytest.mark.parametrize(
    ("error", "told"),
    [(LOCKED, "the key is refused. Look at it"), (RunStopped("the cap is reached"), "the cap is reached")],
)
async def test_what_lets_nothing_be_judged_ends_the_run_and_says_why(
    tmp_path: Path, error: IgentError, told: str
) -> None:
    async with bench(tmp_path, both(SENT, error)) as at:
        finished = await at.worker.work(at.planned)
    assert finished.abandoned
    assert told in str(at.halt.reason)
    assert "commit" not in [record["t"] for record in at.records()]


async def test_the_first_reason_to_end_a_run_stands(tmp_path: Path) -> None:
    async with bench(tmp_path, both(SENT, LOCKED)) as at:
        at.halt.set("interrupted")
        await at.worker.work(at.planned)
    assert at.halt.reason == "interrupted"


@pytest.mark.parametrize(("reason", "code"), [("refusal", "model-refused"), ("max_tokens", "reply-cut-off")])
async def test_a_reply_that_is_no_answer_is_paid_for_and_goes_to_review(tmp_path: Path, reason: Any, code: str) -> None:
    async with bench(tmp_path, both(SENT, "I would rather not", end(reason))) as at:
        await at.commit()
    *before, commit = at.records()
    assert (commit["outcome"], commit["row"]["codes"]) == ("review", [code])
    assert [record["unusable"] for record in before if record["t"] == "reply"] == [reason, reason]
    assert len([record for record in before if record["t"] == "call"]) == 2


async def test_a_bug_at_the_commit_is_that_registrations_failure_and_takes_no_place(tmp_path: Path) -> None:
    async with bench(tmp_path, RulesModel()) as at:
        whole = at.planned
        at.planned = unpriced(whole)
        await at.commit()
        at.planned = whole
        await at.commit()
    commits = [record for record in at.records() if record["t"] == "commit"]
    assert [(record["outcome"], record.get("supplier")) for record in commits] == [
        ("failed", None),
        ("matched", "Brackwater Solar"),
    ]


def unpriced(planned: Planned) -> Planned:
    """The same with one offer, of a product without prices, which planning would not have let through."""
    assert planned.match is not None
    assert planned.order is not None
    (first, *_) = planned.match.offers
    offers = (replace(first, products=tuple(replace(product, prices=PriceRows({})) for product in first.products)),)
    return replace(planned, match=replace(planned.match, offers=offers), order=replace(planned.order, offers=offers))
