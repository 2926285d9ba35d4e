from __future__ import annotations

import asyncio

import pytest

from profiles.served import Waits


async def _played(waits: Waits, *seconds: float) -> None:
    for one in seconds:
        await waits.sleep(one)


async def test_a_response_that_is_alone_takes_all_of_its_waits() -> None:
    waits = Waits()
    for _ in range(2):
        await asyncio.create_task(_played(waits, 0.001, 0.002))
    assert waits.limit_s == pytest.approx(0.006)


async def test_of_responses_that_overlap_the_longest_counts() -> None:
    waits = Waits()
    async with asyncio.TaskGroup() as group:
        for seconds in (0.001, 0.004, 0.002):
            group.create_task(_played(waits, seconds))
    assert waits.limit_s == 0.004
