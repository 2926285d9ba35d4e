from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent import codec
from igent.accounting.calls import CallFacts
from igent.accounting.costs import COSTS_HEADER, Costs, bill_of, costs_line
from igent.accounting.prices import PriceTable, cost_usd, usd_text
from igent.accounting.usage import Usage
from igent.domain.records import Json

NAMES = ("input", "output", "cache_read", "cache_write", "cache_write_1h")
ONE: dict[str, Json] = dict(zip(NAMES, ("1", "5", "0.1", "1.25", "2"), strict=True))
TWO: dict[str, Json] = dict(zip(NAMES, ("2", "10", "0.2", "2.5", "4"), strict=True))
LONG: dict[str, Json] = {**dict(zip(NAMES, ("10", "50", "1", "12.5", "20"), strict=True)), "above_tokens": 100_000}
MODELS: dict[str, Json] = {"one": {**ONE, "long_prompt": LONG}, "two": TWO}
PRICES = PriceTable.read({"source": "here", "date": "2026-11", "usd_per_million_tokens": MODELS}, file="p.json")

USAGE = Usage(input_tokens=1_000, output_tokens=100, cache_read_tokens=2_000)  # 1000 + 500 + 200 millionths
CALL = CallFacts(agent="matcher", kind="match", model="one", usage=USAGE)
CRITIC = replace(CALL, agent="critic", kind="critique", model="two")
HIT = replace(CALL, usage=Usage(), saved=USAGE)
UNPRICED = replace(CALL, model="unheard-of")


def record(*calls: CallFacts, skipped: int = 0) -> Any:
    costs = Costs(PRICES)
    for call in calls:
        costs.add(call)
    costs.skipped(skipped)
    return codec.load(codec.dump(costs.as_record()))


def saving(name: str, *calls: CallFacts, skipped: int = 0) -> tuple[str | None, bool]:
    figure = record(*calls, skipped=skipped)["savings"][name]
    return figure["usd"], figure["estimated"]


def output(tokens: int, *, cut: bool = False) -> CallFacts:
    return replace(CALL, usage=Usage(output_tokens=tokens, estimated=cut), cut=cut)


def test_a_run_is_accounted_by_agent_and_model() -> None:
    told = record(CALL, CRITIC, HIT, CALL)
    twice = (USAGE + USAGE).as_record()
    assert told["agents"] == [
        {
            "agent": "critic",
            "kind": "critique",
            "model": "two",
            "calls": 1,
            "cache_hits": 0,
            "usage": USAGE.as_record(),
            "cost_usd": "0.003400",
        },
        {
            "agent": "matcher",
            "kind": "match",
            "model": "one",
            "calls": 2,
            "cache_hits": 1,
            "usage": twice,
            "cost_usd": "0.003400",
        },
    ]
    assert (told["cost_usd"], told["unpriced_models"]) == ("0.006800", [])
    assert told["usage"] == (USAGE + USAGE + USAGE).as_record()


def test_a_run_without_calls_cost_nothing_and_saved_nothing() -> None:
    nothing = {"usd": "0.000000", "estimated": False}
    savings = dict.fromkeys(("prompt_cache", "response_cache", "critic_skip", "early_stop"), nothing)
    expected = {"usage": Usage().as_record(), "cost_usd": "0.000000", "unpriced_models": [], "agents": []}
    assert record() == {**expected, "savings": savings}


def test_a_model_without_a_price_has_no_cost_and_neither_has_the_run() -> None:
    told = record(CALL, UNPRICED)
    assert [row["cost_usd"] for row in told["agents"]] == ["0.001700", None]
    assert (told["cost_usd"], told["unpriced_models"]) == (None, ["unheard-of"])


def test_replies_from_the_cache_need_no_price() -> None:
    told = record(replace(HIT, model="unheard-of"))
    assert (told["cost_usd"], told["unpriced_models"]) == ("0.000000", [])
    assert told["savings"]["response_cache"]["usd"] is None


def test_each_call_is_priced_by_the_length_of_its_own_prompt() -> None:
    short, long = (replace(CALL, usage=Usage(input_tokens=tokens)) for tokens in (60_000, 120_000))
    assert record(short, short)["cost_usd"] == "0.120000"
    assert record(short, long)["cost_usd"] == "1.260000"


counts = st.integers(0, 200_000)
usages = st.builds(
    Usage, input_tokens=counts, output_tokens=counts, cache_read_tokens=counts, cache_write_tokens=counts
)
calls = st.builds(
    CallFacts,
    agent=st.sampled_from(["matcher", "matcher2", "critic"]),
    kind=st.sampled_from(["match", "critique"]),
    model=st.sampled_from(["one", "two"]),
    usage=usages,
)


@given(st.lists(calls, max_size=12))
def test_the_total_is_the_exact_sum_of_the_calls_rounded_once(made: list[CallFacts]) -> None:
    exact = sum((cost_usd(call.usage, PRICES.prices[call.model]) for call in made), start=Decimal(0))
    assert record(*made)["cost_usd"] == usd_text(exact)


def test_the_order_of_calls_changes_nothing() -> None:
    made = [CALL, CRITIC, HIT, output(3, cut=True), output(10)]
    assert len({codec.dump(record(*order, skipped=1)) for order in permutations(made)}) == 1


def test_what_a_run_cost_before_is_a_bill_to_go_on_from() -> None:
    costs = Costs(PRICES)
    for call in (CALL, HIT, CRITIC):
        costs.add(call)
    assert costs.bill == bill_of([CALL, HIT, CRITIC], PRICES)
    assert (costs.bill.usage, costs.bill.usd) == (USAGE + USAGE, Decimal("0.0051"))


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (Usage(input_tokens=500, cache_read_tokens=10_000), "0.009000"),
        (Usage(cache_write_tokens=10_000), "-0.002500"),
        (Usage(cache_write_1h_tokens=10_000), "-0.010000"),
        (Usage(cache_read_tokens=10_000, cache_write_tokens=10_000), "0.006500"),
        (Usage(cache_read_tokens=100_001), "0.900009"),
    ],
)
def test_the_prompt_cache_saves_on_reads_what_is_left_after_the_writes(usage: Usage, usd: str) -> None:
    assert saving("prompt_cache", replace(CALL, usage=usage)) == (usd, False)


def test_a_saving_of_the_prompt_cache_is_estimated_only_where_such_a_call_is() -> None:
    plain = replace(CALL, usage=Usage(input_tokens=9, estimated=True))
    assert saving("prompt_cache", CALL, plain) == ("0.001800", False)
    assert saving("prompt_cache", replace(CALL, usage=replace(USAGE, estimated=True))) == ("0.001800", True)


def test_a_reply_from_the_cache_saves_what_it_once_took_at_the_prices_of_now() -> None:
    assert saving("response_cache", CALL, HIT, HIT) == ("0.003400", False)
    assert saving("response_cache", replace(HIT, saved=replace(USAGE, estimated=True))) == ("0.001700", True)


def test_a_skipped_critic_saves_a_mean_critic_call() -> None:
    dear = replace(CRITIC, usage=USAGE + USAGE)
    assert saving("critic_skip", CALL, CRITIC, dear, skipped=3) == ("0.015300", True)


def test_a_skipped_critic_saves_a_mean_matcher_call_where_no_critic_was_asked() -> None:
    assert saving("critic_skip", CALL, replace(CALL, usage=USAGE + USAGE), skipped=2) == ("0.005100", True)


def test_calls_that_failed_are_not_in_the_mean() -> None:
    refused = replace(CRITIC, usage=Usage(), fault="model-unavailable")
    assert saving("critic_skip", CRITIC, refused, skipped=1) == ("0.003400", True)


@pytest.mark.parametrize("made", [[], [HIT], [UNPRICED], [replace(CALL, fault="model-timeout")]])
def test_nothing_tells_what_a_skipped_critic_saves_without_a_priced_answer(made: Sequence[CallFacts]) -> None:
    assert saving("critic_skip", *made, skipped=1) == (None, True)


def test_a_reply_closed_early_saves_what_it_was_short_of_its_agents_mean() -> None:
    made = [output(100), output(300), output(50, cut=True), output(150, cut=True)]
    assert saving("early_stop", *made) == ("0.001000", True)  # (2 x 200 - 200) x 5 millionths


def test_a_reply_closed_early_never_costs() -> None:
    assert saving("early_stop", output(10), output(50, cut=True)) == ("0.000000", True)


def test_nothing_tells_what_an_early_stop_saves_where_no_reply_of_the_agent_ended_by_itself() -> None:
    assert saving("early_stop", CRITIC, output(50, cut=True)) == (None, True)


def test_a_stream_that_failed_was_not_closed_early() -> None:
    broken = replace(output(1, cut=True), fault="model-timeout")
    assert saving("early_stop", output(100), broken) == ("0.000000", False)


def test_a_registration_has_a_line_of_its_calls_tokens_and_dollars() -> None:
    written = Usage(cache_write_tokens=4, cache_write_1h_tokens=5, estimated=True)
    line = costs_line("r1", [CALL, HIT, replace(CALL, usage=written)], PRICES)
    assert COSTS_HEADER == (
        b"registration_id,calls,cache_hits,input_tokens,output_tokens,cache_read_tokens,cache_write_tokens,"
        b"cache_write_1h_tokens,estimated,cost_usd\n"
    )
    assert line == b"r1,2,1,1000,100,2000,4,5,true,0.001715\n"


def test_a_registration_without_calls_has_a_line_too() -> None:
    assert costs_line("r1", [], PRICES) == b"r1,0,0,0,0,0,0,0,false,0.000000\n"


def test_a_line_leaves_an_unknown_cost_empty() -> None:
    assert costs_line("r1", [CALL, UNPRICED], PRICES).endswith(b",false,\n")
    assert costs_line("r1", [replace(HIT, model="unheard-of")], PRICES).endswith(b",false,0.000000\n")


@pytest.mark.parametrize(
    ("name", "cell"), [("=1+1", b"'=1+1"), ("@x", b"'@x"), ("a,b", b'"a,b"'), ('-"\r', b'"\'-""\\r"')]
)
def test_an_id_in_a_line_is_never_a_formula_or_another_cell(name: str, cell: bytes) -> None:
    assert costs_line(name, [], PRICES) == cell + b",0,0,0,0,0,0,0,false,0.000000\n"
