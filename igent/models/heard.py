"""A reply as it is heard: bytes in; text, signs of life and an end out, without I/O.

Each provider's own form of it takes nothing for granted: an event that is not as documented tells nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from igent.accounting.usage import Usage
from igent.domain.records import Json
from igent.errors import ModelRejected, ModelUnavailable
from igent.models.base import PromptRead, ReplyEnd, StopReason
from igent.models.sse import SseDecoder

__all__ = ["Heard"]


@dataclass
class Heard(ABC):
    """What a stream has told so far; `error` is what a provider tells instead of going on. Either way it is `over`."""

    stops: ClassVar[Mapping[str, StopReason]]

    over: bool = False
    error: Json = None
    stop: str | None = None
    usage: Usage | None = None
    _events: SseDecoder = field(default_factory=SseDecoder)

    def feed(self, piece: bytes) -> None:
        """Add bytes of the body. Raises `ValueError` for an event past all bounds."""
        self._events.feed(piece)

    def maybe_sign(self) -> str | PromptRead | None:
        """The next sign of life, "" where it is no text; None where more has to be fed first. Pings are none.

        Raises `ValueError` for an event that is no JSON.
        """
        while (data := self._events.maybe_event()) is not None:
            if (sign := self.take(data)) is not None:
                return sign
        return None

    @abstractmethod
    def take(self, data: bytes) -> str | PromptRead | None:
        """Hear one event: the sign of life that it is, if it is one."""

    def end(self, *, model: str) -> ReplyEnd:
        """How the reply ended. Raises `ModelUnavailable` where it did not, and `ModelRejected` for an unknown way."""
        if not self.over or self.stop is None or self.usage is None:
            raise ModelUnavailable(model, "the stream was cut off before the reply was complete")
        stop_reason = self.stops.get(self.stop)
        if stop_reason is None:
            raise ModelRejected(model, f"it stopped for {self.stop[:40]!r}, which is no end of an answer")
        return ReplyEnd(stop_reason=stop_reason, usage=self.usage)
