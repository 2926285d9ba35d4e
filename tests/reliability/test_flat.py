"""One process that makes run after run: what it holds of memory, open files and threads stays the same."""

from __future__ import annotations

import gc
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, cycle, product, takewhile
from pathlib import Path
from statistics import median

import pytest

from igent.workflows import Pace, RunOptions
from tests.reliability.record import record
from tests.workflows.runs import Setup

MINUTES = float(os.environ.get("IGENT_SOAK_MINUTES", "20"))
# What the allocator's own unevenness comes to over hours; with 3,000 runs a leak of 3 kB in each would be seen.
ALLOWED_BYTES = 8 * 2**20
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
WAYS = tuple(product(("p1m1_p2m2", "p1m1m2c", "p1m1c1_p2m2c2", "p1m1c1m2c2", "p1r_p2r"), (1, 8, 64)))


@dataclass(frozen=True, kw_only=True)
class Held:
    """What this process has, as the kernel counts it."""

    memory_bytes: int
    files: int
    threads: int


def held() -> Held:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Held(
        memory_bytes=pages * PAGE_BYTES,
        files=sum(1 for _ in Path("/proc/self/fd").iterdir()),
        threads=threading.active_count(),
    )


def run_and_resume(folder: Path, number: int, constellation: str, concurrency: int) -> None:
    """A run with faults that is stopped halfway and gone on with; nothing of it is left."""
    setup, out, pace = Setup(constellation=constellation), folder / f"{number}", Pace(concurrency=concurrency)
    options = RunOptions(model="mock", mock_latency="haiku", mock_errors=0.2, max_items=30, hold_reviews=number % 2 > 0)
    assert setup.run(out, pace=pace, stop_at_wait=20, **options).stopped is not None
    assert setup.resume(out, pace=pace).stopped is None
    shutil.rmtree(out)


def keep_running(folder: Path, go_on: Callable[[int], bool]) -> list[Held]:
    """What this process has after each run."""
    found = []
    for number, (constellation, concurrency) in zip(takewhile(go_on, count()), cycle(WAYS), strict=False):
        run_and_resume(folder, number, constellation, concurrency)
        found.append(held())
    return found


pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not say it in files")


def test_runs_leave_no_file_open_and_no_thread_at_work(tmp_path: Path) -> None:
    keep_running(tmp_path, lambda number: number < 1)
    before = held()
    assert {(one.files, one.threads) for one in keep_running(tmp_path, lambda number: number < 3)} == {
        (before.files, before.threads)
    }


@pytest.mark.soak
@pytest.mark.timeout(int(90 * MINUTES) + 60)
def test_memory_and_open_files_stay_the_same_over_minutes_of_runs(tmp_path: Path) -> None:
    until_s = time.monotonic() + 60 * MINUTES
    found = keep_running(tmp_path, lambda _: time.monotonic() < until_s)
    quarter = len(found) // 4
    early, late = found[quarter : 2 * quarter], found[-quarter:]
    grown_bytes = median(one.memory_bytes for one in late) - median(one.memory_bytes for one in early)
    assert {(one.files, one.threads) for one in found[quarter:]} == {(found[0].files, found[0].threads)}
    assert grown_bytes < ALLOWED_BYTES
    record(
        "memory, open files and threads stay the same over minutes of runs",
        minutes=MINUTES,
        runs=len(found),
        MB_at_the_end=round(late[-1].memory_bytes / 2**20, 1),
        MB_grown=round(grown_bytes / 2**20, 2),
        files_grown=0,
        threads_grown=0,
    )
