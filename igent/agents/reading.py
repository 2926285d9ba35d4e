"""What has been read of one stream: its text, the answer in it, and what the call comes to once it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from igent.accounting.calls import CallFacts
from igent.accounting.spans import Clock
from igent.dialogue.extract import JsonExtractor
from igent.dialogue.replies import maybe_answer
from igent.errors import ModelError
from igent.models.base import ModelEvent, ModelRequest, ReplyEnd, Sent, Unusable
from igent.models.tally import Tally

__all__ = ["Reading"]


@dataclass(kw_only=True)
class Reading(Tally):
    """One stream as far as it was read; `answer` is the text up to the first object of the asked form."""

    clock: Clock
    answer: str | None = None
    _sent_s: float | None = None
    _first_s: float | None = None
    _answered_s: float | None = None
    _extractor: JsonExtractor = field(default_factory=JsonExtractor)

    @classmethod
    def of(cls, request: ModelRequest, text: str, *, at_s: float) -> Self:
        """The reading of a reply whose call is long over."""
        return cls(request=request, clock=lambda: at_s, sent=True, calls=1, pieces=[text], _sent_s=at_s)

    def take(self, event: ModelEvent) -> None:
        """Add one event."""
        if isinstance(event, str):  # nearly every one is: straight on
            self._hear(event)
            return
        super().take(event)
        if isinstance(event, Sent) and self._sent_s is None:
            self._sent_s = self.clock()
        elif isinstance(event, ReplyEnd) and self._answered_s is None:
            self._answered_s = self.clock()

    def _hear(self, text: str) -> None:
        self.pieces.append(text)
        if self._first_s is None:
            self._first_s = self.clock()
        data = text.encode("utf-8", "replace")
        for found in self._extractor.feed(data):
            if self.answer is None and maybe_answer(self.request.kind, found) is not None:
                said = self.text.encode()
                end = said.index(found, max(0, len(said) - len(data) - len(found))) + len(found)
                self.answer, self._answered_s = said[:end].decode("utf-8", "replace"), self.clock()

    @property
    def over(self) -> bool:
        """Whether nothing more is worth waiting for: the stream has ended, or a call goes on after its answer."""
        return self.end is not None or (self.sent and self._extractor.trailing_text)

    @property
    def unusable(self) -> Unusable | None:
        """How it ended, where that makes it no answer."""
        reason = self.end.stop_reason if self.end else None
        return reason if reason in ("refusal", "max_tokens") else None

    def facts(self, error: BaseException | None = None) -> CallFacts:
        """What the call came to, `error` being what it ended with; `seconds` run from its way out to its answer."""
        begun_s = self.clock() if self._sent_s is None else self._sent_s
        until_s = self.clock() if self._answered_s is None else self._answered_s
        return CallFacts(
            agent=self.request.agent,
            kind=self.request.kind,
            model=self.request.model or "",
            usage=self.usage(unread=isinstance(error, ModelError) and error.unread),
            saved=self.end.saved if self.end else None,
            calls=self.calls if self.sent else 1,
            cut=self.end is None,
            seconds=max(0.0, until_s - begun_s),
            first_seconds=None if self._first_s is None else max(0.0, self._first_s - begun_s),
            fault=None if error is None else _fault(error),
        )


def _fault(error: BaseException) -> str:
    return error.code if isinstance(error, ModelError) else type(error).__name__
