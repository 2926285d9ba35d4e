"""`igent constellations`: what can be run."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["constellations"]


def constellations(name: Annotated[str, typer.Argument(help="Explain only this one, or a file.")] = "") -> None:
    """List and explain the constellations."""
    from igent.constellation import explain, parse_constellation
    from igent.store.bundled import constellation_names, find_constellation
    from igent.store.plain import read_text

    for path in map(find_constellation, [name] if name else constellation_names()):
        print(explain(parse_constellation(read_text(path), file=path.name)), end="\n\n")
