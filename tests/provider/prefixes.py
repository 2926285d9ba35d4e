"""The provider's prompt cache: what a prompt reads of it, what it writes, and when others can read that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from igent.domain.records import Json
from tests.provider.prompt import Prompt

__all__ = ["Counts", "PrefixCache", "minimum_of", "uncached"]

# https://platform.claude.com/docs/en/build-with-claude/prompt-caching (November 2026): shorter prefixes are not kept,
# without a word; a breakpoint finds what was written up to 20 blocks before it.
_MINIMUMS: Mapping[str, int] = MappingProxyType(
    {"claude-haiku-5-5": 512, "claude-haiku-4-5": 4096, "claude-opus-5": 512, "claude-sonnet-5-5": 512}
)
_MINIMUM = 1024
_LOOKBACK_BLOCKS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """A prompt's tokens by what was done with them: disjoint, and together all of them."""

    fresh: int
    read: int = 0
    written: int = 0
    written_1h: int = 0

    def as_usage(self) -> dict[str, Json]:
        """The counts as a response tells them."""
        lifetimes: dict[str, Json] = {
            "ephemeral_5m_input_tokens": self.written,
            "ephemeral_1h_input_tokens": self.written_1h,
        }
        return {
            "input_tokens": self.fresh,
            "cache_read_input_tokens": self.read,
            "cache_creation_input_tokens": self.written + self.written_1h,
            "cache_creation": lifetimes,
        }


def uncached(prompt: Prompt) -> Counts:
    """A prompt's counts where there is no cache."""
    return Counts(fresh=prompt.tokens)


def minimum_of(model: str) -> int:
    """The shortest prefix that is kept for a model, in tokens."""
    return next((tokens for name, tokens in _MINIMUMS.items() if model.startswith(name)), _MINIMUM)


class PrefixCache:
    """Prefixes by digest, each until its time is up; reading one gives it its whole lifetime again."""

    def __init__(self) -> None:
        self._expiries: dict[str, float] = {}
        self._lifetimes_s: dict[str, int] = {}

    def look_up(self, prompt: Prompt, now: float) -> Counts:
        """Read the longest prefix that is kept, and count what a response writes behind it."""
        hit = self._longest(prompt, now)
        position = read = prompt.blocks[hit].tokens if hit >= 0 else 0
        written = {300: 0, 3600: 0}
        for number in self._writable(prompt):
            if number > hit:
                block = prompt.blocks[number]
                written[block.lifetime_s or 300] += block.tokens - position
                position = block.tokens
        return Counts(fresh=prompt.tokens - position, read=read, written=written[300], written_1h=written[3600])

    def begin(self, prompt: Prompt, now: float) -> None:
        """The response begins: from now on its prompt's prefixes can be read."""
        for number in self._writable(prompt):
            block = prompt.blocks[number]
            lifetime_s = max(block.lifetime_s or 300, self._lifetimes_s.get(block.digest, 0))
            self._lifetimes_s[block.digest], self._expiries[block.digest] = lifetime_s, now + lifetime_s

    def _writable(self, prompt: Prompt) -> list[int]:
        least = minimum_of(prompt.model)
        return [number for number in prompt.breakpoints if prompt.blocks[number].tokens >= least]

    def _longest(self, prompt: Prompt, now: float) -> int:
        """The number of the last block that can be read up to, -1 for none."""
        found = {n for last in prompt.breakpoints for n in range(max(0, last - _LOOKBACK_BLOCKS + 1), last + 1)}
        for number in sorted(found, reverse=True):
            digest = prompt.blocks[number].digest
            if self._expiries.get(digest, now) > now:
                self._expiries[digest] = now + self._lifetimes_s[digest]
                return number
        return -1
