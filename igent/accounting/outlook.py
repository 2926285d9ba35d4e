"""What a run comes to on given terms: its registrations added one by one, as the calls they are expected to take.

Nothing is drawn and no registration is kept. The middle of a range is what is expected; how wide it is follows from how
many numbers were seen, how far they were apart, and how many are to come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import exp, sqrt

from igent.accounting.estimate import Estimate, Range
from igent.accounting.planned import PlannedPhase, PlannedRegistration, Seat
from igent.accounting.prices import PriceTable
from igent.accounting.seen import Seen
from igent.accounting.usage import Usage
from igent.accounting.voice import Voice
from igent.accounting.warmth import Warmth

__all__ = ["Outlook", "RateLimits", "Terms"]

_LONG = 1.5  # the longest of some dozens of chains of calls, as a multiple of the mean one
_TENTH = 1.2816  # standard deviations from the middle of a normal distribution to its 10th and its 90th percentile
_MOST_OFF = 5.0  # no range is wider: of next to nothing seen it could be any
_CLASSES = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """What a provider lets through per minute, None where it does not say; cache reads do not count as input."""

    requests: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None

    def least_s(self, calls: float, usage: Usage) -> float:
        """The fewest seconds that so much takes, where the first minute's worth may come at once."""
        fresh = usage.input_tokens + usage.cache_write_tokens
        taken = (calls, self.requests), (fresh, self.input_tokens), (usage.output_tokens, self.output_tokens)
        return max(60 * (amount / limit - 1) if limit else 0.0 for amount, limit in taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms calls are made: at most `slots` at once. `source` says where what was seen is from."""

    prices: PriceTable
    slots: int
    parallel_phases: bool = True
    prompt_caching: bool = False
    limits: RateLimits = field(default_factory=RateLimits)
    source: str = "an earlier run"


class Outlook:
    """Adds up what registrations will take, in their order; what it holds does not grow with their number."""

    def __init__(self, terms: Terms, seen: Seen | None = None) -> None:
        self._terms, self._seen, self._warmth = terms, seen or Seen(), Warmth()
        self._voices: dict[Seat, Voice] = {}
        self._registrations, self._busy_s, self._longest_s = 0, 0.0, 0.0

    def add(self, one: PlannedRegistration) -> None:
        """Add a registration; where nothing of it is asked, nothing is added."""
        parallel = self._terms.parallel_phases
        seconds = [self._ask(phase, one.kind, at_start=parallel or not at) for at, phase in enumerate(one.phases)]
        self._registrations, self._busy_s = self._registrations + bool(seconds), self._busy_s + sum(seconds)
        chain_s = max(seconds, default=0.0) if parallel else sum(seconds)
        self._longest_s = max(self._longest_s, _LONG * chain_s)

    def estimate(self) -> Estimate:
        """What those added so far will take."""
        voices, terms = [voice for voice in self._voices.values() if voice.calls], self._terms
        prices = {voice.seat.model: terms.prices.maybe(voice.seat.model) for voice in voices}
        unpriced = sorted(model for model, price in prices.items() if price is None)
        usd = [(*voice.usd(price), voice.seen) for voice in voices if (price := prices[voice.seat.model])]
        busy = [(voice.busy_s, voice.busy_variance, voice.seen) for voice in voices]
        calls, usage = sum(voice.calls for voice in voices), sum((voice.usage for voice in voices), Usage())
        return Estimate(
            registrations=self._registrations,
            calls={voice.seat.agent: round(voice.calls) for voice in voices if round(voice.calls)},
            tokens={name: getattr(usage, name) for name in _CLASSES},
            cost_usd=None if unpriced else _range(sum(one for one, *_ in usd), _off(usd)),
            seconds=_range(self._seconds(calls), _off(busy), least=terms.limits.least_s(calls, usage)),
            unpriced_models=tuple(unpriced),
            basis=_basis(voices, terms.source),
        )

    def _ask(self, phase: PlannedPhase, kind: str, *, at_start: bool) -> float:
        """Add a phase: the seconds that its calls take, one after the other."""
        seconds, now_s = 0.0, self._busy_s / self._terms.slots
        for seat, expected, chars in phase.turns:
            voice = self._voices.get(seat) or self._voices.setdefault(seat, Voice(seat, self._seen))
            held = self._held(phase, voice) if expected else []
            cached = self._warmth.use(held, now_s=now_s, at_start=at_start and seat is phase.matcher)
            seconds += voice.ask(kind, chars, expected=expected, cached=cached)
        return seconds

    def _held(self, phase: PlannedPhase, voice: Voice) -> list[tuple[str, int]]:
        """The beginnings of a prompt that are long enough for the prompt cache of its model."""
        price = self._terms.prices.maybe(voice.seat.model) if self._terms.prompt_caching else None
        least = price.cacheable_prefix_tokens if price else None
        beginnings = phase.beginnings(voice.seat)
        return [] if least is None else [one for one in beginnings if one[1] * voice.tokens_per_char >= least]

    def _seconds(self, calls: float) -> float:
        # At first most calls wait for one to begin that writes what their prompts share: for half of what a call takes.
        wait_s = self._busy_s / (calls or 1) / 2 if self._terms.prompt_caching else 0.0
        # At the end slots fall idle one by one, on average for half of what the longest chain takes.
        idle_s = self._longest_s / 2 * (1 - 1 / self._terms.slots)
        return max(self._busy_s / self._terms.slots + idle_s, self._longest_s) + wait_s


def _off(parts: Sequence[tuple[float, float, int]]) -> float:
    """How far a sum is off in two cases of ten, as a power of e.

    Each part has its relative variance, and the number of replies that it is known from. Published figures are off
    together, other parts each by itself.
    """
    together = sum(part * sqrt(variance) for part, variance, seen in parts if not seen)
    apart = sum(part**2 * variance for part, variance, seen in parts if seen)
    return min(_TENTH * sqrt(together**2 + apart) / (sum(part for part, *_ in parts) or 1), _MOST_OFF)


def _range(middle: float, off: float, *, least: float = 0.0) -> Range:
    low, half, high = (Decimal(f"{max(middle * exp(some), least):.6f}") for some in (-off, 0, off))
    return low, half, high


def _basis(voices: Sequence[Voice], source: str) -> str:
    unseen = sorted(voice.seat.agent for voice in voices if not voice.seen)
    if len(unseen) == len(voices):
        return "published figures"
    seen = f"{sum(voice.seen for voice in voices):,} calls of {source}"
    return f"{seen}; published figures for {', '.join(unseen)}" if unseen else seen
