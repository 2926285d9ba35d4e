"""What igent itself costs: CPU per registration of a run whose model answers at once, and the functions it goes to."""

from __future__ import annotations

import cProfile
import json
import time
from functools import partial
from pathlib import Path

from igent.store.bundled import sample_data
from igent.workflows import Inputs
from profiles.hotspots import hotspots, owner, place
from profiles.measure import Measurement, Size, alternately
from profiles.runs import generated, run

__all__ = ["engine"]

CONSTELLATION = "p1m1m2c"
_TOP, _TOP_OWNERS = 10, 5
_WARM, _RUNS = 20, 3


def engine(size: Size, scratch: Path) -> list[Measurement]:
    """CPU per registration, journal and files included, of the best run, and whose own time is most of it."""
    inputs = generated(scratch / "input", size.engine)
    run(CONSTELLATION, scratch / "warm", inputs=inputs, max_items=_WARM)
    cpu_s = min(_cpu_s(inputs, scratch / f"plain{number}") for number in range(_RUNS)) / size.engine
    (yardstick_s,) = alternately([_round_trip], seconds=size.seconds / 4)
    with cProfile.Profile() as profiler:
        run(CONSTELLATION, scratch / "profiled", inputs=inputs)
    row = partial(Measurement, suite="engine")
    entries = profiler.getstats()
    functions, owners = hotspots(entries, place, count=_TOP), hotspots(entries, owner, count=_TOP_OWNERS)
    return [
        row(what=f"CPU per registration, of {size.engine:,}", value=cpu_s * 1e3, unit="ms"),
        row(what="CPU per registration / json round trip of the sample offers", value=cpu_s / yardstick_s, unit="x"),
        *(row(what=f"own time of {share.name}", value=share.percent, unit="%") for share in owners),
        *(row(what=f"own time: `{share.name}`", value=share.percent, unit="%") for share in functions),
    ]


def _cpu_s(inputs: Inputs, out: Path) -> float:
    begun = time.process_time()
    run(CONSTELLATION, out, inputs=inputs)
    return time.process_time() - begun


def _round_trip() -> str:
    """A piece of work whose speed is that of the machine and of nothing here."""
    return json.dumps(json.loads(sample_data().offers.read_bytes()))
