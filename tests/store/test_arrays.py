"""Streamed arrays in chunks of any size."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.domain.records import Json
from igent.errors import InputError
from igent.store.arrays import array_start, stream_array

ROWS: list[Json] = [{"Id": {}}, {"Notes": "} ]  "}, [{"Id": 3.5}], "café"]
ARRAY = ' [{"Id": {}}, {"Notes": "} ]  "},\n [{"Id": 3.5}], "café"] '.encode()
WRAPPED = b'{ "rows" : ' + ARRAY + b" } "


@dataclass
class Pieces:
    """A file of which each read brings `size` bytes; the first chunk was `first`."""

    first: bytes
    rest: bytes
    size: int
    path: str = "rows.json"
    at: int = 0

    async def read(self, size: int) -> bytes:
        piece = self.rest[self.at : self.at + self.size]
        self.at += self.size
        return piece

    async def seek(self, offset: int) -> None:
        self.at = 0


async def stream(data: bytes, *, first: int, size: int) -> list[Json]:
    source = Pieces(first=data[:first], rest=data[first:], size=size)
    start, _ = array_start(source.path, source.first)
    return [row async for row in stream_array(source, source.first, start=start)]


@given(first=st.integers(13, len(WRAPPED)), size=st.integers(1, 20), data=st.sampled_from([ARRAY, WRAPPED]))
async def test_any_chunks_give_the_same_rows(first: int, size: int, data: bytes) -> None:
    assert await stream(data, first=first, size=size) == ROWS


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("data", [ARRAY, WRAPPED], ids=["array", "wrapped"])
async def test_every_cut_is_an_error_that_names_the_rows_before_it(data: bytes, size: int) -> None:
    ends = [data.index(text) + len(text) for text in (b'{"Id": {}}', b'"} ]  "}', b"3.5}]", 'café"'.encode())]
    for cut in sorted({*range(13, len(data.rstrip()))} - {*ends}):  # at its very end a row may count or not
        rows = sum(end < cut for end in ends)
        with pytest.raises(InputError, match="not JSON") as caught:
            await stream(data[:cut], first=13, size=size)
        assert caught.value.place == (f"after row {rows - 1}" if rows else "in row 0")


@pytest.mark.parametrize("size", [1, 7, 100])
async def test_a_syntax_error_names_the_rows_before_it_at_any_size(size: int) -> None:
    with pytest.raises(InputError, match="trailing garbage") as caught:
        await stream(WRAPPED + b"}", first=13, size=size)
    assert caught.value.place == "after row 3"
