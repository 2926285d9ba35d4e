"""The agents of one registration: AutoGen `AssistantAgent`s, made fresh, driven through an exchange turn by turn.

The crew drives its agents directly. A team of one costs eight times as much per turn (`make bench`), hides the type of
an error and cannot stop a stream. In a shared conversation an agent hears every turn since its last one: behind its
first question, which begins with what other households share and a provider can keep, and before each later one. It
hears the typed part of a turn alone: what a model writes freely is read by nobody but the model itself.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import TextMessage
from autogen_core import CancellationToken

from igent.agents.bridge import BridgeClient
from igent.agents.calls import Calls
from igent.constellation import AgentSpec, PhaseSpec
from igent.dialogue.script import Ask, Conclusion, D
from igent.errors import ReplyUnusable
from igent.models.base import Message, ModelRequest

__all__ = ["Crew", "Troupe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Troupe:
    """What all crews of a run have in common.

    `prompts` are the instruction texts by the names that agent specs use, `model` is asked where a spec names none.
    """

    prompts: Mapping[str, str]
    model: str
    shared: bool

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
class _Seat:
    """One agent with what it is being asked and how much of the conversation it has heard."""

    agent: AssistantAgent
    spec: AgentSpec
    asked: Ask | None = None
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
        first, seat.asked = seat.asked is None, ask
        earlier = self._said[seat.heard :] if self._troupe.shared else []
        messages = [TextMessage(content=text, source=name) for name, text in earlier if name != spec.name]
        messages.insert(0 if first else len(messages), TextMessage(content=ask.text, source="igent"))
        reply = await _reply(seat.agent, messages)
        if self._troupe.shared and (heard := ask.heard(reply)) is not None:
            self._said.append((spec.name, heard))
        seat.heard = len(self._said)
        return reply

    def _seat(self, spec: AgentSpec) -> _Seat:
        def make_request(messages: tuple[Message, ...]) -> ModelRequest:
            assert seat.asked is not None, "an agent speaks only when it is asked"
            return self._troupe.request(spec, seat.asked, messages, priority=self._priority)

        agent = AssistantAgent(
            name=spec.name,
            model_client=BridgeClient(self._calls, make_request),
            system_message=self._troupe.prompts[spec.prompt],
            model_client_stream=True,
        )
        seat = self._seats[spec.name] = _Seat(agent, spec)
        return seat


def _speaker(phase: PhaseSpec, ask: Ask) -> AgentSpec:
    spec = phase.matcher if ask.speaker == "matcher" else phase.critic
    if spec is None:
        raise LookupError(f"phase {phase.name!r} has no critic to ask")
    return spec


async def _reply(agent: AssistantAgent, messages: list[TextMessage]) -> str:
    """One agent's answer. Its stream is read to the end, since a generator left halfway costs the loop two wake-ups."""
    reply = ""
    async for event in agent.on_messages_stream(messages, CancellationToken()):
        if isinstance(event, Response):
            reply = event.chat_message.to_text()
    return reply
