"""A run from its settings to its files; a resumed run folds its journal first and goes on behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import cast

from igent import __version__, codec
from igent.accounting.prices import cost_usd
from igent.domain.records import Json
from igent.errors import JournalError, OptionError, RunStopped, leaf
from igent.store.files import Outputs, locked, point_latest
from igent.store.journal import Journal, Recovery
from igent.workflows.plan import plan_rows
from igent.workflows.projection import ARRAYS, LINES, Projection
from igent.workflows.publisher import Publisher
from igent.workflows.scheduler import Steps, run_in_order
from igent.workflows.session import Rim, Session, prepare
from igent.workflows.settings import Pace, RunSettings
from igent.workflows.worker import Worker

__all__ = ["Control", "JOURNAL", "RUNS", "RunResult", "resume", "start"]

JOURNAL = "journal"
RUNS = "runs"


def _ignore(_counts: dict[str, Json], _total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """How a run is watched and ended from outside.

    `progress` is told the counts and the total. Setting `stop` ends the intake; what is under way is committed.
    """

    stop: asyncio.Event
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
    _make(directory)
    with locked(directory):
        path = directory / JOURNAL
        if _begun(path):
            raise OptionError(f"{str(directory)!r} holds a run already", remedy=f"Go on with it: --resume {directory}")
        outputs = Outputs(directory, arrays=ARRAYS, lines=LINES)
        projection = Projection(session.inputs.ledger(), outputs.add)
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
    path = directory / JOURNAL
    with locked(directory):
        recovery = Recovery(path)
        entries = (entry.record for entry in recovery)
        header = next(entries, None)
        if header is None or header["t"] != "run":
            raise JournalError(
                path=str(path), problem="holds no run", remedy="Start the run again, also into this place"
            )
        settings = RunSettings.from_record(cast("dict[str, Json]", header["settings"]))
        session = await prepare(settings, pace, rim, started=datetime.fromisoformat(str(header["at"])))
        session.require_same(header)
        outputs = Outputs(directory, arrays=ARRAYS, lines=LINES)
        projection = Projection(session.inputs.ledger(), outputs.add)
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
    stopped = await _go_through(session, publisher, projection, control=control)
    if projection.ending is None:
        wall_s = session.rim.monotonic() - begun
        process = _process(session, judged=projection.committed - first, wall_s=wall_s, resumed_at=first)
        ending: dict[str, Json] = {"t": "end", "process": process} if stopped is None else {"t": "stop", "why": stopped}
        await publisher.append_durable({**ending, "at": session.rim.now().isoformat()})
        await publisher.settle()
    else:
        process = cast("dict[str, Json]", projection.ending["process"])
    summary = _summary(session, projection, process, stopped=stopped)
    await publisher.publish({"run.json": codec.dump_pretty(summary), "trace.json": projection.trace()})
    control.progress(projection.counts(), session.survey.total)
    return RunResult(directory=directory, summary=summary, stopped=stopped)


async def _go_through(
    session: Session, publisher: Publisher, projection: Projection, *, control: Control
) -> str | None:
    """Judge and commit the registrations that are left; the reason where that ended before the last of them."""
    first, total = projection.committed, session.survey.total
    rows = plan_rows(session.inputs, session.survey, session.settings, first=first)
    stopped: str | None = None
    try:
        async with session.model() as model, aclosing(rows) as items, asyncio.TaskGroup() as tasks:
            worker = Worker(session, publisher, projection, model=model, stop=control.stop)
            steps = Steps(work=worker.work, commit=worker.commit)
            publishing = tasks.create_task(publisher.run(lambda counts: control.progress(counts, total)))
            await run_in_order(items, steps, first=first, window=session.pace.window, stop=control.stop)
            publishing.cancel()
    except* RunStopped as group:
        stopped = str(leaf(group))
    except* JournalError as group:
        raise leaf(group) from None
    await publisher.settle()
    interrupted = control.stop.is_set() and projection.committed < total
    return stopped or ("interrupted" if interrupted else None)


def _process(session: Session, *, judged: int, wall_s: float, resumed_at: int) -> dict[str, Json]:
    """What is about the process that went through the registrations last, and not about the run."""
    return {
        "concurrency": session.pace.concurrency,
        "resumed_at": resumed_at or None,
        "wall_seconds": round(wall_s, 6),
        "registrations_per_second": round(judged / wall_s, 3) if wall_s else None,
    }


def _summary(
    session: Session, projection: Projection, process: dict[str, Json], *, stopped: str | None
) -> dict[str, Json]:
    """The content of `run.json`."""
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
        "cost_usd": None if session.price is None else f"{cost_usd(projection.usage, session.price):.6f}",
        "timing": {**cast("dict[str, Json]", folded["timing"]), **process},
        "unknown_fields": [*session.survey.unknown_fields],
        "inputs": {"registrations": session.survey.sha256, **session.inputs.hashes},
        "versions": {"igent": __version__, "autogen-agentchat": version("autogen-agentchat")},
    }
