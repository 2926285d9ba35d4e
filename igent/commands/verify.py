"""`igent verify`: anybody's matches and orders, audited."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from igent.commands.environment import say
from igent.commands.options import InputFile
from igent.errors import ExitCode

__all__ = ["verify"]


def verify(
    registrations: Annotated[Path, InputFile],
    offers: Annotated[Path, InputFile],
    matches: Annotated[Path, InputFile],
    orders: Annotated[Path, InputFile],
    incentives: Annotated[Path | None, InputFile] = None,
    market: Annotated[str, typer.Option(help="The market's rules.")] = "sbus",
    as_of: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Which incentives are current.")] = None,
    allow_large: Annotated[bool, typer.Option("--allow-large", help="Files of more than 4 GiB.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Audit anybody's matches and orders: what the inputs do not bear out, by registration; exit 1 on findings."""
    from igent.audit.report import audit_lines
    from igent.terminal import show
    from igent.workflows.verify import AuditFiles, audit_files

    files = AuditFiles(
        registrations=registrations,
        offers=offers,
        matches=matches,
        orders=orders,
        incentives=incentives,
        allow_large=allow_large,
    )
    if incentives is None:
        say("igent: no --incentives, so whether those in the orders exist is not audited")
    audit = audit_files(files, market=market, as_of=(as_of or datetime.now(UTC)).date())
    show(audit.as_record(), lambda _: audit_lines(audit), json=json)
    sys.exit(ExitCode.FAILED if audit.findings else 0)
