"""The optimal allocation of many registrations among 50 suppliers with too few places, beside the balanced one.

Each is told in work that is of neither: the one may become faster without the other one being worse for it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from igent.domain.allocation import Wish, one_by_one, worth
from igent.domain.ledger import Account, Ledger
from igent.domain.optimal import optimal
from profiles.measure import ROUND_TRIP, Measurement, Size, alternately, effort

__all__ = ["allocation"]

_SUPPLIERS, _AREAS, _NOTED = 50, 200, 0.25


def allocation(size: Size, _scratch: Path) -> list[Measurement]:
    """CPU of all registrations at once: with few notes, so that most wishes are alike, and with one for each."""
    total = size.registrations
    ledger, alike, own = _ledger(total), _wishes(total, noted=_NOTED), _wishes(total, noted=1)
    fewer = partial(optimal, _wishes(total // 10, noted=1), _ledger(total // 10))
    best, balanced = (effort(partial(rule, alike, ledger)) for rule in (optimal, one_by_one))
    apart_s, tenth_s = alternately([partial(optimal, own, ledger), fewer], seconds=0, clock=time.thread_time)
    placed, rival = (worth(alike, rule(alike, ledger), ledger).placed for rule in (optimal, one_by_one))
    row = partial(Measurement, suite="allocation")
    return [
        row(what=f"optimal, {total:,} x {_SUPPLIERS}, a quarter with a note", value=best.cpu_s, unit="s"),
        row(what=f"balanced, the same {total:,} one by one", value=balanced.cpu_s, unit="s"),
        row(what=f"optimal, {total:,} x {_SUPPLIERS}, all with a note", value=apart_s, unit="s"),
        *(
            row(
                what=f"CPU of 1,000 registrations, {name} / {ROUND_TRIP}",
                value=one.round_trips / total * 1_000,
                unit="x",
            )
            for name, one in (("optimal", best), ("balanced", balanced))
        ),
        row(what="CPU of one registration, optimal at N / at N/10", value=apart_s / 10 / tenth_s, unit="x"),
        row(what="placed, optimal / balanced", value=placed / rival, unit="x", better="more"),
    ]


def _ledger(total: int) -> Ledger:
    """Places for 98 in 100, some suppliers with three times as many as others."""
    draw = random.Random(1)
    sizes = [draw.uniform(0.5, 1.5) for _ in range(_SUPPLIERS)]
    places = [max(1, round(0.98 * total * size / sum(sizes))) for size in sizes]
    return Ledger(
        Account(supplier_id=f"S{number}", order=number, capacity=capacity, used_before=0, used=0)
        for number, capacity in enumerate(places)
    )


def _wishes(total: int, *, noted: float) -> list[Wish]:
    """Each registration lives in one of the areas, crowded ones among them, which 2 to 6 suppliers serve.

    Without a note all of these are one tier; with one they are up to three, drawn at random.
    """
    draw = random.Random(2)
    areas = [tuple(f"S{one}" for one in draw.sample(range(_SUPPLIERS), draw.randint(2, 6))) for _ in range(_AREAS)]
    return [_wish(areas[int(_AREAS * draw.random() ** 3)], draw, noted=noted) for _ in range(total)]


def _wish(suppliers: Sequence[str], draw: random.Random, *, noted: float) -> Wish:
    if draw.random() >= noted:
        return (tuple(suppliers),)
    places = [draw.randrange(3) for _ in suppliers]
    tiers = (tuple(one for one, at in zip(suppliers, places, strict=True) if at == number) for number in range(3))
    return tuple(tier for tier in tiers if tier)
