"""A Messages stream as it is heard: bytes in; the prompt's counts, text and an end out, without I/O.

Nothing is taken for granted: an event that is not as documented tells nothing
(https://platform.claude.com/docs/en/build-with-claude/streaming, November 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from igent import codec
from igent.accounting.usage import Usage
from igent.domain.records import Json
from igent.errors import ModelRejected, ModelUnavailable
from igent.models.base import PromptRead, ReplyEnd, StopReason
from igent.models.sse import SseDecoder

__all__ = ["HeardMessage"]

_STOPS: Mapping[str, StopReason] = {
    "end_turn": "end_turn",
    "stop_sequence": "stop_sequence",
    "max_tokens": "max_tokens",
    "model_context_window_exceeded": "max_tokens",  # cut off by a limit on tokens as well
    "refusal": "refusal",
}


@dataclass(slots=True)
class HeardMessage:
    """What a stream has told so far; `error` is what a provider tells instead of going on. Either way it is `over`."""

    over: bool = False
    error: Mapping[str, Json] | None = None
    _events: SseDecoder = field(default_factory=SseDecoder)
    _prompt: Usage | None = None
    _output_tokens: int = 0
    _stop: str | None = None

    def feed(self, piece: bytes) -> None:
        """Add bytes of the body. Raises `ValueError` for an event past all bounds."""
        self._events.feed(piece)

    def maybe_sign(self) -> str | PromptRead | None:
        """The next sign of life, "" where it is no text; None where more has to be fed first. Pings are none.

        Raises `ValueError` for an event that is no JSON.
        """
        while (data := self._events.maybe_event()) is not None:
            if (sign := self._take(codec.load(data))) is not None:
                return sign
        return None

    def end(self, model: str) -> ReplyEnd:
        """How the reply ended. Raises `ModelUnavailable` where it did not, and `ModelRejected` for an unknown way."""
        if not self.over or self._prompt is None or self._stop is None:
            raise ModelUnavailable(model, "the stream was cut off before the reply was complete")
        stop_reason = _STOPS.get(self._stop)
        if stop_reason is None:
            raise ModelRejected(model, f"it stopped for {self._stop[:40]!r}, which is no end of an answer")
        return ReplyEnd(stop_reason=stop_reason, usage=self._prompt + Usage(output_tokens=self._output_tokens))

    def _take(self, event: Json) -> str | PromptRead | None:
        # Nearly every event is one, and patterns take a microsecond more.
        if isinstance(event, dict) and event.get("type") == "content_block_delta":
            return _said(event.get("delta"))
        match event:
            case {"type": "message_start", "message": {"usage": dict(usage)}}:
                self._prompt = _prompt(usage)
                return PromptRead(usage=self._prompt) if self._prompt else None
            case {
                "type": "message_delta",
                "delta": {"stop_reason": str(reason)},
                "usage": {"output_tokens": int(tokens)},
            } if tokens >= 0:
                self._stop, self._output_tokens = reason, tokens
                return ""
            case {"type": "message_stop"}:
                self.over = True
                return ""
            case {"type": "error", "error": dict(error)}:
                self.over, self.error = True, error
                return ""
        return None


def _said(delta: Json) -> str | None:
    """What a delta says, "" where that is no text; None where it is not as documented."""
    if not isinstance(delta, dict):
        return None
    text = delta.get("text") if delta.get("type") == "text_delta" else ""
    return text if isinstance(text, str) else None


def _prompt(usage: Mapping[str, Json]) -> Usage | None:
    """What a prompt took by the counts of `message_start`, None where they are none."""
    match usage.get("cache_creation"):
        case {"ephemeral_1h_input_tokens": int(hour)}:
            pass
        case _:
            hour = 0
    fresh = usage.get("input_tokens")
    read, made = (usage.get(f"cache_{name}_input_tokens") or 0 for name in ("read", "creation"))
    if not (isinstance(fresh, int) and isinstance(read, int) and isinstance(made, int)):
        return None
    if min(fresh, read, made - hour, hour) < 0:
        return None
    return Usage(
        input_tokens=fresh,
        cache_read_tokens=read,
        cache_write_tokens=made - hour,
        cache_write_1h_tokens=hour,
    )
