"""What the terminal shows of a run that is over, and the exit code that its process ends with."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, cast

from igent import codec
from igent.audit.report import Audit, audit_lines
from igent.console import Work, listing, rehearsed, run_process
from igent.domain.records import Json
from igent.errors import ExitCode
from igent.report import closing, forecast_lines
from igent.workflows import Pace, Rim, RunResult, RunSettings

__all__ = ["View", "audited", "finish", "foretell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a user wants to see of a run, and whether reviews make it fail; `sample` is a run of the sample data."""

    strict: bool
    json: bool
    quiet: bool
    profile: Path | None
    sample: bool = False


def finish(work: Work, view: View, directory: Path) -> NoReturn:
    """Run, show what came of it, and exit."""
    ended = run_process(work, quiet=view.quiet or view.json, profile=view.profile)
    if ended.result is not None:
        _show(ended.result, view)
        if ignored := cast("list[str]", ended.result.summary["unknown_fields"]):
            _say(f"igent: ignored unknown fields of the registrations: {', '.join(ignored)}")
    if ended.result is None or ended.result.stopped is not None:
        reason = ended.result.stopped if ended.result else "interrupted"
        _say(f"igent: {reason}. Nothing is lost; go on with: igent run --resume {directory}")
        sys.exit(128 + ended.signal if ended.signal else ExitCode.STOPPED)
    sys.exit(_exit_code(ended.result.summary, strict=view.strict))


def foretell(settings: RunSettings, pace: Pace, pilot: Work | None, *, rim: Rim, view: View) -> NoReturn:
    """Say what a run would take, after its `pilot` where there is one, and exit."""
    result = None
    if pilot is not None:
        ended = run_process(pilot, quiet=view.quiet or view.json, profile=None)
        result = ended.result
        if result is None or result.stopped is not None:
            _say(f"igent: the pilot ended early: {result.stopped if result else 'interrupted'}")
            sys.exit(128 + ended.signal if ended.signal else ExitCode.STOPPED)
    record = rehearsed(settings, pace, rim, pilot=result)
    print(codec.dump_pretty(record).decode() if view.json else "\n".join(forecast_lines(record)))
    sys.exit(0)


def audited(audit: Audit, *, json: bool) -> NoReturn:
    """Show what an audit has found, and exit."""
    print(codec.dump_pretty(audit.as_record()).decode().rstrip() if json else "\n".join(audit_lines(audit)))
    sys.exit(ExitCode.FAILED if audit.findings else 0)


def _show(result: RunResult, view: View) -> None:
    if view.json:
        print(codec.dump_pretty(result.summary).decode(), end="")
    elif not view.quiet:
        print(closing(result.summary, listing(result)), end="\n\n")
        print(f"files     {result.directory}/: matches.json, pos.json, review.json, audit.jsonl (why) and more")
        print("next      the sources in pos.json lead to the lines of the input that its numbers came from")
        if view.sample:
            again = f"-m igent.workflows p1m1m2c --market {result.summary['market']} --mock"
            print(f"          all 100, notes judged by keywords: {_python()} {again}")
            print("          your own files: --registrations FILE --offers FILE --incentives FILE; more with --help")
    failures = cast("dict[str, Json]", result.summary["providers"]).get("response_cache_failure")
    if failures is not None:
        _say(f"igent: replies were not kept any more, or not found: {failures}")


def _python() -> str:
    """How to call this Python from here."""
    here = Path(sys.executable)
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else "python"


def _exit_code(summary: Mapping[str, Json], *, strict: bool) -> int:
    counts = cast("dict[str, int]", summary["counts"])
    bad = counts["failed"] + counts["rejected"] + (counts["review"] if strict else 0)
    return ExitCode.FAILED if bad else 0


def _say(text: str) -> None:
    print(text, file=sys.stderr)
