"""The provider without its sockets: a body in, the script of its response out."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from igent.models.simulated import CHUNK_TOKENS, Latency
from tests.provider.answers import Verbosity, answer_to, dressed
from tests.provider.contract import counting_problem, message_problem
from tests.provider.faults import Fault, Plan, listed, refused, reworded, spoiled
from tests.provider.limits import Limits, Rates
from tests.provider.prefixes import Counts, PrefixCache, uncached
from tests.provider.prompt import Prompt, read_prompt
from tests.provider.script import JSON, Part, Pauses, Reply, Script, refusal, streamed
from tests.provider.stats import Stats

__all__ = ["Played", "Provider", "Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a server behaves; `answer` gives the reply to a body. `clock` is the time of day, in seconds."""

    latency: Latency | None = None
    seed: int = 0
    prompt_cache: bool = False
    rates: Rates = field(default_factory=Rates)
    verbosity: Verbosity = "terse"
    answer: Callable[[bytes], str] = answer_to
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A response to be played; `prompt` is what was read for it, None where nothing was."""

    script: Script
    prompt: Prompt | None = None


class Provider:
    """The state of one server. `plan` says which request meets which fault, and may be replaced at any time."""

    def __init__(self, settings: Settings | None = None, *, plan: Plan | None = None) -> None:
        self.settings = settings or Settings()
        self.plan: Plan = plan or listed([])
        self.stats = Stats(monotonic=self.settings.monotonic)
        self._limits, self._cache = Limits(self.settings.rates), PrefixCache()

    def message(self, body: bytes, *, keyed: bool) -> Played:
        """The response to a request for a message; `keyed` is whether it carries a key."""
        if not keyed:
            return Played(script=self._refusal(401, "authentication_error", "no key"))
        if problem := message_problem(body):
            self.stats.problems.append(problem)
            return Played(script=self._refusal(400, "invalid_request_error", problem))
        fault = self.plan(body)
        if fault is not None and (script := refused(fault)):
            told = [] if fault.kind == "html" else self._told(wait_s=1.0 if fault.status == 429 else None)
            return Played(script=replace(script, headers=[*script.headers, *told]))
        return self._admitted(body, fault)

    def count(self, body: bytes) -> Script:
        """The response to a request to count its tokens."""
        if problem := counting_problem(body):
            return self._refusal(400, "invalid_request_error", problem)
        said = json.dumps({"input_tokens": read_prompt(json.loads(body)).tokens}).encode()
        return Script(parts=(Part(data=said),), headers=JSON)

    def begin(self, played: Played) -> None:
        """The first event of a response is on its way: others can read what its prompt has left in the cache."""
        if played.prompt is not None and self.settings.prompt_cache:
            self._cache.begin(played.prompt, self.settings.clock())

    def say(self, tokens: int) -> None:
        """Output is on its way."""
        self._limits.produced(tokens, self.settings.clock())

    def _admitted(self, body: bytes, fault: Fault | None) -> Played:
        """The response to a valid request: a reply, or a refusal for its rate."""
        asked, now = json.loads(body), self.settings.clock()
        prompt = read_prompt(asked)
        counts = self._cache.look_up(prompt, now) if self.settings.prompt_cache else uncached(prompt)
        wait_s = self._limits.admit(prompt.tokens - counts.read, now)
        if wait_s is not None:
            script = refusal(429, "rate_limit_error", "rate limit", self._told(wait_s=wait_s))
            return Played(script=script)
        self.stats.count(counts)
        reply = self._reply(body, asked, counts)
        script = streamed(reworded(reply, fault) if fault else reply, self._pauses(body, counts))
        script = replace(script, headers=[*script.headers, *self._told()])
        return Played(script=spoiled(script, fault) if fault else script, prompt=prompt)

    def _reply(self, body: bytes, asked: dict[str, Any], counts: Counts) -> Reply:
        verbosity, most = self.settings.verbosity, asked["max_tokens"]
        text, stop_reason = dressed(self.settings.answer(body), verbosity, max_tokens=most)
        name = f"msg_{hashlib.sha256(body).hexdigest()[:24]}"
        return Reply(id=name, model=asked["model"], text=text, stop_reason=stop_reason, usage=counts.as_usage())

    def _pauses(self, body: bytes, counts: Counts) -> Pauses:
        """The waits of a response, drawn by its body; what is read from the cache need not be read again."""
        latency = self.settings.latency
        if latency is None:
            return Pauses()
        drawn = hashlib.sha256(b"%d|%s" % (self.settings.seed, body)).digest()
        uniform = (int.from_bytes(drawn[:6], "big") + 0.5) / 2**48
        unread = counts.fresh + counts.written + counts.written_1h
        first_s = latency.until_first_token_s(uniform, unread)
        return Pauses(first_s=first_s, chunk_s=CHUNK_TOKENS / latency.decode_per_s)

    def _refusal(self, status: int, kind: str, message: str) -> Script:
        return refusal(status, kind, message, self._told())

    def _told(self, *, wait_s: float | None = None) -> list[tuple[str, str]]:
        return self._limits.headers(self.settings.clock(), wait_s)
