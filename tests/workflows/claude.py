"""Runs on Claude: the real SDK over real sockets, to a provider on loopback that answers by keywords."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.models.loopback import SOON_S
from tests.provider.answers import answer_to
from tests.provider.serving import serving
from tests.provider.state import Provider
from tests.workflows.inputs import Inputs
from tests.workflows.runs import OUTCOMES, SAMPLE, Setup, quick

__all__ = ["KEY", "PATIENCE_S", "Talk", "igent", "on_claude", "outcomes_of", "served"]

KEY = "sk-canary-0123456789"
# A process imports two SDKs before it does anything, on a machine that may be busy.
PATIENCE_S = 100.0


@dataclass(slots=True)
class Talk:
    """What a provider was asked and what it said: its `answer` is the provider's."""

    asked: list[bytes] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def answer(self, body: bytes) -> str:
        """The reply of the keyword rules, noted."""
        self.asked.append(body)
        self.said.append(answer_to(body))
        return self.said[-1]


def on_claude(
    url: str, *, inputs: Inputs = SAMPLE, constellation: str = "p1m1m2c", cache_dir: Path | None = None
) -> Setup:
    """Runs that ask the provider at `url`, on a clock that need not wait to ask again."""
    rim = replace(quick, uniform=lambda: 0.5, api_key=KEY, base_url=url, cache_dir=cache_dir)
    return Setup(inputs=inputs, constellation=constellation, rim=rim)


@contextmanager
def served(provider: Provider) -> Iterator[str]:
    """A provider that serves, and at the end has seen all there was to see; its URL."""
    with serving(provider) as url:
        yield url
        assert provider.stats.quiet.wait(SOON_S)


def igent(directory: Path, url: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The command line as a process of its own, in a directory of its own, with a key for a provider."""
    environment = {**os.environ, "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": url}
    command = [sys.executable, "-m", "igent", *map(str, arguments)]
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def outcomes_of(directory: Path, names: Sequence[str] = OUTCOMES) -> dict[str, list[dict[str, Any]]]:
    """The rows of output files, whoever judged: orders without the mark of a mock's."""
    found = {name: json.loads((directory / name).read_text()) for name in names}
    return {name: [{k: v for k, v in row.items() if k != "simulated"} for row in rows] for name, rows in found.items()}
