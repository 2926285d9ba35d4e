"""Whole runs through the SDK and a loopback provider: the naive arm, each optimization alone, and all together.

All arms are the same program on the same registrations. The naive one is `naive.yaml`, one call at a time, its files
written for every registration, before a model that says more than it is asked: one that is held to a form ends with
its object, so the replies of igent's default are terse.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path

from igent.workflows import Inputs, Pace, RunResult
from profiles.arms import NAIVE, Arm, Found, OneAtATime, begun, figures, unlike
from profiles.measure import Measurement, Size
from profiles.mn1 import asked
from profiles.runs import timed
from profiles.served import Manner, served

__all__ = ["end_to_end"]

_MANY = 32

_VERBOSE = Manner(way="verbose")
_BARE = partial(Arm, constellation=NAIVE, pace=OneAtATime(concurrency=1, flush_every=1), manner=_VERBOSE)
_ALONE = (
    _BARE(name="terse replies", manner=Manner()),
    _BARE(name="early_json", switches={"early_json": True}),
    _BARE(name="critic_skip", switches={"critic_skip": True}, critic="when-unproven"),
    _BARE(name="context_filter", switches={"context_filter": True}),
    _BARE(name="prompt_caching", switches={"prompt_caching": True}),
    _BARE(name="parallel_phases", switches={"parallel_phases": True}, pace=OneAtATime(flush_every=1)),
    _BARE(name=f"concurrency {_MANY}", pace=Pace(concurrency=_MANY, flush_every=1)),
)
# The first is what all are compared with. These run side by side, as each nearly always waits; the others alone.
_AT_ONCE = (_BARE(name="naive"), *_ALONE)
_BY_ITSELF = (
    Arm(name="default", pace=OneAtATime()),
    Arm(name="default, verbose replies", pace=OneAtATime(), manner=_VERBOSE),
    Arm(name=f"default at {_MANY}", pace=Pace(concurrency=_MANY)),
)


def end_to_end(size: Size, scratch: Path) -> list[Measurement]:
    """Every arm on the same registrations, by figures of its own and against the naive one."""
    import_module("igent.models.anthropic")  # no arm is to pay for the imports of all
    inputs = asked(size.served, scratch)
    arms = [*_AT_ONCE, *_BY_ITSELF]
    with served([replace(arm.manner, wait=size.wait) for arm in arms]) as providers:
        results = asyncio.run(_all(inputs, scratch, dict(zip([arm.name for arm in arms], providers.urls, strict=True))))
    found = [
        Found(arm=arm, result=results[arm.name], plays=plays) for arm, plays in zip(arms, providers.plays, strict=True)
    ]
    naive, default, verbose, many = found[0], *found[-len(_BY_ITSELF) :]
    return [
        *(one for each in found for one in _figures(each)),
        *_against(naive, default),
        *_against(naive, many),
        _ratio(what="wall per registration, naive / default, verbose replies", value=naive.wall_s / verbose.wall_s),
        *(_row(what=f"{one.arm.name}: wall / limit of its calls", value=one.over_limit) for one in (naive, default)),
        *(one for each in found[1 : len(_AT_ONCE)] for one in _gains(naive, each)),
        _row(what="outcomes unlike the naive arm's", value=unlike(naive, found[1:]), unit="faults"),
    ]


async def _all(inputs: Inputs, scratch: Path, urls: Mapping[str, str]) -> dict[str, RunResult]:
    async def one(arm: Arm) -> RunResult:
        return await begun(arm, inputs, urls[arm.name], scratch / arm.name.replace(" ", "-"))

    async with asyncio.TaskGroup() as group:
        tasks = {arm.name: group.create_task(one(arm)) for arm in _AT_ONCE}
    return {name: task.result() for name, task in tasks.items()} | {arm.name: await one(arm) for arm in _BY_ITSELF}


_row = partial(Measurement, suite="end to end", unit="x")
_ratio = partial(_row, better="more")


def _figures(found: Found) -> list[Measurement]:
    name = found.arm.name
    return [
        _row(what=f"{name}: wall per registration", value=found.wall_s, unit="s"),
        _row(what=f"{name}: p50", value=timed(found.result, "p50"), unit="s"),
        _row(what=f"{name}: p95", value=timed(found.result, "p95"), unit="s"),
        *figures(found, _row),
    ]


def _against(naive: Found, other: Found) -> list[Measurement]:
    name = other.arm.name
    return [
        _ratio(what=f"wall per registration, naive / {name}", value=naive.wall_s / other.wall_s),
        _ratio(what=f"calls, naive / {name}", value=naive.calls / other.calls),
        _ratio(what=f"paid input tokens, naive / {name}", value=naive.paid / other.paid),
        _ratio(what=f"output tokens, naive / {name}", value=naive.tokens("output") / other.tokens("output")),
        _ratio(what=f"cost, naive / {name}", value=naive.usd / other.usd),
    ]


def _gains(naive: Found, alone: Found) -> list[Measurement]:
    name = alone.arm.name
    return [
        _ratio(what=f"wall per registration, naive / {name} alone", value=naive.wall_s / alone.wall_s),
        _ratio(what=f"cost, naive / {name} alone", value=naive.usd / alone.usd),
    ]
