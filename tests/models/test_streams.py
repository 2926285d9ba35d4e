"""Patience with a provider, in virtual time: what is silence, and what ends it; and the transport to it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest

from igent.errors import ModelError, ModelUnavailable
from igent.models.streams import Patience
from tests.models.virtual import run

IDLE_S = 10.0


def fault(error: Exception, *, model: str) -> ModelError:
    return ModelUnavailable(model, str(error))


async def waited(patience: Patience, step: Awaitable[None]) -> None:
    with patience:
        await step


def ended(work: Callable[[Patience], Awaitable[None]]) -> tuple[str, float]:
    """What the work fails with, and when; nobody is left to be called after it."""

    async def watched() -> tuple[str, float]:
        patience, loop = Patience(IDLE_S, model="small", faults=(OSError,), fault=fault), asyncio.get_running_loop()
        told = "nothing"
        try:
            await work(patience)
        except (ModelError, asyncio.CancelledError, TypeError) as error:
            told = str(error)
        patience.close()
        return told, round(loop.time(), 3)

    return run(watched())


def silent(at_s: float) -> tuple[str, float]:
    return str(ModelUnavailable("small", "silent for 10 s")), at_s


def test_a_wait_that_takes_too_long_is_silence() -> None:
    assert ended(lambda patience: waited(patience, asyncio.sleep(50))) == silent(10)


def test_silence_is_counted_from_the_last_wait_however_many_there_were() -> None:
    async def work(patience: Patience) -> None:
        for seconds in (4, 4, 4, 4, 50):
            await waited(patience, asyncio.sleep(seconds))

    assert ended(work) == silent(26)


def test_the_time_between_two_waits_is_no_silence() -> None:
    async def work(patience: Patience) -> None:
        await waited(patience, asyncio.sleep(1))
        await asyncio.sleep(50)
        await waited(patience, asyncio.sleep(9))

    assert ended(work) == ("nothing", 60)


def test_a_wait_after_a_long_time_without_one_is_bounded_again() -> None:
    async def work(patience: Patience) -> None:
        await waited(patience, asyncio.sleep(1))
        await asyncio.sleep(50)
        await waited(patience, asyncio.sleep(50))

    assert ended(work) == silent(61)


def test_waits_may_be_of_several_tasks() -> None:
    async def work(patience: Patience) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(waited(patience, asyncio.sleep(4)))
        await waited(patience, asyncio.sleep(50))

    assert ended(work) == silent(14)


def test_a_deadline_around_a_wait_is_no_silence() -> None:
    async def work(patience: Patience) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await waited(patience, asyncio.sleep(50))
        await asyncio.sleep(50)

    assert ended(work) == ("nothing", 55)


def test_who_is_cancelled_in_the_moment_of_silence_stays_cancelled() -> None:
    async def work(patience: Patience) -> None:
        waiting = asyncio.ensure_future(waited(patience, asyncio.sleep(50)))
        asyncio.get_running_loop().call_at(IDLE_S, waiting.cancel)
        await waiting

    assert ended(work) == ("", 10)


def test_a_fault_is_an_error_of_igents_and_anything_else_is_not_touched() -> None:
    async def broken(error: Exception) -> None:
        raise error

    assert ended(lambda patience: waited(patience, broken(OSError("reset")))) == (
        str(fault(OSError("reset"), model="small")),
        0,
    )
    assert ended(lambda patience: waited(patience, broken(TypeError("a bug")))) == ("a bug", 0)


def test_the_leaner_transport_is_used_only_where_it_is_installed() -> None:
    program = """
import sys
from igent.models.streams import Access
print(Access(api_key="").transport(lambda: "leaner"))
sys.modules["aiohttp"] = None
print(Access(api_key="").transport(lambda: "leaner"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["leaner", "None"]
