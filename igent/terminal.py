"""What the terminal shows of a run that is over, and the exit code that its process ends with."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

from igent import codec
from igent.audit.report import Audit, audit_lines
from igent.console import Work, listing, rehearsed, run_process
from igent.domain.outcomes import Outcome
from igent.domain.records import Json
from igent.domain.reviews import Choice, Refusal
from igent.errors import ExitCode
from igent.report import closing, forecast_lines
from igent.story.asking import QUESTION, asked, choice_of, listed, outcome_line
from igent.story.lines import story_lines
from igent.workflows import Pace, Rim, RunResult, RunSettings
from igent.workflows.review import Case, Deciding, review

__all__ = ["View", "audited", "compared", "explained", "finish", "foretell", "reviewed", "walk"]


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


def reviewed(directory: Path, choices: Sequence[Choice] | None, *, by: str, rim: Rim, json: bool) -> NoReturn:
    """Apply `choices`, or ask for them one by one on a terminal, or else list what waits; exit 1 if any is refused."""
    refused = list[Choice]()

    def told(choice: Choice, outcome: Outcome | Refusal) -> None:
        print(outcome_line(choice, outcome))
        if isinstance(outcome, Refusal):
            refused.append(choice)

    def waiting(cases: Sequence[Case]) -> Iterable[Choice]:
        if choices is not None:
            return choices
        if sys.stdin.isatty() and not json:
            return walk(cases, refused, by=by)
        rows = [case.row for case in cases]
        print(codec.dump_pretty(rows).decode().rstrip() if json else "\n".join(listed(rows)))
        return ()

    only = None if choices is None else frozenset(choice.registration_id for choice in choices)
    review(directory, Deciding(choices=waiting, told=told, only=only), rim=rim)
    sys.exit(ExitCode.FAILED if refused else 0)


def walk(cases: Sequence[Case], refused: list[Choice], *, by: str) -> Iterator[Choice]:
    """Ask a person about one registration after the other, and again about one whose decision was `refused`."""
    for number, case in enumerate(cases, start=1):
        print(f"\n[{number} of {len(cases)}]", *asked(case.row, case.note), sep="\n")
        answer: Choice | str = ""
        while not answer:
            print(QUESTION, end="", flush=True)
            answer = choice_of(sys.stdin.readline() or "quit", str(case.row["registration_id"]), by=by)
            if isinstance(answer, Choice):
                yield answer
            if refused:
                refused.clear()
                answer = ""
        if answer == "quit":
            return


def explained(story: Mapping[str, Json], *, json: bool) -> None:
    """Show the story of a decision."""
    print(codec.dump_pretty(story).decode().rstrip() if json else "\n".join(story_lines(story)))


def compared(record: Mapping[str, Json], *, json: bool) -> None:
    """Show what another capacity or rule would change."""
    print(codec.dump_pretty(record).decode().rstrip() if json else "\n".join(_changes(record)))


def _changes(record: Mapping[str, Any]) -> Iterator[str]:
    """The changes in lines: the sums, the suppliers of which something changes, who gets another place."""
    rule, placed, counts = record["allocation"], record["placed"], record["counts"]
    before, after = placed["before"], placed["after"]
    yield f"rule      {rule['after']}" + (f" (the run's: {rule['before']})" if rule["after"] != rule["before"] else "")
    yield f"placed    {before['placed']} -> {after['placed']}; by tier {before['by_tier']} -> {after['by_tier']}"
    yield f"changes   {counts['gained']} gain a place, {counts['lost']} lose theirs, {counts['moved']} move"
    for one in record["capacity"]:
        (places, places_after), (used, used_after) = one["capacity"].values(), one["used"].values()
        if (places, used) != (places_after, used_after):
            yield f"          {one['supplier_id']}: {used} of {places} -> {used_after} of {places_after}"
    for one in record["changes"]:
        held = " (held for a review)" if one["held"] else ""
        yield f"{one['change']:<9} {one['registration_id']}: {one['from'] or '-'} -> {one['to'] or '-'}{held}"


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
