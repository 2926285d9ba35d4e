"""`igent what-if`: other capacities or another rule, from recorded judgements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

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
    from igent.terminal import compared
    from igent.workflows.whatif import what_if as changes_of

    compared(changes_of(run_dir, capacity or (), rule=allocation), json=json)
