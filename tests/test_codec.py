"""Bytes to values and back; one byte string per value for every hash."""

from __future__ import annotations

import contextlib
import hashlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent import codec
from igent.domain.records import Json
from tests.domain.builders import LAW

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
)
VALUES: st.SearchStrategy[Json] = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text("abcé", max_size=3), v, max_size=4)
)


def reordered(value: Json) -> Json:
    match value:
        case dict():
            return {key: reordered(value[key]) for key in reversed(value)}
        case list():
            return [reordered(one) for one in value]
    return value


@LAW
@given(value=VALUES)
def test_what_is_written_is_read_back(value: Json) -> None:
    for data in (codec.dump(value), codec.dump_pretty(value), codec.canonical(value), codec.dump(value).decode()):
        assert codec.load(data) == value


@LAW
@given(value=VALUES)
def test_the_canonical_bytes_do_not_depend_on_the_order_of_keys(value: Json) -> None:
    assert codec.canonical(reordered(value)) == codec.canonical(value)
    assert codec.digest(reordered(value)) == codec.digest(value)


def test_the_digest_is_the_sha_256_of_the_canonical_bytes() -> None:
    assert codec.digest({"b": 1, "a": [Decimal("1.50")]}) == hashlib.sha256(b'{"a":["1.50"],"b":1}').hexdigest()


def test_dump_keeps_the_order_of_keys_and_has_no_white_space() -> None:
    assert codec.dump({"b": [1, 2], "a": None}) == b'{"b":[1,2],"a":null}'


def test_money_is_a_string_never_a_float() -> None:
    assert codec.dump({"price": Decimal("15444.10")}) == b'{"price":"15444.10"}'


def test_json_for_people_is_indented_and_ends_its_line() -> None:
    assert codec.dump_pretty({"a": [1]}) == b'{\n  "a": [\n    1\n  ]\n}\n'


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", {"a": complex(1)}])
def test_what_has_no_json_form_is_refused(value: object) -> None:
    for write in (codec.dump, codec.dump_pretty, codec.canonical):
        with pytest.raises(TypeError):
            write(value)


@pytest.mark.parametrize(
    "data", ["", "{", '{"a":1,}', "[NaN]", "Infinity", "1 2", b"\xff", '"\\ud800"', "[" * 5000, "{'a':1}"]
)
def test_what_is_no_json_is_refused(data: bytes | str) -> None:
    with pytest.raises(codec.DecodeError):
        codec.load(data)


def test_a_mistake_is_named_with_its_place() -> None:
    with pytest.raises(codec.DecodeError) as caught:
        codec.load('{\n  "a": 1,\n  "b": x\n}')
    assert (caught.value.line, caught.value.column) == (3, 8)
    assert str(caught.value) == f"line 3, column 8: {caught.value.problem}"


@LAW
@given(data=st.binary(max_size=20))
def test_any_bytes_are_a_value_or_a_decode_error(data: bytes) -> None:
    with contextlib.suppress(codec.DecodeError):
        value = codec.load(data)
        assert codec.load(codec.dump(value)) == value
