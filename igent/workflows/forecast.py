"""What a run will cost and how long it will take: its registrations planned, its first prompts rendered, none sent."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field
from random import Random

from igent import codec
from igent.accounting.estimate import Estimate
from igent.accounting.history import History
from igent.accounting.outlook import RateLimits, Terms, estimate
from igent.accounting.planned import PlannedPhase, PlannedRegistration, Seat
from igent.constellation import AgentSpec, PhaseSpec
from igent.dialogue.prompts import shared_chars
from igent.domain.records import Json
from igent.models.base import ModelRequest
from igent.models.cache import ReplyStore, is_answered
from igent.models.simulated import LATENCIES, Latency
from igent.workflows.plan import Planned, plan_rows
from igent.workflows.session import Session
from igent.workflows.settings import ModelName, provider_of

__all__ = ["Evidence", "Forecast", "Unasked", "forecast"]

_IDS = 20  # of registrations that need no call, how many are named for each reason
_AUTO_SLOTS = 64  # calls in flight where their number is found on the way: without a limit it gets there in seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known besides the inputs: earlier calls and whose, a provider's limits, replies that were kept."""

    history: History | None = None
    source: str = "an earlier run"
    limits: RateLimits = field(default_factory=RateLimits)
    replies: ReplyStore | None = None


@dataclass(slots=True, kw_only=True)
class Unasked:
    """Registrations that have their outcome without a call, for the same reasons; `ids` names the first of them."""

    outcome: str
    codes: tuple[str, ...]
    count: int = 0
    ids: list[str] = field(default_factory=list)

    def add(self, planned: Planned) -> None:
        """Add one; a row that has no id goes by its 0-based number."""
        self.count += 1
        if len(self.ids) < _IDS:
            self.ids.append(planned.id or f"row {planned.index}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run of so many `registrations` will take, and who has an outcome without any call."""

    registrations: int
    estimate: Estimate
    unasked: tuple[Unasked, ...]

    def as_record(self) -> dict[str, Json]:
        """The JSON form; `forecast_lines` makes lines of it."""
        unasked: list[Json] = [
            {"outcome": one.outcome, "codes": [*one.codes], "count": one.count, "ids": [*one.ids]}
            for one in self.unasked
        ]
        return {"registrations": self.registrations, "estimate": self.estimate.as_record(), "unasked": unasked}


async def forecast(session: Session, evidence: Evidence) -> Forecast:
    """Plan the registrations, render their first prompts as a run does, and estimate what it will take to judge them.

    Raises `RunStopped` where the file of registrations is no longer the one that the session has read.
    """
    planner, total = _Planner(session, evidence.replies), 0
    asked, unasked = list[PlannedRegistration](), dict[tuple[str, tuple[str, ...]], Unasked]()
    async with aclosing(plan_rows(session.inputs, session.survey, session.settings)) as rows:
        async for row in rows:
            total += 1
            if row.outcome is None:
                asked.append(await planner.plan(row))
            else:
                key = row.outcome, row.codes
                unasked.setdefault(key, Unasked(outcome=row.outcome, codes=row.codes)).add(row)
    terms = Terms(
        prices=session.prices,
        slots=session.pace.concurrency or _AUTO_SLOTS,
        parallel_phases=session.constellation.optimization.parallel_phases,
        prompt_caching=session.caches_prompts,
        limits=evidence.limits,
        source=evidence.source,
    )
    told = estimate(asked, terms, evidence.history, draws=Random(session.settings.seed))
    return Forecast(registrations=total, estimate=told, unasked=tuple(unasked.values()))


class _Planner:
    """Turns planned registrations into what they are going to ask."""

    def __init__(self, session: Session, replies: ReplyStore | None) -> None:
        self._session, self._judging = session, session.judging()
        self._replies = replies
        specs = [agent for phase in session.constellation.phases for agent in phase.agents if agent.role != "rules"]
        self._seats = {spec.name: _seat(session, spec) for spec in specs}

    async def plan(self, planned: Planned) -> PlannedRegistration:
        """The phases of one registration that ask a model, their first requests rendered and looked up."""
        phases = [await self._phase(planned, spec, request) for spec, request in self._judging.openings(planned)]
        if phases and self._session.constellation.conversation == "shared":
            phases.append(self._unread(planned, phases[0]))
        return PlannedRegistration(noted=planned.noted, phases=tuple(phases))

    async def _phase(self, planned: Planned, phase: PhaseSpec, request: ModelRequest) -> PlannedPhase:
        first = request.messages[0].text
        system, shared = len(request.system), shared_chars(first)
        return PlannedPhase(
            matcher=self._seats[phase.matcher.name],
            critic=self._seats[phase.critic.name] if phase.critic else None,
            critic_expected=self._hears_critic(planned, phase),
            prompt_chars=len(request.prompt),
            shared=(("", system), (codec.digest(first[:shared]), system + 1 + shared)),
            cached=self._replies is not None and await is_answered(request, self._replies),
        )

    def _unread(self, planned: Planned, first: PlannedPhase) -> PlannedPhase:
        """The second phase of one conversation, which goes on with replies that are still to come: like the first."""
        phase = self._session.constellation.phases[1]
        seat = self._seats[phase.matcher.name]
        return PlannedPhase(
            matcher=seat,
            critic=self._seats[phase.critic.name] if phase.critic else None,
            critic_expected=self._hears_critic(planned, phase),
            prompt_chars=first.chars_for(seat),
            shared=tuple(first.shared_by(seat)),
            cached=first.cached,
        )

    def _hears_critic(self, planned: Planned, phase: PhaseSpec) -> bool:
        """Whether a critic is to be expected: of the policy `when-unproven` where there is something to judge."""
        policy = self._judging.policy(phase)
        if policy != "when-unproven":
            return policy == "always"
        return planned.noted or (phase.task == "order" and planned.order is not None and bool(planned.order.open_ids))


def _seat(session: Session, spec: AgentSpec) -> Seat:
    model = spec.model or session.settings.model
    return Seat(
        agent=spec.name,
        model=model,
        max_tokens=spec.max_tokens,
        system_chars=len(session.prompts[spec.prompt]),
        thinking=spec.thinking,
        speed=_speed(session, model),
    )


def _speed(session: Session, model: ModelName) -> Latency | None:
    """How fast a model is said to be: by its family, and where that is not known as fast as a Sonnet."""
    if provider_of(model) == "offline":
        return LATENCIES[session.settings.mock_latency] if model == "mock" else None
    family = next((name for name in LATENCIES if f"-{name}-" in model), "sonnet")
    return LATENCIES[family]
