from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent import codec
from igent.accounting.usage import Usage, estimate_tokens
from igent.domain.records import Json

counts = st.integers(0, 10**9)
usages = st.builds(
    Usage,
    input_tokens=counts,
    output_tokens=counts,
    cache_read_tokens=counts,
    cache_write_tokens=counts,
    cache_write_1h_tokens=counts,
    estimated=st.booleans(),
)


def used(*tokens: int, estimated: bool = False) -> Usage:
    fresh, output, read, written, written_1h = tokens
    return Usage(
        input_tokens=fresh,
        output_tokens=output,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=written_1h,
        estimated=estimated,
    )


def test_usage_adds_up_count_by_count() -> None:
    assert used(1, 2, 3, 4, 5) + used(10, 20, 30, 40, 50) == used(11, 22, 33, 44, 55)


@given(usages, usages)
def test_a_sum_with_an_estimate_in_it_is_an_estimate(one: Usage, other: Usage) -> None:
    assert (one + other).estimated == (one.estimated or other.estimated)


@given(usages)
def test_no_usage_added_changes_nothing(usage: Usage) -> None:
    assert sum([usage], start=Usage()) == usage


@given(usages)
def test_a_record_comes_back_from_json_as_the_same_usage(usage: Usage) -> None:
    assert Usage.from_record(codec.load(codec.dump(usage.as_record()))) == usage


def test_a_record_from_before_writes_for_an_hour_were_counted_has_none() -> None:
    record = used(1, 2, 3, 4, 5).as_record()
    del record["cache_write_1h_tokens"]
    assert Usage.from_record(record) == used(1, 2, 3, 4, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"input_tokens": -1},
        {"output_tokens": 1.5},
        {"cache_write_1h_tokens": -1},
        {"cache_write_1h_tokens": None},
        {"estimated": 1},
        {"other": 1},
    ],
)
def test_a_record_that_no_usage_wrote_is_refused(change: dict[str, Json]) -> None:
    with pytest.raises(ValueError, match="a record of usage"):
        Usage.from_record({**Usage().as_record(), **change})


def test_a_record_with_a_count_missing_is_refused() -> None:
    with pytest.raises(ValueError, match="a record of usage"):
        Usage.from_record({"input_tokens": 1, "estimated": False})


@pytest.mark.parametrize("record", [None, [], "usage", 5])
def test_what_is_no_object_is_no_record_of_usage(record: Json) -> None:
    with pytest.raises(ValueError, match="a record of usage"):
        Usage.from_record(record)


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("é" * 8, 2)])
def test_an_estimate_is_one_token_per_four_characters_rounded_up(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens
