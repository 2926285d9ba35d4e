"""What ends a run wakes whoever waits."""

from __future__ import annotations

import asyncio

import pytest

from igent.errors import RunStopped
from igent.models.halt import Halt
from tests.models import virtual


def rested_s(*, seconds: float, halted_s: float) -> float:
    """How long a rest takes, with the run ended after so many seconds."""

    async def rest() -> float:
        halt, loop = Halt(), asyncio.get_running_loop()
        loop.call_later(halted_s, halt.set)
        await halt.rest(asyncio.sleep, seconds)
        return loop.time()

    return virtual.run(rest())


def test_a_rest_ends_by_itself_or_with_the_run() -> None:
    assert (rested_s(seconds=5, halted_s=60), rested_s(seconds=60, halted_s=5)) == (5, 5)


def test_once_the_run_is_to_end_nobody_rests() -> None:
    halt = Halt()
    halt.set("enough")
    virtual.run(halt.rest(asyncio.sleep, 60))
    with pytest.raises(RunStopped, match="enough"):
        halt.check()


def test_whoever_gives_up_a_rest_is_told_nothing_more() -> None:
    async def given_up() -> Halt:
        halt = Halt()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await halt.rest(asyncio.sleep, 60)
        return halt

    assert virtual.run(given_up())._told == []


def test_the_first_reason_stays() -> None:
    halt, heard = Halt(), list[str]()
    halt.tell(lambda: heard.append("told"))
    halt.set("a deadline")
    halt.set("a signal")
    assert (halt.reason, heard) == ("a deadline", ["told"])
