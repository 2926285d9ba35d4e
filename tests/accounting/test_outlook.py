from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igent.accounting.estimate import Estimate
from igent.accounting.history import Figures, History, Spread
from igent.accounting.outlook import RateLimits, Terms, estimate
from igent.accounting.planned import PlannedPhase, PlannedRegistration
from igent.accounting.prices import PriceTable
from igent.domain.records import Json
from tests.accounting.workloads import MODEL, PROMPT_CHARS, PROMPT_TOKENS, WORKLOADS, seat

AMOUNTS: dict[str, Json] = {
    "input": "1", "output": "5", "cache_read": "0.1", "cache_write": "1.25", "cache_write_1h": "2",
}  # fmt: skip
MODELS: dict[str, Json] = {MODEL: {**AMOUNTS, "cacheable_prefix_tokens": 512}, "short": AMOUNTS}
PRICES = PriceTable.read({"source": "here", "date": "2026-11", "usd_per_million_tokens": MODELS}, file="p.json")
TERMS = Terms(prices=PRICES, slots=8)


class Fixed:
    """Seconds of a model without chance: one until the reply begins, a hundredth for each token."""

    decode_per_s = 100.0

    def until_first_token_s(self, uniform: float, prompt_tokens: int) -> float:
        return 1.0


MATCHER = replace(seat("matcher"), speed=Fixed())
ONCE = PlannedPhase(matcher=MATCHER, prompt_chars=PROMPT_CHARS)
LONG = replace(ONCE, prompt_chars=2 * PROMPT_CHARS)


def told(
    plan: Sequence[PlannedRegistration], history: History | None = None, *, terms: Terms = TERMS, seed: int = 1
) -> Estimate:
    return estimate(plan, terms, history, draws=random.Random(seed))


def registrations(count: int, *phases: PlannedPhase) -> list[PlannedRegistration]:
    return [PlannedRegistration(noted=False, phases=phases or (ONCE,))] * count


def middle(found: tuple[Decimal, Decimal, Decimal] | None) -> float:
    assert found is not None
    return float(found[1])


def width(found: tuple[Decimal, Decimal, Decimal] | None) -> float:
    assert found is not None
    return float(found[2] / found[0])


def exact(*, calls: Mapping[str, int], noted: bool = False, count: int = 10**6, tail: int = 1) -> History:
    """A run of `count` calls, all of them alike but for a `tail` that multiplies the mean, on the same course."""
    tokens, half, one = (Spread(count=count, mean=x * tail, deviation=0, quantiles=(x,) * 21) for x in (40, 0.5, 1))
    figures = Figures(
        prompt_chars=PROMPT_CHARS, prompt_tokens=PROMPT_TOKENS, output_tokens=tokens, first_seconds=half, seconds=one
    )
    keys = ((agent, MODEL) for agent in calls)
    return History(figures=dict.fromkeys(keys, figures), patterns={noted: ((calls, 10**6),)})


EXACT = exact(calls={"matcher": 1})


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_pilot_of_twenty_tells_the_cost_and_the_time_of_a_run(name: str) -> None:
    work = WORKLOADS[name]
    usd, seconds = work.truth()
    found = told(work.plan(), work.pilot(20), terms=replace(TERMS, slots=work.slots))
    assert middle(found.cost_usd) == pytest.approx(usd, rel=0.15)
    assert middle(found.seconds) == pytest.approx(seconds, rel=0.15)


def test_the_range_holds_most_of_what_runs_cost() -> None:
    work = replace(WORKLOADS["repairs and second rounds"], size=20)
    usd, _ = work.truth()
    ranges = [told(work.plan(), work.pilot(20, seed=seed)).cost_usd for seed in range(10)]
    assert sum(found[0] <= Decimal(usd) <= found[2] for found in ranges if found) >= 6


def test_a_run_of_more_than_the_sample_is_scaled() -> None:
    plan = registrations(1_500) + registrations(1_000, LONG)
    found = told(plan, EXACT)
    assert found.calls == {"matcher": 2_500}
    assert found.tokens["input_tokens"] == 3_500_000
    assert middle(found.seconds) == pytest.approx(2_500 / 8, rel=0.01)


def test_a_sample_that_is_not_like_the_whole_is_set_right() -> None:
    plan = [one for one in registrations(1_000) for one in (one, *registrations(1, LONG))]
    assert told(plan, EXACT).tokens["input_tokens"] == 3_000_000


def test_what_always_was_the_same_will_be() -> None:
    found = told(registrations(80), EXACT)
    assert found.calls == {"matcher": 80}
    assert found.tokens["input_tokens"] == 80_000
    assert found.tokens["output_tokens"] == pytest.approx(3_200, rel=0.01)
    assert middle(found.cost_usd) == pytest.approx(80 * (0.001 + 40 * 5e-6), rel=0.01)
    assert middle(found.seconds) == pytest.approx(10, rel=0.01)


def test_calls_follow_the_courses_that_were_seen() -> None:
    phase = replace(ONCE, critic=seat("critic"))
    assert told(registrations(50, phase), exact(calls={"matcher": 2, "critic": 3})).calls == {
        "matcher": 100,
        "critic": 150,
    }


def test_a_repeated_question_has_the_reply_before_it_in_it() -> None:
    found = told(registrations(50), exact(calls={"matcher": 2}))
    assert found.tokens["input_tokens"] == pytest.approx(50 * (2_000 + 250 / 3.3), abs=1)


def test_long_tails_are_in_the_mean() -> None:
    assert told(registrations(50), exact(calls={"matcher": 1}, tail=3)).tokens["output_tokens"] == pytest.approx(
        50 * 120, rel=0.01
    )


def test_no_reply_is_longer_than_it_may_be() -> None:
    curt = replace(ONCE, matcher=replace(MATCHER, max_tokens=16))
    assert told(registrations(50, curt), EXACT).tokens["output_tokens"] == 50 * 16


def test_courses_of_other_households_do_not_count() -> None:
    found = told(registrations(50), exact(calls={"matcher": 5}, noted=True))
    assert 50 <= found.calls["matcher"] <= 60


def test_courses_of_households_that_rules_settled_in_part_do_not_count() -> None:
    second = replace(ONCE, matcher=seat("matcher2"))
    both = exact(calls={"matcher": 3, "matcher2": 1})
    assert told(registrations(50), both).calls["matcher"] < 100
    assert told(registrations(50, ONCE, second), both).calls == {"matcher": 150, "matcher2": 50}
    assert told(registrations(50, ONCE, second), exact(calls={"matcher": 3})).calls["matcher"] < 100


def test_phases_one_after_the_other_take_as_long_as_both() -> None:
    second, both = replace(ONCE, matcher=seat("matcher2")), exact(calls={"matcher": 1, "matcher2": 1})
    plan, terms = registrations(4, ONCE, second), replace(TERMS, slots=8)
    assert middle(told(plan, both, terms=terms).seconds) == pytest.approx(1, rel=0.05)
    assert middle(told(plan, both, terms=replace(terms, parallel_phases=False)).seconds) == pytest.approx(2, rel=0.05)


def test_where_phases_wait_for_each_other_a_course_may_end_after_the_first() -> None:
    second, early = replace(ONCE, matcher=seat("matcher2")), exact(calls={"matcher": 2})
    found = told(registrations(50, ONCE, second), early, terms=replace(TERMS, parallel_phases=False))
    assert found.calls == {"matcher": 100}


def test_few_observations_give_wide_ranges() -> None:
    work = WORKLOADS["critics of notes"]
    widths = [width(told(work.plan(), work.pilot(count)).cost_usd) for count in (2, 20, 2_000)]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 1.3
    assert widths[2] < 1.05


def test_what_few_calls_took_may_be_off_however_alike_they_were() -> None:
    few, many = (told(registrations(100), exact(calls={"matcher": 1}, count=count)) for count in (3, 10**6))
    assert width(few.seconds) > 1.2
    assert width(many.seconds) < 1.01


def test_nothing_seen_gives_published_figures() -> None:
    found = told(registrations(200))
    assert found.basis == "published figures"
    assert width(found.cost_usd) > 1.3
    assert middle(found.cost_usd) == pytest.approx(200 * (825 * 1e-6 + 36 * 5e-6), rel=0.3)
    assert middle(found.seconds) == pytest.approx(25 * 1.36, rel=0.3)


def test_a_critic_is_asked_where_one_is_expected() -> None:
    phase = replace(ONCE, critic=seat("critic"))
    assert "critic" not in told(registrations(20, phase)).calls
    assert told(registrations(20, replace(phase, critic_expected=True))).calls["critic"] == 20


def test_who_thinks_may_use_all_it_is_allowed() -> None:
    thinking = replace(ONCE, matcher=replace(MATCHER, thinking=True))
    assert told(registrations(20, thinking)).tokens["output_tokens"] > 20 * 1_000


def test_the_basis_names_what_was_not_seen() -> None:
    phase = replace(ONCE, critic=seat("critic"), critic_expected=True)
    found = told(registrations(5, phase), WORKLOADS["one call each"].pilot(6), terms=replace(TERMS, source="run X"))
    assert found.basis == "6 calls of run X; published figures for critic"


def test_another_model_was_not_seen() -> None:
    phase = replace(ONCE, matcher=seat("matcher", model="short"))
    assert told(registrations(5, phase), EXACT).basis == "published figures"


def test_a_model_without_a_price_makes_the_cost_unknown() -> None:
    phase = replace(ONCE, matcher=seat("matcher", model="unheard-of"))
    found = told(registrations(5, phase))
    assert (found.cost_usd, found.unpriced_models) == (None, ("unheard-of",))


def test_prompts_past_a_limit_have_their_own_price() -> None:
    dear: dict[str, Json] = dict.fromkeys(AMOUNTS, "10") | {"above_tokens": 900}
    models: dict[str, Json] = {MODEL: {**AMOUNTS, "long_prompt": dear}}
    prices = PriceTable.read({"source": "here", "date": "2026-11", "usd_per_million_tokens": models}, file="p.json")
    found = told(registrations(10), EXACT, terms=replace(TERMS, prices=prices))
    assert middle(found.cost_usd) == pytest.approx(10 * 1_040 * 1e-5, rel=0.01)


def test_a_limit_per_minute_bounds_the_time() -> None:
    terms = replace(TERMS, slots=1_000, limits=RateLimits(requests=100, output_tokens=10**9))
    assert middle(told(registrations(400), EXACT, terms=terms).seconds) == 180


def test_limits_count_what_the_prompt_cache_does_not_give() -> None:
    plan = registrations(101, replace(ONCE, shared=(("offers", 3_300),)))
    terms = replace(TERMS, slots=1_000, prompt_caching=True, limits=RateLimits(input_tokens=500))
    assert middle(told(plan, EXACT, terms=terms).seconds) == pytest.approx(60)


CACHING = replace(TERMS, prompt_caching=True)


def tokens(plan: Sequence[PlannedRegistration], *, terms: Terms = CACHING) -> tuple[int, int, int]:
    found = told(plan, EXACT, terms=terms).tokens
    return found["input_tokens"], found["cache_write_tokens"], found["cache_read_tokens"]


def test_shared_beginnings_are_written_once_and_read_afterwards() -> None:
    plan = registrations(10, replace(ONCE, shared=(("system", 330), ("offers", 2_640))))
    assert tokens(plan) == (2_000, 800, 7_200)


@pytest.mark.parametrize(("parallel", "counts"), [(True, (4_000, 1_600, 14_400)), (False, (4_800, 1_600, 13_600))])
def test_what_is_asked_later_is_written_from_its_second_use_on(parallel: bool, counts: tuple[int, int, int]) -> None:
    first, second = (replace(ONCE, matcher=replace(MATCHER, agent=name), shared=(("offers", 2_640),)) for name in "ab")
    assert tokens(registrations(10, first, second), terms=replace(CACHING, parallel_phases=parallel)) == counts


def test_a_longer_beginning_adds_to_the_shorter_one_before_it() -> None:
    phases = [replace(ONCE, shared=(("system", 1_980), (offers, 2_640))) for offers in "aabb"]
    assert tokens([PlannedRegistration(noted=False, phases=(one,)) for one in phases]) == (800, 1_000, 2_200)


@pytest.mark.parametrize(
    ("terms", "shared"),
    [
        (TERMS, (("offers", 2_640),)),
        (CACHING, ()),
        (CACHING, (("offers", 1_650),)),
    ],
)
def test_without_caching_or_below_the_models_least_nothing_is_cached(
    terms: Terms, shared: tuple[tuple[str, int], ...]
) -> None:
    assert tokens(registrations(10, replace(ONCE, shared=shared)), terms=terms) == (10_000, 0, 0)


def test_a_beginning_that_nobody_else_has_is_not_written() -> None:
    plan = [PlannedRegistration(noted=False, phases=(replace(ONCE, shared=((str(one), 2_640),)),)) for one in range(10)]
    assert tokens(plan) == (10_000, 0, 0)


def test_what_is_not_used_for_five_minutes_is_written_again() -> None:
    rare, other = (replace(ONCE, shared=((key, 2_640),)) for key in ("rare", "other"))
    plan = [PlannedRegistration(noted=False, phases=(one,)) for one in [rare, *[other] * 400, rare]]
    assert tokens(plan, terms=replace(CACHING, slots=1))[1] == pytest.approx(3 * 800, rel=0.01)
    assert tokens(plan)[1] == pytest.approx(2 * 800, rel=0.01)


def test_one_call_of_a_beginning_goes_first() -> None:
    plan = registrations(8, replace(ONCE, shared=(("offers", 2_640),)))
    assert middle(told(plan, EXACT).seconds) == pytest.approx(1, rel=0.05)
    assert middle(told(plan, EXACT, terms=CACHING).seconds) == pytest.approx(1.5, rel=0.05)


@given(st.integers(1, 12), st.sampled_from([None, 1, 5]), st.sampled_from(sorted(WORKLOADS)), st.integers(0, 9))
@settings(max_examples=10)
def test_ranges_are_in_order_and_more_calls_cost_more(size: int, pilot: int | None, name: str, seed: int) -> None:
    work = WORKLOADS[name]
    history = None if pilot is None else work.pilot(pilot, seed=seed)
    once, thrice = (told(work.plan(size) * times, history, seed=seed) for times in (1, 3))
    assert once.cost_usd is not None
    assert thrice.cost_usd is not None
    for found in (once.cost_usd, once.seconds, thrice.cost_usd, thrice.seconds):
        assert [*found] == sorted(found)
    assert all(more > less for less, more in zip(once.cost_usd, thrice.cost_usd, strict=True))


@given(st.lists(st.booleans(), max_size=12))
@settings(max_examples=20)
def test_what_the_response_cache_answers_costs_nothing(cached: list[bool]) -> None:
    phases = [replace(ONCE, cached=one) for one in cached]
    found = told([PlannedRegistration(noted=False, phases=(one,)) for one in phases], EXACT)
    paid = told(registrations(cached.count(False)), EXACT)
    assert found == paid
    assert paid.calls == ({"matcher": cached.count(False)} if not all(cached) else {})


def test_of_a_registration_answered_in_part_only_the_rest_is_asked() -> None:
    second, both = replace(ONCE, matcher=seat("matcher2")), exact(calls={"matcher": 1, "matcher2": 1})
    assert told(registrations(10, replace(ONCE, cached=True), second), both).calls == {"matcher2": 10}


def test_nothing_to_ask_takes_nothing() -> None:
    found = told([])
    assert found.cost_usd == found.seconds == (Decimal(0),) * 3
    assert (found.registrations, found.calls) == (0, {})


def test_the_same_draws_give_the_same_estimate() -> None:
    work = WORKLOADS["long tails"]
    assert told(work.plan(20), work.pilot(5)) == told(work.plan(20), work.pilot(5))
    assert told(work.plan(20), work.pilot(5)) != told(work.plan(20), work.pilot(5), seed=2)
