"""JSON Lines in chunks of any size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from igent.store.rows import ROW_BYTES, BadRow, LineSplitter

LINES = '{"Id": 1}\r\n\n[2, "café"]\n{3\n \n4'.encode()


@given(cuts=st.lists(st.integers(0, len(LINES)), max_size=8).map(sorted))
def test_any_chunks_give_the_rows_of_the_whole(cuts: list[int]) -> None:
    splitter = LineSplitter()
    chunks = [LINES[start:end] for start, end in zip([0, *cuts], [*cuts, len(LINES)], strict=True)]
    assert [row for chunk in [*chunks, b"\n"] for row in splitter.feed(chunk)] == LineSplitter().feed(LINES + b"\n")


def test_rows_come_with_the_line_end_and_bad_ones_with_their_line() -> None:
    first, second, third = LineSplitter().feed(LINES)
    assert (first, second) == ({"Id": 1}, [2, "café"])
    assert isinstance(third, BadRow)
    assert third.line == 4


def test_a_line_without_end_is_told_as_too_long_wherever_it_is_cut() -> None:
    splitter = LineSplitter()
    assert [splitter.feed(b"x" * (ROW_BYTES + 1)), splitter.feed(b"")] == [[], []]
    assert splitter.feed(b"\n1\n") == [BadRow(line=1, problem=f"longer than {ROW_BYTES} bytes"), 1]
