"""`igent doctor`: whether a run would work here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from igent.commands.environment import given, model_of, rim_of
from igent.commands.options import InputFile
from igent.errors import ExitCode
from igent.printable import visible

__all__ = ["doctor"]


def doctor(
    context: typer.Context,
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

    rim = rim_of(context, base_url=base_url, prices=prices)
    files = {"registrations": registrations, "offers": offers, "incentives": incentives}
    settings = workflows.make_settings(constellation, given(files), market=market, model=model_of(model, rim))
    findings = examined(settings, rim, Path(workflows.RUNS))
    for finding in findings:
        print(visible(f"{finding.level:<5} {finding.what}"))
        if finding.remedy:
            print(visible(f"      {finding.remedy}"))
    sys.exit(ExitCode.FAILED if any(finding.level == "fail" for finding in findings) else 0)
