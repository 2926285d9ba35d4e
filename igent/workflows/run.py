"""A run from its settings to its files; a resumed run folds its journal first and goes on behind it.

What only some runs need, or only the end of one, is imported there: the first call does not wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from igent import codec
from igent.accounting.budget import Budget
from igent.accounting.vitals import Warned
from igent.domain.records import Json
from igent.errors import JournalError, OptionError, RunStopped, leaf
from igent.models.budgeted import Purse
from igent.store.files import Outputs
from igent.store.journal import Journal, Recovery
from igent.store.places import locked, make_place, own_place, point_latest
from igent.workflows.begun import JOURNAL, begun, header_in, require_finished, session_of
from igent.workflows.control import Control, RunResult
from igent.workflows.endings import begin_pass, end_in_time, end_record
from igent.workflows.failures import Failures
from igent.workflows.passes import look_ahead, picked
from igent.workflows.plan import plan_rows
from igent.workflows.projection import ARRAYS, LINES, Projection
from igent.workflows.providers import look_at_cache, open_providers
from igent.workflows.publisher import CallBook, Publisher
from igent.workflows.same import Stated
from igent.workflows.scheduler import Steps, run_in_order
from igent.workflows.session import Rim, Session, prepare
from igent.workflows.settings import Pace, RunSettings, provider_of
from igent.workflows.summary import process_record, summary_record
from igent.workflows.together import Together
from igent.workflows.vitals import Watch, memory_bound, resident_bytes
from igent.workflows.worker import Worker

__all__ = ["Control", "JOURNAL", "RUNS", "RunResult", "resume", "resume_locked", "start"]

RUNS = "runs"
_FOLDS = 1_000  # records of a journal, which take some 20 ms, between two looks at what else there is to do


async def start(settings: RunSettings, pace: Pace, directory: Path, *, control: Control, rim: Rim) -> RunResult:
    """Run from the beginning, into a directory that holds no run yet.

    Raises `InputError`, `ConstellationError` or `OptionError` before anything is written or called.
    """
    session = await control.stop.before(partial(prepare, settings, pace, rim))
    await look_at_cache(session)
    disk = rim.disk
    if settings.since is not None:
        require_finished(settings.since)
    make_place(directory, disk)
    with locked(directory, disk):
        path = directory / JOURNAL
        if begun(path, disk):
            raise OptionError(f"{str(directory)!r} holds a run already", remedy=f"Go on with it: --resume {directory}")
        outputs = Outputs(directory, arrays=ARRAYS, lines=LINES, disk=disk)
        projection = Projection(session.inputs.ledger(), outputs.add, prices=session.prices)
        if directory.parent.name == RUNS:
            point_latest(directory, disk)
        journal = Journal.create(path, disk)
        async with _publisher(journal, session.header(), projection, outputs, pace) as publisher:
            return await _execute(session, publisher, projection, directory, control=control)


async def resume(
    directory: Path,
    pace: Pace,
    *,
    control: Control,
    rim: Rim,
    stated: Stated | None = None,
    only: Collection[str] = (),
) -> RunResult:
    """Go on with a run that was stopped, from its directory alone; or judge `only` those once more, by outcome or id.

    Raises `OptionError` where the inputs, the prompts or the constellation are no longer those of the run, where what
    is `stated` of its settings differs, where another process is at work on it, and for what cannot be judged again.
    """
    directory = own_place(directory)
    with locked(directory, rim.disk):
        return await resume_locked(directory, pace, control=control, rim=rim, stated=stated, only=only)


async def resume_locked(
    directory: Path,
    pace: Pace,
    *,
    control: Control,
    rim: Rim,
    calls: bool = True,
    stated: Stated | None = None,
    only: Collection[str] = (),
) -> RunResult:
    """The same for whoever holds the directory; a finished run has its files published, which `calls` nobody."""
    path = directory / JOURNAL
    recovery = Recovery(path, rim.disk)
    records = (entry.record for entry in recovery)
    header = header_in(records, path)
    session = await session_of(header, pace, rim, stated=stated, calls=calls)
    session.require_same(header)
    reviewed, passes = look_ahead(path, only, total=session.survey.total)
    if only and not passes[-1]:
        control.warn(f"nothing is {' or '.join(only)}, so nothing is judged again")
    outputs = Outputs(directory, arrays=ARRAYS, lines=LINES, disk=rim.disk)
    ledger = session.inputs.ledger()
    projection = Projection(ledger, outputs.add, prices=session.prices, reviewed=reviewed, passes=passes)
    projection.fold(header)
    for number, record in enumerate(records):
        projection.fold(record)
        if outputs.crowded:
            await outputs.spill()
        if number % _FOLDS == 0:
            await asyncio.sleep(0)
            control.stop.check()
    journal = Journal.resume(path, recovery.state, rim.disk)
    resumed: dict[str, Json] = {"t": "resume", "at": rim.now().isoformat()}
    async with _publisher(journal, resumed, projection, outputs, pace) as publisher:
        if passes[-1]:
            await begin_pass(session, publisher, projection, passes[-1], only)
        session = replace(session, afresh=bool(projection.passes.left))
        return await _execute(session, publisher, projection, directory, control=control)


@asynccontextmanager
async def _publisher(
    journal: Journal, first: dict[str, Json], projection: Projection, outputs: Outputs, pace: Pace
) -> AsyncIterator[Publisher]:
    """What writes and publishes, behind the `first` record of this process."""
    async with journal:
        publisher = Publisher(journal, projection, outputs, flush_every=pace.flush_every)
        await publisher.append_durable(first)
        yield publisher
    outputs.close()


async def _execute(
    session: Session, publisher: Publisher, projection: Projection, directory: Path, *, control: Control
) -> RunResult:
    """Judge and commit what is left, then publish everything."""
    if projection.left(session.survey.total):
        import igent.agents.crew  # noqa: F401  # it takes a tenth of a second: before the clock starts
    first, decided, begun = projection.committed, projection.decided, session.rim.monotonic()
    if session.settings.since is not None:
        from igent.workflows.compare import compare

        await compare(session, publisher, projection)
    watch = _watch(session, publisher, control)
    stopped, went = await _go_through(session, publisher, projection, control=control, watch=watch)
    if projection.ending is None:
        for decision in projection.since.pending if stopped is None else ():
            publisher.append(decision)
        wall_s = session.rim.monotonic() - begun
        process = process_record(session, judged=projection.decided - decided, wall_s=wall_s, resumed_at=first)
        process |= watch.vitals.as_record()
        end = end_record(session, projection, process, went)
        ending: dict[str, Json] = end if stopped is None else {"t": "stop", "why": stopped}
        samples = watch.vitals.record()
        await publisher.append_durable({**ending, "samples": samples, "at": session.rim.now().isoformat()})
        await publisher.settle()
    else:
        end = projection.ending
    from igent.workflows.rehearsal import held_against, remember

    summary = summary_record(session, projection, end, stopped=stopped)
    summary["forecast"] = held_against(end["told"], summary)
    if session.allocates_at_end and stopped is None:
        from igent.workflows.decided import gap, read_decided

        summary["allocation"] = gap(read_decided(directory / JOURNAL, later=False))
    if went and projection.passes.number == 1:
        remember(session, summary, directory.name)
    projection.close()
    await publisher.publish({"run.json": codec.dump_pretty(summary), "trace.json": projection.trace()})
    control.progress(projection.counts(), session.survey.total)
    return RunResult(directory=directory, summary=summary, stopped=stopped)


def _watch(session: Session, publisher: Publisher, control: Control) -> Watch:
    """What looks at this process, and tells the log and whoever watches."""

    def tell(warned: Warned) -> None:
        text, about = warned
        publisher.append({"t": "warning", "at": session.rim.now().isoformat(), "about": about})
        control.warn(text)

    bound = memory_bound()
    return Watch(session.clock, tell, sleep=asyncio.sleep, resident=resident_bytes, memory_bytes=bound)


async def _go_through(
    session: Session, publisher: Publisher, projection: Projection, *, control: Control, watch: Watch
) -> tuple[str | None, dict[str, Json]]:
    """Judge and commit the registrations that are left: why that ended before the last of them, and how calls went."""
    left, halt = projection.left(session.survey.total), control.stop
    stopped, went = None, dict[str, Json]()
    if not left:
        return None, went
    rows = plan_rows(session.inputs, session.survey, session.settings, first=left[0])
    failures, begun = Failures(session.pace.max_failures, halt), projection.decided

    def told(counts: dict[str, Json]) -> None:
        done = projection.decided - begun
        if projection.passes.number > 1:
            control.progress({**counts, "registrations": done}, len(left))
        else:
            control.progress(counts, session.survey.total)

    try:
        purse = _maybe_purse(session, publisher, projection)
        async with open_providers(session, purse, halt) as providers, aclosing(picked(rows, left)) as items:
            worker = Worker(session, publisher, projection, model=providers.model, halt=halt)
            together = Together(worker, publisher)
            commit = together.wait if session.allocates_at_end else worker.commit
            steps = Steps(work=worker.work, commit=failures.counting(commit), closed=failures.exceeded)
            async with asyncio.TaskGroup() as tasks:
                beside = publisher.run(told), end_in_time(session, halt), watch.run()
                others = [tasks.create_task(one) for one in beside]
                await run_in_order(items, steps, window=session.pace.window, halt=halt)
                await together.commit(len(left))
                for task in others:
                    task.cancel()
            went = providers.as_record()
    except* RunStopped as group:
        stopped = halt.reason or str(leaf(group))
    except* JournalError as group:
        raise leaf(group) from None
    await publisher.settle()
    return stopped or (halt.reason if projection.left(session.survey.total) else None), went


def _maybe_purse(session: Session, publisher: Publisher, projection: Projection) -> Purse | None:
    """What the run may take, less what it may have taken so far; None where calls are neither bounded nor paid for."""
    max_usd, max_tokens = session.pace.max_usd, session.pace.max_tokens
    if max_usd is None and max_tokens is None and all(provider_of(model) == "offline" for model in session.models):
        return None
    spent = sum(projection.booked.open, start=projection.booked.spent)
    return Purse(Budget(max_usd=max_usd, max_tokens=max_tokens, spent=spent), CallBook(publisher))
