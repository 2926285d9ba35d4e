"""Beginnings of prompts that a prompt cache may keep, what is known of them, and what came of keeping them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from math import inf

from igent.dialogue.prompts import shared_chars
from igent.domain.records import Json
from igent.models.base import CacheLevel, ModelRequest

__all__ = ["Habit", "LIFETIME_S", "Part", "Prefix", "PrefixUse", "Scale", "beginnings"]

# https://platform.claude.com/docs/en/build-with-claude/prompt-caching (November 2026): an entry's, from its last use.
LIFETIME_S = 300.0
# Until a model has counted a prompt: the tokenizers of 2026 make English of 3 to 4. Taking a prefix for too long costs
# one wait for a first byte, since the provider ignores the breakpoint; taking it for too short, a window's reuses.
_CHARS_PER_TOKEN = 3
# Writing a prefix costs 0.25 more than sending it, and spares whoever has it next a price of 1.25 for one of 0.1: it
# pays where more of them than this share are used again.
_WORTH_KEEPING = 0.25 / 1.15


@dataclass(slots=True)
class Prefix:
    """One prefix of one model: who waits with it, who goes first, when it was last sent and last known to be kept.

    `uses` is how many requests have begun with it. One that was `declined` the provider finds too short, whatever its
    length in characters says.
    """

    waiting: int = 0
    uses: int = 0
    declined: bool = False
    used_s: float = -inf
    kept_s: float = -inf
    lead: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Part:
    """A prefix as one prompt has it: how far it goes."""

    level: CacheLevel
    chars: int
    prefix: Prefix


@dataclass(slots=True)
class Habit:
    """How many prefixes of a level there were, and how many of them have come again."""

    seen: int = 0
    again: int = 0

    def learn(self, prefix: Prefix) -> None:
        """Take in that one more has come with a prefix."""
        prefix.uses += 1
        self.seen += prefix.uses == 1
        self.again += prefix.uses == 2

    @property
    def worth_keeping(self) -> bool:
        """Whether one that nobody else has yet is likely enough to come again."""
        return self.again + 1 >= _WORTH_KEEPING * self.seen


@dataclass(slots=True)
class Scale:
    """A model's characters per token, from the prompts that it has counted."""

    chars: int = _CHARS_PER_TOKEN
    tokens: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixUse:
    """What came of the prompt cache; tokens, summed over the prompts that the provider counted.

    `best_tokens` is what would have been read if every prefix that another request had within the entry's lifetime, and
    that is long enough, had been found; how much of a prompt a prefix is goes by characters, and never less than was
    read.
    """

    prompts: int = 0
    prompt_tokens: int = 0
    read_tokens: int = 0
    written_tokens: int = 0
    best_tokens: int = 0

    def __add__(self, other: PrefixUse) -> PrefixUse:
        return PrefixUse(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})

    @property
    def hit_rate(self) -> float:
        """The part of all prompt tokens that was read from the cache."""
        return self.read_tokens / max(1, self.prompt_tokens)

    @property
    def theoretical_hit_rate(self) -> float:
        """The part of all prompt tokens that could have been."""
        return self.best_tokens / max(1, self.prompt_tokens)

    def as_record(self) -> dict[str, Json]:
        """The JSON form; rates to four digits."""
        return {
            "prompts": self.prompts,
            "prompt_tokens": self.prompt_tokens,
            "read_tokens": self.read_tokens,
            "written_tokens": self.written_tokens,
            "hit_rate": round(self.hit_rate, 4),
            "theoretical_hit_rate": round(self.theoretical_hit_rate, 4),
        }


def beginnings(request: ModelRequest) -> Iterator[tuple[CacheLevel, int, list[str]]]:
    """Each prefix of a prompt, the shorter first: its level, its length and its text."""
    yield "system", len(request.system), [request.system]
    first = request.messages[0].text
    if shared := shared_chars(first):
        yield "shared", len(request.system) + 1 + shared, [request.system, first[:shared]]
