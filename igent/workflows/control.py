"""What goes into a run from whoever watches it, and what comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from igent.domain.records import Json
from igent.models.halt import Halt

__all__ = ["Control", "RunResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """How a run is watched and ended from outside.

    `progress` is told the counts and the total, in a further pass how far that has come; `warn` what is out of the
    ordinary about this process. Setting `stop` ends the intake; what is under way is committed.
    """

    stop: Halt = field(default_factory=Halt)
    progress: Callable[[dict[str, Json], int], None] = lambda *_: None
    warn: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Where a run's files are and what `run.json` says; `stopped` is why it ended early, None where it is complete."""

    directory: Path
    summary: dict[str, Json]
    stopped: str | None = None
