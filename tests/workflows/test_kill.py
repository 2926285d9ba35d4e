"""Real processes, ended from outside in the middle of their work."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.inputs import Inputs
from tests.workflows.runs import AS_OF, Setup, bytes_of, many, write

# A run of 500 registrations leaves a journal of about 1.7 MB: each kill falls well inside.
TIMES = 5
STEP_BYTES = 250_000
POLL_S = 0.002
PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return many(tmp_path_factory.mktemp("inputs"), times=TIMES)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, inputs: Inputs) -> dict[str, bytes]:
    """The outcomes of the same run without an interruption."""
    result = Setup(inputs=inputs).run(tmp_path_factory.mktemp("whole") / "run", model="mock", mock_errors=0.2)
    return bytes_of(result.directory)


def spawn(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "igent.workflows", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def starting(inputs: Inputs, out: Path, *options: object) -> subprocess.Popen[str]:
    files = ("--registrations", inputs.registrations, "--offers", inputs.offers, "--incentives", inputs.incentives)
    return spawn("p1m1m2c", "--mock", "--mock-errors", 0.2, "--as-of", AS_OF, "--out", out, *files, *options)


def resuming(out: Path) -> subprocess.Popen[str]:
    return spawn("--resume", out)


def wait_for(process: subprocess.Popen[str], journal: Path, *, grown_bytes: int) -> None:
    """Wait until the journal of a living process has grown by so much."""
    begun, deadline = size_of(journal), time.monotonic() + PATIENCE_S
    while size_of(journal) < begun + grown_bytes:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "the journal does not grow"
        time.sleep(POLL_S)  # another process's file: there is nothing to await


def send_in_the_middle(process: subprocess.Popen[str], journal: Path, number: int, *, grown_bytes: int) -> str:
    """Send a signal once the journal has grown by so much; the end of what the process said on stderr."""
    wait_for(process, journal, grown_bytes=grown_bytes)
    process.send_signal(number)
    return process.communicate(timeout=PATIENCE_S)[1]


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def finish(out: Path) -> None:
    process = resuming(out)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors


def test_a_run_that_is_alive_cannot_be_resumed_by_another(
    tmp_path: Path, inputs: Inputs, whole: dict[str, bytes]
) -> None:
    out = tmp_path / "run"
    process = starting(inputs, out)
    wait_for(process, out / "journal", grown_bytes=1)
    process.send_signal(signal.SIGSTOP)
    second = resuming(out)
    _, said = second.communicate(timeout=PATIENCE_S)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, second.returncode, "another igent is at work" in said) == (0, 2, True)
    assert bytes_of(out) == whole


def reviewing(out: Path, decisions: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "igent", "review", str(out), "--decisions", str(decisions), "--by", "ann"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kept_place(row: dict[str, Any]) -> dict[str, str]:
    """The decision for the supplier that keeps a place, which can always be applied, or against a match."""
    about = {"registration_id": row["registration_id"]}
    offers = [one["id"] for one in row.get("candidates", []) if one["supplier_id"] == row.get("held")]
    return about | ({"action": "choose", "offer": offers[0], "payment": "cash"} if offers else {"action": "reject"})


def undated(directory: Path) -> dict[str, bytes]:
    """Output files without the times at which decisions were made."""
    return {name: re.sub(rb'"at":"[^"]*"', b"", data) for name, data in bytes_of(directory).items()}


def test_a_review_killed_twice_goes_on_with_the_same_file_and_decides_nothing_twice(
    tmp_path: Path, inputs: Inputs
) -> None:
    setup = Setup(inputs=replace(inputs, max_items=150, hold_reviews=True))
    run = setup.run(tmp_path / "run", model="mock", strict_judgement=True).directory
    rows = json.loads((run / "review.json").read_text())
    decisions = write(tmp_path / "decisions.jsonl", [*map(kept_place, rows)])
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    whole = reviewing(copy, decisions)
    assert (whole.communicate(timeout=PATIENCE_S)[1], whole.returncode) == ("", 0)
    for _ in range(2):
        send_in_the_middle(reviewing(run, decisions), run / "journal", signal.SIGKILL, grown_bytes=STEP_BYTES // 5)
    last = reviewing(run, decisions)
    told, _ = last.communicate(timeout=PATIENCE_S)
    assert (last.returncode, "ann has decided it at" in told) == (1, True)
    assert undated(run) == undated(copy)
    assert json.loads((run / "review.json").read_text()) == []
