"""One matcher turn: by igent's crew, by AutoGen's team of one over the same bridge, and the model's stream alone.

Agents, crew and team are made fresh for every turn, since a household must not hear of another one. Crew and team are
driven by the same exchange, which reads and verifies the reply, and make their calls by the same `Calls`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat

from igent.accounting.calls import CallFacts
from igent.agents.bridge import BridgeClient
from igent.agents.calls import CallJournal, Calls, CallSettings, Kept
from igent.agents.crew import Crew, Troupe
from igent.constellation import PhaseSpec
from igent.dialogue.prompts import Openings
from igent.dialogue.replies import find_answer
from igent.dialogue.script import Ask, Conclusion, Exchange, exchange
from igent.domain.verify import MatchDecision, MatchTask, verify_match
from igent.models.base import Message, ModelRequest
from igent.models.rules import RulesModel
from igent.workflows import Pace, Rim, make_settings
from igent.workflows.plan import plan_rows
from igent.workflows.session import Session, prepare
from profiles.measure import Measurement, Size, alternately
from profiles.runs import AS_OF

__all__ = ["turn"]

# Starting the loop costs as much as a turn: a figure is the mean of so many turns in one start.
_TURNS = 20

_SETTINGS = CallSettings(model=RulesModel(), deadline_s=60, early_json=True, clock=perf_counter)


def turn(size: Size, _scratch: Path) -> list[Measurement]:
    """A turn of the crew, of the team and of the model alone."""
    question = asyncio.run(_question())
    with asyncio.Runner() as runner:
        works = [
            partial(_several, runner, way)
            for way in (question.streamed, partial(_called, question.by_crew), partial(_called, question.by_team))
        ]
        stream_s, crew_s, team_s = (best / _TURNS for best in alternately(works, seconds=size.seconds))
    row = partial(Measurement, suite="agent turn")
    return [
        row(what="the model's stream alone", value=stream_s * 1e3, unit="ms"),
        row(what="a turn by igent's crew", value=crew_s * 1e3, unit="ms"),
        row(what="a turn by RoundRobinGroupChat", value=team_s * 1e3, unit="ms"),
        row(what="RoundRobinGroupChat / crew", value=team_s / crew_s, unit="x", better="more"),
        row(what="crew / stream alone", value=crew_s / stream_s, unit="x"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What the matcher is asked about the first household of the sample data."""

    about: Exchange[MatchDecision]
    phase: PhaseSpec
    troupe: Troupe

    async def streamed(self) -> None:
        ask = next(exchange(self.about))
        async for _ in RulesModel().stream(self._request(ask, (Message(author="user", text=ask.text),))):
            pass

    async def by_crew(self, calls: Calls) -> None:
        crew = Crew(calls, self.troupe, priority=0)
        _require_proven(await crew.hold(exchange(self.about), self.phase))

    async def by_team(self, calls: Calls) -> None:
        script = exchange(self.about)
        ask, matcher = next(script), self.phase.matcher
        agent = AssistantAgent(
            name=matcher.name,
            model_client=BridgeClient(calls, partial(self._request, ask)),
            system_message=self.troupe.prompts[matcher.prompt],
            model_client_stream=True,
        )
        result = await RoundRobinGroupChat([agent], max_turns=1).run(task=ask.text)
        try:
            script.send(result.messages[-1].to_text())
        except StopIteration as stop:
            _require_proven(stop.value)

    def _request(self, ask: Ask, messages: tuple[Message, ...]) -> ModelRequest:
        return self.troupe.request(self.phase.matcher, ask, messages, priority=0)


async def _question() -> _Question:
    session = await prepare(make_settings("p1m1_p2m2", {}, as_of=AS_OF), Pace(), Rim())
    task = await _first_task(session)
    about = Exchange(
        kind="match",
        opening=Openings(session.inputs.market).opening(task),
        read=_read,
        verify=partial(verify_match, task=task),
        typed=MatchDecision.as_record,
        critic=None,
        max_rounds=1,
    )
    troupe = Troupe(prompts=session.prompts, model=session.settings.model, shared=False)
    return _Question(about=about, phase=session.constellation.phases[0], troupe=troupe)


async def _first_task(session: Session) -> MatchTask:
    async with aclosing(plan_rows(session.inputs, session.survey, session.settings)) as rows:
        async for planned in rows:
            if planned.match is not None and planned.match.registration.note is None:
                return planned.match
    raise LookupError("no household of the sample data is without a note and has offers")


def _read(reply: str) -> MatchDecision | None:
    answer = find_answer("match", reply)
    return answer if isinstance(answer, MatchDecision) else None


def _require_proven(conclusion: Conclusion[MatchDecision]) -> None:
    if conclusion.judgement != "proven":
        raise AssertionError(f"the turn did not settle the match: {conclusion.codes}")


async def _called(way: Callable[[Calls], Awaitable[None]]) -> None:
    async with asyncio.TaskGroup() as lingering:
        await way(Calls(_SETTINGS, _JOURNAL, lingering=lingering))


async def _keep(_kept: Kept) -> None:
    """Keep nothing: the journal is measured apart."""


def _settle(_request: ModelRequest, _facts: CallFacts) -> None:
    """Note nothing, likewise."""


_JOURNAL = CallJournal(keep=_keep, settle=_settle)


def _several(runner: asyncio.Runner, way: Callable[[], Awaitable[None]]) -> None:
    async def turns() -> None:
        for _ in range(_TURNS):
            await way()

    runner.run(turns())
