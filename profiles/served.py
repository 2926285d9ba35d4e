"""Providers in a process of their own, on a core of their own, which tell at last what they have played.

`python -m profiles.served CORE MANNERS` prints a list of URLs, one for each manner, and serves until its input ends.
Then it prints, for each, its plays. What a response has to wait is drawn from a fixed seed and its request alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, replace
from typing import Final, Literal

from igent.models.simulated import LATENCIES
from profiles.feeder import cores, pin
from profiles.plays import Play
from tests.provider.answers import answer_to, dressed
from tests.provider.serving import listening, serve
from tests.provider.state import Played, Provider, Settings

__all__ = ["Manner", "Recorder", "SLOWER_S", "Served", "main", "served"]

SLOWER_S: Final = 30.0
_SEED, _ENDLESS = 11, 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a provider answers: how long-windedly, and after which waits, all of them scaled by `wait`.

    A `slow` share of the requests takes `SLOWER_S` longer until its first token.
    """

    way: Literal["terse", "verbose"] = "terse"
    latency: str = "haiku"
    wait: float = 1.0
    slow: float = 0.0


@dataclass(slots=True, kw_only=True)
class Served:
    """Providers that run: their URLs, and once they have ended the plays of each."""

    urls: list[str]
    plays: list[list[Play]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Response:
    """One that is being played."""

    begun_s: float
    opens: bool
    ended_s: float
    drawn_s: float = 0.0


_RESPONSE: ContextVar[_Response] = ContextVar("response")


class Recorder(Provider):
    """A provider that keeps what it plays."""

    def __init__(self, manner: Manner) -> None:
        latency = LATENCIES[manner.latency]
        settings = Settings(
            latency=latency and latency.scaled(manner.wait),
            seed=_SEED,
            prompt_cache=True,
            answer=_verbosely if manner.way == "verbose" else answer_to,
            sleep=self._sleep,
        )
        super().__init__(settings)
        self._manner = manner
        self._responses: list[_Response] = []
        self._known: set[bytes] = set()

    @property
    def plays(self) -> list[Play]:
        """All that were begun, as far as they have come."""
        return [Play(**asdict(one)) for one in self._responses]

    def message(self, body: bytes, *, keyed: bool) -> Played:
        """The response to a request, on an account of its own from here on."""
        now_s = time.monotonic()
        response = _Response(begun_s=now_s, ended_s=now_s, opens=_opens(body) and body not in self._known)
        _RESPONSE.set(response)  # whoever plays it is a task begun by this one
        self._responses.append(response)
        self._known.add(body)
        played = super().message(body, keyed=keyed)
        first, *rest = played.script.parts
        if _drawn(body) < self._manner.slow:
            first = replace(first, after_s=first.after_s + SLOWER_S * self._manner.wait)
        return replace(played, script=replace(played.script, parts=(first, *rest)))

    async def _sleep(self, seconds: float) -> None:
        """Wait, on the account of the response that is being played; a client that leaves ends it."""
        response, begun_s = _RESPONSE.get(), time.monotonic()
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            seconds = time.monotonic() - begun_s
            raise
        finally:
            response.drawn_s, response.ended_s = response.drawn_s + seconds, time.monotonic()


@contextmanager
def served(manners: Sequence[Manner]) -> Iterator[Served]:
    """Providers in a process of their own, one for each manner."""
    asked = json.dumps([asdict(one) for one in manners])
    command = [sys.executable, "-m", "profiles.served", str(cores()[-1]), asked]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert process.stdout is not None
    with process:
        providers = Served(urls=json.loads(process.stdout.readline()))
        yield providers
        told, _ = process.communicate()
        providers.plays = [[Play(**play) for play in plays] for plays in json.loads(told)]


def main(core: int, manners: Sequence[Manner]) -> None:
    """Serve until the input ends."""
    pin(core)
    asyncio.run(_serve([Recorder(manner) for manner in manners]))


async def _serve(providers: Sequence[Recorder]) -> None:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        urls = []
        for provider in providers:
            listener, url = listening()
            urls.append(url)
            group.create_task(serve(provider, listener, stop))
        _tell(urls)
        await asyncio.to_thread(sys.stdin.read)
        stop.set()
    _tell([[asdict(play) for play in provider.plays] for provider in providers])


def _verbosely(body: bytes) -> str:
    """The answer, then prose of about 140 tokens that ends as agents do who wait for each other's approval."""
    text, _ = dressed(answer_to(body), "after", max_tokens=_ENDLESS)
    return f"{text}\n\nAPPROVE"


def _opens(body: bytes) -> bool:
    """Whether it is the first question of a conversation that a registration begins with."""
    text = _first(body)
    alone = len(json.loads(body)["messages"]) == 1
    return alone and text.startswith('TASK\n"match"\n') and "\nPROPOSAL\n" not in text


def _first(body: bytes) -> str:
    """The first message of a request."""
    return "".join(block["text"] for block in json.loads(body)["messages"][0]["content"])


def _drawn(body: bytes) -> float:
    """A number in [0, 1) that is of this request and no other."""
    return int.from_bytes(hashlib.sha256(b"slow|" + body).digest()[:6], "big") / 2**48


def _tell(value: object) -> None:
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), [Manner(**one) for one in json.loads(sys.argv[2])])
