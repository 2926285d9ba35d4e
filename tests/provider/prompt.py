"""A request's body as a provider counts it: blocks in the order that caches go by, each with what stands up to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

__all__ = ["Block", "CHARACTERS_PER_TOKEN", "LIFETIMES_S", "Prompt", "in_blocks", "read_prompt", "tokens_of"]

# A tokenizer of its own, which only has to be deterministic and not the one that igent estimates with.
CHARACTERS_PER_TOKEN: Final = 3.6
LIFETIMES_S: Final = {"5m": 300, "1h": 3600}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block: a digest and the tokens of everything up to its end, and how long a breakpoint there keeps that."""

    digest: str
    tokens: int
    lifetime_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """All blocks of a prompt, in the order tools, system, messages."""

    model: str
    blocks: tuple[Block, ...]

    @property
    def tokens(self) -> int:
        """How long the prompt is."""
        return self.blocks[-1].tokens

    @property
    def breakpoints(self) -> list[int]:
        """The numbers of the blocks with a breakpoint."""
        return [number for number, block in enumerate(self.blocks) if block.lifetime_s is not None]


def tokens_of(text: str) -> int:
    """How many tokens a text is."""
    return ceil(len(text) / CHARACTERS_PER_TOKEN)


def in_blocks(body: Any) -> Any:
    """A body with all texts as blocks, which pydantic reads: a text where blocks may stand it takes for an iterable."""
    if not isinstance(body, dict):
        return body
    messages = [
        {**each, "content": _blocks(each["content"])} if isinstance(each, dict) and "content" in each else each
        for each in body.get("messages", [])
    ]
    return {
        key: messages if key == "messages" else _blocks(value) if key == "system" else value
        for key, value in body.items()
    }


def _blocks(content: Any) -> Any:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def read_prompt(body: dict[str, Any]) -> Prompt:
    """A valid body's prompt. The form of the reply stands before everything, as it changes all of what is computed."""
    form = json.dumps((body.get("output_config") or {}).get("format"))
    digest, characters = hashlib.sha256(f"{body['model']}|{form}".encode()), len(form)
    blocks: list[Block] = []
    for place, block in _raw_blocks(in_blocks(body)):
        said = block["text"] if block.get("type") == "text" else json.dumps(block)
        characters += len(said)
        digest.update(json.dumps([place, said]).encode())
        tokens = ceil(characters / CHARACTERS_PER_TOKEN)
        blocks.append(Block(digest=digest.hexdigest(), tokens=tokens, lifetime_s=_lifetime_s(block)))
    return Prompt(model=body["model"], blocks=tuple(blocks))


def _raw_blocks(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each block with where it stands. Thinking and effort change what comes after the instructions."""
    for tool in body.get("tools") or ():
        yield "tools", tool
    for block in body.get("system") or ():
        yield "system", block
    manner = json.dumps([body.get("thinking"), (body.get("output_config") or {}).get("effort")])
    for number, message in enumerate(body["messages"]):
        for block in message["content"]:
            yield f"{number} {message['role']} {manner}", block


def _lifetime_s(block: dict[str, Any]) -> int | None:
    control = block.get("cache_control")
    return LIFETIMES_S[control.get("ttl") or "5m"] if control else None
