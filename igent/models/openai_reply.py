"""A Chat Completions stream as it is heard.

Endpoints take liberties: usage comes in a chunk of its own, with the reason to stop, in every chunk or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from igent import codec
from igent.accounting.usage import Usage
from igent.domain.records import Json
from igent.errors import ModelUnavailable
from igent.models.base import ReplyEnd, StopReason
from igent.models.heard import Heard

__all__ = ["HeardReply"]

# The server gave up, not the model: vLLM when it shuts down, DeepSeek and GLM when they have no room.
_GAVE_UP: Mapping[str, Literal["overload"] | None] = {
    "abort": None,
    "error": None,
    "insufficient_system_resource": "overload",
    "network_error": None,
}
# What a model says beside its answer: paid for and a sign of life, but no text of the reply.
_ASIDES = ("reasoning_content", "reasoning", "refusal")


@dataclass
class HeardReply(Heard):
    """What a stream has told so far; what an endpoint does not count is estimated, from the `prompt` too."""

    # https://developers.openai.com/api/docs, https://api-docs.deepseek.com, https://docs.z.ai (November 2026).
    stops: ClassVar[Mapping[str, StopReason]] = {
        "stop": "end_turn",
        "length": "max_tokens",
        "model_context_window_exceeded": "max_tokens",
        "content_filter": "refusal",
        "sensitive": "refusal",
    }

    prompt: str = ""
    _said: list[str] = field(default_factory=list)
    _refusing: bool = False

    def end(self, *, model: str) -> ReplyEnd:
        """How the reply ended. Raises `ModelUnavailable` also where the server gave up."""
        if self.stop is not None and self.stop in _GAVE_UP:
            raise ModelUnavailable(model, f"the endpoint gave up ({self.stop})", throttle=_GAVE_UP[self.stop])
        self.usage = self.usage or Usage.estimate(prompt=self.prompt, reply="".join(self._said))
        end = super().end(model=model)
        return replace(end, stop_reason="refusal") if self._refusing else end

    def take(self, data: bytes) -> str | None:
        """Hear one chunk: the sign of life that it is, if it is one."""
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
            self.stop = reason
            return content
        return content if content or asides else None

    def _count(self, told: Json) -> None:
        """Take a usage, if that is one; with the reason to stop, or after it, it is that of the whole."""
        usage = _usage(told) if isinstance(told, dict) else None
        if usage is not None:
            self.usage, self.over = usage, self.stop is not None


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
