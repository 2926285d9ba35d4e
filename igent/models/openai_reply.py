"""A Chat Completions stream as it is heard: bytes in; text, an end and its usage out, without I/O.

Endpoints take liberties: usage comes in a chunk of its own, with the reason to stop, in every chunk or not at all. What
is not as documented tells nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from igent import codec
from igent.accounting.usage import Usage, estimate_tokens
from igent.domain.records import Json
from igent.errors import ModelRejected, ModelUnavailable
from igent.models.base import ReplyEnd, StopReason
from igent.models.sse import SseDecoder

__all__ = ["HeardReply"]

# https://developers.openai.com/api/docs, https://api-docs.deepseek.com, https://docs.z.ai (November 2026).
_STOPS: Mapping[str, StopReason] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "model_context_window_exceeded": "max_tokens",
    "content_filter": "refusal",
    "sensitive": "refusal",
}
# The server gave up, not the model: vLLM when it shuts down, DeepSeek and GLM when they have no room.
_GAVE_UP: Mapping[str, Literal["overload"] | None] = {
    "abort": None,
    "error": None,
    "insufficient_system_resource": "overload",
    "network_error": None,
}
# What a model says beside its answer: paid for and a sign of life, but no text of the reply.
_ASIDES = ("reasoning_content", "reasoning", "refusal")


@dataclass(slots=True)
class HeardReply:
    """What a stream has told so far; `error` is what an endpoint tells instead of going on. Either way it is `over`."""

    over: bool = False
    error: Json = None
    _events: SseDecoder = field(default_factory=SseDecoder)
    _said: list[str] = field(default_factory=list)
    _stop: str | None = None
    _usage: Usage | None = None
    _refusing: bool = False

    def feed(self, piece: bytes) -> None:
        """Add bytes of the body. Raises `ValueError` for an event past all bounds."""
        self._events.feed(piece)

    def maybe_sign(self) -> str | None:
        """The next sign of life: text, empty where it is something else; None where more has to be fed first.

        Raises `ValueError` for an event that is no JSON.
        """
        while (data := self._events.maybe_event()) is not None:
            if (sign := self._take(data)) is not None:
                return sign
        return None

    def end(self, prompt: str, *, model: str) -> ReplyEnd:
        """How the reply ended; what an endpoint did not count is estimated.

        Raises `ModelUnavailable` where it did not end, and `ModelRejected` for an unknown way.
        """
        if not self.over or self._stop is None:
            raise ModelUnavailable(model, "the stream was cut off before the reply was complete")
        if self._stop in _GAVE_UP:
            raise ModelUnavailable(model, f"the endpoint gave up ({self._stop})", throttle=_GAVE_UP[self._stop])
        stop_reason = _STOPS.get(self._stop)
        if stop_reason is None:
            raise ModelRejected(model, f"it stopped for {self._stop[:40]!r}, which is no end of an answer")
        usage = self._usage or Usage(
            input_tokens=estimate_tokens(prompt), output_tokens=estimate_tokens("".join(self._said)), estimated=True
        )
        return ReplyEnd(stop_reason="refusal" if self._refusing else stop_reason, usage=usage)

    def _take(self, data: bytes) -> str | None:
        if data == b"[DONE]":
            self.over = True
            return ""
        chunk = codec.load(data)
        if not isinstance(chunk, dict):
            return None
        if chunk.get("error"):
            self.error, self.over = chunk["error"], True
            return ""
        match chunk.get("choices"):
            case [dict(choice), *_]:
                sign = self._hear(choice)
            case _:
                sign = None
        self._count(chunk.get("usage"))
        return sign or "" if self.over else sign

    def _hear(self, choice: Mapping[str, Json]) -> str | None:
        delta, reason = choice.get("delta"), choice.get("finish_reason")
        spoken = delta if isinstance(delta, dict) else {}
        asides = [text for key in _ASIDES if isinstance(text := spoken.get(key), str) and text]
        content = text if isinstance(text := spoken.get("content"), str) else ""
        self._refusing = self._refusing or bool(spoken.get("refusal"))
        self._said += [*asides, content]
        if isinstance(reason, str) and reason:
            self._stop = reason
            return content
        return content if content or asides else None

    def _count(self, told: Json) -> None:
        """Take a usage, if that is one; with the reason to stop, or after it, it is that of the whole."""
        usage = _usage(told) if isinstance(told, dict) else None
        if usage is not None:
            self._usage, self.over = usage, self._stop is not None


def _usage(told: Mapping[str, Json]) -> Usage | None:
    """The counts of a chunk, None where they are none. No prompt takes nothing: then they are still to come."""
    prompt, output = told.get("prompt_tokens"), told.get("completion_tokens")
    if not isinstance(prompt, int) or not isinstance(output, int) or prompt <= 0 or output < 0:
        return None
    details = told.get("prompt_tokens_details")
    counts = {**told, **details} if isinstance(details, dict) else told
    # DeepSeek has a name of its own for what was read. The newest models of OpenAI charge more for what they write.
    read = _first_count(counts, "cached_tokens", "prompt_cache_hit_tokens")
    written = _first_count(counts, "cache_write_tokens")
    if read + written > prompt:
        return None
    return Usage(
        input_tokens=prompt - read - written,
        # Some leave reasoning out of the completion and have it in the total only.
        output_tokens=max(output, _first_count(counts, "total_tokens") - prompt),
        cache_read_tokens=read,
        cache_write_tokens=written,
    )


def _first_count(counts: Mapping[str, Json], *names: str) -> int:
    return next((count for name in names if isinstance(count := counts.get(name), int) and count > 0), 0)
