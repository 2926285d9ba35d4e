"""Many streams at once on one core: 300 through the SDK and a registration's calls, and what that is compared with.

A listener hears them, a feeder on another core sends them, each a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from profiles.listener import Figures, Load
from profiles.measure import Measurement, Size

__all__ = ["streams"]

# Of the greatest load: streams for each second that a comparison of small things may take, and how often as long it is.
_STREAMS, _TIMES = 150, 5
_LEAST_SECONDS = 0.1

_BELOW = "aiohttp + SSE + orjson"


def streams(size: Size, _scratch: Path) -> list[Measurement]:
    """The greatest load in full; fewer streams, the other transport and the layers below for a fifth of its time."""
    loads = _loads(max(3, round(_STREAMS * size.seconds)), max(_LEAST_SECONDS, size.seconds))
    command = [sys.executable, "-m", "profiles.listener", json.dumps([asdict(load) for load in loads])]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout  # noqa: S603  # composed here
    figures = [Figures(**one) for one in json.loads(output)]
    full, raw, model, calls, *_ = figures
    row = partial(Measurement, suite="streams")
    most, fewer = (f"{load.streams} streams" for load in (loads[0], loads[1]))
    return [
        *(one for load, found in zip(loads, figures, strict=True) if found.late_ms for one in _rows(load, found)),
        row(what=f"{most}: event loop away, p50", value=_quantile(full.lag_ms, 0.5), unit="ms"),
        row(what=f"{most}: event loop away, p99", value=_quantile(full.lag_ms, 0.99), unit="ms"),
        row(what=f"{most}: event loop away, longest", value=max(full.lag_ms), unit="ms"),
        row(what=f"{most}: CPU to open one", value=full.open_ms, unit="ms"),
        row(what=f"{most}: CPU per event, model + calls", value=full.event_us, unit="us"),
        row(what=f"{fewer}: CPU per event, {_BELOW}", value=raw.event_us, unit="us"),
        row(what=f"{fewer}: CPU per event, model", value=model.event_us, unit="us"),
        row(what=f"{fewer}: CPU per event, model + calls", value=calls.event_us, unit="us"),
        row(what=f"CPU per event, model / {_BELOW}", value=model.event_us / raw.event_us, unit="x"),
        row(what=f"CPU per event, model + calls / {_BELOW}", value=calls.event_us / raw.event_us, unit="x"),
    ]


def _loads(most: int, seconds: float) -> list[Load]:
    """The greatest load first, then the three layers, then the rest."""
    some, more = (most * third // 3 for third in (1, 2))
    calls, load = partial(Load, way="calls", seconds=seconds), partial(Load, streams=some, seconds=seconds)
    return [
        Load(way="calls", streams=most, seconds=seconds * _TIMES),
        load(way="raw"),
        load(way="model"),
        *(calls(streams=count) for count in (some, more)),
        *(calls(streams=count, aiohttp=False) for count in (some, more, most)),
    ]


def _rows(load: Load, found: Figures) -> list[Measurement]:
    name = f"{load.streams} streams, {'aiohttp' if load.aiohttp else 'httpx2'}"
    row = partial(Measurement, suite="streams")
    return [
        row(what=f"{name}: events", value=found.per_s, unit="per s"),
        row(what=f"{name}: share of the core", value=found.core_percent, unit="%"),
        row(what=f"{name}: what others left of the core", value=found.left_percent, unit="%"),
        row(what=f"{name}: from sent to used, p50", value=_quantile(found.late_ms, 0.5), unit="ms"),
        row(what=f"{name}: from sent to used, p99", value=_quantile(found.late_ms, 0.99), unit="ms"),
    ]


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
