"""`igent review`: a person's decisions about what is in review."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from igent.commands.again import command, options_given
from igent.commands.environment import login, rim_of
from igent.commands.options import InputFile
from igent.errors import OptionError

if TYPE_CHECKING:
    from igent.domain.records import Json

__all__ = ["review"]


def review(
    context: typer.Context,
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
    from igent.commands.reviewing import reviewed
    from igent.store.places import own_place
    from igent.terminal import Place
    from igent.workflows.decisions import decisions_of, read_decisions

    who, run_dir = by or login(), own_place(run_dir)
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
    rim = rim_of(context, prices=prices, cache_dir=cache_dir)
    options = ("accept", "choose", "reject", "decisions", "by", "comment", "prices", "cache_dir", "json")
    again = command(context, "review", run_dir, *options_given(context, options))
    place = Place(directory=run_dir, resuming=again)
    reviewed(place, None if asked else given, by=who, rim=rim, json=json)
