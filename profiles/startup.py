"""How long it takes until something is there: the help, a small run, and the first call at the provider."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from igent.store.bundled import sample_data
from igent.workflows import Inputs
from profiles.measure import Measurement, Size
from profiles.runs import AS_OF, Command, calling, launched
from profiles.served import Manner, served

__all__ = ["startup"]

_ONE: Final = ("--max-items", "1")


def startup(size: Size, scratch: Path) -> list[Measurement]:
    """Medians of processes from start to exit, in turn with an interpreter that does nothing."""
    taken, first = list[tuple[float, ...]](), list[float]()
    with served([Manner(latency="none")]) as provider:
        for number in range(size.starts):
            taken.append(tuple(launched(command).wall_s for command in _commands(scratch / str(number))))
            call = calling("p1m1_p2m2", _sample(), scratch / f"called-{number}", url=provider.urls[0])
            first.append(launched([*call, *_ONE]).begun_s)
    arrived = sorted(play.begun_s for play in provider.plays[0])
    first_s = median(next(at_s for at_s in arrived if at_s > begun_s) - begun_s for begun_s in first)
    bare_s, help_s, main_s = (median(seconds) for seconds in zip(*taken, strict=True))
    row = partial(Measurement, suite="start-up")
    return [
        row(what="igent --help", value=help_s, unit="s"),
        row(what="igent --help / bare interpreter", value=help_s / bare_s, unit="x"),
        row(what="the main command, --max-items 1", value=main_s, unit="s"),
        row(what="the main command, --max-items 1 / bare interpreter", value=main_s / bare_s, unit="x"),
        row(what="first call at the provider, --max-items 1", value=first_s, unit="s"),
        row(what="first call at the provider / bare interpreter", value=first_s / bare_s, unit="x"),
    ]


def _commands(out: Path) -> list[Command]:
    main = ["-m", "igent.workflows", "p1m1_p2m2", *_ONE, "--model", "rules", "--as-of", AS_OF.isoformat(), "--quiet"]
    return [["-c", ""], ["-m", "igent", "--help"], [*main, "--out", str(out)]]


def _sample() -> Inputs:
    sample = sample_data()
    assert sample.incentives is not None
    return {"registrations": sample.registrations, "offers": sample.offers, "incentives": sample.incentives}
