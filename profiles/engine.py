"""What igent itself costs: CPU per registration of a run whose model answers at once, and the functions it goes to."""

from __future__ import annotations

import cProfile
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

from igent.models.simulated import SimulatedModel
from profiles.hotspots import hotspots, inside, owner, place
from profiles.measure import ROUND_TRIP, Measurement, Size, effort
from profiles.runs import generated, launched, run, simulating

__all__ = ["engine"]

_PROFILED = "p1m1m2c"
_TOP, _TOP_OWNERS = 10, 5
_WARM, _MANY = 20, 10


def engine(size: Size, scratch: Path) -> list[Measurement]:
    """CPU per registration, journal and files included, and whose own time is most of it."""
    inputs = generated(scratch / "input", size.engine)
    numbers = count()

    def work(items: int | None = None) -> None:
        run(_PROFILED, scratch / f"run-{next(numbers)}", inputs=inputs, max_items=items)

    work(_WARM)
    trips = effort(work).round_trips
    with cProfile.Profile() as profiler:
        work()
    row = partial(Measurement, suite="engine")
    entries = profiler.getstats()
    functions, owners = hotspots(entries, place, count=_TOP), hotspots(entries, owner, count=_TOP_OWNERS)
    return [
        row(what=f"CPU per registration / {ROUND_TRIP}, in its midst", value=trips / size.engine, unit="x"),
        *_commands(size.engine * _MANY, scratch),
        row(what="of it the mock, which is no engine", value=inside(entries, SimulatedModel.stream.__code__), unit="%"),
        *(row(what=f"own time of {share.name}", value=share.percent, unit="%") for share in owners),
        *(row(what=f"own time: `{share.name}`", value=share.percent, unit="%") for share in functions),
    ]


def _commands(registrations: int, scratch: Path) -> Iterator[Measurement]:
    """What each further registration takes of the CPU in a process as a user starts it: many less one."""
    inputs = generated(scratch / "many", registrations)
    for constellation in ("p1m1_p2m2", _PROFILED):
        call = simulating(constellation, inputs, scratch / constellation)
        one = simulating(constellation, inputs, scratch / f"{constellation}-1")
        further_s = launched(call).cpu_s - launched([*one, "--max-items", "1"]).cpu_s
        what = f"CPU per registration, of {registrations:,}, {constellation}"
        yield Measurement(suite="engine", what=what, value=further_s / (registrations - 1) * 1e3, unit="ms")
