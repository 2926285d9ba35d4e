"""An auditor of finished runs: reads a run directory against its inputs and lists what is wrong with it.

It shares no code with igent, so that a mistake there is not repeated here. Malformed rows may raise `LookupError`.
"""

from __future__ import annotations

from pathlib import Path

from tests.workflows.checks_files import ARRAYS, FILES
from tests.workflows.checks_matching import MATCHING
from tests.workflows.checks_orders import ORDERS
from tests.workflows.findings import Finding, Run
from tests.workflows.inputs import Inputs, load

__all__ = ["Finding", "check"]


def check(directory: Path, inputs: Inputs) -> list[Finding]:
    """Everything that is wrong with a finished run; empty where nothing is."""
    try:
        files = {name: load((directory / name).read_text()) for name in (*ARRAYS, "trace.json", "run.json")}
        audit = [load(line) for line in (directory / "audit.jsonl").read_text().splitlines()]
    except ValueError as exc:
        return [Finding("json-invalid", str(exc))]
    run = Run(directory, inputs, files, audit)
    return [finding for one in (*MATCHING, *ORDERS, *FILES) for finding in one(run)]
