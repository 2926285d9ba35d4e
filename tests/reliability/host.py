"""A loop for processes that begin, work step by step and crash, from tests that are not asynchronous themselves."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from tests.reliability.process import Process, Provider, opened

__all__ = ["Host", "Work"]

Work = Callable[[Process], Awaitable[None]]


class Host:
    """A loop with one process at a time on it, which is opened and left in a task of its own."""

    def __init__(self, folder: Path) -> None:
        self.runner, self.folder = asyncio.Runner(), folder
        self.provider, self.lives = self.runner.run(_provider()), 0
        self.directory = folder / "run-0"
        self.directory.mkdir()

    def open(self) -> Process:
        self._work: asyncio.Queue[tuple[Work, asyncio.Future[None]]] = self.runner.run(_queue())
        context = opened(self.directory, self.folder / "cache/replies.sqlite3", self.provider)
        process, self._task = self.runner.run(_begun(context, self._work))
        return process

    def do(self, work: Work) -> None:
        async def put() -> None:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._work.put_nowait((work, done))
            await done

        self.runner.run(put())

    def crash(self, process: Process, *, kept: float) -> None:
        """Go on with a copy of what is durable and a part of what is not; what the old process does is seen by nobody.

        `kept` is the share of the bytes behind the durable ones that have reached the disk.
        """
        self.lives += 1
        old, self.directory = self.directory, self.folder / f"run-{self.lives}"
        shutil.copytree(old, self.directory)
        durable = process.journal.position_bytes
        self.leave()
        written = (old / "journal").read_bytes()
        (self.directory / "journal").write_bytes(written[: durable + int(kept * (len(written) - durable))])

    def leave(self) -> None:
        async def left() -> None:
            self._task.cancel()
            await asyncio.wait([self._task])

        self.runner.run(left())


async def _provider() -> Provider:
    return Provider()


async def _queue() -> asyncio.Queue[Any]:
    return asyncio.Queue()


async def _begun(
    context: AbstractAsyncContextManager[Process], work: asyncio.Queue[tuple[Work, asyncio.Future[None]]]
) -> tuple[Process, asyncio.Task[None]]:
    ready: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
    task = asyncio.get_running_loop().create_task(_lived(context, work, ready))
    task.add_done_callback(lambda _: ready.cancel())  # without effect where it has come up
    await asyncio.wait([ready])
    if task.done():
        task.result()  # raises why it has not
    return ready.result(), task


async def _lived(
    context: AbstractAsyncContextManager[Process],
    queue: asyncio.Queue[tuple[Work, asyncio.Future[None]]],
    ready: asyncio.Future[Process],
) -> None:
    async with context as process:
        ready.set_result(process)
        while True:
            work, done = await queue.get()
            try:
                await work(process)
            except Exception as exc:  # noqa: BLE001  # told to whoever asked for the work
                done.set_exception(exc)
            else:
                done.set_result(None)
