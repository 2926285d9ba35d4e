"""Options that commands share, and those that are words or numbers at once."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Literal

import typer

from igent.errors import OptionError

if TYPE_CHECKING:
    from igent.workflows.failures import Tolerance

__all__ = [
    "BatchSize",
    "BatchTokens",
    "Critic",
    "InputFile",
    "Latency",
    "Mock",
    "Pacing",
    "Seconds",
    "Switch",
    "maybe_concurrency",
    "maybe_dollars",
    "maybe_tolerance",
]

_SWITCHES = "Switches of the constellation"
BatchSize = typer.Option(
    rich_help_panel=_SWITCHES, min=1, show_default=False, help="Households that one call may ask about, at most 64."
)
BatchTokens = typer.Option(
    rich_help_panel=_SWITCHES, min=1, show_default=False, help="What a reply about several may take."
)
Critic = Literal["always", "when-unproven", "never"]
Latency = Literal["none", "haiku", "sonnet", "opus"]
InputFile = typer.Option(metavar="FILE", rich_help_panel="Inputs", show_default=False)
Mock = typer.Option(rich_help_panel="Mock model")
Pacing = typer.Option(rich_help_panel="Pace", min=1)
Seconds = typer.Option(rich_help_panel="Pace", metavar="SECONDS")
Switch = typer.Option(rich_help_panel=_SWITCHES, show_default=False)


def maybe_concurrency(text: str) -> int | None:
    """Calls in flight, or None for auto. Raises `OptionError` for anything else."""
    if text == "auto":
        return None
    if not text.isdecimal():
        raise OptionError(f"concurrency cannot be {text!r}", remedy="Give a number of calls in flight, or auto")
    return int(text)


def maybe_dollars(text: str | None) -> Decimal | None:
    """Dollars, or None where nothing is given. Raises `OptionError` for what is no number."""
    if text is None:
        return None
    try:
        return Decimal(text)
    except InvalidOperation as exc:
        raise OptionError(f"a cost cannot be {text!r}", remedy="Give dollars, such as 2.50") from exc


def maybe_tolerance(text: str | None) -> Tolerance | None:
    """How many registrations may fail, as a number or a percentage. Raises `OptionError` for anything else."""
    from igent.workflows.failures import Tolerance

    if text is None:
        return None
    number = text.removesuffix("%")
    try:
        most, percent = Decimal(number), number != text
    except InvalidOperation:
        most, percent = Decimal("NaN"), False
    if not most.is_finite() or not 0 <= most < (100 if percent else 10**9) or (not percent and most % 1):
        raise OptionError(f"{text!r} registrations cannot be what may fail", remedy="Give a number, or such as 5%")
    return Tolerance(most, percent)
