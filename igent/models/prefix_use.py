"""What came of a provider's prompt cache, against the best that could have come of it."""

from __future__ import annotations

from dataclasses import dataclass

from igent.domain.records import Json

__all__ = ["PrefixUse"]


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
        return PrefixUse(
            prompts=self.prompts + other.prompts,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            read_tokens=self.read_tokens + other.read_tokens,
            written_tokens=self.written_tokens + other.written_tokens,
            best_tokens=self.best_tokens + other.best_tokens,
        )

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
