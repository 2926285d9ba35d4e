"""What asking about several households in one call saves, and what it costs those who wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

from igent.workflows import Inputs, Pace, RunResult
from profiles.arms import Arm, Found, begun, figures, unlike
from profiles.measure import Measurement, Size
from profiles.mn1 import asked
from profiles.runs import timed
from profiles.served import Manner, served

__all__ = ["batches"]

_MOST: Final = 8
_PLACES: Final = (1, 32)
_row = partial(Measurement, suite="batches")
_ratio = partial(_row, unit="x", better="more")


def batches(size: Size, scratch: Path) -> list[Measurement]:
    """The default on the registrations of the end-to-end suite, all of them waiting, with batches and without."""
    import_module("igent.models.anthropic")  # no arm is to pay for the imports of all
    inputs, manner = asked(size.served, scratch), Manner(wait=size.wait)
    arms = [
        Arm(name=f"{name} at {places}", pace=Pace(concurrency=places), batch=most, manner=manner)
        for places in _PLACES
        for name, most in (("alone", 1), ("in batches", _MOST))
    ]
    with served([manner for _ in arms]) as providers:
        results = asyncio.run(_all(arms, inputs, providers.urls, scratch))
    found = [Found(arm=arm, result=result) for arm, result in zip(arms, results, strict=True)]
    return [
        *(one for each in found for one in _figures(each)),
        *(one for pair in zip(found[::2], found[1::2], strict=True) for one in _gains(*pair)),
        _row(what="outcomes unlike", value=unlike(found[0], found[1:]), unit="faults"),
    ]


async def _all(arms: Sequence[Arm], inputs: Inputs, urls: Sequence[str], scratch: Path) -> list[RunResult]:
    """Those of one place side by side, as they nearly always wait."""
    results = list[RunResult]()
    for start in range(0, len(arms), 2):
        async with asyncio.TaskGroup() as group:
            pair = [
                group.create_task(begun(arms[number], inputs, urls[number], scratch / str(number)))
                for number in (start, start + 1)
            ]
        results += [task.result() for task in pair]
    return results


def _figures(found: Found) -> list[Measurement]:
    p50, p95 = (timed(found.result, figure) for figure in ("p50", "p95"))
    return [
        _row(what=f"{found.arm.name}: p50", value=p50, unit="s"),
        _row(what=f"{found.arm.name}: p95", value=p95, unit="s"),
        _row(what=f"{found.arm.name}: wall per registration", value=found.wall_s, unit="s"),
        *figures(found, _row),
    ]


def _gains(alone: Found, together: Found) -> list[Measurement]:
    name = f"{alone.arm.name} / {together.arm.name}"
    return [
        _ratio(what=f"calls, {name}", value=alone.calls / together.calls),
        _ratio(what=f"paid input tokens, {name}", value=alone.paid / together.paid),
        _ratio(what=f"cost, {name}", value=alone.usd / together.usd),
        _ratio(what=f"wall per registration, {name}", value=alone.wall_s / together.wall_s),
    ]
