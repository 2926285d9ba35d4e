"""What one stream comes to: what was said, what the provider counted, and how it ended, as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_never

from igent.accounting.usage import Usage
from igent.models.base import ModelEvent, ModelRequest, PromptRead, ReplyEnd, Sent

__all__ = ["Tally"]


@dataclass(kw_only=True)
class Tally:
    """The events of one stream so far; `calls` is how many were made for it, those for others left out."""

    request: ModelRequest
    sent: bool = False
    calls: int = 0
    pieces: list[str] = field(default_factory=list)
    prompt: Usage | None = None
    end: ReplyEnd | None = None

    def take(self, event: ModelEvent) -> None:
        """Add one event."""
        match event:
            case str():
                self.pieces.append(event)
            case PromptRead(usage=usage):
                self.prompt = usage
            case ReplyEnd():
                self.end = event
            case Sent(calls=calls):
                self.sent = True
                self.calls += calls
            case _:
                assert_never(event)

    @property
    def text(self) -> str:
        """All that was said."""
        # Half a surrogate pair, which a lenient JSON decoder lets through, has no UTF-8 form.
        return "".join(self.pieces).encode("utf-8", "replace").decode()

    def maybe_known(self, *, unread: bool) -> Usage | None:
        """What the call took, where that is certain: as the provider counted, or nothing if it has read nothing."""
        if self.end is not None:
            return self.end.usage
        silent = self.prompt is None and not self.pieces
        return Usage() if silent and (unread or not self.sent) else None

    def usage(self, *, unread: bool = False) -> Usage:
        """What the call took, and where that is not certain an estimate."""
        if (known := self.maybe_known(unread=unread)) is not None:
            return known
        prompt = self.prompt or Usage.estimate(prompt=self.request.prompt)
        return prompt + Usage.estimate(reply=self.text)
