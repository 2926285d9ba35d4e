"""What igent itself costs: CPU per registration of a run whose model answers at once, and the functions it goes to."""

from __future__ import annotations

import cProfile
import time
from functools import partial
from itertools import count
from pathlib import Path

from igent.models.simulated import SimulatedModel
from profiles.hotspots import hotspots, inside, owner, place
from profiles.measure import ROUND_TRIP, Measurement, Size, alternately, effort
from profiles.runs import generated, run

__all__ = ["engine"]

CONSTELLATIONS = ("p1m1_p2m2", "p1m1m2c")
_TOP, _TOP_OWNERS = 10, 5
_WARM, _ROUNDS = 20, 20


def engine(size: Size, scratch: Path) -> list[Measurement]:
    """CPU per registration, journal and files included, and whose own time is most of it."""
    inputs = generated(scratch / "input", size.engine)
    numbers = count()

    def work(constellation: str, items: int | None = None) -> None:
        run(constellation, scratch / f"run-{next(numbers)}", inputs=inputs, max_items=items)

    for constellation in CONSTELLATIONS:
        work(constellation, _WARM)
    works = [partial(work, constellation) for constellation in CONSTELLATIONS]
    spent_s = alternately(works, seconds=size.seconds * _ROUNDS, clock=time.process_time)
    _, critics = works
    trips = effort(critics).round_trips
    with cProfile.Profile() as profiler:
        critics()
    row = partial(Measurement, suite="engine")
    entries = profiler.getstats()
    functions, owners = hotspots(entries, place, count=_TOP), hotspots(entries, owner, count=_TOP_OWNERS)
    return [
        row(what=f"CPU per registration / {ROUND_TRIP}, in its midst", value=trips / size.engine, unit="x"),
        *(
            row(
                what=f"CPU per registration, of {size.engine:,}, {constellation}",
                value=each_s / size.engine * 1e3,
                unit="ms",
            )
            for constellation, each_s in zip(CONSTELLATIONS, spent_s, strict=True)
        ),
        row(what="of it the mock, which is no engine", value=inside(entries, SimulatedModel.stream.__code__), unit="%"),
        *(row(what=f"own time of {share.name}", value=share.percent, unit="%") for share in owners),
        *(row(what=f"own time: `{share.name}`", value=share.percent, unit="%") for share in functions),
    ]
