"""Signals to this very process, while it is at work in one way or another."""

from __future__ import annotations

import asyncio
import io
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from igent.interrupts import Interrupts
from igent.models.halt import Halt

PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """What a process that has been sent a signal would leave behind is put back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def last_words() -> str:
    raise AssertionError("the process is to live on")


@dataclass
class Work:
    """What is done until signals end it, of which it raises so many itself, the second once it is told to end."""

    signals: int
    seen: list[str] = field(default_factory=list)

    async def __call__(self, halt: Halt) -> str:
        signal.raise_signal(signal.SIGTERM)
        await halt.wait()
        self.seen.append("halted")
        if self.signals > 1:
            signal.raise_signal(signal.SIGINT)
            try:
                await asyncio.Event().wait()
            finally:
                self.seen.append("cancelled")
        return "done"


@pytest.mark.parametrize(("signals", "result", "seen"), [(1, "done", ["halted"]), (2, None, ["halted", "cancelled"])])
def test_the_first_signal_ends_work_gently_and_the_second_cancels_it(
    signals: int, result: str | None, seen: list[str]
) -> None:
    work = Work(signals)
    with Interrupts(last_words) as interrupts:
        assert interrupts.run(work, patience_s=PATIENCE_S) == result
    assert (work.seen, len(interrupts.received), interrupts.code) == (seen, signals, 143)


def test_work_that_does_not_end_is_cancelled_when_patience_does() -> None:
    async def endless(_: Halt) -> None:
        signal.raise_signal(signal.SIGINT)
        await asyncio.Event().wait()

    with Interrupts(last_words) as interrupts:
        assert interrupts.run(endless, patience_s=0) is None
    assert interrupts.code == 130


def test_work_that_no_signal_comes_to_gives_its_result_or_its_error() -> None:
    async def bad(_: Halt) -> None:
        raise ValueError("bad")

    with Interrupts(last_words) as interrupts, pytest.raises(ValueError, match="bad"):
        interrupts.run(bad, patience_s=PATIENCE_S)
    assert interrupts.received == []


class Keyboard(io.StringIO):
    """Somebody who types Ctrl-C."""

    def readline(self, _: int = -1, /) -> str:  # type: ignore[override]
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the line was read to its end")


def test_whoever_is_asked_for_a_line_can_answer_with_a_signal() -> None:
    async def asking(halt: Halt) -> list[str]:
        lines = [interrupts.ask(io.StringIO("a line\n")), interrupts.ask(Keyboard())]
        await halt.wait()
        return lines

    with Interrupts(last_words) as interrupts:
        assert interrupts.run(asking, patience_s=PATIENCE_S) == ["a line\n", ""]


PROGRAM = """
import signal, time
from igent.interrupts import Interrupts

async def stuck(halt):
    for number in {signals}:
        signal.raise_signal(number)
    time.sleep(3600)

with Interrupts(lambda: "farewell") as interrupts:
    interrupts.run(stuck, patience_s=3600, flush_s={flush_s})
"""


@pytest.mark.parametrize(("signals", "flush_s"), [((15, 2, 2), 3_600), ((15, 2), 0)])
def test_a_process_that_is_stuck_ends_with_the_third_signal_or_soon_after_the_second(
    signals: tuple[int, ...], flush_s: float
) -> None:
    command = [sys.executable, "-c", PROGRAM.format(signals=signals, flush_s=flush_s)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "farewell\n")


def test_with_nothing_under_way_the_first_signal_ends_the_process() -> None:
    program = PROGRAM.split("with")[0] + 'with Interrupts(lambda: "farewell"): signal.raise_signal(2)'
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "farewell\n")


def test_a_process_that_is_on_its_way_out_does_not_die_of_a_signal() -> None:
    outer = 'with Interrupts(lambda: "outer"):'
    inner = "    with Interrupts(lambda: 'inner') as one:\n        one.run(told, patience_s=9)"
    told = "async def told(halt): signal.raise_signal(2)"
    late = "import atexit; atexit.register(signal.raise_signal, 15)"
    program = "\n".join(["import signal", "from igent.interrupts import Interrupts", told, late, outer, inner])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (130, "inner\n")


def test_what_answered_signals_before_does_so_again() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Interrupts(last_words):
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
