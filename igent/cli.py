"""The command line: its commands and options, and what the environment says."""

from __future__ import annotations

import getpass
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn, cast

import typer

from igent import __version__
from igent.errors import ConstellationError, ExitCode, IgentError, InputError, OptionError

if TYPE_CHECKING:  # these take most of a second to import: only the commands that need them do
    from igent.domain.records import Json
    from igent.workflows import Inputs, Rim, RunSettings

__all__ = ["app", "main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Match households to suppliers after a collective-purchase auction, and prove every match.",
)

_USAGE = (InputError, ConstellationError, OptionError)

_MAY_CHANGE = {
    *("resume", "concurrency", "call_deadline", "idle_timeout", "deadline", "max_cost", "max_tokens", "flush_every"),
    *("cache_dir", "base_url", "prices", "strict", "json", "quiet", "profile"),
}

# The cheapest and fastest of the family: decisions are short, and the verifier does not take a model's word.
DEFAULT_CLAUDE = "claude-haiku-5-5"

Critic = Literal["always", "when-unproven", "never"]
Latency = Literal["none", "haiku", "sonnet", "opus"]
InputFile = typer.Option(metavar="FILE", rich_help_panel="Inputs", show_default=False)
Mock = typer.Option(rich_help_panel="Mock model")
Pacing = typer.Option(rich_help_panel="Pace", min=1)
Seconds = typer.Option(rich_help_panel="Pace", metavar="SECONDS")
Switch = typer.Option(rich_help_panel="Switches of the constellation", show_default=False)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    try:
        app(args=list(arguments) if arguments is not None else None, prog_name="igent")
    except IgentError as exc:
        _say(f"igent: {exc}")
        sys.exit(ExitCode.USAGE if isinstance(exc, _USAGE) else ExitCode.STOPPED)
    except Exception:  # noqa: BLE001  # whatever reaches this is a bug, and says so
        traceback.print_exc()
        _say("igent: this is a bug; the run, if one had begun, can be resumed")
        sys.exit(ExitCode.BUG)
    sys.exit(0)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit


@app.command()
def constellations(name: Annotated[str, typer.Argument(help="Explain only this one, or a file.")] = "") -> None:
    """List and explain the constellations."""
    from igent.constellation import explain, parse_constellation
    from igent.store.bundled import constellation_names, find_constellation

    for path in map(find_constellation, [name] if name else constellation_names()):
        print(explain(parse_constellation(path.read_text(encoding="utf-8"), file=path.name)), end="\n\n")


@app.command()
def doctor(
    constellation: Annotated[str, typer.Argument(help="A bundled name, or the path of a YAML file.")] = "p1m1_p2m2",
    registrations: Annotated[Path | None, InputFile] = None,
    offers: Annotated[Path | None, InputFile] = None,
    incentives: Annotated[Path | None, InputFile] = None,
    market: Annotated[str, typer.Option(help="The market's rules and prompts.")] = "sbus",
    model: Annotated[str, typer.Option(help="As for run.", show_default=False)] = "",
    base_url: Annotated[
        str, typer.Option(metavar="URL", help="Where the model is, if not at its provider's own address.")
    ] = "",
    prices: Annotated[Path | None, InputFile] = None,
) -> None:
    """Look whether a run would work here: key, model, price, prompts, disk and versions; makes one small call."""
    from igent import workflows
    from igent.console import examined

    rim = _rim(base_url=base_url, prices=prices)
    files = {"registrations": registrations, "offers": offers, "incentives": incentives}
    settings = workflows.make_settings(constellation, _given(files), market=market, model=_model(model, rim))
    findings = examined(settings, rim, Path(workflows.RUNS))
    for finding in findings:
        print(f"{finding.level:<5} {finding.what}" + (f"\n      {finding.remedy}" if finding.remedy else ""))
    sys.exit(ExitCode.FAILED if any(finding.level == "fail" for finding in findings) else 0)


@app.command()
def run(
    context: typer.Context,
    constellation: Annotated[str, typer.Argument(help="A bundled name, or the path of a YAML file.")] = "",
    registrations: Annotated[Path | None, InputFile] = None,
    offers: Annotated[Path | None, InputFile] = None,
    incentives: Annotated[Path | None, InputFile] = None,
    capacity: Annotated[Path | None, InputFile] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Default: runs/<utc>-<constellation>.")] = None,
    resume: Annotated[Path | None, typer.Option(metavar="RUN_DIR", help="Go on with a stopped run.")] = None,
    market: Annotated[str, typer.Option(help="The market's rules and prompts.")] = "sbus",
    model: Annotated[
        str,
        typer.Option(
            help="Who judges: rules, mock or a claude-... name.", show_default="claude with a key, else rules"
        ),
    ] = "",
    mock: Annotated[bool, typer.Option("--mock", help="Short for --model mock.")] = False,
    mock_latency: Annotated[Latency, Mock] = "none",
    mock_errors: Annotated[float, typer.Option(rich_help_panel="Mock model", min=0, max=1)] = 0.0,
    seed: Annotated[int, Mock] = 0,
    max_items: Annotated[int | None, typer.Option(min=1, help="Only the first registrations.")] = None,
    as_of: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Which incentives are current.")] = None,
    include_withdrawn: Annotated[bool, typer.Option("--include-withdrawn")] = False,
    strict_judgement: Annotated[bool, typer.Option("--strict-judgement", help="Plausible goes to review.")] = False,
    hold_reviews: Annotated[bool, typer.Option("--hold-reviews", help="Keep places for reviews.")] = False,
    critic: Annotated[Critic | None, typer.Option(help="Instead of the constellation's.")] = None,
    parallel_phases: Annotated[bool | None, Switch] = None,
    early_json: Annotated[bool | None, Switch] = None,
    context_filter: Annotated[bool | None, Switch] = None,
    critic_skip: Annotated[bool | None, Switch] = None,
    prompt_caching: Annotated[bool | None, Switch] = None,
    cache: Annotated[
        bool | None,
        typer.Option(
            "--cache/--no-cache",
            rich_help_panel="Switches of the constellation",
            help="Answer from replies of earlier runs; rules and mock only where --cache is given.",
            show_default=False,
        ),
    ] = None,
    cache_dir: Annotated[Path | None, typer.Option(metavar="DIR", help="Default: ~/.cache/igent.")] = None,
    base_url: Annotated[
        str, typer.Option(metavar="URL", help="Where the model is, if not at its provider's own address.")
    ] = "",
    prices: Annotated[Path | None, InputFile] = None,
    concurrency: Annotated[str, typer.Option(rich_help_panel="Pace", help="Calls in flight: a number, or auto.")] = "8",
    call_deadline: Annotated[float, Seconds] = 60.0,
    idle_timeout: Annotated[float, Seconds] = 15.0,
    deadline: Annotated[float | None, Seconds] = None,
    max_cost: Annotated[str | None, typer.Option(rich_help_panel="Pace", metavar="USD", help="For all of it.")] = None,
    max_tokens: Annotated[int | None, typer.Option(rich_help_panel="Pace", min=1, help="Of all classes.")] = None,
    flush_every: Annotated[int, Pacing] = 5,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would take, and call nothing.")] = False,
    pilot: Annotated[int | None, typer.Option(min=1, help="With --dry-run: run so many first, to learn from.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if any is in review.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print run.json.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, no tables.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Write a cProfile file into profiles/.")] = False,
) -> None:
    """Match registrations to offers and write the orders. Without input files it uses the sample data."""
    from igent import workflows
    from igent.console import resuming, starting
    from igent.terminal import View, finish, foretell

    pace = workflows.Pace(
        concurrency=_concurrency(concurrency),
        call_deadline_s=call_deadline,
        idle_s=idle_timeout,
        flush_every=flush_every,
        deadline_s=deadline,
        max_usd=_dollars(max_cost),
        max_tokens=max_tokens,
    )
    rim = _rim(base_url=base_url, prices=prices, cache_dir=cache_dir)
    where = _profile_path(constellation) if profile else None
    sample = registrations is None and resume is None
    view = View(strict=strict, json=json, quiet=quiet, profile=where, sample=sample)
    if resume is not None:
        _refuse_beside_resume(context)
        finish(resuming(resume.resolve(), pace, rim=rim), view, resume)
    if not constellation:
        raise OptionError("there is no constellation to run", remedy="Name one: igent constellations lists them")
    files = {"registrations": registrations, "offers": offers, "incentives": incentives, "capacity": capacity}
    switches = {
        "parallel_phases": parallel_phases,
        "early_json": early_json,
        "context_filter": context_filter,
        "critic_skip": critic_skip,
        "prompt_caching": prompt_caching,
        "response_cache": cache,
    }
    settings = workflows.make_settings(
        constellation,
        _given(files),
        as_of=as_of.date() if as_of else None,
        market=market,
        model="mock" if mock else _model(model, rim),
        mock_latency=mock_latency,
        mock_errors=mock_errors,
        seed=seed,
        max_items=max_items,
        include_withdrawn=include_withdrawn,
        strict_judgement=strict_judgement,
        hold_reviews=hold_reviews,
        critic=critic,
        switches={name: value for name, value in switches.items() if value is not None},
    )
    _announce(settings)
    directory = out or workflows.default_directory(settings, datetime.now(UTC))
    if pilot and not dry_run:
        raise OptionError("a pilot is for an estimate", remedy="Give --dry-run with --pilot")
    if dry_run:
        first = replace(settings, max_items=min(pilot or 1, settings.max_items or pilot or 1))
        place = directory.with_name(f"{directory.name}-pilot-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        foretell(settings, pace, starting(first, pace, place, rim=rim) if pilot else None, rim=rim, view=view)
    finish(starting(settings, pace, directory, rim=rim), view, directory)


@app.command()
def verify(
    registrations: Annotated[Path, InputFile],
    offers: Annotated[Path, InputFile],
    matches: Annotated[Path, InputFile],
    orders: Annotated[Path, InputFile],
    incentives: Annotated[Path | None, InputFile] = None,
    market: Annotated[str, typer.Option(help="The market's rules.")] = "sbus",
    as_of: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Which incentives are current.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Audit anybody's matches and orders: what the inputs do not bear out, by registration; exit 1 on findings."""
    from igent.terminal import audited
    from igent.workflows.verify import AuditFiles, audit_files

    files = AuditFiles(
        registrations=registrations, offers=offers, matches=matches, orders=orders, incentives=incentives
    )
    if incentives is None:
        _say("igent: no --incentives, so whether those in the orders exist is not audited")
    audited(audit_files(files, market=market, as_of=(as_of or datetime.now(UTC)).date()), json=json)


@app.command()
def explain(
    run_dir: Annotated[Path, typer.Argument(help="The directory of a run.", show_default=False)],
    registration: Annotated[str, typer.Argument(help="Its id, or 'row N' counted from 0.", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="Print the story as JSON.")] = False,
) -> None:
    """Tell the whole story of one decision: facts, prompts, replies, verdicts, choice, prices and their sources."""
    from igent.terminal import explained
    from igent.workflows.explain import explain as story_of

    explained(story_of(run_dir, registration, rim=_rim(base_url="", prices=None)), json=json)


@app.command()
def review(
    run_dir: Annotated[Path, typer.Argument(help="The directory of a finished run.", show_default=False)],
    accept: Annotated[list[str] | None, typer.Option(metavar="REG", help="Take what was proposed.")] = None,
    choose: Annotated[list[str] | None, typer.Option(metavar="REG=OFFER", help="Take another candidate.")] = None,
    reject: Annotated[list[str] | None, typer.Option(metavar="REG", help="No match.")] = None,
    decisions: Annotated[Path | None, typer.Option(metavar="FILE", help="Many: JSON, JSON Lines or CSV.")] = None,
    by: Annotated[str, typer.Option(help="Who decides.", show_default="your login name")] = "",
    comment: Annotated[str, typer.Option(help="Why, for the decisions given as options.")] = "",
    prices: Annotated[Path | None, InputFile] = None,
    cache_dir: Annotated[Path | None, typer.Option(metavar="DIR", help="As for the run.")] = None,
    json: Annotated[bool, typer.Option("--json", help="List what waits as JSON.")] = False,
) -> None:
    """Decide about the registrations in review: one by one on a terminal, or by options, or by a file."""
    from igent.terminal import reviewed
    from igent.workflows.decisions import decisions_of, read_decisions

    who = by or _login()
    # What is rejected first may free the place that another decision needs.
    rows: list[Json] = [{"registration_id": one, "action": "reject"} for one in reject or ()]
    rows += [{"registration_id": one, "action": "accept"} for one in accept or ()]
    for name, equals, offer in (pair.rpartition("=") for pair in choose or ()):
        if not equals:
            raise OptionError(f"{offer!r} chooses nothing", remedy="Give REGISTRATION=OFFER, such as SPUS10018=o2")
        rows.append({"registration_id": name, "action": "choose", "offer": offer})
    about: dict[str, Json] = {"by": who, "comment": comment}
    given = decisions_of(({**cast("dict[str, Json]", row), **about} for row in rows), by=who, source="the options")
    given += read_decisions(decisions, by=who) if decisions else []
    asked = not given and decisions is None
    rim = _rim(base_url="", prices=prices, cache_dir=cache_dir)
    reviewed(run_dir, None if asked else given, by=who, rim=rim, json=json)


@app.command("what-if")
def what_if(
    run_dir: Annotated[Path, typer.Argument(help="The directory of a finished run.", show_default=False)],
    capacity: Annotated[
        list[str] | None, typer.Option(metavar="SUPPLIER=+N", help="More places; -N fewer, N so many. Repeatable.")
    ] = None,
    allocation: Annotated[
        Literal["balanced", "optimal"] | None, typer.Option(help="Another rule.", show_default="the run's own")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the changes as JSON.")] = False,
) -> None:
    """Show what other capacities or another rule would change: from recorded judgements, without any call."""
    from igent.terminal import compared
    from igent.workflows.whatif import what_if as changes_of

    compared(changes_of(run_dir, capacity or (), rule=allocation), json=json)


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError) as exc:
        raise OptionError("your login name is not known", remedy="Say who decides with --by") from exc


def _rim(*, base_url: str, prices: Path | None, cache_dir: Path | None = None) -> Rim:
    """What the environment says of providers, and where a run leaves things to the next."""
    from igent.workflows import Rim

    return Rim(
        api_key=_environ("ANTHROPIC_API_KEY"),
        base_url=base_url or _environ("ANTHROPIC_BASE_URL"),
        openai_key=_environ("OPENAI_API_KEY"),
        openai_url=base_url or _environ("OPENAI_BASE_URL"),
        cache_dir=(cache_dir or _cache_dir()).resolve(),
        prices=prices,
    )


def _given(files: Mapping[str, Path | None]) -> Inputs:
    return cast("Inputs", {role: path for role, path in files.items() if path is not None})


def _model(name: str, rim: Rim) -> str:
    return name or (DEFAULT_CLAUDE if rim.api_key else "rules")


def _environ(name: str) -> str | None:
    return os.environ.get(name) or None


def _cache_dir() -> Path:
    """Where replies and forecasts are left to later runs (https://specifications.freedesktop.org/basedir-spec)."""
    return Path(_environ("XDG_CACHE_HOME") or Path.home() / ".cache") / "igent"


def _concurrency(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal():
        raise OptionError(f"concurrency cannot be {text!r}", remedy="Give a number of calls in flight, or auto")
    return int(text)


def _dollars(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        return Decimal(text)
    except InvalidOperation as exc:
        raise OptionError(f"a cost cannot be {text!r}", remedy="Give dollars, such as 2.50") from exc


def _refuse_beside_resume(context: typer.Context) -> None:
    """A resumed run keeps what it was started with: whatever else is given would be ignored, and is refused."""
    sources = ((name, context.get_parameter_source(name)) for name in context.params)
    given = [name for name, source in sources if source is not None and source.name != "DEFAULT"]
    if beside := sorted(set(given) - _MAY_CHANGE):
        names = ", ".join("--" + name.replace("_", "-") for name in beside)
        raise OptionError(
            f"a resumed run keeps its settings, so these cannot be given: {names}", remedy="Leave them out"
        )


def _announce(settings: RunSettings) -> None:
    """Say on stderr what a user might not expect."""
    if settings.model == "rules":
        _say("igent: on the embedded model rules: offline, notes go to review; with ANTHROPIC_API_KEY set, on Claude")
    if settings.incentives is None:
        _say("igent: no --incentives, so orders have none")


def _profile_path(constellation: str) -> Path:
    return Path("profiles") / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{Path(constellation or 'resumed').stem}.prof"


def _say(text: str) -> None:
    print(text, file=sys.stderr)
