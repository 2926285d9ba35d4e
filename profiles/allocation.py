"""The optimal allocation of many registrations among 50 suppliers with too few places, beside the balanced one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from igent.domain.allocation import Wish, one_by_one, worth
from igent.domain.ledger import Account, Ledger
from igent.domain.optimal import optimal
from profiles.measure import Measurement, Size

__all__ = ["allocation"]

_SUPPLIERS, _AREAS, _NOTED = 50, 200, 0.25

Rule = Callable[[Sequence[Wish], Ledger], list[str | None]]


def allocation(size: Size, _scratch: Path) -> list[Measurement]:
    """Seconds for all registrations at once: with few notes, so that most wishes are alike, and with one for each."""
    total = size.registrations
    ledger, alike, own = _ledger(total), _wishes(total, noted=_NOTED), _wishes(total, noted=1)
    fewer = _timed(optimal, _wishes(total // 10, noted=1), _ledger(total // 10))[0] * 10
    seconds, found = _timed(optimal, alike, ledger)
    balanced_s, rival = _timed(one_by_one, alike, ledger)
    apart_s, _ = _timed(optimal, own, ledger)
    best, other = (worth(alike, one, ledger).placed for one in (found, rival))
    row = partial(Measurement, suite="allocation")
    return [
        row(what=f"optimal, {total:,} x {_SUPPLIERS}, a quarter with a note", value=seconds, unit="s"),
        row(what=f"balanced, the same {total:,} one by one", value=balanced_s, unit="s"),
        row(what=f"optimal, {total:,} x {_SUPPLIERS}, all with a note", value=apart_s, unit="s"),
        row(what="optimal / balanced", value=seconds / balanced_s, unit="x"),
        row(what="optimal per registration, at N / at N/10", value=apart_s / fewer, unit="x"),
        row(what="placed, optimal / balanced", value=best / other, unit="x", better="more"),
    ]


def _timed(rule: Rule, wishes: Sequence[Wish], ledger: Ledger) -> tuple[float, list[str | None]]:
    begun = time.perf_counter()
    found = rule(wishes, ledger)
    return time.perf_counter() - begun, found


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
