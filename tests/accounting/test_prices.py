from __future__ import annotations

from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent import codec
from igent.accounting.prices import (
    Bill,
    LongPrompt,
    Price,
    PriceTable,
    cost_usd,
    prompt_tokens,
    saved_by_cache_usd,
    usd_text,
)
from igent.accounting.usage import Usage
from igent.domain.records import Json
from igent.errors import InputError

HAIKU: dict[str, Json] = {
    "input": "0.10",
    "output": "0.50",
    "cache_read": "0.01",
    "cache_write": "0.125",
    "cache_write_1h": "0.20",
}
BUNDLED = PriceTable.read(codec.load((files("igent.accounting") / "prices.json").read_bytes()), file="prices.json")
# What a cache read costs against input.
CLAUDE = {"claude-haiku-5-5": "0.1", "claude-haiku-4-5": "0.1", "claude-sonnet-5-5": "0.05", "claude-opus-5-5": "0.05"}
OPENAI = ["gpt-6-luna", "gpt-6.2-sol"]
OFFLINE = ["rules", "mock"]
GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
LONG: dict[str, Json] = {**dict.fromkeys(HAIKU, "1"), "above_tokens": 1_000}


def document(**models: Json) -> dict[str, Json]:
    return {"source": "https://prices.example", "date": "2026-11", "usd_per_million_tokens": models}


def table(**models: Json) -> PriceTable:
    return PriceTable.read(document(**models), file="prices.json")


def mistake(wrong: Json) -> InputError:
    with pytest.raises(InputError) as caught:
        PriceTable.read(wrong, file="my-prices.json")
    assert caught.value.file == "my-prices.json"
    return caught.value


def bundled(model: str) -> Price:
    return BUNDLED.prices[model]


counts = st.integers(0, 10**12)
usages = st.builds(
    Usage,
    input_tokens=counts,
    output_tokens=counts,
    cache_read_tokens=counts,
    cache_write_tokens=counts,
    cache_write_1h_tokens=counts,
)
amounts = st.decimals(0, 9999, places=6)
tiers = dict.fromkeys(("input", "output", "cache_read", "cache_write", "cache_write_1h"), amounts)
long_prompts = st.builds(LongPrompt, **tiers, above_tokens=st.integers(1, 10**12))
prices = st.builds(Price, **tiers, source=st.just("anywhere"), long_prompt=st.none() | long_prompts)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(input_tokens=1), "0.0000001"),
        (Usage(output_tokens=1), "0.0000005"),
        (Usage(cache_read_tokens=1), "0.00000001"),
        (Usage(cache_write_tokens=1), "0.000000125"),
        (Usage(cache_write_1h_tokens=1), "0.0000002"),
        (Usage(), "0"),
    ],
)
def test_each_class_of_tokens_has_its_own_price(usage: Usage, expected: str) -> None:
    assert cost_usd(usage, bundled("claude-haiku-5-5")) == Decimal(expected)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        # 1,234 fresh, 321 out, 8,192 read, 4,097 written for 5 minutes, 2,003 for 1 hour
        ("claude-haiku-5-5", "0.001278545"),  # 0.0001234 + 0.0001605 + 0.00008192 + 0.000512125 + 0.0004006
        ("claude-haiku-4-5", "0.01278545"),  # ten times the one above in every class
        ("claude-sonnet-5-5", "0.0247517"),  # 0.002468 + 0.00321 + 0.0008192 + 0.0102425 + 0.008012
        ("claude-opus-5-5", "0.0495034"),  # 0.004936 + 0.00642 + 0.0016384 + 0.020485 + 0.016024
        ("rules", "0"),
        ("mock", "0"),
    ],
)
def test_a_call_costs_what_its_classes_cost_together(model: str, expected: str) -> None:
    usage = Usage(
        input_tokens=1_234,
        output_tokens=321,
        cache_read_tokens=8_192,
        cache_write_tokens=4_097,
        cache_write_1h_tokens=2_003,
    )
    assert cost_usd(usage, bundled(model)) == Decimal(expected)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_recorded_usage_costs_what_was_computed_by_hand(path: Path) -> None:
    golden: Any = codec.load(path.read_bytes())
    cost = cost_usd(Usage.from_record(golden["usage"]), bundled(golden["model"]))
    assert (str(cost.normalize()), usd_text(cost)) == (golden["cost_usd"], golden["written"])


@given(st.lists(st.tuples(usages, prices), max_size=8))
def test_bills_add_up_to_the_costs_of_their_calls_whatever_each_one_s_price(calls: list[tuple[Usage, Price]]) -> None:
    together = sum((Bill.of(usage, price) for usage, price in calls), start=Bill())
    assert together.usd == sum(cost_usd(usage, price) for usage, price in calls)
    assert together.usage == sum((usage for usage, _ in calls), start=Usage())


def test_two_prompts_that_are_long_only_together_are_not_long() -> None:
    half = Usage(input_tokens=60_000)
    assert (Bill.of(half, bundled("claude-haiku-5-5")) + Bill.of(half, bundled("claude-haiku-5-5"))).usd == Decimal(
        "0.012"
    )


def test_a_bill_with_a_call_without_a_price_in_it_has_no_cost() -> None:
    known, unknown = Bill.of(Usage(input_tokens=1), bundled("mock")), Bill.of(Usage(input_tokens=2), None)
    assert known + unknown == unknown + known == Bill(usage=Usage(input_tokens=3), usd=None)


@pytest.mark.parametrize("field", ["input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"])
def test_every_class_of_a_prompt_counts_towards_its_length(field: str) -> None:
    price = table(m={**HAIKU, "long_prompt": LONG}).prices["m"]
    exactly, above = (Usage.from_record({**Usage(output_tokens=1).as_record(), field: n}) for n in (1_000, 1_001))
    assert price.amounts(prompt_tokens(exactly)) is price
    assert cost_usd(above, price) == Decimal("0.001002")


def test_a_long_answer_makes_no_long_prompt() -> None:
    price = table(m={**HAIKU, "long_prompt": LONG}).prices["m"]
    assert cost_usd(Usage(output_tokens=2_000), price) == Decimal("0.001")


@given(usages, prices)
def test_what_the_cache_saved_is_the_difference_to_the_same_prompt_as_input(usage: Usage, price: Price) -> None:
    plain = Usage(input_tokens=prompt_tokens(usage), output_tokens=usage.output_tokens)
    assert cost_usd(usage, price) + saved_by_cache_usd(usage, price) == cost_usd(plain, price)


def test_a_write_that_nobody_read_saved_less_than_nothing() -> None:
    saved = saved_by_cache_usd(Usage(cache_write_tokens=4_000), bundled("claude-haiku-5-5"))
    assert saved == Decimal("-0.0001")


@pytest.mark.parametrize(
    ("usd", "written"),
    [
        ("0", "0.000000"),
        ("0.0000005", "0.000000"),
        ("0.0000015", "0.000002"),
        ("0.00000050001", "0.000001"),
        ("-0.0000001", "0.000000"),
        ("-0.0000012", "-0.000001"),
        ("123456789012345.1234567", "123456789012345.123457"),
    ],
)
def test_dollars_are_written_with_six_decimals_half_to_even(usd: str, written: str) -> None:
    assert usd_text(Decimal(usd)) == written


def test_an_unknown_cost_stays_unknown() -> None:
    assert usd_text(None) is None


def test_a_cost_is_exact_to_the_last_digit_at_the_highest_price_and_count() -> None:
    highest = table(one=dict.fromkeys(HAIKU, "9999.999999")).prices["one"]
    tokens = 10**15 - 1
    most = Usage(
        input_tokens=tokens,
        output_tokens=tokens,
        cache_read_tokens=tokens,
        cache_write_tokens=tokens,
        cache_write_1h_tokens=tokens,
    )
    assert int(cost_usd(most, highest).scaleb(12)) == 5 * tokens * 9_999_999_999


def test_every_bundled_model_is_known() -> None:
    assert sorted(BUNDLED.prices) == sorted([*CLAUDE, *OPENAI, *OFFLINE])


@pytest.mark.parametrize(("model", "read"), CLAUDE.items())
def test_the_cache_classes_of_a_bundled_model_stand_in_their_ratio_to_input(model: str, read: str) -> None:
    price = bundled(model)
    ratios = [one / price.input for one in (price.cache_read, price.cache_write, price.cache_write_1h)]
    assert ratios == [Decimal(read), Decimal("1.25"), 2]


@pytest.mark.parametrize("model", [*CLAUDE, *OPENAI])
def test_output_of_a_bundled_model_costs_five_times_its_input(model: str) -> None:
    assert bundled(model).output == 5 * bundled(model).input > 0


@pytest.mark.parametrize("model", [*CLAUDE, *OPENAI])
def test_a_bundled_model_tells_where_its_vendor_says_so(model: str) -> None:
    vendor = "https://platform.claude.com/docs/" if model in CLAUDE else "https://developers.openai.com/api/docs/"
    assert bundled(model).source.startswith(vendor)
    assert bundled(model).source.endswith(", 2026-11")


@pytest.mark.parametrize(
    ("model", "above", "prompt", "output"),
    [
        ("claude-haiku-5-5", 100_000, "5", "5"),
        ("gpt-6-luna", 272_000, "2", "1.5"),
        ("gpt-6.2-sol", 272_000, "2", "1.5"),
    ],
)
def test_long_prompts_cost_a_multiple(model: str, above: int, prompt: str, output: str) -> None:
    price = bundled(model)
    long = price.long_prompt
    assert long is not None
    assert (long.above_tokens, long.output / price.output) == (above, Decimal(output))
    ratios = [getattr(long, name) / getattr(price, name) for name in tiers if name != "output"]
    assert ratios == [Decimal(prompt)] * 4


@pytest.mark.parametrize("model", OFFLINE)
def test_an_offline_model_costs_nothing(model: str) -> None:
    price = bundled(model)
    assert not any([price.input, price.output, price.cache_read, price.cache_write, price.cache_write_1h])


def test_the_shortest_cacheable_prefix_is_told_of_every_model_that_has_one() -> None:
    known = {model: bundled(model).cacheable_prefix_tokens for model in BUNDLED.prices}
    assert known == {
        "claude-haiku-5-5": 512,
        "claude-haiku-4-5": 4_096,
        "claude-sonnet-5-5": 512,
        "claude-opus-5-5": 512,
        "gpt-6-luna": 1_024,
        "gpt-6.2-sol": 1_024,
        "rules": None,
        "mock": None,
    }


def test_a_model_keeps_its_day_of_retirement() -> None:
    assert table(m={**HAIKU, "retires": "2028-02-29"}).prices["m"].retires == date(2028, 2, 29)
    assert bundled("claude-haiku-4-5").retires == date(2026, 10, 15)
    assert bundled("mock").retires is None


def test_a_price_tells_where_it_was_read_and_when() -> None:
    assert table(one=HAIKU).prices["one"].source == "https://prices.example, 2026-11"


def test_a_model_may_have_a_source_of_its_own() -> None:
    prices = table(one={**HAIKU, "source": "my contract"}, other=HAIKU).prices
    assert [prices[name].source for name in ("one", "other")] == [
        "my contract, 2026-11",
        "https://prices.example, 2026-11",
    ]


@pytest.mark.parametrize(
    ("dated", "model"),
    [("claude-haiku-5-5-20261001", "claude-haiku-5-5"), ("gpt-6.2-sol-2026-10-20", "gpt-6.2-sol")],
)
def test_a_dated_model_has_the_price_of_its_name(dated: str, model: str) -> None:
    assert BUNDLED.maybe(dated) is bundled(model)


def test_a_model_at_an_endpoint_has_its_own_price_or_that_of_its_bare_name() -> None:
    own = BUNDLED.merged(table(**{"openai:gpt-6.2-sol": HAIKU}))
    assert own.maybe("openai:gpt-6-luna-2026-09-22") is bundled("gpt-6-luna")
    assert own.maybe("openai:gpt-6.2-sol-2026-10-20") is own.prices["openai:gpt-6.2-sol"]
    assert own.maybe("gpt-6.2-sol") is bundled("gpt-6.2-sol")
    assert own.maybe("openai:llama") is None


def test_an_entry_of_the_dated_name_itself_comes_first() -> None:
    dated = "claude-haiku-5-5-20261001"
    prices = BUNDLED.merged(table(**{dated: {**HAIKU, "input": "0.30"}}))
    assert prices.maybe(dated) is prices.prices[dated]


@pytest.mark.parametrize(
    "model",
    [
        "claude-haiku",
        "claude-haiku-5-5-2026100",
        "claude-haiku-5-5-202610011",
        "claude-haiku-5-5-latest",
        "claude-haiku-5-5-2026-1001",
        "-20261001",
        "",
    ],
)
def test_no_other_name_has_a_price(model: str) -> None:
    assert BUNDLED.maybe(model) is None


def test_a_merged_table_has_the_models_of_both_and_the_other_one_wins() -> None:
    own = table(**{"claude-haiku-5-5": {**HAIKU, "input": "0.08"}, "local/llama": HAIKU})
    merged = BUNDLED.merged(own)
    assert merged.prices["claude-haiku-5-5"].input == Decimal("0.08")
    assert merged.prices["local/llama"] is own.prices["local/llama"]
    assert merged.prices.keys() == BUNDLED.prices.keys() | {"local/llama"}


@pytest.mark.parametrize("wrong", [0.1, 1, None, True, "", "-1", "1e3", "0.1234567", "12345", "NaN", "٣", ".5", "1\n"])
def test_an_amount_in_another_form_is_refused_at_its_place(wrong: Json) -> None:
    error = mistake(document(m={**HAIKU, "cache_read": wrong}))
    assert error.place == "/usd_per_million_tokens/m/cache_read"
    assert "in quotes" in error.remedy


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "512", None])
def test_a_cacheable_prefix_that_is_no_count_is_refused_at_its_place(wrong: Json) -> None:
    error = mistake(document(m={**HAIKU, "cacheable_prefix_tokens": wrong}))
    assert error.place == "/usd_per_million_tokens/m/cacheable_prefix_tokens"


@pytest.mark.parametrize("name", HAIKU)
def test_a_missing_amount_is_never_taken_for_zero(name: str) -> None:
    error = mistake(document(m={key: amount for key, amount in HAIKU.items() if key != name}))
    assert (error.place, error.problem) == ("/usd_per_million_tokens/m", f"lacks {name!r}")


def test_an_unknown_field_of_a_price_is_refused_with_the_known_ones() -> None:
    error = mistake(document(m={**HAIKU, "cached": "0.01"}))
    assert (error.place, error.problem) == ("/usd_per_million_tokens/m/cached", "is an unknown field")
    assert error.remedy == f"Allowed here: {', '.join(HAIKU)}, source, long_prompt, cacheable_prefix_tokens, retires"


@pytest.mark.parametrize("wrong", ["2027-02-29", "20270228", "2027-W01-1", "soon", 2027, None])
def test_a_day_that_is_none_is_refused_at_its_place(wrong: Json) -> None:
    error = mistake(document(m={**HAIKU, "retires": wrong}))
    assert (error.place, error.remedy) == ("/usd_per_million_tokens/m/retires", 'Write a date, "2027-10-07"')


@pytest.mark.parametrize("name", LONG)
def test_a_price_of_long_prompts_is_whole_or_refused(name: str) -> None:
    long: dict[str, Json] = {key: value for key, value in LONG.items() if key != name}
    error = mistake(document(m={**HAIKU, "long_prompt": long}))
    assert (error.place, error.problem) == ("/usd_per_million_tokens/m/long_prompt", f"lacks {name!r}")


@pytest.mark.parametrize("name", ["source", "date", "usd_per_million_tokens"])
def test_a_table_without_one_of_its_parts_is_refused(name: str) -> None:
    error = mistake({key: value for key, value in document().items() if key != name})
    assert (error.place, error.problem) == ("", f"lacks {name!r}")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"source": ""}, "/source"),
        ({"source": 5}, "/source"),
        ({"date": "November"}, "/date"),
        ({"date": 2026}, "/date"),
        ({"models": {}}, "/models"),
        ({"": 1}, "/"),
        ({"usd_per_million_tokens": []}, "/usd_per_million_tokens"),
        ({"usd_per_million_tokens": {"a/b~c": "0.10"}}, "/usd_per_million_tokens/a~1b~0c"),
    ],
)
def test_a_mistake_in_a_table_is_told_with_its_json_pointer(change: dict[str, Json], place: str) -> None:
    assert mistake({**document(m=HAIKU), **change}).place == place


@pytest.mark.parametrize("wrong", [None, [], "prices", 1])
def test_what_is_no_object_is_no_table(wrong: Json) -> None:
    assert (mistake(wrong).place, mistake(wrong).problem) == ("", "is not an object")
