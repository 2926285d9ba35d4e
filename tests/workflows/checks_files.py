"""What is written down about a run: the manifest, the times, the trace."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from decimal import Decimal

from tests.workflows.findings import OTHERS, Finding, Run
from tests.workflows.inputs import load

__all__ = ["ARRAYS", "FILES"]

ARRAYS = ("matches.json", "pos.json", "capacity.json", *OTHERS.values())
_EVERY = {*ARRAYS, "timings.csv", "trace.json", "audit.jsonl", "run.json", "run.log"}
_PARTS = ("agent_conversation", "capacity_update", "file_write")
_PHASES = [f"phase{n}_{part}_seconds" for n in (1, 2) for part in ("total", *_PARTS)]
_COLUMNS = ["registration_id", *_PHASES, "turn_wait_seconds", "total_seconds"]


def _manifest(run: Run) -> Iterator[Finding]:
    manifest = load((run.directory / "manifest.json").read_text())
    if manifest["journal_bytes"] != (run.directory / "journal").stat().st_size:
        yield Finding("manifest", "journal")
    for name in sorted(_EVERY | manifest["files"].keys()):
        data = (run.directory / name).read_bytes()
        entry = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        if manifest["files"].get(name) != entry:
            yield Finding("manifest", name)


def _timings(run: Run) -> Iterator[Finding]:
    with (run.directory / "timings.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    if header != _COLUMNS:
        yield Finding("timings-columns", ",".join(header))
    # A rejected row may have no id, and then has any name here.
    ids = [line["registration_id"] for line in run.audit]
    if len(rows) != len(ids) or any(one not in (row[0], None) for row, one in zip(rows, ids, strict=False)):
        yield Finding("timings-rows", f"{len(rows)} for {len(ids)} registrations")
    for row in rows:
        seconds = dict(zip(header[1:], map(Decimal, row[1:]), strict=True))
        sums = [
            seconds[f"phase{n}_total_seconds"] - sum(seconds[f"phase{n}_{p}_seconds"] for p in _PARTS) for n in (1, 2)
        ]
        if min(seconds.values()) < 0 or any(abs(rest) > Decimal("0.000003") for rest in sums):
            yield Finding("timings-sums", row[0])


def _trace(run: Run) -> Iterator[Finding]:
    """Complete events of known registrations; in one thread they nest or lie apart."""
    spans = [event for event in run.files["trace.json"]["traceEvents"] if event["ph"] == "X"]
    ids = {line["registration_id"] for line in run.audit} - {None}
    if not ids <= {event["args"]["registration_id"] for event in spans}:
        yield Finding("trace-registrations", "not those of the run")
    open_ends: dict[int, list[int]] = {}
    for event in sorted(spans, key=lambda one: (one["ts"], -one["dur"])):
        start, end = event["ts"], event["ts"] + event["dur"]
        ends = open_ends.setdefault(event["tid"], [])
        while ends and ends[-1] <= start:
            ends.pop()
        if event["dur"] < 0 or (ends and end > ends[-1]):
            yield Finding("trace-nesting", f"{event['name']} at {start}")
        ends.append(end)


FILES = (_manifest, _timings, _trace)
