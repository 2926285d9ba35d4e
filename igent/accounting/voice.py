"""One agent of a planned run: what its calls are known to be like, what they add up to, and how far off that may be."""

from __future__ import annotations

from igent.accounting.planned import Seat
from igent.accounting.prices import Price
from igent.accounting.seen import Seen, Sums
from igent.accounting.usage import CHARACTERS_PER_TOKEN, Usage

__all__ = ["Voice"]

# How often an agent speaks is known before any is heard, as well as from half a registration.
_EXPECTED = 0.5
# That numbers differ by half their mean is known before any is seen, as well as from two of them.
_PRIOR_COUNT, _PRIOR_VARIANCE = 2, 0.25


class Voice:
    """Adds up the calls of one seat that are to be expected: how many, the tokens of their prompts, their seconds."""

    def __init__(self, seat: Seat, seen: Seen) -> None:
        self.seat, self._earlier = seat, seen
        self._replies, self._times = (seen.of(seat.agent, seat.model, what) for what in ("output tokens", "seconds"))
        chars, tokens = (seen.of(seat.model, what).total for what in ("prompt characters", "prompt tokens"))
        self.tokens_per_char = tokens / chars if tokens and chars else 1 / CHARACTERS_PER_TOKEN
        self._reply_tokens, self.seen = self._replies.mean or seat.told_tokens, round(self._replies.count)
        self._kinds: dict[str, tuple[int, float]] = {}  # registrations and calls, by kind
        self.calls = self.busy_s = self._prompt = self._read = self._written = 0.0

    def ask(self, kind: str, chars: int, *, expected: bool, cached: tuple[int, int]) -> float:
        """Add the calls for one registration: the seconds that they take.

        `chars` has its first prompt, of which those `cached` are read from the prompt cache and written to it.
        """
        calls, prompt = self._calls_for(kind, expected), chars * self.tokens_per_char
        seconds = calls * (self._times.mean or self.seat.told_s(prompt, self._reply_tokens))
        asked, made = self._kinds.get(kind, (0, 0.0))
        self._kinds[kind] = asked + 1, made + calls
        self.calls, self.busy_s, self._prompt = self.calls + calls, self.busy_s + seconds, self._prompt + calls * prompt
        read, written = (calls * some * self.tokens_per_char for some in cached)
        self._read, self._written = self._read + read, self._written + written
        return seconds

    @property
    def usage(self) -> Usage:
        """What all calls take."""
        return Usage(
            input_tokens=round(max(self._prompt - self._read - self._written, 0)),
            output_tokens=round(self.calls * self._reply_tokens),
            cache_read_tokens=round(self._read),
            cache_write_tokens=round(self._written),
        )

    def usd(self, price: Price) -> tuple[float, float]:
        """What all calls cost, each prompt as long as their mean, and the variance of that as a share of its square."""
        usage, rates = self.usage, price.amounts(round(self._prompt / self.calls))
        cached = usage.cache_read_tokens * rates.cache_read + usage.cache_write_tokens * rates.cache_write
        output = float(usage.output_tokens * rates.output) / 1e6
        whole = float(usage.input_tokens * rates.input + cached) / 1e6 + output
        share = output / whole if whole else 0.0
        return whole, self._calls_variance + share**2 * _variance(self._replies, self.calls)

    @property
    def busy_variance(self) -> float:
        """The variance of the seconds of all calls, as a share of their square."""
        return self._calls_variance + _variance(self._times, self.calls)

    @property
    def _calls_variance(self) -> float:
        kinds = ((self._earlier.calls(self.seat.agent, kind), *sums) for kind, sums in self._kinds.items())
        return sum((made / self.calls) ** 2 * _variance(seen, asked) for seen, asked, made in kinds)

    def _calls_for(self, kind: str, expected: bool) -> float:
        seen = self._earlier.calls(self.seat.agent, kind)
        return (seen.total + _EXPECTED * expected) / (seen.count + _EXPECTED)


def _variance(seen: Sums, coming: float) -> float:
    """Of the mean of so many numbers to come, where those were seen."""
    each = (seen.count * seen.variance + _PRIOR_COUNT * _PRIOR_VARIANCE) / (seen.count + _PRIOR_COUNT)
    return each * (1 / max(seen.count, _PRIOR_COUNT) + 1 / coming)
