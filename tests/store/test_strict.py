"""Strict JSON: what is accepted is what every reader reads, and what is refused is named by its place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.codec import DecodeError
from igent.domain.records import Json
from igent.store import strict

NAMES = st.sampled_from(["a", ":", "a:", '"', "\\", "é", ""])
LEAVES = st.none() | st.integers(-(2**65), 2**65) | st.floats(allow_nan=False, allow_infinity=False) | NAMES


@st.composite
def texts(draw: st.DrawFn, depth: int = 3) -> str:
    """JSON in which a key may stand twice, however it is written."""
    kind = draw(st.sampled_from(["leaf", "array", "object"])) if depth else "leaf"
    if kind == "leaf":
        return json.dumps(draw(LEAVES), ensure_ascii=draw(st.booleans()))
    inner = [draw(texts(depth=depth - 1)) for _ in range(draw(st.integers(0, 3)))]
    if kind == "array":
        return "[" + ", ".join(inner) + "]"
    return "{" + ",".join(f"{_written(draw(NAMES), escaped=draw(st.booleans()))}: {one}" for one in inner) + "}"


def _written(name: str, *, escaped: bool) -> str:
    return '"' + "".join(f"\\u{ord(char):04x}" for char in name) + '"' if escaped else json.dumps(name)


def by_the_letter(text: str) -> Json:
    """What the standard library reads. Raises `ValueError` for a key twice, and past 64 bits."""

    def members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    def whole(digits: str) -> int:
        if not -(2**63) <= int(digits) < 2**64:
            raise ValueError("more than 64 bits")
        return int(digits)

    found: Json = json.loads(text, object_pairs_hook=members, parse_int=whole)
    return found


@given(text=texts())
def test_what_the_letter_refuses_is_refused_and_all_else_is_read_the_same(text: str) -> None:
    try:
        expected = by_the_letter(text)
    except ValueError:
        with pytest.raises(DecodeError):
            strict.load(text.encode())
        return
    assert strict.load(text.encode()) == expected


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4))
def test_nothing_is_refused_for_what_stands_in_its_texts(texts: list[str]) -> None:
    document: Json = [*texts, {text: text for text in texts}]
    assert strict.load(json.dumps(document).encode()) == document
    assert strict.load(json.dumps(document, ensure_ascii=False).encode()) == document


@pytest.mark.parametrize(
    ("text", "line", "column", "problem"),
    [
        ('{"a": 1,\n "b": 2, "a": 3}', 2, 10, "a key that its object has already"),
        ('{"é": 1, "é": 2}', 1, 10, "a key that its object has already"),
        ("[1,\n\n 18446744073709551616]", 3, 2, "a whole number of more than 64 bits (write it as a text)"),
        ("[" * 65 + "]" * 65, 1, 65, "nested deeper than 64 levels"),
        ('[{"a": 0.' + "1" * 63 + "}]", 1, 8, "a number of more than 64 characters"),
        ('["é', 1, 4, "unexpected end of data"),
    ],
)
def test_what_is_refused_is_named_by_its_place(text: str, line: int, column: int, problem: str) -> None:
    with pytest.raises(DecodeError) as caught:
        strict.load(text.encode())
    assert (caught.value.line, caught.value.column, caught.value.problem) == (line, column, problem)


@pytest.mark.parametrize("depth", [1, 63, 64])
def test_nesting_is_read_up_to_its_bound(depth: int) -> None:
    text = b"[" * depth + b"]" * depth
    assert json.dumps(strict.load(text)).encode() == text


@pytest.mark.parametrize(
    "text",
    [
        "18446744073709551615",
        "-9223372036854775808",
        '"' + "9" * 40 + '"',
        '"no ' + "9" * 40 + '"',
        "1e22",
        "0." + "3" * 40,
    ],
)
def test_a_long_number_is_read_where_it_fits_or_is_a_text(text: str) -> None:
    assert strict.load(text.encode()) == json.loads(text)
