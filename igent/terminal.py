"""What the terminal shows of a run that is over, and the exit code that its process ends with.

How it is told is imported where it is: a run's first call does not wait for the words at its end.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn, TypeVar, cast

from igent import codec
from igent.commands.environment import say
from igent.console import Work, listing, rehearsed, run_process
from igent.domain.records import Json
from igent.errors import ExitCode, IgentError, RunStopped
from igent.interrupts import Interrupts
from igent.printable import visible, visible_json
from igent.workflows import Control, Pace, Rim, RunResult, RunSettings
from igent.workflows.begun import holds_run

__all__ = ["Place", "View", "finish", "foretell", "show", "unless"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a user wants to see of a run, and whether reviews make it fail; `more` is what to try after the sample."""

    strict: bool
    json: bool
    quiet: bool
    grace_s: float
    profile: Path | None = None
    more: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a run is, and the command that goes on with it."""

    directory: Path
    resuming: str

    def farewell(self, reason: str = "interrupted") -> str:
        """What is said where a run has ended early."""
        if holds_run(self.directory):
            return f"igent: {reason}. Nothing is lost; go on with: {self.resuming}"
        return f"igent: {reason} before anything was made or asked: start it again"


def finish(work: Work, view: View, place: Place) -> NoReturn:
    """Run, show what came of it, and exit."""
    with Interrupts(place.farewell) as signals:
        result = unless(signals, lambda: _ran(work, view, signals))
        if result is not None:
            _close(result, view)
            if ignored := cast("list[str]", result.summary["unknown_fields"]):
                say(f"igent: ignored unknown fields of the registrations: {', '.join(ignored)}")
        early = _early(result, place, signals)
        sys.exit(early if result is None or early else _exit_code(result.summary, strict=view.strict))


def foretell(settings: RunSettings, pace: Pace, pilot: tuple[Work, Place] | None, *, rim: Rim, view: View) -> NoReturn:
    """Say what a run would take, after its `pilot` where there is one, and exit."""
    if pilot is None:
        _foretell(rehearsed(settings, pace, rim), view)
    work, place = pilot
    with Interrupts(place.farewell) as signals:
        result = unless(signals, lambda: _ran(work, view, signals))
        if early := _early(result, place, signals):
            sys.exit(early)
        _foretell(rehearsed(settings, pace, rim, pilot=result), view)


def _foretell(record: dict[str, Json], view: View) -> NoReturn:
    from igent.report import forecast_lines

    show(record, forecast_lines, json=view.json)
    sys.exit(0)


def _ran(work: Work, view: View, signals: Interrupts) -> RunResult | None:
    def warned(control: Control) -> Awaitable[RunResult]:
        return work(replace(control, warn=lambda text: say(f"igent: warning: {text}")))

    return run_process(warned, signals, grace_s=view.grace_s, quiet=view.quiet or view.json, profile=view.profile)


def unless(signals: Interrupts, work: Callable[[], T | None]) -> T | None:
    """What comes of `work`, None where signals have ended it; an error that they led to is told and goes no further."""
    try:
        return work()
    except IgentError as exc:
        if not signals.received:
            raise
        if not isinstance(exc, RunStopped):
            say(f"igent: {exc}")
        return None


def _early(result: RunResult | None, place: Place, signals: Interrupts) -> int:
    """Say why a run has ended early, where it has: the exit code of that, else 0."""
    stopped = result.stopped if result is not None else "interrupted"
    if signals.received:
        say(place.farewell(stopped or "interrupted when the run was complete"))
        return signals.code
    if stopped is None:
        return 0
    say(place.farewell(stopped))
    return ExitCode.STOPPED


def show(value: T, lines: Callable[[T], Iterable[str]], *, json: bool) -> None:
    """Print a value of plain ones as JSON or in lines; either way with nothing that acts on a terminal."""
    if json:
        print(visible_json(codec.dump_pretty(value).decode().rstrip()))
    else:
        print(*map(visible, lines(value)), sep="\n")


def _close(result: RunResult, view: View) -> None:
    if view.json:
        show(result.summary, list, json=True)
    elif not view.quiet:
        from igent.report import closing
        from igent.story.changes import changes_lines, passes_lines

        print(closing(result.summary, listing(result)), end="\n\n")
        if changes := changes_lines(result.summary.get("since")) + passes_lines(result.summary.get("passes")):
            print(*changes, sep="\n", end="\n\n")
        print(f"files     {result.directory}/: matches.json, pos.json, review.json, audit.jsonl (why) and more")
        print("next      the sources in pos.json lead to the lines of the input that its numbers came from")
        if view.more:
            print(f"          all 100, notes judged by keywords: {view.more}")
            print("          your own files: --registrations FILE --offers FILE --incentives FILE; more with --help")
    failures = cast("dict[str, Json]", result.summary["providers"]).get("response_cache_failure")
    if failures is not None:
        say(f"igent: replies were not kept any more, or not found: {failures}")


def _exit_code(summary: Mapping[str, Json], *, strict: bool) -> int:
    counts = cast("dict[str, int]", summary["counts"])
    bad = counts["failed"] + counts["rejected"] + (counts["review"] if strict else 0)
    return ExitCode.FAILED if bad else 0
