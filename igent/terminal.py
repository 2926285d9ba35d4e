"""What the terminal shows of a run that is over, and the exit code that its process ends with."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

from igent import codec
from igent.audit.report import Audit, audit_lines
from igent.commands.environment import say
from igent.console import Work, listing, rehearsed, run_process
from igent.domain.outcomes import Outcome
from igent.domain.records import Json
from igent.domain.reviews import Choice, Refusal
from igent.errors import ExitCode, IgentError, RunStopped
from igent.interrupts import Interrupts
from igent.printable import visible, visible_json
from igent.report import closing, forecast_lines
from igent.story.asking import QUESTION, asked, choice_of, failed_line, listed, outcome_line
from igent.story.changes import changes_lines, passes_lines
from igent.story.lines import story_lines
from igent.workflows import Control, Pace, Rim, RunResult, RunSettings
from igent.workflows.begun import holds_run
from igent.workflows.review import Case, Deciding, apply
from igent.workflows.settings import GRACE_S

__all__ = ["Place", "View", "audited", "compared", "explained", "finish", "foretell", "reviewed", "walk"]

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
        result = _unless(signals, lambda: _ran(work, view, signals))
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
        result = _unless(signals, lambda: _ran(work, view, signals))
        if early := _early(result, place, signals):
            sys.exit(early)
        _foretell(rehearsed(settings, pace, rim, pilot=result), view)


def _foretell(record: dict[str, Json], view: View) -> NoReturn:
    _show(record, forecast_lines, json=view.json)
    sys.exit(0)


def _ran(work: Work, view: View, signals: Interrupts) -> RunResult | None:
    def warned(control: Control) -> Awaitable[RunResult]:
        return work(replace(control, warn=lambda text: say(f"igent: warning: {text}")))

    return run_process(warned, signals, grace_s=view.grace_s, quiet=view.quiet or view.json, profile=view.profile)


def _unless(signals: Interrupts, work: Callable[[], T | None]) -> T | None:
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


def audited(audit: Audit, *, json: bool) -> NoReturn:
    """Show what an audit has found, and exit."""
    _show(audit.as_record(), lambda _: audit_lines(audit), json=json)
    sys.exit(ExitCode.FAILED if audit.findings else 0)


def reviewed(place: Place, choices: Sequence[Choice] | None, *, by: str, rim: Rim, json: bool) -> NoReturn:
    """Apply `choices`, or ask for them one by one on a terminal, or else list what waits; exit 1 if any is refused."""
    refused, signals = list[Choice](), Interrupts(place.farewell)

    def told(choice: Choice, outcome: Outcome | Refusal) -> None:
        print(outcome_line(choice, outcome))
        if isinstance(outcome, Refusal):
            refused.append(choice)

    def waiting(cases: Sequence[Case]) -> Iterable[Choice]:
        if choices is not None:
            return choices
        if sys.stdin.isatty() and not json:
            return walk(cases, refused, by=by, ask=partial(signals.ask, sys.stdin))
        rows = [case.row for case in cases]
        _show(rows, listed, json=json)
        return ()

    def failed(rows: Sequence[Mapping[str, Json]]) -> None:
        if choices is None and rows:
            say(f"igent: {failed_line(rows)}. A new run with --since {place.directory} asks about them again")

    def going_on(_: Choice) -> bool:
        return not signals.received

    only = None if choices is None else frozenset(choice.registration_id for choice in choices)
    given = partial(takewhile, going_on)
    deciding = Deciding(choices=lambda cases: given(waiting(cases)), told=told, only=only, failed=failed)
    with signals:
        _unless(signals, lambda: signals.run(lambda _: apply(place.directory, deciding, rim=rim), patience_s=GRACE_S))
        if signals.received:
            say(place.farewell())
            sys.exit(signals.code)
    sys.exit(ExitCode.FAILED if refused else 0)


def walk(cases: Sequence[Case], refused: list[Choice], *, by: str, ask: Callable[[], str]) -> Iterator[Choice]:
    """Ask a person about one registration after the other, and again about one whose decision was `refused`."""
    for number, case in enumerate(cases, start=1):
        print(f"\n[{number} of {len(cases)}]", *asked(case.row, case.note), sep="\n")
        answer: Choice | str = ""
        while not answer:
            print(QUESTION, end="", flush=True)
            answer = choice_of(ask() or "quit", str(case.row["registration_id"]), by=by)
            if isinstance(answer, Choice):
                yield answer
            if refused:
                refused.clear()
                answer = ""
        if answer == "quit":
            return


def explained(story: Mapping[str, Json], *, json: bool) -> None:
    """Show the story of a decision."""
    _show(story, story_lines, json=json)


def compared(record: Mapping[str, Json], *, json: bool) -> None:
    """Show what another capacity or rule would change."""
    _show(record, _changes, json=json)


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


def _show(value: T, lines: Callable[[T], Iterable[str]], *, json: bool) -> None:
    """Print a value of plain ones as JSON or in lines; either way with nothing that acts on a terminal."""
    if json:
        print(visible_json(codec.dump_pretty(value).decode().rstrip()))
    else:
        print(*map(visible, lines(value)), sep="\n")


def _close(result: RunResult, view: View) -> None:
    if view.json:
        _show(result.summary, list, json=True)
    elif not view.quiet:
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
