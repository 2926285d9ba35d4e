"""Runs for tests: the sample data, pinned to a day, on a clock that need not wait."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any, Unpack, cast

import pytest

from igent.store.journal import Journal, Recovery
from igent.workflows import Control, Halt, Pace, Rim, RunOptions, RunResult, make_settings, resume, start
from igent.workflows.review import Deciding, apply
from igent.workflows.settings import GRACE_S
from tests.reliability.disks import Quick
from tests.workflows.inputs import Inputs

__all__ = [
    "AS_OF",
    "MN1",
    "OUTCOMES",
    "SAMPLE",
    "STABLE",
    "Setup",
    "but_lateness",
    "bytes_of",
    "counts_of",
    "many",
    "needs_mn1",
    "quick",
    "records_of",
    "registrations",
    "review",
    "rewritten",
    "rows_of",
    "stopping",
    "write",
]

AS_OF = date(2026, 3, 31)
_ROOT = Path(__file__).parents[2]
_MN1 = _ROOT / "../shared/data/mn1"

# A mock's seconds pass 200 times as fast, so that its order of events stays and its length does not.
_SPEED = 200


def _named(folder: Path) -> Inputs:
    names = ("registrations", "offers", "incentives")
    registrations, offers, incentives = (folder / f"{name}.json" for name in names)
    return Inputs(registrations=registrations, offers=offers, incentives=incentives)


SAMPLE = _named(_ROOT / "data")
MN1 = replace(_named(_MN1), include_withdrawn=True)
needs_mn1 = pytest.mark.skipif(not _MN1.is_dir(), reason="the real sample data is not beside this checkout")

# What a person acts on: the same at any concurrency, and after any interruption.
STABLE = ("matches.json", "pos.json", "capacity.json", "unmatched.json", "review.json")
OUTCOMES = (*STABLE, "failed.json", "rejects.json")


async def _quick_sleep(seconds: float) -> None:
    # A grace is there in full: on a busy machine calls in flight would not end within a 200th of it.
    await asyncio.sleep(seconds if seconds == GRACE_S else seconds / _SPEED)


quick = Rim(sleep=_quick_sleep, disk=Quick())


def stopping(rim: Rim, at_wait: int | None) -> tuple[Control, Rim]:
    """The same rim, and a control that ends the intake when calls wait for the `at_wait`-th time (from 1; None: never).

    What is asked decides and not what is committed: on a slow disk everything may have been asked before the first
    outcome is durable. A mock waits about four times in a call, where it has a latency.
    """
    stop, waits = Halt(), count(1)

    async def sleep(seconds: float) -> None:
        if next(waits) == at_wait:
            stop.set()
        await rim.sleep(seconds)

    return Control(stop=stop), rim if at_wait is None else replace(rim, sleep=sleep)


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a run is to be given; `inputs` also says what it is asked."""

    inputs: Inputs = SAMPLE
    constellation: str = "p1m1m2c"
    rim: Rim = quick
    as_of: date = AS_OF

    def run(
        self, out: Path, *, pace: Pace | None = None, stop_at_wait: int | None = None, **options: Unpack[RunOptions]
    ) -> RunResult:
        """Run into `out` from the beginning, to its end or as far as it comes where it is stopped then."""
        given = self.inputs
        files = {"registrations": given.registrations, "offers": given.offers}
        files |= {"incentives": given.incentives} if given.incentives else {}
        files |= {"capacity": given.capacity} if given.capacity else {}
        options.setdefault("max_items", given.max_items)
        options.setdefault("include_withdrawn", given.include_withdrawn)
        options.setdefault("hold_reviews", given.hold_reviews)
        settings = make_settings(self.constellation, cast("Any", files), as_of=self.as_of, **options)
        control, rim = stopping(self.rim, stop_at_wait)

        async def whole() -> RunResult:
            return await start(settings, pace or Pace(), out, control=control, rim=rim)

        return asyncio.run(whole())

    def resume(
        self, out: Path, *, pace: Pace | None = None, stop_at_wait: int | None = None, only: Collection[str] = ()
    ) -> RunResult:
        """Go on with the run in `out`, or judge `only` those of it again."""
        control, rim = stopping(self.rim, stop_at_wait)

        async def rest() -> RunResult:
            return await resume(out, pace or Pace(), control=control, rim=rim, only=only)

        return asyncio.run(rest())


def counts_of(result: RunResult) -> dict[str, int]:
    """The six numbers of `run.json`, those above 0."""
    counts = cast("dict[str, int]", result.summary["counts"])
    return {kind: count for kind, count in counts.items() if count}


def review(directory: Path, deciding: Deciding, *, rim: Rim) -> None:
    """Apply decisions to a finished run and publish its files."""
    asyncio.run(apply(directory, deciding, rim=rim))


def rows_of(result: RunResult, name: str) -> list[dict[str, Any]]:
    """The rows of an output array, or the lines of `audit.jsonl`."""
    text = (result.directory / name).read_text()
    return [json.loads(line) for line in text.splitlines()] if name.endswith("l") else json.loads(text)


def bytes_of(directory: Path, names: Sequence[str] = OUTCOMES) -> dict[str, bytes]:
    """Output files as they are on disk."""
    return {name: (directory / name).read_bytes() for name in names}


def records_of(directory: Path) -> list[dict[str, Any]]:
    """The records of a run's journal."""
    return [entry.record for entry in Recovery(directory / "journal")]


def rewritten(directory: Path, into: Path, *, kinds: Collection[str]) -> Path:
    """Another run's directory with those kinds of records of a journal alone: as far as a process might have come."""
    into.mkdir()

    async def copy() -> None:
        async with Journal.create(into / "journal") as journal:
            for record in records_of(directory):
                if record["t"] in kinds:
                    journal.append(record)

    asyncio.run(copy())
    return into


def registrations(inputs: Inputs = SAMPLE) -> list[dict[str, Any]]:
    """The rows of a registrations file, to be changed and written elsewhere."""
    return [row for row in inputs.rows if row is not None]


def many(folder: Path, *, times: int) -> Inputs:
    """The sample's households that many times over, with ids of their own and as much more capacity."""
    rows = [
        row | {"RegistrationNumber": f"{row['RegistrationNumber']}-{n}"}
        for n in range(times)
        for row in registrations()
    ]
    document = json.loads(SAMPLE.offers.read_text())
    for supplier in document["SupplierOffers"]:
        supplier["Capacity"] *= times
    offers = write(folder / "offers.json", document)
    return replace(SAMPLE, registrations=write(folder / "registrations.json", rows), offers=offers)


def but_lateness(told: str) -> str:
    """What a command has told on stderr, without the warning that a busy machine makes it give."""
    lines = told.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("igent: warning: the event loop was "))


def write(path: Path, value: object) -> Path:
    """Write JSON, or one row per line where the name ends in .jsonl."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in cast("list[object]", value)))
    else:
        path.write_text(json.dumps(value, default=float))
    return path
