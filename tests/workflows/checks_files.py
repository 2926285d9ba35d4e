"""What is written down about a run: the manifest, the times, the costs, the trace."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from decimal import Decimal

from tests.workflows.findings import OTHERS, Finding, Run
from tests.workflows.inputs import load

__all__ = ["ARRAYS", "FILES"]

ARRAYS = ("matches.json", "pos.json", "capacity.json", *OTHERS.values())
_EVERY = {*ARRAYS, "timings.csv", "costs.csv", "trace.json", "audit.jsonl", "run.json", "run.log"}
_PARTS = ("agent_conversation", "capacity_update", "file_write")
_PHASES = [f"phase{n}_{part}_seconds" for n in (1, 2) for part in ("total", *_PARTS)]
_COLUMNS = ["registration_id", *_PHASES, "turn_wait_seconds", "total_seconds"]
_TOKENS = [f"{name}_tokens" for name in ("input", "output", "cache_read", "cache_write", "cache_write_1h")]
_COST_COLUMNS = ["registration_id", "calls", "cache_hits", *_TOKENS, "estimated", "cost_usd"]


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
    header, *rows = _table(run, "timings.csv")
    if header != _COLUMNS:
        yield Finding("timings-columns", ",".join(header))
    if not _of_every_registration(run, rows):
        yield Finding("timings-rows", str(len(rows)))
    for row in rows:
        seconds = dict(zip(header[1:], map(Decimal, row[1:]), strict=True))
        sums = [
            seconds[f"phase{n}_total_seconds"] - sum(seconds[f"phase{n}_{p}_seconds"] for p in _PARTS) for n in (1, 2)
        ]
        if min(seconds.values()) < 0 or any(abs(rest) > Decimal("0.000003") for rest in sums):
            yield Finding("timings-sums", row[0])


def _costs(run: Run) -> Iterator[Finding]:
    """Every registration's calls, which add up to those of the agents and to the whole."""
    header, *rows = _table(run, "costs.csv")
    if header != _COST_COLUMNS:
        yield Finding("costs-columns", ",".join(header))
    if not _of_every_registration(run, rows):
        yield Finding("costs-rows", str(len(rows)))
    summary, agents = run.files["run.json"], run.files["run.json"]["agents"]
    for place, name in enumerate(["calls", "cache_hits", *_TOKENS], start=1):
        counts = [one["usage"].get(name, one.get(name)) for one in agents]
        told = {sum(int(row[place]) for row in rows), sum(counts), summary["usage"].get(name, sum(counts))}
        if len(told) > 1:
            yield Finding("costs-sums", name)
    # Each row is rounded to a millionth of a dollar, and so is their sum.
    known = None if any(row[-1] == "" for row in rows) else sum(Decimal(row[-1]) for row in rows)
    if known is None or summary["cost_usd"] is None:
        if (known, summary["cost_usd"]) != (None, None):
            yield Finding("costs-sums", "cost_usd")
    elif abs(known - Decimal(summary["cost_usd"])) > Decimal("0.000001") * (len(rows) + 1):
        yield Finding("costs-sums", "cost_usd")


def _table(run: Run, name: str) -> list[list[str]]:
    with (run.directory / name).open(newline="") as file:
        return [*csv.reader(file)]


def _of_every_registration(run: Run, rows: list[list[str]]) -> bool:
    """Whether there is one row for each, in order; a rejected one may have no id, and then has any name there."""
    ids = [line["registration_id"] for line in run.audit]
    return len(rows) == len(ids) and all(one in (row[0], None) for row, one in zip(rows, ids, strict=True))


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


FILES = (_manifest, _timings, _costs, _trace)
