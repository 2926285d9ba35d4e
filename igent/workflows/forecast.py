"""What a run will cost and how long it will take: its registrations planned, its first prompts rendered, none sent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace

from igent import codec
from igent.accounting.estimate import Estimate
from igent.accounting.outlook import Outlook, RateLimits, Terms
from igent.accounting.planned import PlannedPhase, PlannedRegistration, Seat
from igent.accounting.seen import Seen, kind
from igent.constellation import AgentSpec, PhaseSpec
from igent.dialogue.prompts import shared_chars
from igent.domain.records import Json
from igent.models.base import ModelRequest
from igent.models.cache import ReplyStore, is_answered
from igent.models.simulated import LATENCIES
from igent.store.scan import scan
from igent.workflows.begun import JOURNAL
from igent.workflows.plan import Planned, plan_rows
from igent.workflows.session import Session
from igent.workflows.settings import ModelName, provider_of

__all__ = ["Evidence", "Forecast", "Unasked", "forecast"]

_IDS = 20  # of registrations that need no call, how many are named for each reason
# A reply of rules takes 15 to 17 tokens, of whatever kind, with a reason of two or three words; prompts ask models for
# a reason of up to 15, and where there is a note its words are quoted. Who thinks first may use all it is allowed.
_REPLY_TOKENS = 36
_AUTO_SLOTS = 64  # calls in flight where their number is found on the way: without a limit it gets there in seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known besides the inputs: earlier calls and whose, a provider's limits, replies that were kept."""

    seen: Seen | None = None
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
        unasked: list[Json] = [{**asdict(one), "codes": [*one.codes]} for one in self.unasked]
        return {"registrations": self.registrations, "estimate": self.estimate.as_record(), "unasked": unasked}


async def forecast(session: Session, evidence: Evidence) -> Forecast:
    """Plan the registrations, render their first prompts as a run does, and estimate what it will take to judge them.

    Raises `RunStopped` where the file of registrations is no longer the one that the session has read.
    """
    terms = Terms(
        prices=session.prices,
        slots=session.pace.concurrency or _AUTO_SLOTS,
        parallel_phases=session.constellation.optimization.parallel_phases,
        prompt_caching=session.caches_prompts,
        limits=evidence.limits,
        source=evidence.source,
    )
    planner, outlook, total = _Planner(session, evidence.replies), Outlook(terms, evidence.seen), 0
    unasked = dict[tuple[str, tuple[str, ...]], Unasked]()
    async with aclosing(plan_rows(session.inputs, session.survey, session.settings)) as rows:
        async for row in rows:
            total += 1
            if row.outcome is None:
                outlook.add(await planner.plan(row))
            else:
                key = row.outcome, row.codes
                unasked.setdefault(key, Unasked(outcome=row.outcome, codes=row.codes)).add(row)
    estimate = outlook.estimate()
    if session.constellation.optimization.batch.max_items > 1:
        estimate = replace(estimate, basis=f"{estimate.basis}, each asked about alone: batches take less input")
    return Forecast(registrations=total, estimate=estimate, unasked=tuple(unasked.values()))


class _Planner:
    """Turns planned registrations into what they are going to ask."""

    def __init__(self, session: Session, replies: ReplyStore | None) -> None:
        self._session, self._judging, self._replies = session, session.judging(), replies
        since = session.settings.since
        self._taken_over = {reply["request"] for reply in scan(since / JOURNAL, kind="reply")} if since else set[Json]()
        specs = [agent for phase in session.constellation.phases for agent in phase.agents if agent.role != "rules"]
        self._seats = {spec.name: _seat(session, spec) for spec in specs}

    async def plan(self, planned: Planned) -> PlannedRegistration:
        """The phases of one registration that ask a model, their first requests rendered and looked up."""
        openings, constellation = [*self._judging.openings(planned)], self._session.constellation
        asked = [(phase, request) for phase, request in openings if not await self._is_kept(request)]
        if constellation.conversation == "shared":
            # The second phase goes on with replies that are still to come: it is taken to be as long as the first.
            asked += [(constellation.phases[1], request) for _, request in asked]
        return PlannedRegistration(
            kind=kind(openings[0][0].matcher.name, noted=planned.noted) if openings else "",
            phases=tuple(self._phase(planned, phase, request) for phase, request in asked),
        )

    async def _is_kept(self, request: ModelRequest) -> bool:
        if request.digest in self._taken_over:
            return True
        return self._replies is not None and await is_answered(request, self._replies)

    def _phase(self, planned: Planned, phase: PhaseSpec, request: ModelRequest) -> PlannedPhase:
        first = request.messages[0].text
        shared = shared_chars(first)
        return PlannedPhase(
            matcher=self._seats[phase.matcher.name],
            critic=self._seats[phase.critic.name] if phase.critic else None,
            critic_expected=self._hears_critic(planned, phase),
            text_chars=len(request.prompt) - len(request.system),
            shared=codec.digest(first[:shared]),
            shared_chars=shared,
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
        system_chars=len(session.prompts[spec.prompt]),
        told_tokens=spec.max_tokens if spec.thinking else min(spec.max_tokens, _REPLY_TOKENS),
        told_s=_told_s(session, model),
    )


def _told_s(session: Session, model: ModelName) -> Callable[[float, float], float]:
    """How long a model is said to take: as others of its family, and where that is not known as a Sonnet."""
    family = next((name for name in LATENCIES if f"-{name}-" in model), "sonnet")
    if provider_of(model) == "offline":
        family = session.settings.mock_latency if model == "mock" else "none"
    speed = LATENCIES[family]
    if speed is None:
        return lambda _prompt, _reply: 0.0
    return lambda prompt, reply: speed.until_first_token_s(0.5, round(prompt)) + reply / speed.decode_per_s
