"""A run from its settings to its files; a resumed run folds its journal first and goes on behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import cast

from igent import __version__, codec
from igent.accounting.budget import Budget
from igent.domain.records import Json
from igent.errors import JournalError, OptionError, RunStopped, leaf
from igent.models.budgeted import Purse
from igent.models.halt import Halt
from igent.store.files import Outputs, locked, point_latest
from igent.store.journal import Journal, Recovery
from igent.store.scan import scan
from igent.workflows.decided import gap, read_decided
from igent.workflows.plan import plan_rows
from igent.workflows.projection import ARRAYS, LINES, Projection
from igent.workflows.providers import look_at_cache, open_providers
from igent.workflows.publisher import CallBook, Publisher
from igent.workflows.rehearsal import held_against, remember, told_before
from igent.workflows.scheduler import Steps, run_in_order
from igent.workflows.session import Rim, Session, prepare
from igent.workflows.settings import Pace, RunSettings, provider_of
from igent.workflows.together import Together
from igent.workflows.worker import Worker

__all__ = ["Control", "JOURNAL", "RUNS", "RunResult", "resume", "resume_locked", "start"]

JOURNAL = "journal"
RUNS = "runs"


def _ignore(_counts: dict[str, Json], _total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """How a run is watched and ended from outside.

    `progress` is told the counts and the total. Setting `stop` ends the intake; what is under way is committed.
    """

    stop: Halt = field(default_factory=Halt)
    progress: Callable[[dict[str, Json], int], None] = _ignore


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Where a run's files are and what `run.json` says; `stopped` is why it ended early, None where it is complete."""

    directory: Path
    summary: dict[str, Json]
    stopped: str | None = None


async def start(settings: RunSettings, pace: Pace, directory: Path, *, control: Control, rim: Rim) -> RunResult:
    """Run from the beginning, into a directory that holds no run yet.

    Raises `InputError`, `ConstellationError` or `OptionError` before anything is written or called.
    """
    session = await prepare(settings, pace, rim)
    await look_at_cache(session)
    _make(directory)
    with locked(directory):
        path = directory / JOURNAL
        if _begun(path):
            raise OptionError(f"{str(directory)!r} holds a run already", remedy=f"Go on with it: --resume {directory}")
        outputs = Outputs(directory, arrays=ARRAYS, lines=LINES)
        projection = Projection(session.inputs.ledger(), outputs.add, prices=session.prices)
        if directory.parent.name == RUNS:
            point_latest(directory)
        async with Journal.create(path) as journal:
            publisher = Publisher(journal, projection, outputs, flush_every=pace.flush_every)
            await publisher.append_durable(session.header())
            result = await _execute(session, publisher, projection, directory, control=control)
        outputs.close()
    return result


async def resume(directory: Path, pace: Pace, *, control: Control, rim: Rim) -> RunResult:
    """Go on with a run that was stopped, from its directory alone.

    Raises `OptionError` where the inputs, the prompts or the constellation are no longer those of the run, and where
    another process is at work on it.
    """
    with locked(directory):
        return await resume_locked(directory, pace, control=control, rim=rim)


async def resume_locked(directory: Path, pace: Pace, *, control: Control, rim: Rim, calls: bool = True) -> RunResult:
    """The same for whoever holds the directory; a finished run has its files published, which `calls` nobody."""
    path = directory / JOURNAL
    recovery = Recovery(path)
    entries = (entry.record for entry in recovery)
    header = next(entries, None)
    if header is None or header["t"] != "run":
        raise JournalError(path=str(path), problem="holds no run", remedy="Start the run again, also into this place")
    settings = RunSettings.from_record(cast("dict[str, Json]", header["settings"]))
    session = await prepare(settings, pace, rim, started=datetime.fromisoformat(str(header["at"])), calls=calls)
    session.require_same(header)
    outputs = Outputs(directory, arrays=ARRAYS, lines=LINES)
    reviewed = {record["n"] for record in scan(path, kind="review")}
    projection = Projection(session.inputs.ledger(), outputs.add, prices=session.prices, reviewed=reviewed)
    projection.fold(header)
    for record in entries:
        projection.fold(record)
        if outputs.crowded:
            await outputs.spill()
    async with Journal.resume(path, recovery.state) as journal:
        publisher = Publisher(journal, projection, outputs, flush_every=pace.flush_every)
        await publisher.append_durable({"t": "resume", "at": rim.now().isoformat()})
        result = await _execute(session, publisher, projection, directory, control=control)
    outputs.close()
    return result


def _make(directory: Path) -> None:
    """Make the directory of a run. Raises `OptionError` where there can be none."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        problem = f"{str(directory)!r} cannot be made a directory: {exc.strerror}"
        raise OptionError(problem, remedy="Give another with --out") from exc


def _begun(path: Path) -> bool:
    """Whether a journal holds a run; one that a crash has left without its first record is removed."""
    if not path.exists():
        return False
    if next(iter(Recovery(path)), None) is not None:
        return True
    path.unlink()
    return False


async def _execute(
    session: Session, publisher: Publisher, projection: Projection, directory: Path, *, control: Control
) -> RunResult:
    """Judge and commit what is left, then publish everything."""
    first, begun = projection.committed, session.rim.monotonic()
    stopped, went = await _go_through(session, publisher, projection, control=control)
    if projection.ending is None:
        wall_s = session.rim.monotonic() - begun
        process = _process(session, judged=projection.committed - first, wall_s=wall_s, resumed_at=first)
        told = told_before(session)
        end: dict[str, Json] = {"t": "end", "process": process, "providers": went, "told": told}
        ending: dict[str, Json] = end if stopped is None else {"t": "stop", "why": stopped}
        await publisher.append_durable({**ending, "at": session.rim.now().isoformat()})
        await publisher.settle()
    else:
        end = projection.ending
    summary = _summary(session, projection, end, stopped=stopped)
    summary["forecast"] = held_against(end["told"], summary)
    if session.allocates_at_end and stopped is None:
        summary["allocation"] = gap(read_decided(directory / JOURNAL, reviews=False))
    if went:
        remember(session, summary, directory.name)
    await publisher.publish({"run.json": codec.dump_pretty(summary), "trace.json": projection.trace()})
    control.progress(projection.counts(), session.survey.total)
    return RunResult(directory=directory, summary=summary, stopped=stopped)


async def _go_through(
    session: Session, publisher: Publisher, projection: Projection, *, control: Control
) -> tuple[str | None, dict[str, Json]]:
    """Judge and commit the registrations that are left: why that ended before the last of them, and how calls went."""
    first, total, halt = projection.committed, session.survey.total, control.stop
    rows = plan_rows(session.inputs, session.survey, session.settings, first=first)
    stopped, went = None, dict[str, Json]()
    if first == total:
        return None, went
    try:
        purse = _maybe_purse(session, publisher, projection)
        async with open_providers(session, purse, halt) as providers, aclosing(rows) as items:
            worker = Worker(session, publisher, projection, model=providers.model, halt=halt)
            together = Together(worker, publisher)
            steps = Steps(work=worker.work, commit=together.wait if session.allocates_at_end else worker.commit)
            async with asyncio.TaskGroup() as tasks:
                others = [
                    tasks.create_task(publisher.run(lambda counts: control.progress(counts, total))),
                    tasks.create_task(_expire(session, halt)),
                ]
                await run_in_order(items, steps, first=first, window=session.pace.window, halt=halt)
                await together.commit(total - first)
                for task in others:
                    task.cancel()
            went = providers.as_record()
    except* RunStopped as group:
        stopped = str(leaf(group))
    except* JournalError as group:
        raise leaf(group) from None
    await publisher.settle()
    return stopped or (halt.reason if projection.committed < total else None), went


async def _expire(session: Session, halt: Halt) -> None:
    """Let the run end at its deadline."""
    deadline_s = session.pace.deadline_s
    if deadline_s is not None:
        await session.rim.sleep(deadline_s)
        halt.set(f"the deadline of {deadline_s:g} s has passed")


def _maybe_purse(session: Session, publisher: Publisher, projection: Projection) -> Purse | None:
    """What the run may take, less what it may have taken so far; None where calls are neither bounded nor paid for."""
    max_usd, max_tokens = session.pace.max_usd, session.pace.max_tokens
    bounded = max_usd is not None or max_tokens is not None
    if not bounded and all(provider_of(model) == "offline" for model in session.models):
        return None
    spent = sum(projection.booked.open, start=projection.booked.spent)
    return Purse(Budget(max_usd=max_usd, max_tokens=max_tokens, spent=spent), CallBook(publisher, durable=bounded))


def _process(session: Session, *, judged: int, wall_s: float, resumed_at: int) -> dict[str, Json]:
    """What is about the process that went through the registrations last, and not about the run."""
    return {
        "concurrency": session.pace.concurrency,
        "resumed_at": resumed_at or None,
        "wall_seconds": round(wall_s, 6),
        "registrations_per_second": round(judged / wall_s, 3) if wall_s else None,
    }


def _summary(session: Session, projection: Projection, end: dict[str, Json], *, stopped: str | None) -> dict[str, Json]:
    """The content of `run.json`; `end` is the record that the run ends with, or would."""
    settings, folded = session.settings, projection.summary()
    return {
        "constellation": session.constellation.name,
        "model": settings.model,
        "market": settings.market,
        "seed": settings.seed,
        "as_of": settings.as_of.isoformat(),
        "started": session.started.isoformat(),
        "stopped": stopped,
        **folded,
        "timing": cast("dict[str, Json]", folded["timing"]) | cast("dict[str, Json]", end["process"]),
        "providers": end["providers"],
        "unknown_fields": [*session.survey.unknown_fields],
        "inputs": {"registrations": session.survey.sha256, **session.inputs.hashes},
        "versions": {"igent": __version__, "autogen-agentchat": version("autogen-agentchat")},
    }
