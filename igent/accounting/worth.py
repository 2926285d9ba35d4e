"""Whether it pays to ask about several households at once, by what calls have taken so far, and how many have room."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from igent.accounting.prices import prompt_tokens
from igent.accounting.usage import Usage
from igent.domain.records import Json

__all__ = ["Worth", "paid_tokens"]

# What providers ask for a token relative to one of input (`prices.json`, November 2026).
_READ, _WRITE, _WRITE_1H, _OUTPUT = 0.1, 1.25, 2.0, 5.0
# Of an answer before one was seen, where its bound is not less; decisions take less.
_FIRST_ANSWER_TOKENS = 128
# What an entry has around its answer, and how much longer than the mean answers may be.
_ENTRY_TOKENS, _MARGIN = 12, 1.5
# Batches before it is judged whether they pay.
_TRIALS = 4


@dataclass(slots=True)
class Worth:
    """One agent's calls: how long its answers are, and what batches took against what single calls would have."""

    _answers: int = 0
    _answer_tokens: float = 0.0
    _batches: int = 0
    _asked: int = 0
    _answered: int = 0
    _paid: float = 0.0
    _alone: float = 0.0

    @property
    def pays(self) -> bool:
        """Whether batches have cost less than single calls, as far as is known."""
        return self._batches < _TRIALS or self._paid < self._alone

    def room(self, max_tokens: int, *, most: int) -> int:
        """How many answers a reply of `max_tokens` has room for, at least 1; no answer takes more than `most`."""
        if not self.pays:
            return 1
        mean = self._answer_tokens / self._answers if self._answers else min(_FIRST_ANSWER_TOKENS, most)
        return max(1, int(max_tokens / (mean * _MARGIN + _ENTRY_TOKENS)))

    def learn(
        self, usage: Usage, *, asked: int, prompt_chars: int, reply_chars: int, answered: Collection[tuple[int, int]]
    ) -> None:
        """Take in a call about `asked` households, of so many characters.

        `answered` are those whose answers it has brought: the characters of the prompt that each has by itself, and of
        its answer. What they have in common with the call's own is as many tokens there.
        """
        said = usage.output_tokens * sum(answer for _, answer in answered) / max(1, reply_chars)
        self._answers += len(answered)
        self._answer_tokens += said
        if asked == 1:
            return
        self._batches += 1
        self._asked += asked
        self._answered += len(answered)
        self._paid += paid_tokens(usage) + _OUTPUT * usage.output_tokens
        if answered:
            prompts = prompt_tokens(usage) * sum(prompt for prompt, _ in answered) / max(1, prompt_chars)
            self._alone += prompts - _saved(usage, len(answered)) + _OUTPUT * said

    def as_record(self) -> dict[str, Json]:
        """The JSON form: batches, households asked about and answered, their cost against single calls."""
        ratio = round(self._paid / self._alone, 3) if self._alone else None
        return {"batches": self._batches, "asked": self._asked, "answered": self._answered, "cost_ratio": ratio}


def paid_tokens(usage: Usage) -> float:
    """A prompt in tokens of input, those of the provider's cache weighed by what they cost."""
    written = _WRITE * usage.cache_write_tokens + _WRITE_1H * usage.cache_write_1h_tokens
    return usage.input_tokens + _READ * usage.cache_read_tokens + written


def _saved(usage: Usage, prompts: int) -> float:
    """What the cache saves so many prompts with one beginning: the first as it did this one, the others as readers."""
    kept = prompt_tokens(usage) - usage.input_tokens
    first = prompt_tokens(usage) - paid_tokens(usage)
    return first + (prompts - 1) * (1 - _READ) * kept
