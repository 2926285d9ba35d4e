"""Two real processes: the provider, and the command line that asks it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from igent.workflows import make_settings
from igent.workflows.doctor import examine
from tests.models.loopback import HAIKU
from tests.provider.faults import Fault
from tests.provider.state import Provider
from tests.workflows.canaries import canaries, leaks
from tests.workflows.claude import KEY, PATIENCE_S, igent, on_claude, outcomes_of, served
from tests.workflows.runs import AS_OF, Setup

FEW = 20


@dataclass(slots=True)
class Server:
    """A provider's process: where it is, and once it has ended what it saw."""

    url: str
    saw: dict[str, Any] = field(default_factory=dict)


@contextmanager
def process(*options: object) -> Iterator[Server]:
    command = [sys.executable, "-m", "tests.provider", *map(str, options)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        server = Server(running.stdout.readline().strip())
        try:
            yield server
        finally:
            running.send_signal(signal.SIGTERM)
            server.saw = json.loads(running.communicate(timeout=PATIENCE_S)[0])


# In order of arrival; others than a refusal for the rate, after which a run goes slower.
FAULTS = [None] * 5 + [{"kind": "status", "status": 529}, {"kind": "overload", "at": 4}, {"kind": "drop", "at": 900}]


def test_from_a_look_around_to_the_last_order(tmp_path: Path) -> None:
    inputs = canaries(tmp_path, count=FEW)
    files = ["--registrations", inputs.registrations, "--offers", inputs.offers, "--incentives", inputs.incentives]
    with process("--prompt-cache") as server:
        seen = igent(tmp_path, server.url, "doctor", "p1m1m2c")
        assert httpx2.post(f"{server.url}/_plan", json={"faults": FAULTS}).status_code == 200
        run = [
            "p1m1m2c",
            *files,
            "--no-prompt-caching",
            "--as-of",
            AS_OF,
            "--out",
            "out/run",
            "--cache-dir",
            "out/cache",
        ]
        ended = igent(tmp_path, server.url, "run", *run)
    assert (seen.returncode, ended.returncode) == (0, 0)
    assert f"ok    {HAIKU} answered a small call" in seen.stdout
    assert leaks(tmp_path / "out", [], "".join([seen.stdout, seen.stderr, ended.stdout, ended.stderr])) == []
    mock = Setup(inputs=inputs).run(tmp_path / "mock", model="mock")
    assert outcomes_of(tmp_path / "out/run") == outcomes_of(mock.directory)
    calls = json.loads((tmp_path / "out/run/run.json").read_text())["calls"]
    assert calls["retries"] == len(server.saw["repeats_s"]) == 3
    assert (server.saw["requests"], server.saw["invalid"]) == (1 + calls["matcher"] + calls["critic"], 0)
    assert (server.saw["tokens"]["read"], server.saw["tokens"]["written"]) == (0, 0)


@pytest.mark.parametrize(("status", "remedy"), [(401, "ANTHROPIC_API_KEY"), (404, "Look at the model's name")])
async def test_the_doctor_says_what_to_do_about_a_key_or_a_model_that_is_refused(
    tmp_path: Path, status: int, remedy: str
) -> None:
    with served(Provider(plan=lambda _: Fault(kind="status", status=status))) as url:
        settings = make_settings("p1m1m2c", {}, as_of=AS_OF, model=HAIKU)
        findings = [finding async for finding in examine(settings, on_claude(url).rim, tmp_path)]
    assert (findings[-1].level, remedy in f"{findings[-1]}") == ("fail", True)
    assert KEY not in str(findings)
