"""Runs that a model of a test's own judges: it writes the journal, and the files are what resuming makes of that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack, cast

from igent.models.base import ChatModel
from igent.store.files import Outputs
from igent.store.journal import Journal
from igent.workflows import Halt, Pace, RunOptions, RunResult, RunSettings, make_settings
from igent.workflows.plan import plan_rows
from igent.workflows.projection import ARRAYS, LINES, Projection
from igent.workflows.publisher import Publisher
from igent.workflows.scheduler import Steps, run_in_order
from igent.workflows.session import prepare
from igent.workflows.together import Together
from igent.workflows.verify import AuditFiles, audit_files
from igent.workflows.worker import Worker
from tests.workflows.checker import check
from tests.workflows.inputs import Inputs
from tests.workflows.runs import AS_OF, Setup, quick

__all__ = ["audited", "broken_rules", "judged"]


def judged(judge: ChatModel, out: Path, inputs: Inputs, constellation: str, **options: Unpack[RunOptions]) -> RunResult:
    """A finished run in `out`, every call of which was answered by `judge`."""
    files = {"registrations": inputs.registrations, "offers": inputs.offers}
    files |= {"incentives": inputs.incentives} if inputs.incentives else {}
    options.setdefault("hold_reviews", inputs.hold_reviews)
    settings = make_settings(constellation, cast("Any", files), as_of=AS_OF, **options)
    out.mkdir()
    asyncio.run(_journalled(judge, out, settings))
    return Setup(inputs=inputs).resume(out)


async def _journalled(judge: ChatModel, out: Path, settings: RunSettings) -> None:
    session, halt = await prepare(settings, Pace(), quick), Halt()
    projection = Projection(session.inputs.ledger(), lambda _name, _row: None, prices=session.prices)
    async with Journal.create(out / "journal") as journal:
        outputs = Outputs(out, arrays=ARRAYS, lines=LINES)
        publisher = Publisher(journal, projection, outputs, flush_every=1)
        await publisher.append_durable(session.header())
        worker = Worker(session, publisher, projection, model=judge, halt=halt)
        rows = plan_rows(session.inputs, session.survey, session.settings)
        together = Together(worker, publisher)
        steps = Steps(work=worker.work, commit=together.wait if session.allocates_at_end else worker.commit)
        await run_in_order(rows, steps, window=session.pace.window, halt=halt)
        await together.commit(session.survey.total)
        await publisher.settle()
    outputs.close()


def broken_rules(run: Path, inputs: Inputs) -> Sequence[object]:
    """What the tests' own checker and the program's audit have against a run."""
    return [*check(run, inputs), *audited(run, inputs)]


def audited(run: Path, inputs: Inputs, *, market: str = "sbus") -> Sequence[object]:
    """What the program's audit has against a run."""
    files = AuditFiles(
        registrations=inputs.registrations,
        offers=inputs.offers,
        incentives=inputs.incentives,
        matches=run / "matches.json",
        orders=run / "pos.json",
    )
    return audit_files(files, market=market, as_of=AS_OF).findings
