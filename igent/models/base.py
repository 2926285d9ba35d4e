"""What every model is to igent: something that streams one reply to one request. Models compose by wrapping."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, TypeAlias

from igent import codec
from igent.accounting.usage import Usage
from igent.dialogue.replies import ReplyKind

__all__ = ["ChatModel", "Message", "ModelEvent", "ModelRequest", "ReplyEnd", "StopReason", "chunks"]

StopReason = Literal["end_turn", "stop_sequence", "max_tokens", "refusal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a conversation, from the side of the model that is asked: its own are `assistant`."""

    author: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, kw_only=True)  # without slots, so that what is computed once can be kept
class ModelRequest:
    """One call. `priority` (lowest first) and `attempt` (0-based) are about when it is made, not about what it asks."""

    agent: str
    kind: ReplyKind
    system: str
    messages: tuple[Message, ...]
    max_tokens: int
    model: str | None = None
    effort: str | None = None
    priority: int = 0
    attempt: int = 0

    @cached_property
    def digest(self) -> str:
        """A hash of everything that a model is shown or told."""
        turns = [[message.author, message.text] for message in self.messages]
        return codec.digest([self.agent, self.kind, self.system, turns, self.max_tokens, self.model, self.effort])

    @cached_property
    def prompt(self) -> str:
        """All text that the model reads, for counting."""
        return "\n".join([self.system, *(message.text for message in self.messages)])


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyEnd:
    """The last event of a stream that ended by itself; a stream without it was cut off."""

    stop_reason: StopReason
    usage: Usage


ModelEvent: TypeAlias = str | ReplyEnd


class ChatModel(Protocol):
    """A model. Errors that leave `stream` are `ModelError`s; closing the generator ends the call."""

    @property
    def name(self) -> str:
        """The name that a run records."""
        ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream the reply in pieces of text, then its `ReplyEnd`."""
        ...


def chunks(text: str, size: int) -> list[str]:
    """A text in pieces of `size` characters."""
    return [text[start : start + size] for start in range(0, len(text), size)]
