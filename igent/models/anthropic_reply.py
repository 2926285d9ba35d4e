"""A Messages stream as it is heard (https://platform.claude.com/docs/en/build-with-claude/streaming, November 2026)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from igent import codec
from igent.accounting.usage import Usage
from igent.domain.records import Json
from igent.models.base import PromptRead, StopReason
from igent.models.heard import Heard

__all__ = ["HeardMessage"]


@dataclass
class HeardMessage(Heard):
    """What a stream has told so far, what the prompt took first."""

    stops: ClassVar[Mapping[str, StopReason]] = {
        "end_turn": "end_turn",
        "stop_sequence": "stop_sequence",
        "max_tokens": "max_tokens",
        "model_context_window_exceeded": "max_tokens",  # cut off by a limit on tokens as well
        "refusal": "refusal",
    }

    _prompt: Usage | None = None

    def take(self, data: bytes) -> str | PromptRead | None:
        """Hear one event: the sign of life that it is, if it is one. Pings are none."""
        event = codec.load(data)
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
                self.stop, self.usage = reason, self._prompt and self._prompt + Usage(output_tokens=tokens)
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
