"""What a plan comes to on given terms: trials of a sample of it, scaled to its size, priced and put in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import median

from igent.accounting.estimate import Estimate, Range
from igent.accounting.history import History
from igent.accounting.planned import PlannedPhase, PlannedRegistration, Seat
from igent.accounting.prices import PriceTable, prompt_tokens
from igent.accounting.trials import Draws, Trial, Trials
from igent.accounting.usage import CHARACTERS_PER_TOKEN, Usage

__all__ = ["RateLimits", "Terms", "estimate"]

_TRIALS = 40
_RANKS = (3, 19, 35)  # their 10th, 50th and 90th percentile, by nearest rank
_SAMPLE = 1_000  # registrations that are tried out; sums over more are scaled from theirs, to within about 2 %
_CACHED_S = 300  # how long a provider's prompt cache keeps what nobody uses
_CLASSES = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """What a provider lets through per minute, None where it does not say; cache reads do not count as input."""

    requests: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None

    def least_s(self, calls: float, usage: Usage) -> float:
        """The fewest seconds that so much takes, where the first minute's worth may come at once."""
        fresh = prompt_tokens(usage) - usage.cache_read_tokens
        taken = (calls, self.requests), (fresh, self.input_tokens), (usage.output_tokens, self.output_tokens)
        return max(60 * (amount / limit - 1) if limit else 0.0 for amount, limit in taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms calls are made: at most `slots` at once. `source` says where a history is from."""

    prices: PriceTable
    slots: int
    parallel_phases: bool = True
    prompt_caching: bool = False
    limits: RateLimits = field(default_factory=RateLimits)
    source: str = "an earlier run"


def estimate(plan: Sequence[PlannedRegistration], terms: Terms, history: History | None, *, draws: Draws) -> Estimate:
    """What these registrations will take, in their order; the same draws give the same estimate."""
    asked, history = [one for one in plan if one.asked], history or History(figures={}, patterns={})
    sample = [asked[at * len(asked) // _SAMPLE] for at in range(_SAMPLE)] if len(asked) > _SAMPLE else asked
    held, times = _held(asked, terms, history), len(asked) / max(len(sample), 1)
    trials = Trials(sample, history, slots=terms.slots, parallel_phases=terms.parallel_phases, gates=held)
    tried = [trials.trial(draws) for _ in range(_TRIALS)]
    calls_s = [one.seconds + one.busy_s * (times - 1) / terms.slots for one in tried]
    pace_s, parallel = median(calls_s) / max(len(asked), 1), terms.parallel_phases
    prompts, few = (_Prompts.of(some, held, pace_s=pace_s, parallel=parallel) for some in (asked, sample))
    accounts = [_Account.of(one, prompts, few, times=times) for one in tried]
    sums = [account.usage for account in accounts]
    models = {seat.agent: seat.model for _, _, seat in _turns(asked, expected=False)}
    costs, unpriced = _costs(accounts, models, terms.prices)
    bounds_s = [terms.limits.least_s(sum(one.calls.values()), usage) for one, usage in zip(accounts, sums, strict=True)]
    calls = {agent: round(median(one.calls[agent] for one in accounts)) for agent in models}
    return Estimate(
        registrations=len(asked),
        calls={agent: count for agent, count in calls.items() if count},
        tokens={name: round(median(getattr(usage, name) for usage in sums)) for name in _CLASSES},
        cost_usd=None if unpriced else _range(costs),
        seconds=_range([Decimal(max(both)) for both in zip(calls_s, bounds_s, strict=True)]),
        unpriced_models=unpriced,
        basis=_basis(asked, terms, history),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prompts:
    """The characters of first prompts by agent: all of them, and those that a prompt cache gives and that it takes."""

    whole: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    written: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(
        cls, plan: Sequence[PlannedRegistration], held: frozenset[str], *, pace_s: float, parallel: bool
    ) -> _Prompts:
        """Those of a plan whose registrations follow each other in `pace_s`.

        A prefix that all who have it ask with at the start is written by the first of them; any other, such as a
        critic's, by the second, since nobody knows of one when the first is sent.
        """
        found, kept, used = cls(), dict[str, int](), set[str]()
        for index, phase, seat in _turns(plan):
            found.whole[seat.agent] += phase.chars_for(seat)
            at_start = seat is phase.matcher and (parallel or phase is plan[index].asked[0])
            begin = 0
            for key, chars in phase.shared_by(seat):
                if key in held and (at_start or key in used):
                    warm = key in kept and (index - kept[key]) * pace_s <= _CACHED_S
                    (found.read if warm else found.written)[seat.agent] += chars - begin
                    begin, kept[key] = chars, index
                used.add(key)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    """What a trial comes to at the size of the plan, by agent."""

    calls: Mapping[str, float]
    usages: Mapping[str, Usage]

    @classmethod
    def of(cls, trial: Trial, prompts: _Prompts, sample: _Prompts, *, times: float) -> _Account:
        """A trial of a sample, so many `times` as large; where an agent's prompts are known, as many as they are."""
        tried = sample.whole
        scale = {agent: prompts.whole[agent] / tried[agent] if tried[agent] else times for agent in trial.calls}
        shares = {agent: prompts.whole[agent] or 1 for agent in trial.calls}
        usages = dict[str, Usage]()
        for agent, share in shares.items():
            tokens = trial.prompt_tokens[agent] * scale[agent]
            read, written = (round(tokens * some[agent] / share) for some in (prompts.read, prompts.written))
            usages[agent] = Usage(
                input_tokens=max(round(tokens) - read - written, 0),
                output_tokens=round(trial.output_tokens[agent] * scale[agent]),
                cache_read_tokens=read,
                cache_write_tokens=written,
            )
        return cls(calls={agent: count * scale[agent] for agent, count in trial.calls.items()}, usages=usages)

    @property
    def usage(self) -> Usage:
        """All agents together."""
        return sum(self.usages.values(), Usage())

    def usd(self, agent: str, model: str, prices: PriceTable) -> Decimal | None:
        """What an agent costs, each prompt as long as its mean one; None where its model has no price."""
        usage, calls = self.usages[agent], self.calls[agent]
        price = prices.maybe(model)
        if price is None or not calls:
            return None if calls else Decimal(0)
        rates = price.amounts(round(prompt_tokens(usage) / calls))
        fresh, output = usage.input_tokens * rates.input, usage.output_tokens * rates.output
        cached = usage.cache_read_tokens * rates.cache_read + usage.cache_write_tokens * rates.cache_write
        return (fresh + output + cached).scaleb(-6)


def _turns(plan: Sequence[PlannedRegistration], *, expected: bool = True) -> Iterator[tuple[int, PlannedPhase, Seat]]:
    """Who is asked in each phase, or who may be, with the index of the registration."""
    for index, one in enumerate(plan):
        for phase in one.asked:
            yield from ((index, phase, seat) for seat in (phase.expected if expected else phase.seats))


def _held(plan: Sequence[PlannedRegistration], terms: Terms, history: History) -> frozenset[str]:
    """The beginnings of prompts that the prompt cache will hold: long enough for the model, and used again."""
    if not terms.prompt_caching:
        return frozenset()
    uses, long = Counter[str](), set[str]()
    for _, phase, seat in _turns(plan):
        price = terms.prices.maybe(seat.model)
        least = price.cacheable_prefix_tokens if price else None
        tokens = history.maybe_tokens_per_char(seat.agent, seat.model) or 1 / CHARACTERS_PER_TOKEN
        for key, chars in phase.shared_by(seat):
            uses[key] += 1
            if least is not None and chars * tokens >= least:
                long.add(key)
    return frozenset(key for key in long if uses[key] > 1)


def _costs(
    accounts: Sequence[_Account], models: Mapping[str, str], prices: PriceTable
) -> tuple[list[Decimal], tuple[str, ...]]:
    """What each account costs, and the models that have no price."""
    costs, unpriced = list[Decimal](), set[str]()
    for account in accounts:
        usd = {agent: account.usd(agent, model, prices) for agent, model in models.items()}
        unpriced |= {models[agent] for agent, one in usd.items() if one is None}
        costs.append(sum((one for one in usd.values() if one is not None), Decimal(0)))
    return costs, tuple(sorted(unpriced))


def _range(values: Sequence[Decimal]) -> Range:
    low, middle, high = (sorted(values)[rank] for rank in _RANKS)
    return low, middle, high


def _basis(plan: Sequence[PlannedRegistration], terms: Terms, history: History) -> str:
    asked = {(seat.agent, seat.model) for _, _, seat in _turns(plan)}
    unseen = sorted(agent for agent, model in asked - history.figures.keys())
    if len(unseen) == len(asked):
        return "published figures"
    calls = sum(history.figures[key].output_tokens.count for key in asked & history.figures.keys())
    seen = f"{calls:,} calls of {terms.source}"
    return f"{seen}; published figures for {', '.join(unseen)}" if unseen else seen
