"""How busy igent keeps a provider: 64 calls in flight from one core, also while some of them take half a minute."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from igent.workflows import Inputs
from profiles.arms import DEFAULT
from profiles.feeder import cores
from profiles.measure import Measurement, Size
from profiles.plays import Play, steady
from profiles.runs import Spent, calling, generated, launched
from profiles.served import SLOWER_S, Manner, served

__all__ = ["throughput"]

_PLACES, _SLOW = 64, 0.005
_NAMES: Final = ("as drawn", f"{_SLOW:.1%} of the calls {SLOWER_S:g} s longer")
# A call may be silent until its deadline; with the timeout that is set without a word the slow ones would be cut short.
_PATIENT: Final = ("--idle-timeout", "60")


def throughput(size: Size, scratch: Path) -> list[Measurement]:
    """A command on a core of its own, its provider on another: calls a second against the places by a call's mean."""
    inputs = generated(scratch / "input", size.busy)
    manners = [Manner(wait=size.wait), Manner(wait=size.wait, slow=_SLOW)]
    with served(manners) as providers:
        spent = [_spent(inputs, scratch / str(number), url) for number, url in enumerate(providers.urls)]
    plain, slow = (_rows(*one) for one in zip(_NAMES, providers.plays, spent, strict=True))
    return [*plain, *slow]


def _spent(inputs: Inputs, out: Path, url: str) -> Spent:
    command = [*calling(DEFAULT, inputs, out, url=url), "--concurrency", str(_PLACES), *_PATIENT]
    return launched(command, core=cores()[0])


def _rows(name: str, plays: Sequence[Play], spent: Spent) -> list[Measurement]:
    found, row = steady(plays, places=_PLACES), partial(Measurement, suite="throughput")
    mean_s = _PLACES / found.ideal_per_s
    return [
        row(what=f"{name}: a call, mean as drawn", value=mean_s, unit="s"),
        row(what=f"{name}: calls", value=found.per_s, unit="per s"),
        row(what=f"{name}: ideal, {_PLACES} / mean", value=found.ideal_per_s, unit="per s"),
        row(what=f"{name}: throughput / ideal", value=found.share, unit="x", better="more"),
        row(what=f"{name}: places taken", value=100 * found.taken, unit="%"),
        row(what=f"{name}: CPU per call", value=1e3 * spent.cpu_s / len(plays), unit="ms"),
    ]
