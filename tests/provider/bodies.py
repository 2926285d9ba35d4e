"""Bodies of requests to ask a provider with, as small as they can be."""

from __future__ import annotations

import json
from typing import Any

from tests.models.loopback import HAIKU

__all__ = ["LONG", "asking", "block"]

# More than the smallest prefix that is kept, of 512 tokens of 3.6 characters.
LONG = "x" * 3_600


def block(text: str, ttl: str | None = None) -> dict[str, Any]:
    """A block of text, with a breakpoint where it has a lifetime."""
    control = {"cache_control": {"type": "ephemeral", "ttl": ttl}} if ttl else {}
    return {"type": "text", "text": text, **control}


def asking(*blocks: dict[str, Any], system: str | list[dict[str, Any]] = "Match.", **others: Any) -> bytes:
    """A request whose one message is made of these blocks."""
    content = [*blocks] or [block("Please go.")]
    body = {"model": HAIKU, "max_tokens": 512, "system": system, "stream": True}
    return json.dumps({**body, "messages": [{"role": "user", "content": content}], **others}).encode()
