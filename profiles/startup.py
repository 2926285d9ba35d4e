"""How long it takes until something is there: the help, and the main command with one registration."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from statistics import median

from profiles.measure import Measurement, Size
from profiles.runs import AS_OF, Command, launched

__all__ = ["startup"]


def startup(size: Size, scratch: Path) -> list[Measurement]:
    """Medians of processes from start to exit, in turn with an interpreter that does nothing."""
    taken: list[tuple[float, ...]] = []
    for number in range(size.starts):
        main = [
            "-m",
            "igent.workflows",
            "p1m1_p2m2",
            "--max-items",
            "1",
            "--model",
            "rules",
            "--as-of",
            AS_OF.isoformat(),
            "--quiet",
        ]
        commands: list[Command] = [["-c", ""], ["-m", "igent", "--help"], [*main, "--out", str(scratch / str(number))]]
        taken.append(tuple(launched(command).wall_s for command in commands))
    bare_s, help_s, main_s = (median(seconds) for seconds in zip(*taken, strict=True))
    row = partial(Measurement, suite="start-up")
    return [
        row(what="igent --help", value=help_s, unit="s"),
        row(what="igent --help / bare interpreter", value=help_s / bare_s, unit="x"),
        row(what="the main command, --max-items 1", value=main_s, unit="s"),
        row(what="the main command, --max-items 1 / bare interpreter", value=main_s / bare_s, unit="x"),
    ]
