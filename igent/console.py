"""A run as a process: a progress bar on a terminal, a profile where one is asked for.

What not every run needs is imported where it is needed: a first call does not wait for it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, cast

from igent import codec, workflows
from igent.domain.records import Json
from igent.interrupts import FLUSH_S, Interrupts
from igent.workflows import Control, Pace, Rim, RunResult, RunSettings
from igent.workflows.projection import ARRAYS
from igent.workflows.same import Stated
from igent.workflows.session import prepare

if TYPE_CHECKING:
    from igent.report import Listing
    from igent.workflows.doctor import Finding

__all__ = ["Work", "examined", "listing", "rehearsed", "resuming", "run_process", "starting"]

Work = Callable[[Control], Awaitable[RunResult]]


def starting(settings: RunSettings, pace: Pace, directory: Path, *, rim: Rim) -> Work:
    """A run from the beginning."""
    return lambda control: workflows.start(settings, pace, directory, control=control, rim=rim)


def resuming(
    directory: Path, pace: Pace, *, rim: Rim, stated: Stated | None = None, only: Collection[str] = ()
) -> Work:
    """The rest of a stopped run, which `stated` settings must not differ from; or `only` those once more."""
    return lambda control: workflows.resume(directory, pace, control=control, rim=rim, stated=stated, only=only)


def rehearsed(settings: RunSettings, pace: Pace, rim: Rim, *, pilot: RunResult | None = None) -> dict[str, Json]:
    """The forecast of a run, from a `pilot` where there was one."""
    from igent.workflows.rehearsal import rehearse

    async def told() -> dict[str, Json]:
        session = await prepare(settings, pace, rim, calls=False)
        source = f"a pilot of {settings.constellation.stem}, {pilot.directory}" if pilot else ""
        return await rehearse(session, pilot=pilot.summary if pilot else None, source=source)

    return asyncio.run(told())


def examined(settings: RunSettings, rim: Rim, directory: Path) -> list[Finding]:
    """What a look at everything that a run needs has found."""
    from igent.workflows.doctor import examine

    async def all_of() -> list[Finding]:
        return [finding async for finding in examine(settings, rim, directory)]

    return asyncio.run(all_of())


def listing(result: RunResult) -> Listing:
    """The rows of a small run, for the closing table; none of a large one."""
    from igent.report import MAX_ROWS, Listing

    counts = cast("dict[str, int]", result.summary["counts"])
    if counts["registrations"] > MAX_ROWS:
        return Listing()
    matches, orders, *others = ([*_rows(result.directory / name)] for name in ARRAYS)
    return Listing(matches=matches, orders=orders, others=[row for rows in others for row in rows])


def _rows(path: Path) -> list[dict[str, Json]]:
    return cast("list[dict[str, Json]]", codec.load(path.read_bytes()))


def run_process(
    work: Work, signals: Interrupts, *, grace_s: float, quiet: bool, profile: Path | None = None
) -> RunResult | None:
    """Run to the end, or until signals have ended it; None where that was before there was anything to tell.

    Raises what the run raises.
    """
    with _profiled(profile) if profile else nullcontext(), _bar(quiet=quiet) as progress:
        return signals.run(lambda halt: work(Control(stop=halt, progress=progress)), patience_s=grace_s + FLUSH_S)


@contextmanager
def _profiled(path: Path) -> Iterator[None]:
    import cProfile

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    profiler = cProfile.Profile()
    with profiler:
        yield
    profiler.dump_stats(path)


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Callable[[dict[str, Json], int], None]]:
    """A progress bar on stderr with counts, rate and time left; nothing where stderr is no terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda _counts, _total: None
        return

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from igent.report import progress_line

    rate_column, text_column = TextColumn("{task.fields[rate]}"), TextColumn("{task.description}")
    columns = (BarColumn(), MofNCompleteColumn(), rate_column, TimeRemainingColumn(), text_column)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, rate="")

        def show(counts: dict[str, Json], total: int) -> None:
            done = int(str(counts["registrations"]))
            speed = bar.tasks[0].speed
            rate = f"{speed:.0f}/s" if speed else ""
            bar.update(task, completed=done, total=total, description=progress_line(counts, total), rate=rate)

        yield show
