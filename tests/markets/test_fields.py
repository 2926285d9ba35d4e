"""One JSON object, field by field: every value that files hold is read or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent import codec
from igent.domain.records import Json
from igent.errors import InputError
from igent.markets.fields import MAX_COUNT, MAX_MONEY, FieldError, Fields, object_at
from tests.domain.builders import LAW

Read = Callable[[Fields, str], object]
READERS: list[Read] = [
    Fields.text,
    Fields.maybe_text,
    Fields.count,
    Fields.maybe_count,
    Fields.amount,
    Fields.maybe_amount,
    Fields.maybe_flag,
    Fields.items,
    Fields.children,
    Fields.mapping,
]
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8))
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=3), v, max_size=3))


def of(value: Json) -> Fields:
    return Fields({"f": value}, "file.json#/0")


def refusal_of(read: Read, value: Json) -> FieldError | None:
    try:
        read(of(value), "f")
    except FieldError as exc:
        return exc
    return None


def refused(read: Read, value: Json) -> str:
    refusal = refusal_of(read, value)
    assert refusal is not None
    return refusal.problem


@LAW
@given(value=VALUES, read=st.sampled_from(READERS))
def test_any_value_is_read_or_refused_by_name(value: Json, read: Read) -> None:
    refusal = refusal_of(read, value)
    assert refusal is None or refusal.field == "f"


@pytest.mark.parametrize(("value", "expected"), [("a", "a"), (" a b ", "a b"), (55407, "55407"), (0, "0")])
def test_a_text_is_trimmed_and_a_whole_number_is_its_digits(value: Json, expected: str) -> None:
    assert of(value).text("f") == expected


@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_a_blank_text_is_none_and_no_text(value: Json) -> None:
    assert of(value).maybe_text("f") is None
    assert refused(Fields.text, value) == "is missing or empty; a text is needed"


@pytest.mark.parametrize("value", [True, 1.5, [], {}])
def test_other_values_are_no_text(value: Json) -> None:
    assert "a text is needed" in refused(Fields.maybe_text, value)


@pytest.mark.parametrize("value", [8, "8", " 8 ", 8.0, "8.0", "08"])
def test_a_count_arrives_as_a_number_or_a_string(value: Json) -> None:
    assert of(value).count("f") == 8


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_number_is_none_and_refused_where_it_is_needed(value: Json) -> None:
    assert of(value).maybe_count("f") is None
    assert of(value).maybe_amount("f") is None
    assert refused(Fields.count, value) == "is missing; a whole number is needed"
    assert refused(Fields.amount, value) == "is missing; an amount is needed"


def test_a_blank_number_is_none() -> None:
    assert of("  ").maybe_count("f") is None


@pytest.mark.parametrize("value", [-1, "-1", 8.5, "8.5", MAX_COUNT + 1, "10000000"])
def test_a_count_is_whole_and_bounded(value: Json) -> None:
    assert "a whole number from 0 to 1000000 is needed" in refused(Fields.maybe_count, value)


@pytest.mark.parametrize("read", [Fields.maybe_count, Fields.maybe_amount])
@pytest.mark.parametrize("value", [True, False, "eight", "NaN", "Infinity", "1,5", "$5", [], {}, "8 9"])
def test_other_values_are_no_number(read: Read, value: Json) -> None:
    assert "number is needed" in refused(read, value)


@LAW
@given(cents=st.integers(0, 10**11))
def test_an_amount_keeps_its_digits_through_a_file(cents: int) -> None:
    amount = Decimal(cents).scaleb(-2)
    for written in (f'{{"f":{amount}}}', f'{{"f":"{amount}"}}'):
        document = codec.load(written)
        assert isinstance(document, dict)
        assert Fields(document, "").amount("f") == amount


@pytest.mark.parametrize("value", [-0.01, "-5", 1e10, str(MAX_MONEY + 1)])
def test_an_amount_is_bounded(value: Json) -> None:
    assert "an amount from 0 to 1000000000 is needed" in refused(Fields.maybe_amount, value)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([True, 1, "1", "true", " TRUE "], True), ([False, 0, "0", "False"], False), ([None, "", " "], None)],
)
def test_a_flag(values: list[Json], expected: bool | None) -> None:
    assert [of(value).maybe_flag("f") for value in values] == [expected] * len(values)


@pytest.mark.parametrize("value", ["yes", 2, "2", [], -1])
def test_other_values_are_no_flag(value: Json) -> None:
    assert "0 or 1 is needed" in refused(Fields.maybe_flag, value)


def test_a_child_knows_its_pointer() -> None:
    children = of([{"a": 1}, {"a": 2}]).children("f")
    assert [(child.pointer, child.count("a")) for child in children] == [
        ("file.json#/0/f/0", 1),
        ("file.json#/0/f/1", 2),
    ]


@pytest.mark.parametrize(
    ("read", "value", "problem"),
    [
        (Fields.children, [{}, 3], "item 1 is a number; an object is needed"),
        (Fields.children, {}, "is an object; an array is needed"),
        (Fields.items, None, "is missing or null; an array is needed"),
        (Fields.mapping, "x", "is a text; an object is needed"),
    ],
)
def test_a_wrong_shape_says_what_was_found(read: Read, value: Json, problem: str) -> None:
    assert refused(read, value) == problem


def test_a_missing_object_is_empty() -> None:
    assert of(None).mapping("f") == {}


def test_a_place_that_must_hold_an_object_names_itself() -> None:
    with pytest.raises(InputError) as caught:
        object_at([1], file="offers.json", path="/SupplierOffers/0")
    assert (caught.value.file, caught.value.place) == ("offers.json", "/SupplierOffers/0")
    assert object_at({}, file="offers.json", path="/0").pointer == "offers.json#/0"
