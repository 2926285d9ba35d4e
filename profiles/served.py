"""Providers of a small model, several in one process, each of which tells at last how long its calls had to take.

`python -m profiles.served SEED WAIT verbose terse ...` prints a list of URLs, one for each way of speaking, and serves
until its input ends. Then it prints, for each, the seconds that nothing could have been faster than. WAIT scales them.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from igent.models.simulated import LATENCIES
from tests.provider.answers import answer_to, dressed
from tests.provider.serving import listening, serve
from tests.provider.state import Provider, Settings

__all__ = ["Served", "Waits", "main", "served"]

_ENDLESS: Final = 1_000_000


@dataclass(slots=True, kw_only=True)
class Served:
    """Providers that run: their URLs, and once they have ended the least that each one's calls could take, in s."""

    urls: list[str]
    limits_s: list[float] = field(default_factory=list)


class Waits:
    """How long each response waits: for its first token, and while its tokens are decoded.

    Responses that overlap are judged at the same time: of those only the longest counts.
    """

    def __init__(self) -> None:
        self._open: set[asyncio.Task[None]] = set()
        self._group: dict[asyncio.Task[None], float] = {}
        self._past_s = 0.0

    @property
    def limit_s(self) -> float:
        """The sum of the longest of those that overlapped."""
        return self._past_s + max(self._group.values(), default=0.0)

    async def sleep(self, seconds: float) -> None:
        """Wait, on the account of the response that is being played."""
        task = asyncio.current_task()
        assert task is not None, "a response is played by a task"
        if task not in self._open:
            if not self._open:
                self._past_s, self._group = self.limit_s, {}
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        self._group[task] = self._group.get(task, 0.0) + seconds
        await asyncio.sleep(seconds)


@contextmanager
def served(ways: Sequence[str], *, seed: int, wait: float) -> Iterator[Served]:
    """Providers in a process of their own, one for each way of speaking."""
    command = [sys.executable, "-m", "profiles.served", str(seed), str(wait), *ways]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert process.stdout is not None
    with process:
        providers = Served(urls=json.loads(process.stdout.readline()))
        yield providers
        told, _ = process.communicate()
        providers.limits_s = json.loads(told)


def main(seed: int, wait: float, ways: Sequence[str]) -> None:
    """Serve until the input ends."""
    asyncio.run(_serve(seed, wait, ways))


async def _serve(seed: int, wait: float, ways: Sequence[str]) -> None:
    waits, stop = [Waits() for _ in ways], asyncio.Event()
    latency = LATENCIES["haiku"]
    assert latency is not None
    async with asyncio.TaskGroup() as group:
        urls = []
        for way, one in zip(ways, waits, strict=True):
            settings = Settings(
                latency=latency.scaled(wait),
                seed=seed,
                prompt_cache=True,
                answer=_verbosely if way == "verbose" else answer_to,
                sleep=one.sleep,
            )
            listener, url = listening()
            urls.append(url)
            group.create_task(serve(Provider(settings), listener, stop))
        _tell(urls)
        await asyncio.to_thread(sys.stdin.read)
        stop.set()
    _tell([one.limit_s for one in waits])


def _verbosely(body: bytes) -> str:
    """The answer, then prose of about 140 tokens that ends as agents do who wait for each other's approval."""
    text, _ = dressed(answer_to(body), "after", max_tokens=_ENDLESS)
    return f"{text}\n\nAPPROVE"


def _tell(value: object) -> None:
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
