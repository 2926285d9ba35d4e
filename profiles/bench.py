"""`python -m profiles.bench`: every suite, tables, the results as JSON. No network; about a quarter of an hour.

Only a run of all suites is recorded, in `results/<utc-date>.json` and in the README.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Final

from igent.cli import COLLECT_AT
from profiles.allocation import allocation
from profiles.batches import batches
from profiles.critic import critic
from profiles.disk import disk
from profiles.end_to_end import end_to_end
from profiles.engine import engine
from profiles.extractor import extractor
from profiles.facts import facts
from profiles.latency import latency
from profiles.load import load
from profiles.measure import Measurement, Size
from profiles.phases import phases
from profiles.report import Facts, document, report, with_report
from profiles.startup import startup
from profiles.streams import streams
from profiles.throughput import throughput
from profiles.turn import turn
from profiles.workloads import workloads

__all__ = ["SUITES", "main", "measure", "record"]

Suite = Callable[[Size, Path], list[Measurement]]

SUITES: Final[Mapping[str, Suite]] = MappingProxyType(
    {
        "extractor": extractor,
        "turn": turn,
        "critic": critic,
        "phases": phases,
        "batches": batches,
        "journal": disk,
        "startup": startup,
        "end_to_end": end_to_end,
        "latency": latency,
        "throughput": throughput,
        "workloads": workloads,
        "engine": engine,
        "allocation": allocation,
        "streams": streams,
        "load": load,
    }
)

_HERE = Path(__file__).parent
# On the disk that runs are written to: a temporary directory in memory would make every sync free.
_RUNS = _HERE.parent / "runs"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, record; 1 where an output was found at fault."""
    gc.set_threshold(*COLLECT_AT)  # as a user's run has it
    options = _options(arguments)
    now = facts(datetime.now(UTC))
    _RUNS.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir=_RUNS) as scratch:
        chosen = [options.only] if options.only else [*SUITES]
        measurements = measure(chosen, Size(registrations=options.registrations), Path(scratch))
    sys.stdout.write(report(now, measurements))
    if not options.only:
        record(_HERE, now, measurements)
    return int(any(one.unit == "faults" and one.value for one in measurements))


def measure(suites: Sequence[str], size: Size, scratch: Path) -> list[Measurement]:
    """What these suites measure, each in a directory of its own."""
    measurements: list[Measurement] = []
    for name in suites:
        begun_s = time.monotonic()
        sys.stderr.write(f"bench: {name}")
        sys.stderr.flush()
        (scratch / name).mkdir()
        measurements += SUITES[name](size, scratch / name)
        sys.stderr.write(f", {time.monotonic() - begun_s:.0f} s\n")
    return measurements


def record(directory: Path, now: Facts, measurements: Sequence[Measurement]) -> None:
    """Write the results file of the day and the README's tables."""
    results = directory / "results" / f"{now['date']}.json"
    results.parent.mkdir(exist_ok=True)
    results.write_text(document(now, measurements), encoding="utf-8")
    readme = directory / "README.md"
    text = with_report(readme.read_text(encoding="utf-8"), report(now, measurements))
    readme.write_text(text, encoding="utf-8")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m profiles.bench", description="Measure igent on this machine.")
    size = Size()
    parser.add_argument("--registrations", type=int, default=size.registrations, help="of the load (%(default)s)")
    parser.add_argument("--only", choices=[*SUITES], help="one suite; its figures are printed and not recorded")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
