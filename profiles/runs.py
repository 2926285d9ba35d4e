"""Runs to measure: generated or sample data in, a finished run out, in this process or in one of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Unpack, cast

from data.generate import main as generate
from igent.workflows import Control, Inputs, Pace, Rim, RunOptions, RunResult, make_settings, start

__all__ = [
    "AS_OF",
    "Command",
    "MODEL",
    "Spent",
    "calling",
    "counted",
    "generated",
    "launched",
    "run",
    "simulating",
    "timed",
]

# The sample incentives are current then; with another day, other ones are listed and another amount of work is done.
AS_OF: Final = date(2026, 3, 31)

MODEL: Final = "claude-haiku-5-5"

_LAUNCHER = Path(__file__).with_name("launcher.py")

Command = Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a process took: seconds on the clock and of CPU, and its peak of resident memory in bytes.

    `begun_s` is when it was started, in seconds of the monotonic clock, which all processes of a machine share.
    """

    begun_s: float
    wall_s: float
    cpu_s: float
    peak_bytes: int


def generated(directory: Path, count: int) -> Inputs:
    """Input files of `count` generated registrations."""
    generate(["--count", str(count), "--out", str(directory)])
    return {
        "registrations": directory / "registrations.json",
        "offers": directory / "offers.json",
        "incentives": directory / "incentives.json",
    }


def run(
    constellation: str,
    out: Path,
    *,
    inputs: Inputs | None = None,
    pace: Pace | None = None,
    wait: float = 1.0,
    **options: Unpack[RunOptions],
) -> RunResult:
    """A run in this process with the mock, whose latency is scaled by `wait`; on the sample data without `inputs`."""
    options["model"] = "mock"
    settings = make_settings(constellation, inputs or {}, as_of=AS_OF, **options)
    rim = Rim(sleep=lambda seconds: asyncio.sleep(seconds * wait))
    return asyncio.run(start(settings, pace or Pace(), out, control=Control(), rim=rim))


def counted(result: RunResult, section: str) -> dict[str, int]:
    """A section of `run.json` that holds nothing but numbers."""
    return cast("dict[str, int]", result.summary[section])


def timed(result: RunResult, figure: str) -> float:
    """A figure of `timing` in `run.json`, in seconds."""
    return float(str(cast("dict[str, float]", result.summary["timing"])[f"{figure}_seconds"]))


def launched(command: Command, *, core: int | None = None) -> Spent:
    """Run a Python command line (without the interpreter) to its end, on a core where one is named.

    Whatever it calls, it is without a key of anybody's. Raises `CalledProcessError` where it fails.
    """
    place = "-" if core is None else str(core)
    launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), place, sys.executable, *command]
    bare = {**os.environ, "ANTHROPIC_API_KEY": "none"}
    done = subprocess.run(launcher, check=True, capture_output=True, text=True, env=bare)  # noqa: S603  # composed here
    return Spent(**json.loads(done.stdout))


def calling(constellation: str, inputs: Inputs, out: Path, *, url: str) -> Command:
    """The command line of a run that calls a small model at a URL and keeps its replies nowhere else."""
    return _command(constellation, inputs, out, ["--model", MODEL, "--base-url", url, "--no-cache"])


def simulating(constellation: str, inputs: Inputs, out: Path) -> Command:
    """The command line of a run with the mock that answers at once."""
    return _command(constellation, inputs, out, ["--mock"])


def _command(constellation: str, inputs: Inputs, out: Path, model: Command) -> Command:
    files = [word for role, path in inputs.items() for word in (f"--{role}", str(path))]
    fixed = ["--quiet", "--as-of", AS_OF.isoformat(), "--out", str(out)]
    return ["-m", "igent", "run", constellation, *files, *model, *fixed]
