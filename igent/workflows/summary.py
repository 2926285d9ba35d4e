"""What `run.json` says of a run, put together at its end from the session and the fold over its journal."""

from __future__ import annotations

from importlib.metadata import version
from typing import cast

from igent import __version__
from igent.domain.records import Json
from igent.workflows.projection import Projection
from igent.workflows.session import Session

__all__ = ["process_record", "summary_record"]


def process_record(session: Session, *, judged: int, wall_s: float, resumed_at: int) -> dict[str, Json]:
    """What is about the process that went through the registrations last, and not about the run."""
    return {
        "concurrency": session.pace.concurrency,
        "resumed_at": resumed_at or None,
        "wall_seconds": round(wall_s, 6),
        "registrations_per_second": round(judged / wall_s, 3) if wall_s else None,
    }


def summary_record(
    session: Session, projection: Projection, end: dict[str, Json], *, stopped: str | None
) -> dict[str, Json]:
    """The content of `run.json`; `end` is the record that the run ends with, or would."""
    settings, folded = session.settings, projection.summary()
    return {
        "constellation": session.constellation.name,
        "model": settings.model,
        "market": settings.market,
        "seed": settings.seed,
        "as_of": settings.as_of.isoformat(),
        "started": session.started.isoformat(),
        "stopped": stopped,
        **folded,
        "timing": cast("dict[str, Json]", folded["timing"]) | cast("dict[str, Json]", end["process"]),
        "providers": end["providers"],
        "unknown_fields": [*session.survey.unknown_fields],
        "inputs": {"registrations": session.survey.sha256, **session.inputs.hashes},
        "versions": {"igent": __version__, "autogen-agentchat": version("autogen-agentchat")},
    }
