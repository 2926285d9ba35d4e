"""Hears the streams of a feeder on one core: what an event costs, how late it is used, how long the loop is away.

Loads as JSON in, figures as JSON out; a process of its own, with nothing else in its memory or on its clock.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, assert_never

import aiohttp

from igent import codec
from igent.accounting.calls import CallFacts
from igent.agents.calls import CallJournal, Calls, CallSettings, Kept
from igent.models.anthropic import Access, AnthropicModel
from igent.models.base import ChatModel, Message, ModelEvent, ModelRequest
from igent.models.sse import SseDecoder
from profiles.feeder import RATE, TIME_CHARS, cores, pin

__all__ = ["Figures", "Load", "Way", "heard"]

_PROBE_S = 0.01
# Of so many streams one is timed, so that timing is no part of the cost.
_TIMED = 20

_REQUEST = ModelRequest(
    agent="critic",
    kind="critique",
    system="Judge.",
    messages=(Message(author="user", text="a household " * 250),),
    max_tokens=512,
)

# How far a stream is read: as JSON off the transport, as a model's events, or as a registration's call.
Way = Literal["raw", "model", "calls"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """So many streams at once for so many seconds; over httpx2 without `aiohttp`."""

    way: Way
    streams: int
    seconds: float
    aiohttp: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a load came to, from the first event to the last answer.

    `open_ms` is the CPU of sending one request, `left_percent` how much of the core others left to this.
    """

    per_s: float
    core_percent: float
    left_percent: float
    event_us: float
    open_ms: float
    lag_ms: Sequence[float]
    late_ms: Sequence[float]


@dataclass(slots=True)
class _Ear:
    """What is noted while streams are heard: lateness in milliseconds, of events and of the event loop."""

    begun_s: float = 0.0
    cpu_s: float = 0.0
    kept_s: float = 0.0
    lag_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)

    async def begin(self, feeder: subprocess.Popen[str]) -> None:
        """Wait for the first event, then note how late the loop wakes, until cancelled."""
        self.begun_s = float(await asyncio.to_thread(_line, feeder))
        await asyncio.sleep(self.begun_s - time.monotonic())
        self.cpu_s, self.kept_s = time.process_time(), _kept_s()
        while True:
            before = time.monotonic()
            await asyncio.sleep(_PROBE_S)
            self.lag_ms.append((time.monotonic() - before - _PROBE_S) * 1e3)


@dataclass(frozen=True, slots=True)
class _Timed:
    """A model whose texts are compared with the time that they tell."""

    inner: ChatModel
    late_ms: list[float]

    @property
    def name(self) -> str:
        return self.inner.name

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        async with aclosing(self.inner.stream(request)) as events:
            async for event in events:
                if isinstance(event, str) and len(event) == TIME_CHARS:
                    self.late_ms.append((time.monotonic_ns() // 1_000 - int(event)) / 1e3)
                yield event


def heard(load: Load, feeders_core: int) -> Figures:
    """What a load comes to."""
    events = round(load.seconds * RATE)
    command = [sys.executable, "-m", "profiles.feeder", *map(str, (load.streams, events, feeders_core))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as feeder:  # noqa: S603
        return asyncio.run(_hear(load, feeder, events * load.streams))


async def _hear(load: Load, feeder: subprocess.Popen[str], events: int) -> Figures:
    ear, open_cpu_s, url = _Ear(), time.process_time(), f"http://127.0.0.1:{_line(feeder)}"
    async with asyncio.TaskGroup() as around:
        beginning = around.create_task(ear.begin(feeder))
        await _hear_all(load, url, ear)
        wall_s, cpu_s = time.monotonic() - ear.begun_s, time.process_time() - ear.cpu_s
        beginning.cancel()
    return Figures(
        per_s=events / wall_s,
        core_percent=100 * cpu_s / wall_s,
        left_percent=100 - 100 * (_kept_s() - ear.kept_s) / wall_s,
        event_us=cpu_s / events * 1e6,
        open_ms=(ear.cpu_s - open_cpu_s) / load.streams * 1e3,
        lag_ms=ear.lag_ms,
        late_ms=ear.late_ms,
    )


def _kept_s() -> float:
    """How long this process was ready to run while others had the core, where the system tells (Linux)."""
    told = Path("/proc/self/schedstat")
    return int(told.read_text().split()[1]) / 1e9 if told.exists() else 0.0


def _line(process: subprocess.Popen[str]) -> str:
    """The next line that a process says. Raises `EOFError` where it has ended."""
    if process.stdout is None or not (line := process.stdout.readline()):
        raise EOFError("the feeder has ended")
    return line.strip()


async def _hear_all(load: Load, url: str, ear: _Ear) -> None:
    access = Access(api_key="none", base_url=url, aiohttp=load.aiohttp)
    async with (
        AnthropicModel.open(access, model="any") as model,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        asyncio.TaskGroup() as group,
    ):
        for number in range(load.streams):
            match load.way:
                case "raw":
                    group.create_task(_raw(session, f"{url}/v1/messages"))
                case "model":
                    group.create_task(_model(model))
                case "calls":
                    heard: ChatModel = model if number % _TIMED else _Timed(model, ear.late_ms)
                    group.create_task(_call(heard, group))
                case _:
                    assert_never(load.way)


async def _raw(session: aiohttp.ClientSession, url: str) -> None:
    """Read a stream as if nothing could go wrong."""
    events = SseDecoder()
    async with session.post(url, data=codec.dump(_REQUEST.prompt)) as response:
        async for piece in response.content.iter_any():
            events.feed(piece)
            while (event := events.maybe_event()) is not None:
                codec.load(event)


async def _model(model: ChatModel) -> None:
    async for _ in model.stream(_REQUEST):
        pass


async def _call(model: ChatModel, lingering: asyncio.TaskGroup) -> None:
    settings = CallSettings(model=model, deadline_s=600, early_json=True, clock=time.perf_counter)
    await Calls(settings, CallJournal(keep=_keep, settle=_settle), lingering=lingering).ask(_REQUEST)


async def _keep(_kept: Kept) -> None:
    """Keep nothing: the journal is measured apart."""


def _settle(_request: ModelRequest, _facts: CallFacts) -> None:
    """Note nothing, likewise."""


def _main(loads: str) -> None:
    own, *others = cores()
    pin(own)
    figures = [heard(Load(**load), (others or [own])[0]) for load in json.loads(loads)]
    sys.stdout.write(json.dumps([asdict(one) for one in figures]))


if __name__ == "__main__":
    _main(sys.argv[1])
