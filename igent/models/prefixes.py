"""The provider's prompt cache put to use: breakpoints where they pay, one of a prefix first, candidate sets together.

A prefix is what a prompt begins with: an agent's instructions, or those and the shared part of its first message.
Writing one costs 1.25 times its input and reading it 0.1 times, so one reuse pays; and it can be read only once the
first response has begun, so of those who wait for the same prefix one goes first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from igent import codec
from igent.accounting.prices import prompt_tokens
from igent.accounting.spans import span
from igent.accounting.usage import Usage
from igent.dialogue.prompts import offers_shown
from igent.domain.records import Json
from igent.models.base import CacheLevel, ChatModel, ModelEvent, ModelRequest, PromptRead, ReplyEnd, Sent
from igent.models.prefix import LIFETIME_S, Habit, Part, Prefix, PrefixUse, Scale, beginnings

__all__ = ["PrefixModel"]

# Longer than all but one in a hundred first tokens of a Sonnet take: whoever is later than that lets the next go first,
# which may cost a prefix being written twice. A call that hangs must not hold up all others with its prefix.
_PATIENCE_S = 3.0
# Who goes first for others goes before all others, by more places than there can be.
_AHEAD = 2**62
# Candidate sets whose place is remembered: many times what a window of registrations has.
_MAX_GROUPS = 4_096


@dataclass(slots=True)
class _Call:
    """One request with its prefixes, the shorter first; `marked` get a breakpoint, `led` are those it goes first for.

    `repeated` are those that another request was sent with not long before.
    """

    request: ModelRequest
    model: str
    parts: list[Part]
    waits: bool = True
    begun: bool = False
    counted: bool = False
    marked: list[Part] = field(default_factory=list)
    repeated: list[Part] = field(default_factory=list)
    led: list[Prefix] = field(default_factory=list)
    patience: asyncio.TimerHandle | None = None

    def leave(self, now_s: float) -> None:
        """It is sent."""
        self.repeated = [part for part in self.parts if now_s - part.prefix.used_s < LIFETIME_S]
        for part in self.parts:
            part.prefix.used_s = now_s
        self._stop_waiting()

    def sent(self, event: Sent) -> None:
        """It is on its way, perhaps as another request; who goes first for others does so for a while only."""
        self.request = event.filled or self.request
        if self.led:
            self.patience = asyncio.get_running_loop().call_later(_PATIENCE_S, self._step_aside)

    def begin(self, now_s: float) -> None:
        """Its response begins: from now on what it marked can be read."""
        self.begun = True
        for part in self.marked:
            part.prefix.used_s = part.prefix.kept_s = now_s
        self._step_aside()

    def end(self) -> None:
        """It is over, however it ended."""
        if self.waits:
            self._stop_waiting()
        self._step_aside()

    def _stop_waiting(self) -> None:
        self.waits = False
        for part in self.parts:
            part.prefix.waiting -= 1

    def _step_aside(self) -> None:
        if self.patience is not None:
            self.patience.cancel()
        while self.led:
            self.led.pop().lead.release()


class PrefixModel:
    """A `ChatModel` around one with a gate: whoever waits for another's prefix waits here and holds no place there.

    `minimums` tells a model's shortest cacheable prefix in tokens, or None where it has or knows none; `clock` is in
    seconds. The one that goes first keeps the others waiting until its first byte, and three seconds at most;
    one that is alone with its prefix has it kept for those to come, of `registrations` in all, as far as prefixes have
    come again so far. Else it waits `company_s` for others, who may still be looked up in a cache of replies.
    Within blocks of `block` registrations the inner model is given those with the same candidates one after another,
    and those first for which others wait, if they are to go `ahead`. `uses` is what came of it so far, by model and
    agent.
    """

    def __init__(
        self,
        inner: ChatModel,
        *,
        minimums: Callable[[str], int | None],
        clock: Callable[[], float],
        block: int,
        registrations: int = 0,
        company_s: float = 0.0,
        ahead: bool = True,
    ) -> None:
        self.name, self._inner = inner.name, inner
        self._minimums, self._clock, self._block = minimums, clock, block
        self._registrations, self._company_s, self._ahead = registrations, company_s, ahead
        self._habits: dict[CacheLevel, Habit] = {"system": Habit(), "shared": Habit()}
        self._prefixes: dict[str, Prefix] = {}
        self._swept_s = clock()
        self._firsts: dict[tuple[int, str], int] = {}
        self._scales: dict[str, Scale] = {}
        self.uses: dict[tuple[str, str], PrefixUse] = {}

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream the inner model's reply; everything that it raises passes through."""
        call, group = self._arrive(request), self._join(request)
        try:
            await asyncio.sleep(0)  # by then all that arrive in the same cycle of the loop are known
            with span("prefix", "wait"):
                await self._turn(call)
            call.leave(self._clock())
            levels = frozenset(part.level for part in call.marked)
            # Others wait for the one that goes first, here where the gate does not see them.
            priority = self._priority(request, group) - (_AHEAD if self._ahead and call.led else 0)
            async with aclosing(self._inner.stream(replace(request, cache_at=levels, priority=priority))) as events:
                async for event in events:
                    if isinstance(event, Sent):
                        call.sent(event)
                    else:
                        self._hear(call, event)
                    yield event
        finally:
            call.end()

    def as_record(self) -> list[Json]:
        """The `uses` for `run.json`."""
        return [
            {"model": model, "agent": agent, **use.as_record()} for (model, agent), use in sorted(self.uses.items())
        ]

    def _arrive(self, request: ModelRequest) -> _Call:
        self._sweep()
        model = request.model or self.name
        call = _Call(request, model, [])
        for level, chars, text in beginnings(request):
            # What a prompt is read with is part of what is kept: the form of the reply, effort and thinking.
            key = codec.digest([model, request.kind, request.effort, request.thinking, level, text])
            prefix = self._prefixes.setdefault(key, Prefix())
            prefix.waiting += 1
            self._habits[level].learn(prefix)
            call.parts.append(Part(level, chars, prefix))
        return call

    def _join(self, request: ModelRequest) -> tuple[int, str]:
        """Join the requests of a block that are about the same candidates, whoever's they are; those have a first."""
        block, own = divmod(request.priority, self._block)
        offers = next(filter(None, (offers_shown(message.text) for message in request.messages)), "")
        group = block, codec.digest(offers)
        if offers:
            self._firsts[group] = min(own, self._firsts.get(group, own))
        while len(self._firsts) > _MAX_GROUPS:
            del self._firsts[next(iter(self._firsts))]
        return group

    def _priority(self, request: ModelRequest, group: tuple[int, str]) -> int:
        """Blocks in order, in each the groups by their first registration, in each its registrations: as one number."""
        block, own = divmod(request.priority, self._block)
        return (block * self._block + self._firsts.get(group, own)) * self._block + own

    async def _turn(self, call: _Call) -> None:
        """Wait until every prefix that is worth keeping is kept, or it is this call's turn to have it kept."""
        # Everybody takes the shorter prefix first, so that no two can wait for each other.
        for part in self._cacheable(call, call.parts, self._scale(call.model)):
            prefix = part.prefix
            if not self._lives(prefix.kept_s):
                await prefix.lead.acquire()
                if self._lives(prefix.kept_s):
                    prefix.lead.release()
                else:
                    call.led.append(prefix)
                    if not await self._in_company(call, part):
                        call.led.pop().lead.release()
                        continue
            call.marked.append(part)

    async def _in_company(self, call: _Call, part: Part) -> bool:
        """Whether others use a prefix too: now, not long ago or, as far as can be told, soon."""
        prefix = part.prefix
        if prefix.waiting == 1 and not self._lives(prefix.used_s):
            if call.request.priority < self._registrations - 1 and self._habits[part.level].worth_keeping:
                return True
            await asyncio.sleep(self._company_s)
        return prefix.waiting > 1 or self._lives(prefix.used_s)

    def _hear(self, call: _Call, event: PromptRead | str | ReplyEnd) -> None:
        if not call.begun:
            call.begin(self._clock())
        if isinstance(event, str) or call.counted or event.usage.estimated or not prompt_tokens(event.usage):
            return
        call.counted = True
        self._count(call, event.usage)

    def _count(self, call: _Call, usage: Usage) -> None:
        own, scale = Scale(len(call.request.prompt), prompt_tokens(usage)), self._scale(call.model)
        scale.chars, scale.tokens = scale.chars + own.chars, scale.tokens + own.tokens
        if usage.input_tokens == own.tokens:
            for part in call.marked:
                part.prefix.declined = True
        could = [part.chars * own.tokens // own.chars for part in self._cacheable(call, call.repeated, own)]
        key = call.model, call.request.agent
        self.uses[key] = self.uses.get(key, PrefixUse()) + PrefixUse(
            prompts=1,
            prompt_tokens=own.tokens,
            read_tokens=usage.cache_read_tokens,
            written_tokens=usage.cache_write_tokens + usage.cache_write_1h_tokens,
            best_tokens=max([usage.cache_read_tokens, *could]),
        )

    def _cacheable(self, call: _Call, parts: list[Part], scale: Scale) -> list[Part]:
        """Those that are as long as the model asks, as far as is known."""
        minimum = self._minimums(call.model)
        long = [] if minimum is None else [one for one in parts if one.chars * scale.tokens >= minimum * scale.chars]
        return [part for part in long if not part.prefix.declined]

    def _scale(self, model: str) -> Scale:
        return self._scales.setdefault(model, Scale())

    def _lives(self, since_s: float) -> bool:
        return self._clock() - since_s < LIFETIME_S

    def _sweep(self) -> None:
        """Forget, once in a lifetime, the prefixes that nobody has used for one."""
        if not self._lives(self._swept_s):
            self._swept_s, known = self._clock(), self._prefixes
            self._prefixes = {
                key: one for key, one in known.items() if one.waiting or one.lead.locked() or self._lives(one.used_s)
            }
