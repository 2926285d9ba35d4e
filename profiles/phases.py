"""What judging both phases at the same time gains, with the latency of a small model.

A few registrations at a time, so that every call finds a place: were all in flight, the first calls would take the few
places that a run begins with, and whose they are decides the median. Many of them, as each draws its own latency.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Final

from igent.store.bundled import sample_data
from igent.workflows import Inputs, Pace, RunResult
from profiles.arms import Arm, Found, unlike
from profiles.measure import Measurement, Size
from profiles.runs import run, timed

__all__ = ["phases"]

CONSTELLATION = "p1m1_p2m2"
_FEW: Final = 4


class _FewAtATime(Pace):
    """So few registrations in flight that both calls of each have a place."""

    @property
    def window(self) -> int:
        return _FEW


def phases(size: Size, scratch: Path) -> list[Measurement]:
    """Households without a note, a few at a time, with `parallel_phases` on and off."""
    inputs = _plain_households(size.households, scratch)

    def measured(*, parallel: bool) -> RunResult:
        return run(
            CONSTELLATION,
            scratch / ("together" if parallel else "in-turn"),
            inputs=inputs,
            pace=_FewAtATime(concurrency=2 * _FEW),
            wait=size.wait,
            mock_latency="haiku",
            switches={"parallel_phases": parallel},
        )

    both, serial = measured(parallel=True), measured(parallel=False)
    row = partial(Measurement, suite="phases")
    return [
        row(what="p50 per registration, phases at once", value=timed(both, "p50"), unit="s"),
        row(what="p50 per registration, one after the other", value=timed(serial, "p50"), unit="s"),
        row(
            what=f"p50 of {_FEW} at a time, one after the other / at once",
            value=timed(serial, "p50") / timed(both, "p50"),
            unit="x",
            better="more",
        ),
        row(what="wall, phases at once", value=timed(both, "wall"), unit="s"),
        row(what="wall, one after the other", value=timed(serial, "wall"), unit="s"),
        row(
            what=f"wall of {_FEW} at a time, one after the other / at once",
            value=timed(serial, "wall") / timed(both, "wall"),
            unit="x",
            better="more",
        ),
        row(what="outcomes unlike", value=unlike(_found(serial), [_found(both)]), unit="faults"),
    ]


def _found(result: RunResult) -> Found:
    return Found(arm=Arm(name=CONSTELLATION), result=result)


def _plain_households(count: int, scratch: Path) -> Inputs:
    """The first `count` of the sample data that have no note and that a run matches, so that each makes both calls."""
    sample = sample_data()
    rehearsal = run(CONSTELLATION, scratch / "rehearsal").directory
    matched = {row["registration_id"] for row in json.loads((rehearsal / "matches.json").read_bytes())}
    rows = json.loads(sample.registrations.read_bytes())
    plain = [row for row in rows if row["RegistrationNumber"] in matched and not row.get("Notes")]
    path = scratch / "registrations.json"
    path.write_text(json.dumps(plain[:count]), encoding="utf-8")
    assert sample.incentives is not None
    return {"registrations": path, "offers": sample.offers, "incentives": sample.incentives}
