from __future__ import annotations

from decimal import Decimal
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent import codec
from igent.accounting.prices import Price, PriceTable, cost_usd, saved_by_cache_usd
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
VENDOR = {"claude-haiku-5-5": "0.1", "claude-haiku-4-5": "0.1", "claude-sonnet-5-5": "0.1", "claude-opus-5-5": "0.05"}
OFFLINE = ["rules", "mock"]


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
prices = st.builds(
    Price,
    input=amounts,
    output=amounts,
    cache_read=amounts,
    cache_write=amounts,
    cache_write_1h=amounts,
    source=st.just("anywhere"),
)


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
        ("claude-sonnet-5-5", "0.0255709"),  # 0.002468 + 0.00321 + 0.0016384 + 0.0102425 + 0.008012
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


@given(st.lists(usages, max_size=8), prices)
def test_a_sum_of_usages_costs_the_sum_of_their_costs(parts: list[Usage], price: Price) -> None:
    whole = sum(parts, start=Usage())
    assert cost_usd(whole, price) == sum(cost_usd(part, price) for part in parts)
    assert saved_by_cache_usd(whole, price) == sum(saved_by_cache_usd(part, price) for part in parts)


@given(counts, prices)
def test_what_was_saved_is_what_the_reads_would_have_cost_more_as_input(tokens: int, price: Price) -> None:
    read, fresh = Usage(cache_read_tokens=tokens), Usage(input_tokens=tokens)
    assert cost_usd(read, price) + saved_by_cache_usd(read, price) == cost_usd(fresh, price)


def test_only_reads_save() -> None:
    usage = Usage(
        input_tokens=7, output_tokens=7, cache_read_tokens=8_192, cache_write_tokens=7, cache_write_1h_tokens=7
    )
    assert saved_by_cache_usd(usage, bundled("claude-haiku-5-5")) == Decimal("0.00073728")


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
    assert sorted(BUNDLED.prices) == sorted([*VENDOR, *OFFLINE])


@pytest.mark.parametrize(("model", "read"), VENDOR.items())
def test_the_cache_classes_of_a_bundled_model_stand_in_their_ratio_to_input(model: str, read: str) -> None:
    price = bundled(model)
    ratios = [one / price.input for one in (price.cache_read, price.cache_write, price.cache_write_1h)]
    assert ratios == [Decimal(read), Decimal("1.25"), 2]


@pytest.mark.parametrize("model", VENDOR)
def test_output_of_a_bundled_model_costs_five_times_its_input(model: str) -> None:
    assert bundled(model).output == 5 * bundled(model).input > 0


@pytest.mark.parametrize("model", OFFLINE)
def test_an_offline_model_costs_nothing(model: str) -> None:
    price = bundled(model)
    assert not any([price.input, price.output, price.cache_read, price.cache_write, price.cache_write_1h])


def test_the_shortest_cacheable_prefix_is_told_only_where_it_is_known() -> None:
    known = {model: bundled(model).cacheable_prefix_tokens for model in BUNDLED.prices}
    assert {model: tokens for model, tokens in known.items() if tokens} == {
        "claude-haiku-5-5": 512,
        "claude-haiku-4-5": 4_096,
    }


def test_a_price_tells_where_it_was_read_and_when() -> None:
    assert table(one=HAIKU).prices["one"].source == "https://prices.example, 2026-11"


def test_a_dated_model_has_the_price_of_its_name() -> None:
    assert BUNDLED.maybe("claude-haiku-5-5-20261001") is bundled("claude-haiku-5-5")


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
    assert error.remedy == f"Allowed here: {', '.join(HAIKU)}, cacheable_prefix_tokens"


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
