"""What every model is to igent: something that streams one reply to one request. Models compose by wrapping.

The events of a stream, in order: `Sent` once the call is on its way, so that waiting for a turn comes before it;
`PromptRead` where a provider counts the prompt first; the reply's text in pieces; `ReplyEnd`. A reply that needed no
call, from a cache, has no `Sent`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Literal, Protocol, TypeAlias

from igent import codec
from igent.accounting.usage import Usage
from igent.dialogue.batch import apart
from igent.dialogue.replies import ReplyKind, reply_schema

__all__ = [
    "CacheLevel",
    "ChatModel",
    "Message",
    "ModelEvent",
    "ModelRequest",
    "PromptRead",
    "ReplyEnd",
    "Sent",
    "StopReason",
    "Unusable",
    "chunks",
    "singles",
]

StopReason = Literal["end_turn", "stop_sequence", "max_tokens", "refusal"]
Unusable = Literal["max_tokens", "refusal"]
# Where a provider's prompt cache may be asked to keep what stands before: the instructions, and the shared part of the
# first message behind them.
CacheLevel = Literal["system", "shared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a conversation, from the side of the model that is asked: its own are `assistant`."""

    author: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, kw_only=True)  # without slots, so that what is computed once can be kept
class ModelRequest:
    """One call. What is not compared is about how it is made, not about what it asks.

    `priority` is served lowest first, `attempt` counts from 0. `verified` says whether a reply may be kept to answer
    the same request again. `cache_at` is where the provider's prompt cache is to keep the prompt's beginning. What asks
    about `many` households is answered by a list. `fill`, where it is set, gives the request that is sent in this one's
    place once its turn has come.
    """

    agent: str
    kind: ReplyKind
    system: str
    messages: tuple[Message, ...]
    max_tokens: int
    model: str | None = None
    effort: str | None = None
    thinking: bool = False
    many: bool = False
    priority: int = field(default=0, compare=False)
    attempt: int = field(default=0, compare=False)
    verified: Callable[[str], bool] | None = field(default=None, compare=False, repr=False)
    cache_at: frozenset[CacheLevel] = field(default=frozenset(), compare=False)
    fill: Callable[[ModelRequest], ModelRequest] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def digest(self) -> str:
        """A hash of everything that a model is shown or told, the form of its reply included."""
        turns = [[message.author, message.text] for message in self.messages]
        asked = [self.model, self.max_tokens, self.effort, self.thinking, _schema_digest(self.kind, self.many)]
        return codec.digest([self.agent, self.system, turns, asked])

    @cached_property
    def prompt(self) -> str:
        """All text that the model reads, for counting."""
        return "\n".join([self.system, *[message.text for message in self.messages]])


@cache
def _schema_digest(kind: ReplyKind, many: bool) -> str:
    return codec.digest([kind, reply_schema(kind, many=many)])


@dataclass(frozen=True, slots=True)
class Sent:
    """The call is on its way; whatever it takes from here on is the provider's.

    `filled` is the request that was sent, where another one asked for its place. `calls` is 0 where it is made for
    another household and for this one too. Who is not answered by it has another `Sent`.
    """

    filled: ModelRequest | None = None
    calls: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRead:
    """The provider has begun to answer and says what the prompt took: a usage without output."""

    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyEnd:
    """The last event of a stream that ended by itself; a stream without it was cut off.

    `saved` is what a reply from a cache took when it was paid for; its own usage is then none. Where several households
    were asked about in one call, it is a share.
    """

    stop_reason: StopReason
    usage: Usage
    saved: Usage | None = None


ModelEvent: TypeAlias = Sent | PromptRead | str | ReplyEnd


class ChatModel(Protocol):
    """A model. Errors that leave `stream` are `ModelError`s; closing the generator ends the call."""

    @property
    def name(self) -> str:
        """The name that a run records."""
        ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream the events of one reply, in the order above."""
        ...


def singles(request: ModelRequest) -> list[ModelRequest]:
    """The requests that a batch stands for, one for each household; none for any other request."""
    if not request.many:
        return []
    openings = apart(request.messages[0].text)
    return [replace(request, many=False, messages=(Message(author="user", text=text),)) for text in openings]


def chunks(text: str, size: int) -> list[str]:
    """A text in pieces of `size` characters."""
    return [text[start : start + size] for start in range(0, len(text), size)]
