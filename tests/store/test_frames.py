from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.store.frames import HEADER_BYTES, MAGIC, MAX_PAYLOAD_BYTES, Ending, Frame, FrameScanner, Tip, encode_frame

GROUPS = [
    [b'{"n":0}', b'{"n":1}'],
    [b'{"n":2}', b'{"n":3,"long":"xxxxxxxxxxxxxxxxxxxx"}', b'{"n":4}'],
    [b'{"n":5}', b"{}"],
]


def encoded(groups: list[list[bytes]], tip: Tip | None = None) -> list[bytes]:
    tip, frames = tip or Tip(), []
    for group in groups:
        first = tip.sequence
        for payload in group:
            frames.append(encode_frame(tip, payload, group=first))
            tip = tip.after(payload)
    return frames


FRAMES = encoded(GROUPS)
FILE = MAGIC + b"".join(FRAMES)
STARTS = [len(MAGIC) + sum(map(len, FRAMES[:n])) for n in range(len(FRAMES) + 1)]
PAYLOADS = [payload for group in GROUPS for payload in group]
LAST_GROUP = len(PAYLOADS) - len(GROUPS[-1])


def scan(*pieces: bytes) -> tuple[list[Frame], Ending]:
    scanner = FrameScanner()
    frames = [frame for piece in pieces for frame in scanner.feed(piece)]
    return frames, scanner.finish()


def one_by_one(data: bytes) -> list[bytes]:
    return [data[n : n + 1] for n in range(len(data))]


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :]


def test_a_whole_file_gives_its_frames_and_ends_clean() -> None:
    frames, ending = scan(FILE)
    assert [frame.payload for frame in frames] == PAYLOADS
    assert [frame.sequence for frame in frames] == list(range(7))
    assert [frame.group for frame in frames] == [0, 0, 2, 2, 2, 5, 5]
    assert [frame.offset_bytes for frame in frames] == STARTS[:-1]
    assert ending == Ending(kind="clean", offset_bytes=len(FILE))


def test_byte_by_byte_gives_the_same_as_whole() -> None:
    assert scan(*one_by_one(FILE)) == scan(FILE)


@given(st.binary(max_size=200), st.integers(0, len(FILE)))
def test_how_the_file_is_cut_into_pieces_never_matters(rest: bytes, cut: int) -> None:
    data = FILE + rest
    assert scan(data[:cut], data[cut:]) == scan(*one_by_one(data)) == scan(data)


@given(st.lists(st.lists(st.binary(max_size=50), min_size=1, max_size=4), max_size=5))
def test_what_was_encoded_is_what_is_scanned(groups: list[list[bytes]]) -> None:
    frames, ending = scan(MAGIC + b"".join(encoded(groups)))
    assert [frame.payload for frame in frames] == [payload for group in groups for payload in group]
    assert ending.kind == "clean"


def test_the_tip_continues_the_file_where_the_scanner_stopped() -> None:
    scanner = FrameScanner()
    scanner.feed(FILE)
    frames, ending = scan(FILE + b"".join(encoded([[b"{}"]], scanner.tip)))
    assert (frames[-1].sequence, frames[-1].group, ending.kind) == (7, 7, "clean")


@pytest.mark.parametrize("garbage", [b"\0" * 500, b"\xff", b"\xffigf" * 30, FRAMES[-1], b"{}\n"])
def test_garbage_behind_the_last_frame_is_a_torn_tail(garbage: bytes) -> None:
    frames, ending = scan(FILE + garbage)
    assert (len(frames), ending.kind, ending.offset_bytes) == (7, "torn", len(FILE))


def test_every_truncation_keeps_exactly_the_whole_frames() -> None:
    for size in range(len(MAGIC), len(FILE) + 1):
        frames, ending = scan(FILE[:size])
        whole = sum(end <= size for end in STARTS[1:])
        assert [frame.payload for frame in frames] == PAYLOADS[:whole], size
        kind = "clean" if size == STARTS[whole] else "torn"
        assert (ending.offset_bytes, ending.kind) == (STARTS[whole], kind), size


def test_a_file_cut_within_its_header_is_torn_at_the_start() -> None:
    endings = {scan(FILE[:size])[1] for size in range(len(MAGIC))}
    assert endings == {Ending(kind="torn", offset_bytes=0, problem="incomplete file header")}


@pytest.mark.parametrize("number", range(LAST_GROUP))
@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_every_changed_byte_before_the_last_group_is_corruption(number: int, mask: int) -> None:
    for at in range(STARTS[number], STARTS[number + 1]):
        changed = FILE[:at] + bytes([FILE[at] ^ mask]) + FILE[at + 1 :]
        frames, ending = scan(changed)
        assert (len(frames), ending.kind, ending.offset_bytes) == (number, "corrupt", STARTS[number]), at


@pytest.mark.parametrize("number", range(LAST_GROUP, len(PAYLOADS)))
def test_every_changed_byte_in_the_last_group_is_a_torn_tail(number: int) -> None:
    for at in range(STARTS[number], STARTS[number + 1]):
        frames, ending = scan(flipped(FILE, at))
        assert (len(frames), ending.kind, ending.offset_bytes) == (number, "torn", STARTS[number]), at


def test_corruption_is_found_byte_by_byte_as_well() -> None:
    for at in range(STARTS[1], STARTS[2]):
        assert scan(*one_by_one(flipped(FILE, at))) == scan(flipped(FILE, at))


def test_a_frame_of_another_journal_breaks_the_chain() -> None:
    other = encoded([[b'{"n":9}', b'{"n":1}'], *GROUPS[1:]])
    frames, ending = scan(MAGIC + FRAMES[0] + b"".join(other[1:]))
    assert len(frames) == 1
    assert ending == Ending(kind="corrupt", offset_bytes=STARTS[1], problem="broken hash chain")


def test_a_frame_that_was_taken_out_is_corruption() -> None:
    ending = scan(FILE[: STARTS[3]] + FILE[STARTS[4] :])[1]
    assert ending == Ending(kind="corrupt", offset_bytes=STARTS[3], problem="record 4 in the place of record 3")


def test_a_frame_cannot_claim_a_group_that_never_began() -> None:
    first, second = FRAMES[0], encode_frame(Tip().after(PAYLOADS[0]), PAYLOADS[1], group=7)
    assert scan(MAGIC + first + second)[1].problem == "impossible group"


def test_a_lost_start_of_the_last_group_is_torn_although_the_rest_of_it_is_whole() -> None:
    lost = bytes(len(FRAMES[LAST_GROUP]))
    ending = scan(FILE[: STARTS[LAST_GROUP]] + lost + FRAMES[-1])[1]
    assert (ending.kind, ending.offset_bytes) == ("torn", STARTS[LAST_GROUP])


@pytest.mark.parametrize("data", [b"[1, 2, 3]\n", b"igent-journal-2\n" + FILE, flipped(FILE, 3)])
def test_a_file_with_another_header_is_foreign(data: bytes) -> None:
    frames, ending = scan(data)
    assert (frames, ending.kind) == ([], "foreign")


def test_the_scanner_holds_no_more_than_one_unfinished_frame() -> None:
    scanner = FrameScanner()
    scanner.feed(FILE + FRAMES[0][:-1])
    assert len(scanner._unread) < len(FRAMES[0])
    scanner.feed(bytes(100_000))
    assert len(scanner._unread) < HEADER_BYTES


def test_a_payload_has_a_largest_size() -> None:
    tip = Tip()
    frame = encode_frame(tip, bytes(MAX_PAYLOAD_BYTES), group=0)
    assert scan(MAGIC, frame)[1].kind == "clean"
    with pytest.raises(ValueError, match="over the limit"):
        encode_frame(tip, bytes(MAX_PAYLOAD_BYTES + 1), group=0)
