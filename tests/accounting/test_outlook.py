from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igent.accounting.calls import CallFacts
from igent.accounting.estimate import Estimate
from igent.accounting.outlook import Outlook, RateLimits, Terms
from igent.accounting.planned import PlannedPhase, PlannedRegistration
from igent.accounting.prices import PriceTable
from igent.accounting.seen import Seen, Sums, kind
from igent.accounting.usage import Usage
from igent.domain.records import Json
from tests.accounting.workloads import MODEL, PROMPT_CHARS, PROMPT_TOKENS, SYSTEM_CHARS, WORKLOADS, seat

AMOUNTS: dict[str, Json] = {
    "input": "1", "output": "5", "cache_read": "0.1", "cache_write": "1.25", "cache_write_1h": "2",
}  # fmt: skip
MODELS: dict[str, Json] = {MODEL: {**AMOUNTS, "cacheable_prefix_tokens": 512}, "short": AMOUNTS}
PRICES = PriceTable.read({"source": "here", "date": "2026-11", "usd_per_million_tokens": MODELS}, file="p.json")
TERMS = Terms(prices=PRICES, slots=8)
CACHING = replace(TERMS, prompt_caching=True)

ONCE = PlannedPhase(matcher=seat("matcher"), text_chars=PROMPT_CHARS - SYSTEM_CHARS)
SECOND = replace(ONCE, matcher=seat("matcher2"))
LONG = replace(ONCE, text_chars=2 * PROMPT_CHARS - SYSTEM_CHARS)
SHARING = replace(ONCE, shared="offers", shared_chars=1_640)  # 800 tokens with the instructions before it
PLAIN, NOTED = (kind("matcher", noted=noted) for noted in (False, True))


def told(plan: Sequence[PlannedRegistration], seen: Seen | None = None, *, terms: Terms = TERMS) -> Estimate:
    outlook = Outlook(terms, seen)
    for one in plan:
        outlook.add(one)
    return outlook.estimate()


def registrations(count: int, *phases: PlannedPhase, of_kind: str = PLAIN) -> list[PlannedRegistration]:
    return [PlannedRegistration(kind=of_kind, phases=phases or (ONCE,))] * count


def one_by_one(*phases: PlannedPhase) -> list[PlannedRegistration]:
    return [PlannedRegistration(kind=PLAIN, phases=(phase,)) for phase in phases]


def middle(found: tuple[Decimal, Decimal, Decimal] | None) -> float:
    assert found is not None
    return float(found[1])


def width(found: tuple[Decimal, Decimal, Decimal] | None) -> float:
    assert found is not None
    return float(found[2] / found[0])


def exact(*calls: str, noted: bool = False, count: int = 10**6) -> Seen:
    """So many registrations with these calls, by agent, each of 1,000 tokens, 40 of a reply and one second."""
    seen, usage = Seen(), Usage(input_tokens=PROMPT_TOKENS, output_tokens=40)
    kinds = {"matcher": "match", "matcher2": "order", "critic": "critique"}
    facts = [CallFacts(agent=agent, kind=kinds[agent], model=MODEL, usage=usage, seconds=1.0) for agent in calls]
    for one in facts:
        seen.add(one, prompt_chars=PROMPT_CHARS)
    seen.close(facts, noted=noted)
    rows: dict[str, list[float]] = seen.as_record()  # type: ignore[assignment]
    return Seen({name: Sums(*(number * count for number in row)) for name, row in rows.items()})


EXACT, BOTH = exact("matcher"), exact("matcher", "matcher2")


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_pilot_of_twenty_tells_the_cost_and_the_time_of_a_run(name: str) -> None:
    work = WORKLOADS[name]
    usd, seconds = work.truth()
    found = told(work.plan(), work.pilot(20), terms=replace(TERMS, slots=work.slots))
    assert middle(found.cost_usd) == pytest.approx(usd, rel=0.15)
    assert middle(found.seconds) == pytest.approx(seconds, rel=0.15)


@pytest.mark.parametrize("name", WORKLOADS)
def test_ranges_hold_most_of_what_runs_come_to(name: str) -> None:
    work = replace(WORKLOADS[name], size=40)
    usd, seconds = (Decimal(f"{one:.6f}") for one in work.truth())
    terms = replace(TERMS, slots=work.slots)
    ranges = [told(work.plan(), work.pilot(pilot, seed=seed), terms=terms) for pilot in (3, 20) for seed in range(15)]
    assert sum(one.cost_usd[0] <= usd <= one.cost_usd[2] for one in ranges if one.cost_usd) >= 18
    assert sum(one.seconds[0] <= seconds <= one.seconds[2] for one in ranges) >= 18


def test_a_pilot_of_three_gives_a_wide_range() -> None:
    for work in WORKLOADS.values():
        found = told(work.plan(), work.pilot(3))
        assert width(found.cost_usd) > 1.3
        assert width(found.seconds) > 1.4


def test_few_observations_give_wider_ranges_than_many() -> None:
    work = WORKLOADS["critics of notes"]
    found = [told(work.plan(), work.pilot(count)) for count in (2, 20, 2_000)]
    for widths in ([width(one.cost_usd) for one in found], [width(one.seconds) for one in found]):
        assert widths == sorted(widths, reverse=True)
        assert widths[2] < 1.1


def test_what_few_calls_took_may_be_off_however_alike_they_were() -> None:
    few, many = (told(registrations(100), exact("matcher", count=count)) for count in (3, 10**6))
    assert width(few.seconds) > 1.4
    assert width(many.seconds) < 1.01


def test_what_always_was_the_same_will_be() -> None:
    found = told(registrations(800), EXACT)
    assert found.calls == {"matcher": 800}
    assert (found.tokens["input_tokens"], found.tokens["output_tokens"]) == (800_000, 32_000)
    assert middle(found.cost_usd) == pytest.approx(800 * (0.001 + 40 * 5e-6))
    assert middle(found.seconds) == pytest.approx(100, rel=0.01)


def test_longer_prompts_have_more_tokens() -> None:
    found = told([*registrations(1_500), *registrations(1_000, LONG)], EXACT)
    assert found.calls == {"matcher": 2_500}
    assert found.tokens["input_tokens"] == 3_500_000


def test_the_last_calls_leave_slots_idle() -> None:
    assert middle(told(registrations(1), EXACT).seconds) == pytest.approx(1.5)
    assert middle(told(registrations(80), EXACT).seconds) == pytest.approx(80 / 8 + 1.5 * 7 / 16)


def test_where_prompts_are_cached_the_first_calls_wait_for_one_that_goes_first() -> None:
    plain, caching = (middle(told(registrations(80), EXACT, terms=terms).seconds) for terms in (TERMS, CACHING))
    assert caching == pytest.approx(plain + 0.5)


def test_calls_follow_what_was_seen_of_that_kind() -> None:
    phase = replace(ONCE, critic=seat("critic"))
    seen = exact("matcher", "matcher", *["critic"] * 3)
    assert told(registrations(50, phase), seen).calls == {"matcher": 100, "critic": 150}
    assert told(registrations(50, phase, of_kind=NOTED), seen).calls == {"matcher": 50}
    second = registrations(50, SECOND, of_kind=kind("matcher2", noted=False))
    assert told(second, exact("matcher", "matcher2", "matcher2")).calls == {"matcher2": 50}


def test_a_critic_is_asked_where_one_is_expected() -> None:
    phase = replace(ONCE, critic=seat("critic"))
    assert "critic" not in told(registrations(20, phase)).calls
    assert told(registrations(20, replace(phase, critic_expected=True))).calls["critic"] == 20


def test_a_critic_that_is_expected_and_was_not_heard_in_a_small_pilot_is_not_ruled_out() -> None:
    phase = replace(ONCE, critic=seat("critic"), critic_expected=True)
    assert told(registrations(60, phase), exact("matcher", count=1)).calls == {"matcher": 60, "critic": 20}


def test_a_second_phase_is_asked_as_often_as_the_first_was_settled() -> None:
    rows = BOTH.as_record() | exact("matcher").as_record()
    halves = Seen.from_record(rows | {f"{PLAIN}: matcher2": [5e5, 5e5, 5e5]})
    assert told(registrations(50, ONCE, SECOND), halves).calls == {"matcher": 50, "matcher2": 25}


def test_phases_one_after_the_other_take_as_long_as_both() -> None:
    plan, terms = registrations(4, ONCE, SECOND), replace(TERMS, slots=64)
    assert middle(told(plan, BOTH, terms=terms).seconds) == pytest.approx(1.5)
    assert middle(told(plan, BOTH, terms=replace(terms, parallel_phases=False)).seconds) == pytest.approx(3)


def test_nothing_seen_gives_published_figures() -> None:
    found = told(registrations(200))
    assert found.basis == "published figures"
    assert width(found.cost_usd) > 2
    assert middle(found.cost_usd) == pytest.approx(200 * (825 * 1e-6 + 36 * 5e-6))
    assert middle(found.seconds) == pytest.approx(25 * 1.36, rel=0.05)


def test_published_figures_are_off_together_and_seen_ones_each_by_itself() -> None:
    one, two = registrations(10**4), registrations(10**4, ONCE, SECOND)
    assert width(told(two).seconds) == pytest.approx(width(told(one).seconds), rel=0.01)
    seen = exact("matcher", "matcher2", count=3)
    assert width(told(two, seen).seconds) < 0.9 * width(told(one, seen).seconds)


def test_how_far_replies_differ_matters_as_far_as_they_cost() -> None:
    free: dict[str, Json] = {MODEL: {**AMOUNTS, "output": "0"}}
    prices = PriceTable.read({"source": "here", "date": "2026-11", "usd_per_million_tokens": free}, file="p.json")
    even, uneven = (WORKLOADS[name].pilot(60) for name in ("one call each", "long tails"))
    plan, terms = WORKLOADS["long tails"].plan(2_000), replace(TERMS, prices=prices)
    assert width(told(plan, uneven).cost_usd) > 1.02 * width(told(plan, even).cost_usd)
    assert told(plan, uneven, terms=terms).cost_usd == told(plan, even, terms=terms).cost_usd


def test_of_many_calls_chance_decides_less() -> None:
    seen = WORKLOADS["long tails"].pilot(2_000)
    few, many = (told(WORKLOADS["long tails"].plan(size), seen) for size in (20, 2_000))
    assert width(few.cost_usd) - 1 > 4 * (width(many.cost_usd) - 1)


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
    assert middle(found.cost_usd) == pytest.approx(10 * 1_040 * 1e-5)


def test_a_limit_per_minute_bounds_the_time() -> None:
    terms = replace(TERMS, slots=1_000, limits=RateLimits(requests=100, output_tokens=10**9))
    assert [*told(registrations(400), EXACT, terms=terms).seconds] == [180] * 3


def test_limits_count_what_the_prompt_cache_does_not_give() -> None:
    phase = replace(ONCE, shared="all", shared_chars=PROMPT_CHARS - SYSTEM_CHARS)
    terms = replace(CACHING, slots=1_000, limits=RateLimits(input_tokens=500))
    assert middle(told(registrations(101, phase), EXACT, terms=terms).seconds) == pytest.approx(60)


def tokens(plan: Sequence[PlannedRegistration], *, terms: Terms = CACHING, seen: Seen = EXACT) -> tuple[int, int, int]:
    found = told(plan, seen, terms=terms).tokens
    return found["input_tokens"], found["cache_write_tokens"], found["cache_read_tokens"]


def test_shared_beginnings_are_written_once_and_read_afterwards() -> None:
    assert tokens(registrations(10, SHARING)) == (2_000, 800, 7_200)


@pytest.mark.parametrize(("parallel", "counts"), [(True, (4_000, 1_600, 14_400)), (False, (4_800, 1_600, 13_600))])
def test_what_is_asked_later_is_written_from_its_second_use_on(parallel: bool, counts: tuple[int, int, int]) -> None:
    plan = registrations(10, SHARING, replace(SHARING, matcher=seat("matcher2")))
    assert tokens(plan, terms=replace(CACHING, parallel_phases=parallel), seen=BOTH) == counts


def test_a_critics_beginning_is_written_from_its_second_use_on() -> None:
    judged = replace(SHARING, critic=seat("critic"), critic_expected=True)
    found = told(registrations(10, judged), exact("matcher", "critic"), terms=CACHING).tokens
    assert (found["cache_write_tokens"], found["cache_read_tokens"]) == (800 + 800, 9 * 800 + 8 * 800)


def test_a_longer_beginning_adds_to_the_shorter_one_before_it() -> None:
    wordy = replace(seat("matcher"), system_chars=1_980)
    phases = [PlannedPhase(matcher=wordy, text_chars=1_320, shared=offers, shared_chars=660) for offers in "aabb"]
    assert tokens(one_by_one(*phases)) == (800, 1_000, 2_200)


@pytest.mark.parametrize(
    ("terms", "phase"),
    [(TERMS, SHARING), (CACHING, ONCE), (CACHING, replace(SHARING, shared_chars=650))],
)
def test_without_caching_or_below_the_models_least_nothing_is_cached(terms: Terms, phase: PlannedPhase) -> None:
    assert tokens(registrations(10, phase), terms=terms) == (10_000, 0, 0)


def test_a_beginning_that_nobody_else_has_is_not_written() -> None:
    assert tokens(one_by_one(*(replace(SHARING, shared=f"{one}") for one in range(10)))) == (10_000, 0, 0)


def test_what_is_not_used_for_five_minutes_is_forgotten() -> None:
    rare = replace(SHARING, shared="rare")
    plan = one_by_one(SHARING, rare, rare, *[SHARING] * 400, rare, rare)
    assert tokens(plan, terms=replace(CACHING, slots=1))[1] == 3 * 800
    assert tokens(plan)[1] == 2 * 800


@given(st.integers(1, 12), st.sampled_from([None, 1, 5]), st.sampled_from(sorted(WORKLOADS)), st.integers(0, 9))
@settings(max_examples=10)
def test_ranges_are_in_order_and_more_calls_cost_more(size: int, pilot: int | None, name: str, seed: int) -> None:
    work = WORKLOADS[name]
    seen = None if pilot is None else work.pilot(pilot, seed=seed)
    once, thrice = (told(work.plan(size) * times, seen) for times in (1, 3))
    assert once.cost_usd is not None
    assert thrice.cost_usd is not None
    for found in (once.cost_usd, once.seconds, thrice.cost_usd, thrice.seconds):
        assert [*found] == sorted(found)
    assert all(more > less for less, more in zip(once.cost_usd, thrice.cost_usd, strict=True))


def test_of_a_registration_answered_in_part_only_the_rest_is_asked() -> None:
    assert told(registrations(10, SECOND), BOTH).calls == {"matcher2": 10}


def test_nothing_to_ask_takes_nothing() -> None:
    found = told([PlannedRegistration(kind=PLAIN, phases=())])
    assert found.cost_usd == found.seconds == (Decimal(0),) * 3
    assert (found.registrations, found.calls) == (0, {})
