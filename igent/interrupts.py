"""What SIGINT and SIGTERM do to this process: the first ends it gently, the second soon, the third at once.

A thread keeps the time, so that it is kept whatever the event loop is busy with: an allocation, a large journal.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING, TextIO, TypeAlias, TypeVar

if TYPE_CHECKING:
    from igent.models.halt import Halt

__all__ = ["FLUSH_S", "Interrupts"]

T = TypeVar("T")
_Step: TypeAlias = tuple[float | None, Callable[[], object]]

# What is cut short gets this to write down what it has, which takes a tenth of it: two seconds less a slow exit.
FLUSH_S = 1.5
_NUMBERS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = b"\x1b[?25h"  # a progress bar hides it


class Interrupts:
    """Answers signals as long as it is used as a context manager; `received` are those that came.

    Where nothing is under way, the first one ends the process, which says its `last_words` on stderr.
    """

    def __init__(self, last_words: Callable[[], str]) -> None:
        self.received: list[int] = []
        self._last_words = last_words
        self._inbox: SimpleQueue[int | None] | None = None
        self._watching: Thread | None = None
        self._asking = False

    def __enter__(self) -> Interrupts:
        self._before = {number: signal.signal(number, self._receive) for number in _NUMBERS}
        return self

    def __exit__(self, *_: object) -> None:
        # After a signal the process is on its way out, and is not to die of another one: that would be another code.
        for number, handler in self._before.items():
            if not self.received and signal.getsignal(number) == self._receive:
                signal.signal(number, handler)

    @property
    def code(self) -> int:
        """The exit code after the first signal."""
        return 128 + self.received[0]

    def run(self, work: Callable[[Halt], Awaitable[T]], *, patience_s: float, flush_s: float = FLUSH_S) -> T | None:
        """What comes of `work`, None where that was cut short. Raises what it raises.

        The first signal sets its `Halt`. The second cancels it, and so do `patience_s` without an end. It then has
        `flush_s` to end before the process does, as with the third.
        """
        import asyncio

        from igent.models.halt import Halt

        results, halt = list[T](), Halt()
        inbox = self._inbox = SimpleQueue[int | None]()

        async def watched() -> None:
            task = asyncio.current_task()
            assert task is not None
            in_loop = asyncio.get_running_loop().call_soon_threadsafe
            told, cut = partial(in_loop, halt.set), partial(in_loop, task.cancel)
            steps = (None, told), (patience_s, cut), (flush_s, self._leave)
            self._watching = Thread(target=self._watch, args=(inbox, steps), name="interrupts", daemon=True)
            self._watching.start()
            results.append(await work(halt))

        try:
            with suppress(asyncio.CancelledError):
                asyncio.run(watched())
        finally:
            self._inbox = None
            inbox.put(None)
            if self._watching is not None:
                self._watching.join()
        return results[0] if results else None

    def ask(self, stream: TextIO) -> str:
        """A line that somebody types; none where a signal comes instead."""
        line = ""
        try:
            self._asking = True  # from here on a signal breaks in; one that came before is in `received`
            line = "" if self.received else stream.readline()
            self._asking = False
        except KeyboardInterrupt:
            pass
        return line

    def _watch(self, inbox: SimpleQueue[int | None], steps: Sequence[_Step]) -> None:
        """Take one step per signal, or once so many seconds have passed since the one before."""
        for wait_s, act in steps:
            with suppress(Empty):
                if inbox.get(timeout=wait_s) is None:
                    return
            with suppress(RuntimeError):  # of a loop that is closed: the work has ended meanwhile
                act()

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self.received.append(number)
        if self._inbox is None:
            self._leave()
        else:
            self._inbox.put(number)  # the only queue whose `put` may come in the middle of another
        asking, self._asking = self._asking, False
        if asking:
            raise KeyboardInterrupt

    def _leave(self) -> None:
        """End the process as it stands: it can be killed at any time, and what it would wait for may never come."""
        try:
            os.write(2, (_SHOW_CURSOR if os.isatty(2) else b"") + f"{self._last_words()}\n".encode())
        finally:
            os._exit(self.code)
