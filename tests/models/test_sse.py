"""Server-sent events: whole events only, in whatever pieces they come."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.models.sse import MAX_EVENT_BYTES, SseDecoder

STREAM = b": hello\n\nevent: a\ndata: one\nid: 7\n\ndata:two\r\ndata:  three\r\n\r\n\n\ndata: [DONE]\n\ndata: cut off\n"
EVENTS = [b"one", b"two\n three", b"[DONE]"]


def events_of(*pieces: bytes) -> list[bytes]:
    decoder = SseDecoder()
    found: list[bytes] = []
    for piece in pieces:
        decoder.feed(piece)
        while (event := decoder.maybe_event()) is not None:
            found.append(event)
    return found


def test_events_are_the_data_before_empty_lines() -> None:
    assert events_of(STREAM) == EVENTS


@given(st.lists(st.integers(0, len(STREAM))))
def test_events_are_the_same_in_any_pieces(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    assert events_of(*(STREAM[start:end] for start, end in pairwise(places))) == EVENTS


def test_byte_by_byte_no_event_comes_before_its_end() -> None:
    whole = STREAM.index(b"\n\ndata:two") + 2
    assert [len(events_of(STREAM[:size])) for size in (whole - 1, whole)] == [0, 1]


@pytest.mark.parametrize("part", [b"data: ", b"x"], ids=["data", "another field"])
def test_an_event_has_a_bound(part: bytes) -> None:
    decoder = SseDecoder()
    decoder.feed(part + b"x" * (MAX_EVENT_BYTES - len(part)))
    with pytest.raises(ValueError, match="more than"):
        decoder.feed(b"x")


def test_an_event_of_many_lines_has_the_same_bound() -> None:
    with pytest.raises(ValueError, match="more than"):
        SseDecoder().feed(b"data: x\n" * (MAX_EVENT_BYTES // 6))


def test_a_stream_of_many_events_has_none() -> None:
    assert len(events_of(b"data: 123456\n\n" * (MAX_EVENT_BYTES // 10))) == MAX_EVENT_BYTES // 10
