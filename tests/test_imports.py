"""What each command imports: the heavy packages cost up to most of a second each, so only who uses one waits for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflows.runs import AS_OF, SAMPLE, Setup

# What a process may import at most; `google` is protobuf, which AutoGen brings.
SDKS = {"aiohttp", "anthropic", "httpx2", "openai"}
AUTOGEN = {"autogen_agentchat", "autogen_core", "google", "opentelemetry"}
DATA = {"aiofiles", "asyncio", "orjson", "pydantic", "sqlite3", "yaml"}
HEAVY = SDKS | AUTOGEN | DATA

INPUTS = {"--registrations": SAMPLE.registrations, "--offers": SAMPLE.offers}
ONE = ["run", "p1m1_p2m2", "--max-items", "1", "--as-of", str(AS_OF), "--out", "new", "--cache-dir", "cache", "--quiet"]
AUDIT = ["verify", *(str(word) for pair in INPUTS.items() for word in pair)]

# Typer takes pydantic for the types of options.
ROWS = {
    "help": (["--help"], set[str]()),
    "help of a command": (["run", "--help"], {"pydantic"}),
    "constellations": (["constellations"], {"orjson", "pydantic", "yaml"}),
    "run": ([*ONE, "--mock"], DATA | AUTOGEN),
    "forecast of Claude": ([*ONE, "--model", "claude-haiku-5-5", "--dry-run"], DATA | AUTOGEN),
    "verify": ([*AUDIT, "--matches", "run/matches.json", "--orders", "run/pos.json"], DATA),
    "what-if": (["what-if", "run"], DATA),
    "explain": (["explain", "run", "row 0"], DATA | AUTOGEN),
    "review": (["review", "run", "--json"], DATA),
}


# What a run has no use for until its first call is on its way, and most of it never: the words at its end, what is left
# to later runs, earlier runs, batches, other markets, progress that nobody sees.
LATER = {
    *("cProfile", "rich", "igent.audit", "igent.markets.enuk", "igent.models.batches", "igent.report", "igent.story"),
    *("igent.accounting.outlook", "igent.workflows.compare", "igent.workflows.decided", "igent.workflows.doctor"),
    *("igent.workflows.forecast", "igent.workflows.rehearsal", "igent.workflows.review"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a finished run."""
    made = tmp_path_factory.mktemp("imports")
    Setup().run(made / "run", max_items=3)
    return made


def imported(folder: Path, *arguments: str) -> list[str]:
    """The modules that a process of its own imports, in their order."""
    command = [sys.executable, "-X", "importtime", "-m", "igent", *arguments]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr[-2_000:]
    return [line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()]


@pytest.mark.parametrize("name", ROWS)
def test_a_command_imports_no_heavy_package_that_it_does_not_use(folder: Path, name: str) -> None:
    arguments, allowed = ROWS[name]
    found = {module.split(".")[0] for module in imported(folder, *arguments)}
    assert "typer" in found
    assert (found & HEAVY) - allowed == set()


def test_a_first_call_waits_for_no_module_that_it_does_not_need(folder: Path) -> None:
    found = imported(folder, *ONE, "--out", "other", "--mock")
    before = found[: found.index("igent.agents.crew")]  # the last import before the clock starts
    assert "igent.workflows.scheduler" in before
    assert {module for module in before if any(f"{module}.".startswith(f"{one}.") for one in LATER)} == set()


def test_a_process_looks_for_garbage_neither_while_it_imports_nor_when_it_ends(folder: Path) -> None:
    told = "import atexit, gc; atexit.register(lambda: print(*gc.get_threshold(), gc.get_freeze_count() > 10_000))"
    command = [sys.executable, "-c", f"{told}; from igent.cli import main; main(['constellations', 'p1m1_p2m2'])"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.splitlines()[-1] == "400000 10 1 True"
