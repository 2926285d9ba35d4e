"""The calls of one registration over a scripted model, with all that can be seen of them from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from igent.accounting.calls import CallFacts
from igent.agents.calls import CallJournal, Calls, CallSettings, Kept, Recorded, Retries
from igent.models.base import Message, ModelRequest
from tests.agents.scripted import ScriptedModel, Step

__all__ = ["ANSWER", "Desk", "LONG_S", "REQUEST", "at_rest", "begun", "desk"]

T = TypeVar("T")

ANSWER = '{"fit":[["o1"]]}'
REQUEST = ModelRequest(
    agent="matcher",
    kind="match",
    system="Match.",
    messages=(Message(author="user", text="TASK"),),
    max_tokens=512,
    model="small",
)
# Longer than any test takes: what should not be waited for would show as a test that times out.
LONG_S = 50.0
# How often the loop runs until every task has gone as far as it can without a timer.
_TURNS = 20


@dataclass(slots=True, kw_only=True)
class Desk:
    """The calls, and what was kept and settled so far."""

    calls: Calls
    model: ScriptedModel
    kept: list[Kept] = field(default_factory=list)
    settled: list[tuple[ModelRequest, CallFacts]] = field(default_factory=list)

    @property
    def facts(self) -> list[CallFacts]:
        """What the calls came to."""
        return [facts for _, facts in self.settled]


@asynccontextmanager
async def desk(
    *scripts: Sequence[Step],
    early_json: bool = True,
    deadline_s: float = LONG_S,
    recorded: Mapping[str, Recorded] | None = None,
    retries: Retries | None = None,
    journal: CallJournal | None = None,
) -> AsyncGenerator[Desk, None]:
    """A desk that asks the journal too where there is one; leaving it waits for the streams that linger."""
    kept, settled = list[Kept](), list[tuple[ModelRequest, CallFacts]]()

    async def keep(reply: Kept) -> None:
        kept.append(reply)
        if journal is not None:
            await journal.keep(reply)

    def settle(request: ModelRequest, facts: CallFacts) -> None:
        settled.append((request, facts))
        if journal is not None:
            journal.settle(request, facts)

    model = ScriptedModel(*scripts)
    settings = CallSettings(
        model=model, deadline_s=deadline_s, early_json=early_json, clock=model.clock, retries=retries
    )
    async with asyncio.TaskGroup() as lingering:
        calls = Calls(settings, CallJournal(keep=keep, settle=settle), lingering=lingering, recorded=recorded)
        yield Desk(calls=calls, model=model, kept=kept, settled=settled)


async def at_rest() -> None:
    """Let every task go as far as it can without a timer."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def begun(work: Coroutine[None, None, T]) -> asyncio.Task[T]:
    """The work as a task of its own."""
    return asyncio.create_task(work)
