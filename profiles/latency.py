"""What a user waits for, by model and by calls in flight: whole runs through the SDK over loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

from igent.workflows import Inputs, Pace, RunResult
from profiles.arms import Arm, Found, begun
from profiles.measure import Measurement, Size
from profiles.plays import steady
from profiles.runs import generated, timed
from profiles.served import Manner, served

__all__ = ["latency"]

_MODELS: Final = ("haiku", "sonnet")
# Up to here runs nearly always wait, so that they can go side by side.
_IDLE = 8


def latency(size: Size, scratch: Path) -> list[Measurement]:
    """p50, p95 and pace of the default, and how far it is from what its calls had to take."""
    import_module("igent.models.anthropic")  # no run is to pay for the imports of all
    cells = [
        (
            Arm(name=f"{model} at {places}", pace=_pace(places), manner=Manner(latency=model, wait=size.wait)),
            n,
        )
        for places, n in size.grid
        for model in _MODELS
    ]
    inputs = {count: generated(scratch / f"input-{count}", count) for count in {count for _, count in cells}}
    with served([arm.manner for arm, _ in cells]) as providers:
        asked = [(arm, inputs[count], url) for (arm, count), url in zip(cells, providers.urls, strict=True)]
        results = asyncio.run(_all(asked, scratch))
    found = [
        Found(arm=arm, result=results[arm.name], plays=plays)
        for (arm, _), plays in zip(cells, providers.plays, strict=True)
    ]
    return [one for each in found for one in _rows(each)]


def _pace(places: int) -> Pace:
    """Patient, so that a run on a machine that others take is slow and not stopped."""
    return Pace(concurrency=places, idle_s=60)


async def _all(asked: Sequence[tuple[Arm, Inputs, str]], scratch: Path) -> dict[str, RunResult]:
    results = dict[str, RunResult]()

    async def one(arm: Arm, inputs: Inputs, url: str) -> None:
        results[arm.name] = await begun(arm, inputs, url, scratch / arm.name.replace(" ", "-"))

    async with asyncio.TaskGroup() as group:
        for cell in asked:
            if _places(cell[0]) <= _IDLE:
                group.create_task(one(*cell))
    for cell in asked:
        if _places(cell[0]) > _IDLE:
            await one(*cell)
    return results


def _places(arm: Arm) -> int:
    assert arm.pace.concurrency is not None, "an arm of the grid has a fixed concurrency"
    return arm.pace.concurrency


def _rows(found: Found) -> list[Measurement]:
    name, row, result = found.arm.name, partial(Measurement, suite="latency"), found.result
    kept = steady(found.plays, places=_places(found.arm))
    return [
        row(what=f"{name}: p50", value=timed(result, "p50"), unit="s"),
        row(what=f"{name}: p95", value=timed(result, "p95"), unit="s"),
        row(what=f"{name}: wall per registration", value=found.wall_s, unit="s"),
        row(what=f"{name}: registrations", value=1 / found.wall_s, unit="per s"),
        row(what=f"{name}: places taken", value=100 * kept.taken, unit="%"),
        row(what=f"{name}: throughput / ideal", value=kept.share, unit="x", better="more"),
    ]
