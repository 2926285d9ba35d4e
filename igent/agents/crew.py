"""The agents of one registration: AutoGen `AssistantAgent`s, made fresh, driven through an exchange turn by turn.

The crew drives its agents directly. A team of one costs eight times as much per turn (`make bench`), hides the type of
an error and cannot stop a stream. In a shared conversation an agent hears every turn since its last one: behind its
first question, which begins with what other households share and a provider can keep, and before each later one. It
hears the typed part of a turn alone: what a model writes freely is read by nobody but the model itself.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self, cast

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import TextMessage
from autogen_core import CancellationToken
from autogen_core.model_context import UnboundedChatCompletionContext
from autogen_core.models import ChatCompletionClient

from igent.agents.bridge import BridgeClient
from igent.agents.calls import Calls
from igent.constellation import AgentSpec, PhaseSpec
from igent.dialogue.script import Ask, Conclusion, D
from igent.errors import ReplyUnusable
from igent.models.base import Message, ModelRequest

__all__ = ["Crew", "Troupe"]

_WHEN = datetime(1970, 1, 1, tzinfo=UTC)


class _Assistant(AssistantAgent):
    """An assistant of which others are made: to copy it takes a quarter of the time that making it anew does."""

    def anew(self, client: ChatCompletionClient) -> Self:
        """An agent with the same name and instructions that has heard nothing, with a client of its own."""
        agent = object.__new__(type(self))
        vars(agent).update(vars(self))
        agent.begin(client)
        return agent

    def begin(self, client: ChatCompletionClient) -> None:
        """Start from nothing, with this client."""
        self._model_client, self._model_context = client, UnboundedChatCompletionContext()


@dataclass(frozen=True, slots=True, kw_only=True)
class Troupe:
    """What all crews of a run have in common.

    `prompts` are the instruction texts by the names that agent specs use, `model` is asked where a spec names none.
    """

    prompts: Mapping[str, str]
    model: str
    shared: bool
    _agents: dict[str, _Assistant] = field(default_factory=dict, init=False, repr=False, compare=False)

    def agent(self, spec: AgentSpec) -> _Assistant:
        """The agent that those of all registrations are copies of."""
        if spec.name not in self._agents:
            self._agents[spec.name] = _Assistant(
                name=spec.name,
                model_client=cast("ChatCompletionClient", None),  # it never speaks; those that do get one each
                system_message=self.prompts[spec.prompt],
                model_client_stream=True,
            )
        return self._agents[spec.name]

    def request(self, spec: AgentSpec, ask: Ask, messages: tuple[Message, ...], *, priority: int) -> ModelRequest:
        """What an agent's model is asked."""
        return ModelRequest(
            agent=spec.name,
            kind=ask.kind,
            system=self.prompts[spec.prompt],
            messages=messages,
            max_tokens=spec.max_tokens,
            model=spec.model or self.model,
            effort=spec.effort,
            thinking=spec.thinking,
            priority=priority,
            verified=ask.verified,
        )


@dataclass(slots=True)
class _Part:
    """What one agent is asked. It does not know the agent: what knows each other is garbage that has to be sought."""

    spec: AgentSpec
    troupe: Troupe
    priority: int
    asked: Ask | None = None

    def request(self, messages: tuple[Message, ...]) -> ModelRequest:
        """What the agent's model is asked, once somebody has asked the agent."""
        assert self.asked is not None, "an agent speaks only when it is asked"
        return self.troupe.request(self.spec, self.asked, messages, priority=self.priority)


@dataclass(slots=True)
class _Seat:
    """One agent with what it is being asked and how much of the conversation it has heard."""

    agent: AssistantAgent
    part: _Part
    heard: int = 0


class Crew:
    """The agents of one registration."""

    def __init__(self, calls: Calls, troupe: Troupe, *, priority: int) -> None:
        self._calls, self._troupe, self._priority = calls, troupe, priority
        self._seats: dict[str, _Seat] = {}
        self._said: list[tuple[str, str]] = []

    async def hold(self, script: Generator[Ask, str, Conclusion[D]], phase: PhaseSpec) -> Conclusion[D]:
        """Hold one phase's exchange to its end. Raises `ModelError`."""
        try:
            ask = next(script)
            while True:
                try:
                    reply = await self._speak(_speaker(phase, ask), ask)
                except ReplyUnusable as exc:
                    ask = script.throw(exc)
                else:
                    ask = script.send(reply)
        except StopIteration as stop:
            conclusion: Conclusion[D] = stop.value
            return conclusion

    async def _speak(self, spec: AgentSpec, ask: Ask) -> str:
        seat = self._seats.get(spec.name) or self._seat(spec)
        first, seat.part.asked = seat.part.asked is None, ask
        earlier = self._said[seat.heard :] if self._troupe.shared else []
        messages = [_message(text, name) for name, text in earlier if name != spec.name]
        messages.insert(0 if first else len(messages), _message(ask.text, "igent"))
        reply = await _reply(seat.agent, messages)
        if self._troupe.shared and (heard := ask.heard(reply)) is not None:
            self._said.append((spec.name, heard))
        seat.heard = len(self._said)
        return reply

    def _seat(self, spec: AgentSpec) -> _Seat:
        part = _Part(spec, self._troupe, self._priority)
        agent = self._troupe.agent(spec).anew(BridgeClient(self._calls, part.request))
        seat = self._seats[spec.name] = _Seat(agent, part)
        return seat


def _speaker(phase: PhaseSpec, ask: Ask) -> AgentSpec:
    spec = phase.matcher if ask.speaker == "matcher" else phase.critic
    if spec is None:
        raise LookupError(f"phase {phase.name!r} has no critic to ask")
    return spec


def _message(text: str, source: str) -> TextMessage:
    """A message; nobody looks at the id and the time that AutoGen would draw, nor at metadata, which it would copy."""
    return TextMessage(content=text, source=source, id="", metadata={}, created_at=_WHEN)


async def _reply(agent: AssistantAgent, messages: list[TextMessage]) -> str:
    """One agent's answer. Its stream is read to the end, since a generator left halfway costs the loop two wake-ups."""
    reply = ""
    async for event in agent.on_messages_stream(messages, CancellationToken()):
        if isinstance(event, Response):
            reply = event.chat_message.to_text()
    return reply
