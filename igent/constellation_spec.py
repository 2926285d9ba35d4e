"""What a constellation is: frozen values that are their own schema, and the rules between their fields.

Nothing that changes a result has a default: a file writes out its policy and every switch.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Annotated, Literal, NamedTuple, TypeAlias

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo

from igent.dialogue.script import CriticPolicy
from igent.errors import OptionError

__all__ = [
    "AgentSpec",
    "BatchSpec",
    "Constellation",
    "CriticPolicy",
    "Effort",
    "Loc",
    "Mistake",
    "Optimization",
    "PhaseSpec",
    "Role",
    "SWITCHES",
    "Task",
    "explain",
    "instead",
    "mistakes",
    "with_overrides",
]

MAX_ROUNDS = 5  # a round costs up to two calls; what is still disputed after five needs a person

Role = Literal["rules", "matcher", "critic"]
Task = Literal["match", "order"]
Effort = Literal["low", "medium", "high"]
Loc: TypeAlias = tuple[int | str, ...]


def _text(pattern: str, allowed: str, *, at_most: int = 64) -> FieldInfo:
    info: FieldInfo = Field(pattern=pattern, max_length=at_most, description=allowed)
    return info


# A field's description is what a mistake in it is answered with, after "allowed:".
_Name = Annotated[str, _text(r"^[a-z][a-z0-9_-]*$", "a lower-case name of letters, digits, _ and -, at most 64")]
_Identifier = Annotated[str, _text(r"^[A-Za-z_][A-Za-z0-9_]*$", "an identifier such as matcher2")]
_PROMPT = r"^(?:[a-z][a-z0-9_]*|(?:\./)?(?:\w[\w-]*/)*\w[\w.-]*\.md)?$"  # no "..", no absolute path, no hidden folder
_Prompt = Annotated[str, _text(_PROMPT, "a market's prompt such as matcher2, or a relative path to .md", at_most=200)]
# A dot only within a version number; behind "openai:" stands whatever an endpoint calls its model.
_MODEL = r"^(?:openai:[A-Za-z0-9][A-Za-z0-9._/:-]*|[a-z][a-z0-9]*(?:-[a-z0-9]+(?:\.[0-9]+)?)*)$"
_Model = Annotated[str, _text(_MODEL, "a model's name such as claude-haiku-4-5, never an import path")]
_Text = Annotated[str, _text(r"^\P{C}+$", "one line of at most 300 characters", at_most=300)]
_Switch = Annotated[bool, Field(strict=True, description="true, false")]
# 16 tokens hold the smallest decision; a reply of 8192 takes over a minute, far past any deadline for one match.
_TOKENS = "a whole number from 16 to 8192"
_Tokens = Annotated[int, Field(strict=True, ge=16, le=8192, description=_TOKENS)]
_ITEMS = "a whole number from 1 to 64"
_Rounds = Annotated[int, Field(strict=True, ge=1, le=MAX_ROUNDS, description=f"a whole number from 1 to {MAX_ROUNDS}")]

_CONFIG = ConfigDict(extra="forbid", str_strip_whitespace=True)


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class AgentSpec:
    """One agent; `prompt` is empty for role `rules` alone, and `max_tokens` bounds one reply, thinking included."""

    role: Role
    name: _Identifier
    prompt: _Prompt = ""
    model: _Model | None = None
    effort: Effort | None = None
    thinking: _Switch = False
    max_tokens: _Tokens = 512


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class PhaseSpec:
    """One phase: its agents in the order in which they act, which is rules, matcher, critic."""

    name: _Name
    task: Task
    agents: Annotated[tuple[AgentSpec, ...], Field(description="a list of agents")]

    @property
    def matcher(self) -> AgentSpec:
        return next(agent for agent in self.agents if agent.role == "matcher")

    @property
    def critic(self) -> AgentSpec | None:
        return next((agent for agent in self.agents if agent.role == "critic"), None)

    @property
    def rules_first(self) -> bool:
        return self.agents[0].role == "rules"


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class BatchSpec:
    """How many registrations one call judges at most, and the bound of its reply in tokens."""

    max_items: Annotated[int, Field(strict=True, ge=1, le=64, description=_ITEMS)] = 1
    max_tokens: _Tokens = 4096


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class Optimization:
    """What makes a run faster or cheaper; every switch can be off for comparison."""

    parallel_phases: _Switch
    early_json: _Switch
    context_filter: _Switch
    prompt_caching: _Switch
    response_cache: _Switch
    critic_skip: _Switch
    batch: BatchSpec


SWITCHES = tuple(field.name for field in fields(Optimization) if field.name != "batch")


@dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class Constellation:
    """A whole constellation; in a `shared` conversation later agents see the turns of the earlier ones."""

    name: _Name
    description: _Text
    conversation: Literal["separate", "shared"]
    phases: Annotated[tuple[PhaseSpec, PhaseSpec], Field(description="two phases, of task match and then order")]
    critic: CriticPolicy
    max_rounds: _Rounds
    allocation: Literal["balanced", "optimal"]
    optimization: Optimization


class Mistake(NamedTuple):
    """What is wrong at `loc`, a path of keys and 0-based indices into the constellation."""

    loc: Loc
    problem: str
    remedy: str


def mistakes(constellation: Constellation) -> Iterator[Mistake]:
    """What is wrong between fields that are each right by themselves."""
    for at, (phase, task) in enumerate(zip(constellation.phases, ("match", "order"), strict=True)):
        if phase.task != task:
            problem = f"phase {at + 1} has the task {phase.task!r}"
            yield Mistake(("phases", at, "task"), problem, f"Correct it; allowed: {task}")
        yield from _of_phase(phase, ("phases", at, "agents"))
    yield from _of_names(constellation)
    yield from _of_switches(constellation)


def _of_phase(phase: PhaseSpec, loc: Loc) -> Iterator[Mistake]:
    remedy = "Correct it; allowed: at most one rules, then exactly one matcher, then at most one critic"
    order: tuple[Role, ...] = ("rules", "matcher", "critic")
    previous = -1
    for at, agent in enumerate(phase.agents):
        if order.index(agent.role) <= previous:
            problem = f"phase {phase.name!r} has a {agent.role} after a {order[previous]}"
            yield Mistake((*loc, at, "role"), problem, remedy)
        previous = order.index(agent.role)
        yield from _of_agent(agent, (*loc, at))
    if all(agent.role != "matcher" for agent in phase.agents):
        yield Mistake(loc, f"phase {phase.name!r} has no matcher", remedy)


def _of_agent(agent: AgentSpec, loc: Loc) -> Iterator[Mistake]:
    if agent.role != "rules" and not agent.prompt:
        yield Mistake(loc, f"agent {agent.name!r} has no prompt", f"Add one, for example prompt: {agent.role}")
    for key in ("prompt", "model", "effort", "thinking"):
        if agent.role == "rules" and getattr(agent, key):
            problem = f"agent {agent.name!r} has the key {key!r}, but rules ask no model"
            yield Mistake((*loc, key), problem, "Remove it; allowed: role, name")


def _of_names(constellation: Constellation) -> Iterator[Mistake]:
    seen: set[str] = set()
    for at, phase in enumerate(constellation.phases):
        for place, agent in enumerate(phase.agents):
            if agent.name in seen:
                problem = f"a second agent is named {agent.name!r}"
                yield Mistake(("phases", at, "agents", place, "name"), problem, "Give each agent its own name")
            seen.add(agent.name)
    if len({phase.name for phase in constellation.phases}) == 1:
        yield Mistake(("phases", 1, "name"), "both phases have the same name", "Give each phase its own name")


def _of_switches(constellation: Constellation) -> Iterator[Mistake]:
    switches = constellation.optimization
    if constellation.conversation == "shared" and switches.parallel_phases:
        problem = "parallel_phases is on, but in a shared conversation phase 2 waits for the turns of phase 1"
        yield Mistake(("optimization", "parallel_phases"), problem, "Correct it; allowed: false")


def with_overrides(
    constellation: Constellation,
    *,
    critic: CriticPolicy | None = None,
    switches: Mapping[str, bool] = {},
    batch: Mapping[str, int | None] = {},
) -> Constellation:
    """The constellation with another critic policy, other switches, named as in `SWITCHES`, or parts of `BatchSpec`.

    Raises `OptionError` for an unknown switch, and for a value or a combination that a file may not have either.
    """
    for name in switches:
        if name not in SWITCHES:
            raise OptionError(f"there is no switch {name!r}", remedy=instead(name, SWITCHES))
    optimization = replace(constellation.optimization, batch=_batch(constellation, batch), **switches)
    changed = replace(constellation, critic=critic or constellation.critic, optimization=optimization)
    for mistake in mistakes(changed):
        raise OptionError(mistake.problem, remedy=mistake.remedy)
    return changed


def _batch(constellation: Constellation, parts: Mapping[str, int | None]) -> BatchSpec:
    stated = {name: value for name, value in parts.items() if value is not None}
    try:
        return replace(constellation.optimization.batch, **stated)
    except ValidationError as exc:
        error = exc.errors()[0]
        name = str(error["loc"][-1])
        allowed = {"max_items": _ITEMS, "max_tokens": _TOKENS}[name]
        raise OptionError(f"a batch's {name} cannot be {error['input']}", remedy=f"Allowed: {allowed}") from exc


def explain(constellation: Constellation) -> str:
    """A few plain lines for the terminal: what it does, who is asked, and which switches are on."""
    on = [name for name in SWITCHES if getattr(constellation.optimization, name)]
    lines = [f"{constellation.name}: {constellation.description}"]
    for phase in constellation.phases:
        agents = ", then ".join(_explain_agent(agent) for agent in phase.agents)
        lines.append(f"  {phase.name} ({phase.task}): {agents}")
    lines += [
        f"  critic: {constellation.critic}; rounds: at most {constellation.max_rounds}",
        f"  conversation: {constellation.conversation}; allocation: {constellation.allocation}",
        f"  on: {', '.join(on) or 'none'}",
        f"  off: {', '.join(name for name in SWITCHES if name not in on) or 'none'}",
    ]
    if (batch := constellation.optimization.batch).max_items > 1:
        lines.append(f"  batch: at most {batch.max_items} households a call, in a reply of {batch.max_tokens} tokens")
    return "\n".join(lines)


def _explain_agent(agent: AgentSpec) -> str:
    role = "" if agent.name == agent.role else f" ({agent.role})"
    return agent.name + role + (f" on {agent.model}" if agent.model else "")


def instead(name: str, allowed: Iterable[str]) -> str:
    """The remedy for an unknown name: the nearest allowed one, if any is near, and all of them."""
    names = list(allowed)
    near = difflib.get_close_matches(name, names, n=1)
    start = f"Did you mean {near[0]!r}?" if near else "Correct it;"
    return f"{start} allowed: {', '.join(names)}"
