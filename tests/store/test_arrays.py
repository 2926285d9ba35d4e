"""Arrays in chunks of any size."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.domain.records import Json
from igent.errors import InputError
from igent.store.arrays import ArraySplitter
from igent.store.rows import load

ROWS: list[Json] = [{"Id": {}}, {"Notes": "} ]  "}, [{"Id": 3.5}], "café"]
ARRAY = ' [{"Id": {}}, {"Notes": "} ]  "},\n [{"Id": 3.5}], "café"] '.encode()
NEWLINE = b"\n"
WRAPPED = b'{ "rows" : ' + ARRAY + b" } "


def stream(data: bytes, *, first: int, size: int) -> list[Json]:
    """The rows of a file of which the first chunk has `first` bytes, and each other one `size`."""
    splitter = ArraySplitter("rows.json", data[:first])
    chunks = [b"", *(data[at : at + size] for at in range(first, len(data), size))]
    return [row for chunk in chunks for row in splitter.feed(chunk)] + splitter.finish()


@given(first=st.integers(13, len(WRAPPED)), size=st.integers(1, 20), data=st.sampled_from([ARRAY, WRAPPED]))
def test_any_chunks_give_the_same_rows(first: int, size: int, data: bytes) -> None:
    assert stream(data, first=first, size=size) == ROWS


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("data", [ARRAY, WRAPPED], ids=["array", "wrapped"])
def test_every_cut_is_an_error_that_names_the_rows_before_it(data: bytes, size: int) -> None:
    ends = [data.index(text) + len(text) for text in (b'{"Id": {}}', b'"} ]  "}', b"3.5}]", 'café"'.encode())]
    for cut in sorted({*range(13, len(data.rstrip()))} - {*ends}):  # at its very end a row may count or not
        rows = sum(end < cut for end in ends)
        with pytest.raises(InputError, match="not JSON") as caught:
            stream(data[:cut], first=13, size=size)
        assert caught.value.place.endswith(f", after row {rows - 1}" if rows else ", in row 0")


@given(
    at=st.integers(13, len(WRAPPED) - 1),
    byte=st.integers(0, 255),
    first=st.integers(20, len(WRAPPED)),
    size=st.integers(1, 20),
)
def test_a_changed_byte_has_the_same_verdict_at_any_size(at: int, byte: int, first: int, size: int) -> None:
    data = WRAPPED[:at] + bytes([byte]) + WRAPPED[at + 1 :]

    def verdict(first: int, size: int) -> object:
        try:
            return stream(data, first=first, size=size)
        except InputError as exc:
            return exc.place.rpartition(", ")[2]  # the very column may differ by what of the text was there

    assert verdict(first, size) == verdict(len(data), 1)


@given(at=st.integers(0, len(ARRAY) - 1), byte=st.integers(0, 255))
def test_an_array_is_refused_where_the_document_is(at: int, byte: int) -> None:
    data = ARRAY[:at] + bytes([byte]) + ARRAY[at + 1 :]
    assert _refused(lambda: stream(data, first=len(data), size=1)) == _refused(lambda: load("rows.json", data))


def _refused(read: Callable[[], object]) -> bool:
    try:
        read()
    except InputError as exc:
        return exc.place != "top level"
    return False


def test_a_syntax_error_names_the_rows_before_it() -> None:
    with pytest.raises(InputError, match="more behind the end of the array") as caught:
        stream(WRAPPED + b"}", first=13, size=7)
    assert caught.value.place == f"line 2, column {len(WRAPPED.partition(NEWLINE)[2].decode()) + 1}, after row 3"
