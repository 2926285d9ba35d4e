from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent import codec
from igent.accounting.calls import CallFacts
from igent.accounting.usage import Usage
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
seconds = st.integers(0, 10**9).map(lambda microseconds: microseconds / 1e6)
calls = st.builds(
    CallFacts,
    agent=st.text(),
    kind=st.sampled_from(["match", "order", "critique"]),
    model=st.text(),
    usage=usages,
    saved=st.none() | usages,
    cut=st.booleans(),
    seconds=seconds,
    first_seconds=st.none() | seconds,
    fault=st.none() | st.text(),
    calls=st.integers(0, 3),
)
CALL = CallFacts(
    agent="matcher",
    kind="match",
    model="claude-haiku-5-5",
    usage=Usage(input_tokens=412, output_tokens=58, cache_read_tokens=1),
    seconds=1.2345678,
    first_seconds=0.7,
)
RECORD: list[Json] = [
    "matcher",
    "match",
    "claude-haiku-5-5",
    [412, 58, 1, 0, 0, False],
    None,
    0,
    1234568,
    700000,
    None,
]


@given(calls)
def test_a_record_comes_back_from_json_as_the_same_call(call: CallFacts) -> None:
    assert CallFacts.from_record(codec.load(codec.dump(call.as_record()))) == call


def test_a_record_is_the_fields_in_order_without_their_names() -> None:
    assert CALL.as_record() == RECORD


@pytest.mark.parametrize(("calls", "told"), [(0, [0]), (1, []), (2, [2])])
def test_how_many_calls_it_took_is_told_where_that_is_not_one(calls: int, told: list[Json]) -> None:
    assert replace(CALL, calls=calls).as_record() == [*RECORD, *told]


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (0, None),
        (1, 5),
        (2, None),
        (3, None),
        (3, [1, 2, 3]),
        (3, [1, 2, 3, 4, 5, False, 6]),
        (3, [-1, 2, 3, 4, 5, False]),
        (3, [1, 2, 3, 4, 5, 0]),
        (4, {}),
        (4, []),
        (5, 2),
        (6, -1),
        (6, 1.5),
        (7, -1),
        (8, 5),
    ],
)
def test_a_record_that_no_call_wrote_is_refused(place: int, wrong: Json) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        CallFacts.from_record([*RECORD[:place], wrong, *RECORD[place + 1 :]])


NO_CALLS: list[Json] = [None, 1, -1, 2.0, []]


@pytest.mark.parametrize(
    "record", [None, {}, [], RECORD[:-1], *([*RECORD, calls] for calls in NO_CALLS), [*RECORD, 0, 0]]
)
def test_what_is_no_row_of_nine_and_perhaps_its_calls_is_no_record_of_a_call(record: Json) -> None:
    with pytest.raises(ValueError, match="a record of a call"):
        CallFacts.from_record(record)
