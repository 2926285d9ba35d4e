"""What has been read of one stream: its text, the answer in it, and what the call comes to once it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self, assert_never

from igent.accounting.calls import CallFacts
from igent.accounting.spans import Clock
from igent.accounting.usage import Usage, estimate_tokens
from igent.dialogue.extract import JsonExtractor
from igent.dialogue.replies import maybe_answer
from igent.errors import ModelError
from igent.models.base import ModelEvent, ModelRequest, PromptRead, ReplyEnd, Sent, Unusable

__all__ = ["Reading"]


@dataclass(slots=True, kw_only=True)
class Reading:
    """One stream as far as it was read; `answer` is the text up to the first object of the asked form."""

    request: ModelRequest
    clock: Clock
    answer: str | None = None
    end: ReplyEnd | None = None
    _prompt: Usage | None = None
    _sent_s: float | None = None
    _first_s: float | None = None
    _answered_s: float | None = None
    _pieces: list[bytes] = field(default_factory=list)
    _extractor: JsonExtractor = field(default_factory=JsonExtractor)

    @classmethod
    def of(cls, request: ModelRequest, text: str, *, at_s: float) -> Self:
        """The reading of a reply whose call is long over."""
        return cls(request=request, clock=lambda: at_s, _sent_s=at_s, _pieces=[text.encode()])

    def take(self, event: ModelEvent) -> None:
        """Add one event."""
        match event:
            case str():
                self._hear(event)
            case Sent():
                self._sent_s = self.clock()
            case PromptRead(usage=usage):
                self._prompt = usage
            case ReplyEnd():
                self.end = event
                if self._answered_s is None:
                    self._answered_s = self.clock()
            case _:
                assert_never(event)

    def _hear(self, text: str) -> None:
        if self._first_s is None:
            self._first_s = self.clock()
        # Half a surrogate pair, which a lenient JSON decoder lets through, has no UTF-8 form.
        data = text.encode("utf-8", "replace")
        self._pieces.append(data)
        for found in self._extractor.feed(data):
            if self.answer is None and maybe_answer(self.request.kind, found) is not None:
                said = b"".join(self._pieces)
                end = said.index(found, max(0, len(said) - len(data) - len(found))) + len(found)
                self.answer, self._answered_s = said[:end].decode("utf-8", "replace"), self.clock()

    @property
    def text(self) -> str:
        """All that was said so far."""
        return b"".join(self._pieces).decode("utf-8", "replace")

    @property
    def sent(self) -> bool:
        """Whether there was a call, and not a reply from a cache."""
        return self._sent_s is not None

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
            usage=self._usage(unread=isinstance(error, ModelError) and error.unread),
            saved=self.end.saved if self.end else None,
            cut=self.end is None,
            seconds=max(0.0, until_s - begun_s),
            first_seconds=None if self._first_s is None else max(0.0, self._first_s - begun_s),
            fault=None if error is None else _fault(error),
        )

    def _usage(self, *, unread: bool) -> Usage:
        """As the provider counted, and where it did not as estimated; what it did not read is not billed."""
        if self.end is not None:
            return self.end.usage
        if self._prompt is None and unread and not self._pieces:
            return Usage()
        prompt = self._prompt or Usage(input_tokens=estimate_tokens(self.request.prompt))
        return prompt + Usage(output_tokens=estimate_tokens(self.text), estimated=True)


def _fault(error: BaseException) -> str:
    return error.code if isinstance(error, ModelError) else type(error).__name__
