"""A budget: whatever begins and ends in whatever order, what is spent and what is reserved stay within the caps."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Literal, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.accounting.budget import PROVIDER_TOKENS, Booked, Budget, Most, Reservation
from igent.accounting.prices import Bill, LongPrompt, Price, PriceTable, prompt_tokens
from igent.accounting.usage import Usage

PRICE = Price(
    input=Decimal(1),
    output=Decimal(5),
    cache_read=Decimal("0.1"),
    cache_write=Decimal("1.25"),
    cache_write_1h=Decimal(2),
    source="here",
)
LONG = LongPrompt(
    input=Decimal(2),
    output=Decimal(1),
    cache_read=Decimal("0.2"),
    cache_write=Decimal("2.5"),
    cache_write_1h=Decimal(4),
    above_tokens=1_000,
)
MOST = Most(prompt_tokens=800, output_tokens=200)  # 800 x 1.25 + 200 x 5 = 2000 millionths
USD = Decimal("0.002")


def spent(budget: Budget) -> tuple[Decimal | None, int]:
    usage = budget.spent.usage
    return budget.spent.usd, prompt_tokens(usage) + usage.output_tokens


def taken(budget: Budget, most: Most = MOST, price: Price | None = PRICE) -> Reservation:
    reservation = budget.maybe_reserve(most, price)
    assert reservation is not None
    return reservation


def test_a_prompt_takes_at_most_a_token_for_each_byte_of_it_and_of_its_form_and_what_a_provider_adds() -> None:
    most = Most.of(prompt_bytes=3_000, form_bytes=400, max_tokens=512)
    assert most == Most(prompt_tokens=3_400 + PROVIDER_TOKENS, output_tokens=512)


@pytest.mark.parametrize(
    ("price", "usd"),
    [
        (PRICE, "0.002"),
        (replace(PRICE, cache_write=Decimal(0)), "0.0018"),
        (replace(PRICE, cache_read=Decimal(3)), "0.0034"),
        (replace(PRICE, long_prompt=LONG), "0.002"),
    ],
)
def test_the_most_that_a_call_costs_is_its_prompt_in_the_dearest_class(price: Price, usd: str) -> None:
    assert MOST.usd(price) == Decimal(usd)


@pytest.mark.parametrize(("tokens", "output", "usd"), [(1_001, 0, "0.0025025"), (1_001, 10_000, "0.05125125")])
def test_a_prompt_that_may_be_long_counts_at_the_dearer_price(tokens: int, output: int, usd: str) -> None:
    most = Most(prompt_tokens=tokens, output_tokens=output)
    assert most.usd(replace(PRICE, long_prompt=LONG)) == Decimal(usd)


counts = st.integers(0, 3_000)
mosts = st.builds(Most, prompt_tokens=counts, output_tokens=counts)
priced = st.sampled_from([PRICE, replace(PRICE, long_prompt=LONG)])
shares = st.floats(0, 1)
Move: TypeAlias = tuple[Literal["begin", "end"], Most, Price, float, int]
moves = st.lists(st.tuples(st.sampled_from(["begin", "begin", "end"]), mosts, priced, shares, st.integers(0, 99)))


def part_of(most: Most, share: float) -> Usage:
    """A call within its most: some of its prompt written, some read, some plain."""
    prompt, output = int(most.prompt_tokens * share), int(most.output_tokens * share)
    read, written = int(prompt * share / 2), int(prompt * share / 3)
    return Usage(
        input_tokens=prompt - read - written,
        output_tokens=output,
        cache_read_tokens=read,
        cache_write_tokens=written,
    )


@given(moves, st.decimals(0, "0.1", places=6), st.integers(0, 20_000))
def test_no_order_of_calls_passes_a_cap(moves: list[Move], usd: Decimal, tokens: int) -> None:
    budget, running = Budget(max_usd=usd, max_tokens=tokens), list[tuple[Reservation, Most, float]]()
    for move, most, price, share, which in moves:
        if move == "begin":
            reservation = budget.maybe_reserve(most, price)
            running += [(reservation, most, share)] if reservation else []
        elif running:
            reservation, most, share = running.pop(which % len(running))
            budget.settle(reservation, part_of(most, share))
        cost, count = spent(budget)
        reserved = [one for one, _, _ in running]
        assert cost is not None
        assert cost + sum(one.usd or 0 for one in reserved) <= usd
        assert count + sum(one.most.tokens for one in reserved) <= tokens


@given(moves, st.decimals(0, "0.1", places=6), st.integers(0, 20_000))
def test_whoever_finds_no_room_is_refused_or_has_somebody_to_wait_for(
    moves: list[Move], usd: Decimal, tokens: int
) -> None:
    budget, running = Budget(max_usd=usd, max_tokens=tokens), list[tuple[Reservation, Most, float]]()
    for _, most, price, share, _ in moves:
        while (reservation := budget.maybe_reserve(most, price)) is None and not budget.maybe_refusal(most, price):
            first, its_most, its_share = running.pop()
            budget.settle(first, part_of(its_most, its_share))
        running += [(reservation, most, share)] if reservation else []


@given(mosts, priced, shares)
def test_no_call_within_its_most_costs_more_than_was_reserved(most: Most, price: Price, share: float) -> None:
    assert (Bill.of(part_of(most, share), price).usd or 0) <= most.usd(price)


def test_a_call_that_took_less_gives_the_rest_back() -> None:
    budget = Budget(max_usd=USD * 2 - Decimal("0.001"))
    first = taken(budget)
    assert (budget.maybe_reserve(MOST, PRICE), budget.maybe_refusal(MOST, PRICE)) == (None, None)
    budget.settle(first, Usage(output_tokens=100))
    assert spent(budget) == (Decimal("0.0005"), 100)
    taken(budget)


def test_a_cap_can_be_spent_to_the_last_token_and_micro_dollar() -> None:
    budget = Budget(max_usd=USD, max_tokens=1_000)
    budget.settle(taken(budget), Usage(cache_write_tokens=800, output_tokens=200))
    assert spent(budget) == (USD, 1_000)


def test_cache_reads_count_towards_the_tokens() -> None:
    budget = Budget(max_tokens=1_000)
    budget.settle(taken(budget), Usage(cache_read_tokens=1))
    assert budget.maybe_refusal(MOST, PRICE) == (
        "the cap of 1000 tokens is reached, 1 are spent and a call can take 1000: raise --max-tokens"
    )


def test_a_refusal_names_the_cap_what_was_spent_and_how_to_go_on() -> None:
    budget = Budget(max_usd=Decimal("2.50"), spent=Bill(usd=Decimal("2.4990001")))
    assert budget.maybe_refusal(MOST, PRICE) == (
        "the cap of 2.50 dollars is reached, 2.499000 are spent and a call can take 0.002000: raise --max-cost"
    )


def test_no_cap_is_never_reached() -> None:
    budget = Budget(spent=Bill(usage=Usage(input_tokens=10**12), usd=Decimal(10**9)))
    assert [budget.maybe_refusal(MOST, price) for price in (PRICE, None)] == [None, None]


def test_a_model_without_a_price_has_no_room_under_a_cap_in_dollars() -> None:
    budget = Budget(max_usd=Decimal(10**6))
    assert budget.maybe_reserve(MOST, None) is None
    assert "add its price" in (budget.maybe_refusal(MOST, None) or "")


def test_nothing_is_known_to_fit_where_what_was_spent_is_unknown() -> None:
    budget = Budget(max_usd=Decimal(10**6), spent=Bill(usd=None))
    assert budget.maybe_reserve(MOST, PRICE) is None


def test_a_model_without_a_price_is_held_to_a_cap_of_tokens() -> None:
    budget = Budget(max_tokens=1_500)
    budget.settle(taken(budget, price=None), Usage(output_tokens=501))
    assert spent(budget) == (None, 501)
    assert budget.maybe_reserve(MOST, None) is None


def test_a_reservation_is_settled_once_and_is_no_other_one() -> None:
    budget = Budget(max_tokens=2_000)
    one, other = taken(budget), taken(budget)
    budget.settle(one, Usage())
    with pytest.raises(KeyError):
        budget.settle(one, Usage())
    budget.settle(other, Usage(input_tokens=1))
    assert spent(budget)[1] == 1


def test_what_took_more_than_was_reserved_is_counted_as_it_was() -> None:
    budget = Budget(max_tokens=1_000)
    budget.settle(taken(budget), Usage(output_tokens=5_000))
    assert spent(budget)[1] == 5_000


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 200)), max_size=12), st.integers(0, 12))
def test_a_journal_of_calls_has_what_the_budget_has_and_all_that_may_have_been_taken(
    calls: list[tuple[str, int | None]], settled: int
) -> None:
    budget, booked = Budget(max_usd=Decimal(1)), Booked(PriceTable(prices={"m": PRICE}))
    reservations = [taken(budget) for _ in calls]
    for request, _ in calls:
        booked.reserve(request, "m", MOST)
    for (request, output), reservation in zip(calls[:settled], reservations, strict=False):
        usage = None if output is None else Usage(output_tokens=output)
        budget.settle(reservation, usage)
        booked.settle(request, usage)
    assert booked.spent == budget.spent
    assert [bill.usd for bill in booked.open] == [USD] * len(calls[settled:])
