"""`igent what-if`: other capacities or another rule, from recorded judgements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

__all__ = ["what_if"]


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
    from igent.terminal import show
    from igent.workflows.whatif import what_if as changes_of

    show(changes_of(run_dir, capacity or (), rule=allocation), _changes, json=json)


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
