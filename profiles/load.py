"""A large run as a user starts it: its speed, whether time is linear and memory bounded, whether the output holds."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from profiles.measure import Measurement, Size
from profiles.outputs import faults
from profiles.runs import AS_OF, Spent, generated, launched

__all__ = ["load"]

_STEP = 10


def load(size: Size, scratch: Path) -> list[Measurement]:
    """N registrations and a tenth of them, each in a process of its own."""
    many, few = size.registrations, max(1, size.registrations // _STEP)
    small, large = (_measured(scratch, count) for count in (few, many))
    wrong = [fault for count in (few, many) for fault in faults(scratch / f"out-{count}", count)]
    row = partial(Measurement, suite="load")
    return [
        row(what=f"registrations per second, at {few:,}", value=few / small.wall_s, unit="per s"),
        row(what=f"registrations per second, at {many:,}", value=many / large.wall_s, unit="per s"),
        row(what="time per registration, at N / at N/10", value=large.wall_s / many * few / small.wall_s, unit="x"),
        row(what="CPU per registration, at N / at N/10", value=large.cpu_s / many * few / small.cpu_s, unit="x"),
        row(what=f"peak memory, at {few:,}", value=small.peak_bytes / 1e6, unit="MB"),
        row(what=f"peak memory, at {many:,}", value=large.peak_bytes / 1e6, unit="MB"),
        row(what="peak memory, at N / at N/10", value=large.peak_bytes / small.peak_bytes, unit="x"),
        row(what="faults in the output files", value=len(wrong), unit="faults"),
    ]


def _measured(scratch: Path, count: int) -> Spent:
    inputs = generated(scratch / f"input-{count}", count)
    files = [word for role, path in inputs.items() for word in (f"--{role}", str(path))]
    fixed = ["--mock", "--quiet", "--as-of", AS_OF.isoformat()]
    return launched(["-m", "igent.workflows", "p1m1m2c", *files, *fixed, "--out", str(scratch / f"out-{count}")])
