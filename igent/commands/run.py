"""`igent run`: its options, and the run that they make."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from igent.commands.again import command, options_given, this_python
from igent.commands.environment import rim_of, say
from igent.commands.options import (
    BatchSize,
    BatchTokens,
    Critic,
    InputFile,
    Latency,
    Mock,
    Pacing,
    Seconds,
    Switch,
    maybe_concurrency,
    maybe_dollars,
    maybe_tolerance,
)
from igent.commands.stated import names_given, names_in, settings_given, settings_stated
from igent.errors import OptionError

if TYPE_CHECKING:
    from igent.terminal import Place
    from igent.workflows import RunSettings

__all__ = ["run"]

_MAY_CHANGE = {
    *("resume", "concurrency", "call_deadline", "idle_timeout", "deadline", "grace", "max_cost", "max_tokens"),
    *("max_failures", "flush_every", "cache_dir", "base_url", "prices", "strict", "json", "quiet", "profile"),
}


def run(
    context: typer.Context,
    constellation: Annotated[str, typer.Argument(help="A bundled name, or the path of a YAML file.")] = "",
    registrations: Annotated[Path | None, InputFile] = None,
    offers: Annotated[Path | None, InputFile] = None,
    incentives: Annotated[Path | None, InputFile] = None,
    capacity: Annotated[Path | None, InputFile] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Default: runs/<utc>-<constellation>.")] = None,
    resume: Annotated[Path | None, typer.Option(metavar="RUN_DIR", help="Go on with a stopped run.")] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="failed|review|ID,...", help="With --resume: ask again about these, in a pass of their own."
        ),
    ] = None,
    since: Annotated[
        Path | None, typer.Option(metavar="RUN_DIR", help="Judge only what has changed since a finished run, as there.")
    ] = None,
    reallocate: Annotated[bool, typer.Option("--reallocate", help="With --since: let matches move.")] = False,
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
    allow_large: Annotated[bool, typer.Option("--allow-large", help="Registrations of more than 4 GiB.")] = False,
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
    max_batch_size: Annotated[int | None, BatchSize] = None,
    max_batch_tokens: Annotated[int | None, BatchTokens] = None,
    cache_dir: Annotated[Path | None, typer.Option(metavar="DIR", help="Default: ~/.cache/igent.")] = None,
    base_url: Annotated[
        str, typer.Option(metavar="URL", help="Where the model is, if not at its provider's own address.")
    ] = "",
    prices: Annotated[Path | None, InputFile] = None,
    concurrency: Annotated[str, typer.Option(rich_help_panel="Pace", help="Calls in flight: a number, or auto.")] = "8",
    call_deadline: Annotated[float, Seconds] = 60.0,
    idle_timeout: Annotated[float, Seconds] = 15.0,
    deadline: Annotated[float | None, Seconds] = None,
    grace: Annotated[
        float,
        typer.Option(
            rich_help_panel="Pace", metavar="SECONDS", help="What calls in flight get where the run ends early."
        ),
    ] = 8.0,
    max_cost: Annotated[str | None, typer.Option(rich_help_panel="Pace", metavar="USD", help="For all of it.")] = None,
    max_tokens: Annotated[int | None, typer.Option(rich_help_panel="Pace", min=1, help="Of all classes.")] = None,
    max_failures: Annotated[
        str | None,
        typer.Option(
            rich_help_panel="Pace", metavar="N|P%", help="Stop when more fail; P% of those decided, from 20 on."
        ),
    ] = None,
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
    from igent.store.places import own_place
    from igent.terminal import View, finish, foretell
    from igent.workflows.begun import require_finished, settings_at, unfinished
    from igent.workflows.same import begun_with, like

    pace = workflows.Pace(
        concurrency=maybe_concurrency(concurrency),
        call_deadline_s=call_deadline,
        idle_s=idle_timeout,
        flush_every=flush_every,
        deadline_s=deadline,
        grace_s=grace,
        max_usd=maybe_dollars(max_cost),
        max_tokens=max_tokens,
        max_failures=maybe_tolerance(max_failures),
    )
    rim = rim_of(context, base_url=base_url, prices=prices, cache_dir=cache_dir)
    where = _profile_path(constellation) if profile else None
    sample = registrations is None and resume is None and since is None
    more = f"{this_python()} -m igent.workflows p1m1m2c --market {market} --mock" if sample else None
    view = View(strict=strict, json=json, quiet=quiet, grace_s=grace, profile=where, more=more)
    resume, out = (own_place(one) if one is not None else None for one in (resume, out))
    if resume is not None:
        _refuse_beside_resume(context, out, resume)
        again = resuming(resume, pace, rim=rim, stated=settings_given(context), only=names_in(only))
        finish(again, view, _place(context, resume))
    if only:
        raise OptionError("there is no run of which to ask again", remedy="Give --resume RUN_DIR with --only")
    if not constellation and since is None:
        raise OptionError("there is no constellation to run", remedy="Name one: igent constellations lists them")
    said = settings_given(context)
    if since:
        settings = like(settings_at(Path(str(said["since"]))), said, as_of=datetime.now(UTC).date())
    else:
        settings = settings_stated(said, rim)
    _announce(settings)
    directory = out or workflows.default_directory(settings, datetime.now(UTC))
    if pilot and not dry_run:
        raise OptionError("a pilot is for an estimate", remedy="Give --dry-run with --pilot")
    if dry_run:
        if settings.since is not None:
            require_finished(settings.since)
        first = replace(settings, max_items=min(pilot or 1, settings.max_items or pilot or 1))
        place = directory.with_name(f"{directory.name}-pilot-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        trial = (starting(first, pace, place, rim=rim), _place(context, place)) if pilot else None
        foretell(settings, pace, trial, rim=rim, view=view)
    if out is not None and unfinished(out):
        say(f"igent: {out} holds an unfinished run, which is gone on with")
        begun = begun_with(settings, dated=as_of is not None)
        finish(resuming(out, pace, rim=rim, stated=begun), view, _place(context, out))
    finish(starting(settings, pace, directory, rim=rim), view, _place(context, directory))


def _place(context: typer.Context, directory: Path) -> Place:
    """Where a run is; whoever goes on with it has to say again how, and where its model is."""
    from igent.terminal import Place

    if directory.is_symlink():  # which will lead to a later run
        directory = directory.resolve()
    words = ("run", "--resume", directory, *options_given(context, _MAY_CHANGE - {"resume"}))
    return Place(directory=directory, resuming=command(context, *words))


def _refuse_beside_resume(context: typer.Context, out: Path | None, directory: Path) -> None:
    """A resumed run stays where it is and is no estimate; whether it keeps its settings is seen when they are read."""
    beside = names_given(context) & {"dry_run", "pilot"}
    if out is not None and out.resolve() != directory.resolve():
        beside.add("out")
    if beside:
        names = ", ".join("--" + name.replace("_", "-") for name in sorted(beside))
        raise OptionError(
            f"a resumed run keeps its settings, so these cannot be given: {names}", remedy="Leave them out"
        )


def _announce(settings: RunSettings) -> None:
    """Say on stderr what a user might not expect."""
    if settings.model == "rules":
        say("igent: on the embedded model rules: offline, notes go to review; with ANTHROPIC_API_KEY set, on Claude")
    if settings.incentives is None:
        say("igent: no --incentives, so orders have none")


def _profile_path(constellation: str) -> Path:
    return Path("profiles") / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{Path(constellation or 'resumed').stem}.prof"
