"""A planned run, tried out: what its calls could come to, drawn from what earlier ones were like.

One trial draws for each registration a course (how many calls of which agent) and for each call a length and a time,
and puts the calls through as many slots as the run has. What is not known is drawn once per trial: how frequent each
course is (from a Dirichlet distribution), and what the means of lengths and times are (Student's t around those that
were seen). So trials differ by chance and by how little was seen.
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import exp, sqrt
from typing import Protocol, TypeAlias

from igent.accounting.history import STEPS, Figures, History, Pattern, Spread, value_at
from igent.accounting.makespan import Call, makespan
from igent.accounting.planned import PlannedRegistration, Seat, Speed
from igent.accounting.usage import CHARACTERS_PER_TOKEN

__all__ = ["Draws", "Trial", "Trials"]

# A reply of rules takes 15 to 17 tokens, of whatever kind, with a reason of two or three words; prompts ask models for
# a reason of up to 15, and where there is a note its words are quoted. Who thinks first may use all it is allowed.
_REPLY_TOKENS = 36
# How far the mean of what was never seen may be off, as the sigma of a log-normal: 1.7 times either way in 8 cases of
# 10 for replies and times, 1.3 times for the characters of a token.
_UNSEEN, _UNSEEN_TOKENS = 0.4, 0.2
# What is known of a deviation before anything is seen: about half the mean, which counts as two observations.
_PRIOR_CV, _PRIOR_COUNT = 0.5, 2
_MOST_DEVIATIONS = 5.0  # no mean is taken to be further off: of two observations it could be anywhere
# What the course without a repair and the one with one count, in registrations: a quarter each where some were seen,
# so that a few without a repair do not rule it out, and else one repair in ten.
_SEEN_PRIOR, _UNSEEN_PRIOR = (0.25, 0.25), (4.5, 0.5)
_REPAIR_CHARS = 250  # what a repeated question has besides: the reply before it, and the rules that it broke
_SLIGHT = 1e-9  # keeps a draw in [0, 1) off 0, which has no place in a log-normal distribution


class Draws(Protocol):
    """Where chance comes from: a seeded `random.Random`, passed in."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...

    def gauss(self, mu: float, sigma: float) -> float:
        """A number from a normal distribution."""
        ...

    def gammavariate(self, alpha: float, beta: float) -> float:
        """A number from a gamma distribution of mean alpha times beta."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one trial came to: sums by agent, the seconds of all calls together, and those until the last was over."""

    calls: Mapping[str, float]
    prompt_tokens: Mapping[str, float]
    output_tokens: Mapping[str, float]
    busy_s: float
    seconds: float


# Seconds to the first token and in all, for a draw in [0, 1), prompt tokens and output tokens.
_Times: TypeAlias = Callable[[float, float, float], tuple[float, float]]
_Shape: TypeAlias = tuple[bool, tuple[tuple[str, bool], ...]]


class Trials:
    """Tries out a plan; `gates` are keys of beginnings that the provider's prompt cache is going to hold."""

    def __init__(
        self,
        plan: Sequence[PlannedRegistration],
        history: History | None,
        *,
        slots: int,
        parallel_phases: bool,
        gates: frozenset[str] = frozenset(),
    ) -> None:
        self._history = history or History(figures={}, patterns={})
        self._slots, self._parallel = slots, parallel_phases
        self._seats = {seat.agent: seat for one in plan for phase in one.phases for seat in phase.seats}
        self._cases = [(_shape(one), [*_asked(one, gates)]) for one in plan]
        self._courses = {_shape(one): self._fitting(one) for one in plan}

    def trial(self, draws: Draws) -> Trial:
        """Try the plan out once."""
        unseen = _Unseen.drawn(draws)
        voices = {agent: self._voice(seat, unseen, draws) for agent, seat in self._seats.items()}
        shares = {shape: _shares(weights, draws) for shape, (_, weights) in self._courses.items()}
        chains: list[list[Call]] = []
        for shape, phases in self._cases:
            course = self._courses[shape][0][bisect(shares[shape], draws.random())]
            talks = [[call for turn in phase for call in turn.calls(course, voices)] for phase in phases]
            chains += talks if self._parallel else [[call for talk in talks for call in talk]]
        return Trial(
            calls={agent: voice.calls for agent, voice in voices.items()},
            prompt_tokens={agent: voice.prompt_tokens for agent, voice in voices.items()},
            output_tokens={agent: voice.output_tokens for agent, voice in voices.items()},
            busy_s=sum(voice.busy_s for voice in voices.values()),
            seconds=makespan([chain for chain in chains if chain], self._slots),
        )

    def _fitting(self, one: PlannedRegistration) -> tuple[list[Pattern], list[float]]:
        """The courses that a registration may take and what each counts: as expected, with repairs, those seen."""
        expected = Counter(seat.agent for phase in one.phases for seat in phase.expected)
        first = {phase.matcher.agent for phase in one.phases}
        must = first if self._parallel else {phase.matcher.agent for phase in one.phases[:1]}
        may = {seat.agent for phase in one.phases for seat in phase.seats}
        seen = [(course, n) for course, n in self._history.patterns.get(one.noted, ()) if must <= course.keys() <= may]
        prior = _SEEN_PRIOR if seen else _UNSEEN_PRIOR
        return [expected, expected + Counter(first), *(course for course, _ in seen)], [*prior, *(n for _, n in seen)]

    def _voice(self, seat: Seat, unseen: _Unseen, draws: Draws) -> _Voice:
        figures = self._history.figures.get((seat.agent, seat.model))
        tokens = self._history.maybe_tokens_per_char(seat.agent, seat.model)
        reply = (seat.max_tokens if seat.thinking else _REPLY_TOKENS) * unseen.output
        return _Voice(
            uniform=draws.random,
            tokens_per_char=unseen.tokens / CHARACTERS_PER_TOKEN if tokens is None else tokens,
            max_tokens=seat.max_tokens,
            output=(reply,) * (STEPS + 1) if figures is None else _drawn(figures.output_tokens, draws),
            times=_maybe_seen_times(figures, draws) or _told_times(seat.speed, unseen.seconds),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unseen:
    """By how much published figures are off in one trial, for all agents alike."""

    tokens: float
    output: float
    seconds: float

    @classmethod
    def drawn(cls, draws: Draws) -> _Unseen:
        tokens, output, seconds = (exp(draws.gauss(0, sigma)) for sigma in (_UNSEEN_TOKENS, _UNSEEN, _UNSEEN))
        return cls(tokens=tokens, output=output, seconds=seconds)


@dataclass(frozen=True, slots=True)
class _Turn:
    """An agent's place in a phase of one registration."""

    agent: str
    chars: int
    gate: str | None

    def calls(self, course: Pattern, voices: Mapping[str, _Voice]) -> Iterator[Call]:
        """Its calls on a course."""
        for number in range(course.get(self.agent, 0)):
            yield voices[self.agent].call(self.chars + number * _REPAIR_CHARS, self.gate)


@dataclass(slots=True, kw_only=True)
class _Voice:
    """One agent in one trial: what its calls are like, and what they add up to."""

    uniform: Callable[[], float]
    tokens_per_char: float
    max_tokens: int
    output: tuple[float, ...]
    times: _Times
    calls: int = 0
    prompt_tokens: float = 0.0
    output_tokens: float = 0.0
    busy_s: float = 0.0

    def call(self, chars: int, gate: str | None) -> Call:
        """One more call. What says more also takes longer: one draw decides both."""
        uniform, prompt = self.uniform(), chars * self.tokens_per_char
        output = min(value_at(self.output, uniform), self.max_tokens)
        first_s, seconds = self.times(uniform, prompt, output)
        self.calls, self.busy_s = self.calls + 1, self.busy_s + seconds
        self.prompt_tokens, self.output_tokens = self.prompt_tokens + prompt, self.output_tokens + output
        return Call(min(first_s, seconds), seconds, gate)


def _shape(one: PlannedRegistration) -> _Shape:
    """What decides which courses a registration may take."""
    return one.noted, tuple((phase.matcher.agent, phase.critic_expected) for phase in one.phases)


def _asked(one: PlannedRegistration, gates: frozenset[str]) -> Iterator[list[_Turn]]:
    for phase in one.asked:
        turns: list[_Turn] = []
        for seat in phase.seats:
            held = [key for key, _ in phase.shared_by(seat) if key in gates]
            turns.append(_Turn(seat.agent, phase.chars_for(seat), held[-1] if held else None))
        yield turns


def _shares(weights: Sequence[float], draws: Draws) -> list[float]:
    """Where each course's share ends but the last one's, in (0, 1)."""
    reach = [*accumulate(draws.gammavariate(weight, 1.0) for weight in weights)]
    return [end / reach[-1] for end in reach[:-1]] if reach[-1] else []


def _drawn(spread: Spread, draws: Draws) -> tuple[float, ...]:
    """The quantiles of what was seen, moved by a draw of how far its mean may be from the true one."""
    cv = spread.deviation / spread.mean if spread.mean else 0.0
    known = _PRIOR_COUNT + spread.count - 1
    variance = (_PRIOR_COUNT * _PRIOR_CV**2 + (spread.count - 1) * cv**2) / known
    deviations = draws.gauss(0, 1) / sqrt(draws.gammavariate(known / 2, 2.0) / known)
    off = max(-_MOST_DEVIATIONS, min(_MOST_DEVIATIONS, deviations)) * sqrt(variance / spread.count)
    return tuple(value * spread.scale * exp(off) for value in spread.quantiles)


def _maybe_seen_times(figures: Figures | None, draws: Draws) -> _Times | None:
    if figures is None or figures.seconds is None:
        return None
    whole = _drawn(figures.seconds, draws)
    first = figures.first_seconds.quantiles if figures.first_seconds else whole
    return lambda uniform, _prompt, _output: (value_at(first, uniform), value_at(whole, uniform))


def _told_times(speed: Speed | None, factor: float) -> _Times:
    if speed is None:
        return lambda _uniform, _prompt, _output: (0.0, 0.0)

    def told(uniform: float, prompt: float, output: float) -> tuple[float, float]:
        first_s = speed.until_first_token_s(max(uniform, _SLIGHT), round(prompt))
        return first_s * factor, (first_s + output / speed.decode_per_s) * factor

    return told
