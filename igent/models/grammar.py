"""Which replies a provider's structured output can express: those whose every object is closed."""

from __future__ import annotations

from igent.dialogue.replies import ReplyKind, reply_schema
from igent.domain.records import Json

__all__ = ["maybe_closed_schema"]


def maybe_closed_schema(kind: ReplyKind) -> dict[str, Json] | None:
    """The JSON Schema of a reply of that kind, None where it has objects with free keys."""
    schema = reply_schema(kind)
    return schema if _closed(schema) else None


def _closed(schema: Json) -> bool:
    if isinstance(schema, list):
        return all(map(_closed, schema))
    if not isinstance(schema, dict):
        return True
    free = schema.get("type") == "object" and schema.get("additionalProperties") is not False
    return not free and all(map(_closed, schema.values()))
