"""Large runs as a user starts them: their speed, whether time is linear and memory bounded, whether output holds."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from shutil import rmtree

from profiles.measure import Measurement, Size
from profiles.outputs import faults
from profiles.runs import Spent, generated, launched, simulating

__all__ = ["load"]

_STEP, _SIZES = 10, 3


def load(size: Size, scratch: Path) -> list[Measurement]:
    """N registrations, a tenth and a hundredth of them, each in a process of its own."""
    counts = sorted({max(1, size.registrations // _STEP**power) for power in range(_SIZES)})
    found = {count: _measured(scratch / str(count), count) for count in counts}
    spent = {count: one for count, (one, _) in found.items()}
    wrong = [fault for _, some in found.values() for fault in some]
    many, few = counts[-1], counts[-2]
    large, small = spent[many], spent[few]
    row = partial(Measurement, suite="load")
    return [
        *(row(what=f"registrations, at {n:,}", value=n / one.wall_s, unit="per s") for n, one in spent.items()),
        *(row(what=f"peak memory, at {n:,}", value=one.peak_bytes / 1e6, unit="MB") for n, one in spent.items()),
        row(what="time per registration, at N / at N/10", value=large.wall_s / many * few / small.wall_s, unit="x"),
        row(what="CPU per registration, at N / at N/10", value=large.cpu_s / many * few / small.cpu_s, unit="x"),
        row(what="peak memory, at N / at N/10", value=large.peak_bytes / small.peak_bytes, unit="x"),
        row(what="faults in the output files", value=len(wrong), unit="faults"),
    ]


def _measured(scratch: Path, count: int) -> tuple[Spent, list[str]]:
    """What a run takes and what is wrong with its output, of which nothing is left: a million takes 12 GB."""
    inputs, out = generated(scratch / "input", count), scratch / "out"
    spent = launched(simulating("p1m1m2c", inputs, out))
    wrong = faults(out, count)
    rmtree(scratch)
    return spent, wrong
