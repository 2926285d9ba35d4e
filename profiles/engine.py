"""What igent itself costs: CPU per registration of a run whose model answers at once, and the functions it goes to."""

from __future__ import annotations

import cProfile
from functools import partial
from itertools import count
from pathlib import Path

from profiles.hotspots import hotspots, owner, place
from profiles.measure import ROUND_TRIP, Measurement, Size, effort
from profiles.runs import generated, run

__all__ = ["engine"]

CONSTELLATION = "p1m1m2c"
_TOP, _TOP_OWNERS = 10, 5
_WARM = 20


def engine(size: Size, scratch: Path) -> list[Measurement]:
    """CPU per registration, journal and files included, and whose own time is most of it."""
    inputs = generated(scratch / "input", size.engine)
    run(CONSTELLATION, scratch / "warm", inputs=inputs, max_items=_WARM)
    numbers = count()
    spent = effort(lambda: run(CONSTELLATION, scratch / f"plain{next(numbers)}", inputs=inputs))
    with cProfile.Profile() as profiler:
        run(CONSTELLATION, scratch / "profiled", inputs=inputs)
    row = partial(Measurement, suite="engine")
    entries = profiler.getstats()
    functions, owners = hotspots(entries, place, count=_TOP), hotspots(entries, owner, count=_TOP_OWNERS)
    return [
        row(what=f"CPU per registration, of {size.engine:,}", value=spent.cpu_s / size.engine * 1e3, unit="ms"),
        row(what=f"CPU per registration / {ROUND_TRIP}, in its midst", value=spent.round_trips / size.engine, unit="x"),
        *(row(what=f"own time of {share.name}", value=share.percent, unit="%") for share in owners),
        *(row(what=f"own time: `{share.name}`", value=share.percent, unit="%") for share in functions),
    ]
