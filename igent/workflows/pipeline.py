"""Judging one registration: two phases, apart from each other and from all other registrations, by its own crew."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Literal, TypeAlias, TypeVar

from igent.accounting.spans import span
from igent.agents.calls import CallJournal, Calls, CallSettings, Recorded
from igent.constellation import Constellation, PhaseSpec
from igent.dialogue.prompts import Openings, Unfiltered
from igent.dialogue.replies import find_answer
from igent.dialogue.script import Conclusion, CriticPolicy, Exchange, exchange
from igent.domain.records import Json
from igent.domain.verify import (
    MatchDecision,
    MatchTask,
    OrderDecision,
    OrderTask,
    Verdict,
    verify_match,
    verify_order,
)
from igent.errors import ModelError, ModelLocked, ModelUnavailable, RunStopped
from igent.models.base import Message, ModelRequest
from igent.workflows.plan import Inputs, Planned

if TYPE_CHECKING:
    from igent.agents.crew import Crew

__all__ = ["Judged", "Judging", "PhaseResult"]

T = TypeVar("T", MatchTask, OrderTask)
D = TypeVar("D", MatchDecision, OrderDecision)
PhaseResult: TypeAlias = Conclusion[D] | ModelError | RunStopped | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the phases concluded, or the errors that ended them; None where a phase was not held.

    `bug` names an error that igent did not foresee: the registration fails with it, the run goes on.
    """

    match: PhaseResult[MatchDecision] = None
    order: PhaseResult[OrderDecision] = None
    calls: Counter[str] = field(default_factory=Counter)
    bug: str | None = None

    @property
    def failed(self) -> bool:
        """Whether an error has ended it."""
        return self.bug is not None or isinstance(self.match, ModelError) or isinstance(self.order, ModelError)

    @property
    def abandoned(self) -> bool:
        """Whether the run was stopped before it was judged: it has no outcome yet."""
        return bool(self.why_abandoned)

    @property
    def why_abandoned(self) -> str:
        """Why the run was stopped; empty where it was not."""
        for result in (self.match, self.order):
            if isinstance(result, RunStopped):
                return result.reason
        return ""

    @property
    def reached(self) -> bool | None:
        """Whether the model was in reach: False for a passing fault, None where it was not called."""
        if isinstance(self.match, ModelUnavailable) or isinstance(self.order, ModelUnavailable):
            return False
        asked = sum([self.calls[kind] for kind in ("match", "order", "critique", "batched")]) - self.calls["replayed"]
        return True if asked else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phase(Generic[T, D]):
    """One phase in the terms of an exchange, for all registrations; `settled` is what rules alone would answer."""

    spec: PhaseSpec
    span: Literal["phase1", "phase2"]
    kind: Literal["match", "order"]
    settled: Callable[[T], D]
    read: Callable[[str], D | None]
    verify: Callable[[D, T], Verdict]
    typed: Callable[[D], Mapping[str, Json]]

    def maybe_settled(self, task: T) -> D | None:
        """The decision of the rules where they come first and suffice, so that nobody is asked."""
        decision = self.settled(task) if self.spec.rules_first else None
        return decision if decision is not None and self.verify(decision, task).kind == "proven" else None


class Judging:
    """Judges registrations by one constellation; holds nothing of any registration."""

    def __init__(self, constellation: Constellation, inputs: Inputs, prompts: Mapping[str, str], *, model: str) -> None:
        # AutoGen takes a quarter of a second to import: only a command that judges does.
        from igent.agents.crew import Crew, Troupe

        self._constellation, self._inputs, self._crew = constellation, inputs, Crew
        self._openings = Openings(inputs.market)
        self._troupe = Troupe(prompts=prompts, model=model, shared=constellation.conversation == "shared")
        match, order = constellation.phases
        self._match = _Phase(
            spec=match,
            span="phase1",
            kind="match",
            settled=_any_offer,
            read=_read_match,
            verify=verify_match,
            typed=MatchDecision.as_record,
        )
        self._order = _Phase(
            spec=order,
            span="phase2",
            kind="order",
            settled=_plain_order,
            read=_read_order,
            verify=verify_order,
            typed=OrderDecision.as_record,
        )

    def openings(self, planned: Planned) -> Iterator[tuple[PhaseSpec, ModelRequest]]:
        """The first request of each phase that asks a model, as far as it does not depend on an earlier reply."""
        if planned.outcome is not None or planned.match is None or planned.order is None:
            return
        settled = self._match.maybe_settled(planned.match) is not None
        if not settled:
            yield self._match.spec, self._opening_request(self._match, planned.match, planned)
        if self._order.maybe_settled(planned.order) is None and (settled or not self._troupe.shared):
            yield self._order.spec, self._opening_request(self._order, planned.order, planned)

    async def judge(
        self,
        planned: Planned,
        settings: CallSettings,
        journal: CallJournal,
        *,
        recorded: Mapping[str, Recorded] | None = None,
    ) -> Judged:
        """Judge one registration. A `ModelError` is part of the result; anything else raised is a bug."""
        if planned.outcome is not None or planned.match is None or planned.order is None:
            return Judged()
        async with asyncio.TaskGroup() as lingering:
            calls = Calls(settings, journal, lingering=lingering, recorded=recorded)
            crew = self._crew(calls, self._troupe, priority=planned.index)
            match, order = await self._phases(crew, planned, planned.match, planned.order)
        calls.made["critic_skipped"] += sum([c.critic_skipped for c in (match, order) if isinstance(c, Conclusion)])
        return Judged(match=match, order=order, calls=calls.made)

    async def _phases(
        self, crew: Crew, planned: Planned, first: MatchTask, second: OrderTask
    ) -> tuple[PhaseResult[MatchDecision], PhaseResult[OrderDecision]]:
        """Both phases at once, or one after the other; then the second is not held where the first settled nothing."""
        if self._constellation.optimization.parallel_phases:
            # Not beside the lingering streams: a cancelled phase ends, and its streams are closed, before those are.
            async with asyncio.TaskGroup() as phases:
                order = phases.create_task(self._hold(self._order, second, crew, planned))
                match = await self._hold(self._match, first, crew, planned)
            return match, order.result()
        concluded = await self._hold(self._match, first, crew, planned)
        if isinstance(concluded, Conclusion) and concluded.status == "settled":
            return concluded, await self._hold(self._order, second, crew, planned)
        return concluded, None

    async def _hold(self, phase: _Phase[T, D], task: T, crew: Crew, planned: Planned) -> PhaseResult[D]:
        """One phase's exchange to its conclusion; where rules come first and suffice, without any call."""
        if (settled := phase.maybe_settled(task)) is not None:
            return Conclusion(status="settled", judgement="proven", decision=settled)
        with span(phase.span):
            about = self._about(phase, task, planned)
            try:
                with span("conversation"):
                    return await crew.hold(exchange(about), phase.spec)
            except ModelLocked as exc:
                return RunStopped(str(exc))
            except (ModelError, RunStopped) as exc:
                return exc

    def _about(self, phase: _Phase[T, D], task: T, planned: Planned) -> Exchange[D]:
        return Exchange(
            kind=phase.kind,
            opening=self._opening(task, planned),
            read=phase.read,
            verify=lambda decision: phase.verify(decision, task),
            typed=phase.typed,
            critic=self.policy(phase.spec),
            max_rounds=self._constellation.max_rounds,
        )

    def _opening_request(self, phase: _Phase[T, D], task: T, planned: Planned) -> ModelRequest:
        ask = next(exchange(self._about(phase, task, planned)))
        said = (Message(author="user", text=ask.text),)
        return self._troupe.request(phase.spec.matcher, ask, said, priority=planned.index)

    def policy(self, phase: PhaseSpec) -> CriticPolicy | None:
        """When a phase's critic is heard, None where it has none."""
        if phase.critic is None:
            return None
        skips = self._constellation.optimization.critic_skip or self._constellation.critic == "never"
        return self._constellation.critic if skips else "always"

    def _opening(self, task: MatchTask | OrderTask, planned: Planned) -> str:
        if self._constellation.optimization.context_filter or not isinstance(planned.row, dict):
            return self._openings.opening(task)
        market = self._inputs.market
        shown = market.REGISTRATION_FIELDS - market.PRIVATE_FIELDS
        row = {key: value for key, value in planned.row.items() if key in shown}
        others = self._inputs.catalogue.elsewhere(task.registration)
        return self._openings.opening(task, Unfiltered(others=others, row=row))


def _any_offer(task: MatchTask) -> MatchDecision:
    return MatchDecision(fit=(tuple(offer.id for offer in task.offers),))


def _plain_order(_task: OrderTask) -> OrderDecision:
    return OrderDecision(payment="cash", incentives={})


def _read_match(reply: str) -> MatchDecision | None:
    answer = find_answer("match", reply)
    return answer if isinstance(answer, MatchDecision) else None


def _read_order(reply: str) -> OrderDecision | None:
    answer = find_answer("order", reply)
    return answer if isinstance(answer, OrderDecision) else None
