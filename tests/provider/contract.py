"""What the provider refuses to read: bodies that the SDK's own types do not allow, or that break a rule beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from anthropic.types.message_count_tokens_params import MessageCountTokensParams
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from pydantic import TypeAdapter, ValidationError

from tests.provider.prompt import LIFETIMES_S, in_blocks, read_prompt

__all__ = ["counting_problem", "message_problem"]

_MESSAGE: TypeAdapter[Any] = TypeAdapter(MessageCreateParamsStreaming)
_COUNTING: TypeAdapter[Any] = TypeAdapter(MessageCountTokensParams)
_MAX_BREAKPOINTS = 4


def message_problem(body: bytes) -> str | None:
    """Why a body is no request for a stream, None where it is one."""
    return _mistyped(_MESSAGE, body) or _misused(json.loads(body))


def counting_problem(body: bytes) -> str | None:
    """Why a body is no request to count its tokens, None where it is one."""
    return _mistyped(_COUNTING, body)


def _mistyped(contract: TypeAdapter[Any], body: bytes) -> str | None:
    try:
        _exhaust(contract.validate_python(in_blocks(json.loads(body)), extra="forbid"))
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except ValueError:
        return "not JSON"
    return None


def _exhaust(value: Any) -> None:
    """Run through every iterator in a value: only then does pydantic look at what is in it."""
    if isinstance(value, Mapping):
        value = value.values()
    if not isinstance(value, str | int | float | None):
        for each in value:
            _exhaust(each)


def _misused(body: dict[str, Any]) -> str | None:
    """The rules that no type states."""
    if body["max_tokens"] < 1:
        return "max_tokens: at least 1"
    if not body["messages"] or body["messages"][-1]["role"] != "user":
        return "messages: the last one has to be the user's; answers are not prefilled"
    if any(block.get("text") == "" for block in _all_blocks(in_blocks(body))):
        return "text content blocks must be non-empty"
    lifetimes = [block.lifetime_s for block in read_prompt(body).blocks if block.lifetime_s is not None]
    if len(lifetimes) > _MAX_BREAKPOINTS:
        return f"at most {_MAX_BREAKPOINTS} blocks with cache_control; found {len(lifetimes)}"
    if lifetimes != sorted(lifetimes, reverse=True):
        return f"a ttl of {LIFETIMES_S['1h']} s must not come after a shorter one"
    return None


def _all_blocks(body: dict[str, Any]) -> list[dict[str, Any]]:
    contents = [body.get("system", []), *(message["content"] for message in body["messages"])]
    return [block for content in contents for block in content]
