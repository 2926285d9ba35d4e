"""The provider on its socket: on a thread with a loop of its own beside a test, or until a signal as a process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread

import uvicorn

from tests.provider.app import application
from tests.provider.state import Provider

__all__ = ["listening", "serve", "serving"]


def listening(port: int = 0) -> tuple[socket.socket, str]:
    """A socket on 127.0.0.1 that connections can be made to from now on, and its URL."""
    # Named as TCP, which `socket.create_server` leaves open: asyncio turns off Nagle's delay only where it is.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


async def serve(provider: Provider, listener: socket.socket, stop: asyncio.Event) -> None:
    """Serve until `stop` is set; responses that are not over then are broken off."""
    config = uvicorn.Config(
        application(provider), lifespan="off", ws="none", log_config=None, log_level="critical", access_log=False
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan, server.force_exit = config.lifespan_class(config), True
    await server.startup(sockets=[listener])
    await stop.wait()
    await server.shutdown(sockets=[listener])


@contextmanager
def serving(provider: Provider) -> Iterator[str]:
    """A provider that serves on a thread of its own; its URL. After it nothing of it is left."""
    listener, url = listening()
    stopping: Future[Callable[[], object]] = Future()

    async def run() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        stopping.set_result(lambda: loop.call_soon_threadsafe(stop.set))
        await serve(provider, listener, stop)

    thread = Thread(target=lambda: asyncio.run(run()), name="provider")
    thread.start()
    try:
        yield url
    finally:
        stopping.result()()
        thread.join()
