"""Running a constellation over registrations: `run_workflow` is the Python way in.

from igent.workflows import run_workflow
result = run_workflow("p1m1m2c", inputs={"registrations": "r.json", "offers": "o.json"}, model="mock")
print(result.summary["counts"], result.directory)
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime
from os.path import realpath
from pathlib import Path
from typing import Literal, TypedDict, Unpack

from igent.constellation import CriticPolicy
from igent.errors import OptionError
from igent.models.halt import Halt
from igent.store.bundled import find_constellation, sample_data
from igent.workflows.begun import unfinished
from igent.workflows.run import RUNS, Control, RunResult, resume, start
from igent.workflows.same import begun_with
from igent.workflows.session import Rim
from igent.workflows.settings import ModelName, Pace, RunSettings

__all__ = [
    "Control",
    "Halt",
    "Inputs",
    "Pace",
    "RUNS",
    "Rim",
    "RunOptions",
    "RunResult",
    "RunSettings",
    "default_directory",
    "make_settings",
    "resume",
    "run_workflow",
    "start",
]

Inputs = Mapping[Literal["registrations", "offers", "incentives", "capacity"], Path | str]


class RunOptions(TypedDict, total=False):
    """What a run can be told besides its constellation and inputs; see `RunSettings`."""

    market: str
    model: ModelName
    mock_latency: str
    mock_errors: float
    seed: int
    max_items: int | None
    include_withdrawn: bool
    allow_large: bool
    strict_judgement: bool
    hold_reviews: bool
    critic: CriticPolicy | None
    switches: Mapping[str, bool]
    max_batch_size: int | None
    max_batch_tokens: int | None
    since: Path | None
    reallocate: bool


def run_workflow(
    constellation: str,
    *,
    inputs: Inputs | None = None,
    as_of: date | None = None,
    out: Path | str | None = None,
    pace: Pace | None = None,
    rim: Rim | None = None,
    **options: Unpack[RunOptions],
) -> RunResult:
    """Run a constellation to its end; returns where its files are and what `run.json` says.

    `constellation` is a bundled name or the path of a YAML file; without registrations, offers and incentives the
    sample data is used. A Claude model takes its key from `rim`. An unfinished run in `out` is gone on with, if it was
    begun with the same settings. Raises an `IgentError` for what cannot be used.
    """
    settings = make_settings(constellation, inputs or {}, as_of=as_of, **options)
    directory = Path(out) if out else default_directory(settings, datetime.now(UTC))

    async def whole() -> RunResult:
        if unfinished(directory):
            stated = begun_with(settings, dated=as_of is not None)
            return await resume(directory, pace or Pace(), control=Control(), rim=rim or Rim(), stated=stated)
        return await start(settings, pace or Pace(), directory, control=Control(), rim=rim or Rim())

    return asyncio.run(whole())


def make_settings(
    constellation: str, inputs: Inputs, *, as_of: date | None = None, **options: Unpack[RunOptions]
) -> RunSettings:
    """The settings of a run with its files found; `as_of` is today where it is not given. Raises `OptionError`."""
    files = {role: Path(realpath(path)) for role, path in inputs.items()}
    if not files.keys() & {"registrations", "offers", "incentives"}:
        sample = sample_data(options.get("market", ""))
        files |= {"registrations": sample.registrations, "offers": sample.offers}
        files |= {"incentives": sample.incentives} if sample.incentives else {}
    for role in ("registrations", "offers"):
        if role not in files:
            remedy = f"Give --{role} FILE, or no input at all for the sample data"
            raise OptionError(f"the inputs lack the {role}", remedy=remedy)
    if since := options.get("since"):
        options["since"] = Path(realpath(since))
    return RunSettings(
        constellation=find_constellation(constellation).resolve(),
        registrations=files["registrations"],
        offers=files["offers"],
        incentives=files.get("incentives"),
        capacity=files.get("capacity"),
        as_of=as_of or datetime.now(UTC).date(),
        **options,
    )


def default_directory(settings: RunSettings, now: datetime) -> Path:
    """A directory of its own for a run: `runs/<utc>-<constellation>`, numbered where that exists."""
    stem = f"{now:%Y%m%dT%H%M%SZ}-{settings.constellation.stem}"
    names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, 10_000))
    return next(path for path in (Path(RUNS) / name for name in names) if not path.exists())
