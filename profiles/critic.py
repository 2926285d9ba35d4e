"""The calls that the critic policy `when-unproven` saves, on the sample data."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from profiles.measure import Measurement, Size
from profiles.runs import counted, run

__all__ = ["critic"]


def critic(_size: Size, scratch: Path) -> list[Measurement]:
    """Critic calls and all calls, always asked and asked only when the answer is unproven."""
    always = counted(run("p1m1m2c", scratch / "always", critic="always"), "calls")
    unproven = counted(run("p1m1m2c", scratch / "when-unproven", critic="when-unproven"), "calls")
    everything = [calls["matcher"] + calls["critic"] for calls in (always, unproven)]
    row = partial(Measurement, suite="critic")
    return [
        row(what="critic calls, always", value=always["critic"], unit="calls"),
        row(what="critic calls, when unproven", value=unproven["critic"], unit="calls"),
        row(what="critic calls, when unproven / always", value=unproven["critic"] / always["critic"], unit="x"),
        row(what="all calls, when unproven / always", value=everything[1] / everything[0], unit="x"),
    ]
