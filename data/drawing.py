"""Drawing from a seed with `Random.random` alone, whose sequence Python promises to keep: the bytes stay the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TypeVar

__all__ = ["between", "chance", "draw", "urn"]

_T = TypeVar("_T")


def urn(counts: Mapping[_T, int]) -> tuple[_T, ...]:
    """Every value as often as its count."""
    return tuple(value for value, count in counts.items() for _ in range(count))


def draw(rng: Random, values: Sequence[_T]) -> _T:
    """One of the values."""
    return values[int(rng.random() * len(values))]


def between(rng: Random, low: int, high: int) -> int:
    """A whole number from `low` to `high`."""
    return low + int(rng.random() * (high - low + 1))


def chance(rng: Random, share: float) -> bool:
    """True for that share of draws."""
    return rng.random() < share
