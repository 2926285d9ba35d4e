"""Three kinds of work, each before and after what was made for it; beside them the naive arm, for its outcomes alone.

`before` is the default without that one thing: the prompt cache for one large candidate set, batches for many small
ones; where all is free text, critics that are asked every time and one call at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from igent.workflows import Inputs, Pace, RunResult
from profiles.arms import NAIVE, Arm, Found, Row, begun, figures, unlike_where_proven
from profiles.households import free_text, one_large_set, small_sets
from profiles.measure import Measurement, Size
from profiles.runs import timed
from profiles.served import Manner, served

__all__ = ["workloads"]

# All latency is a fifth of a small model's: what is compared waits alike.
_WAIT: Final = 0.2

# As before an endpoint without a prompt cache: where there is one, batches may turn out to save nothing, and end.
_UNCACHED: Final = MappingProxyType({"prompt_caching": False})

Gain = Literal["calls", "paid input tokens", "duration"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Workload:
    """Some registrations, run two ways; `gain` is what the second was made for."""

    name: str
    inputs: Inputs
    before: Arm
    after: Arm
    gain: Gain


def workloads(size: Size, scratch: Path) -> list[Measurement]:
    """What is paid and waited for, before and after, and whether the outcomes are those of the naive arm."""
    import_module("igent.models.anthropic")  # no run is to pay for the imports of all
    every = _every(size.sets, scratch)
    manner = Manner(wait=_WAIT * size.wait)
    naive = Arm(name="naive", constellation=NAIVE, manner=replace(manner, latency="none"))
    arms = [replace(arm, manner=manner) for one in every for arm in (one.before, one.after)]
    with served([arm.manner for arm in arms] + [naive.manner]) as providers:
        found = [
            Found(arm=arm, result=_run(arm, one.inputs, url, scratch / one.name))
            for one, arm, url in zip([one for one in every for _ in range(2)], arms, providers.urls, strict=False)
        ]
        plain = [
            Found(arm=naive, result=_run(naive, one.inputs, providers.urls[-1], scratch / one.name)) for one in every
        ]
    pairs = zip(found[::2], found[1::2], strict=True)
    return [
        row
        for one, pair, expected in zip(every, pairs, plain, strict=True)
        for row in _rows(one, pair, unlike_where_proven(expected, pair))
    ]


def _every(sets: int, scratch: Path) -> Sequence[_Workload]:
    return (
        _Workload(
            name="one large set",
            inputs=one_large_set(scratch / "large", sets),
            before=Arm(name="without prompt_caching", switches=_UNCACHED),
            after=Arm(name="with prompt_caching"),
            gain="paid input tokens",
        ),
        _Workload(
            name="many small sets",
            inputs=small_sets(scratch / "small", sets),
            before=Arm(name="without batches", switches=_UNCACHED, batch=1),
            after=Arm(name="with batches", switches=_UNCACHED, batch=8),
            gain="calls",
        ),
        _Workload(
            name="free text",
            inputs=free_text(scratch / "text", sets),
            before=Arm(
                name="critic always, 1 call at a time",
                pace=Pace(concurrency=1),
                critic="always",
                switches={"critic_skip": False},
            ),
            after=Arm(name="critic when unproven, 8 calls at a time"),
            gain="duration",
        ),
    )


def _run(arm: Arm, inputs: Inputs, url: str, scratch: Path) -> RunResult:
    return asyncio.run(begun(arm, inputs, url, scratch / arm.name.replace(" ", "-")))


def _rows(one: _Workload, pair: tuple[Found, Found], unlike: int) -> list[Measurement]:
    row: Row = partial(Measurement, suite=one.name)
    ratio: Row = partial(row, unit="x", better="more")
    before, after = pair
    gains: dict[Gain, float] = {
        "calls": before.calls / after.calls,
        "paid input tokens": before.paid / after.paid,
        "duration": timed(before.result, "wall") / timed(after.result, "wall"),
    }
    return [
        *(measured for found in pair for measured in _figures(found, row)),
        ratio(what=f"{one.gain}, before / after", value=gains[one.gain]),
        ratio(what="cost, before / after", value=before.usd / after.usd),
        row(what="outcomes unlike the naive arm's", value=unlike, unit="faults"),
    ]


def _figures(found: Found, row: Row) -> list[Measurement]:
    return [*figures(found, row), row(what=f"{found.arm.name}: duration", value=timed(found.result, "wall"), unit="s")]
