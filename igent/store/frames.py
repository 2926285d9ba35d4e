"""The byte format of the journal: frames that prove themselves, and a scanner that says how a file ends.

A file is `MAGIC` and then frames; a frame is this header (big-endian) and one compact JSON payload:

    marker 4 | CRC-32 4 | payload length 4 | sequence 8 | group 8 | previous hash 16

The CRC covers everything behind itself. `sequence` counts from 0. `group` is the sequence of the first frame that was
written and synced together with this one. The previous hash chains the frames (see `Tip.after`), so none can be
dropped, swapped or brought in from another journal.

A group is written only after the one before it is on disk. A power failure can therefore damage the last group and
nothing else: a bad frame is a torn tail, unless behind it stands a whole frame of a group that began later.
The group's name shows that exactly: where frame n is bad, a group that begins after n proves that n was once durable.
This holds across processes because one that goes on with a file first cuts off the torn tail and syncs what is left,
and then appends a lone record of its own: a group of one, durable before anything else is done. From there on

- damage to what was recovered, and acted upon, is corruption and no torn tail: a later group stands behind it;
- whatever the process does, a paid call for one, is done by a process that the journal knows of;
- a disk that takes no writes is found before anything is paid for;
- frames of the torn tail cannot be read again should old blocks reappear: the record's time breaks their chain.

A block that is written again is taken to keep those of its bytes that do not change.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias
from zlib import crc32

__all__ = ["Ending", "Frame", "FrameScanner", "HEADER_BYTES", "MAGIC", "MAX_PAYLOAD_BYTES", "Tip", "encode_frame"]

MAGIC = b"igent-journal-1\n"

# 0xFF occurs in no UTF-8 text, so no payload contains the marker and the search behind a bad frame stays linear.
_MARKER = b"\xffigf"
_CRC = struct.Struct(">I")
_CHECKED = struct.Struct(">IQQ16s")
_CHECKED_AT = len(_MARKER) + _CRC.size
_HASH_BYTES = 16

HEADER_BYTES = _CHECKED_AT + _CHECKED.size

# A record is one reply or one outcome, kilobytes; this is what a damaged length field can make a reader hold.
MAX_PAYLOAD_BYTES = 16 * 2**20


class Tip(NamedTuple):
    """What the next frame continues: its sequence, its byte offset in the file and the hash that it has to carry."""

    sequence: int = 0
    offset_bytes: int = len(MAGIC)
    previous_hash: bytes = bytes(_HASH_BYTES)

    def after(self, payload: bytes) -> Tip:
        """The tip once a frame with this payload stands here."""
        end_bytes = self.offset_bytes + HEADER_BYTES + len(payload)
        chained = hashlib.sha256(self.previous_hash)
        chained.update(payload)
        return Tip(self.sequence + 1, end_bytes, chained.digest()[:_HASH_BYTES])


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One whole frame, `offset_bytes` from the start of the file."""

    sequence: int
    group: int
    offset_bytes: int
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a file ends: `offset_bytes` is where its good part stops, `problem` what stands there ("" when clean)."""

    kind: Literal["clean", "torn", "corrupt", "foreign"]
    offset_bytes: int
    problem: str = ""


def encode_frame(tip: Tip, payload: bytes, *, group: int) -> bytes:
    """The frame that continues `tip`. Raises `ValueError` for a payload of more than `MAX_PAYLOAD_BYTES`."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a payload of {len(payload)} bytes is over the limit of {MAX_PAYLOAD_BYTES}")
    checked = _CHECKED.pack(len(payload), tip.sequence, group, tip.previous_hash) + payload
    return _MARKER + _CRC.pack(crc32(checked)) + checked


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whole:
    """A frame whose checksum holds; whether it belongs where it stands is not known yet."""

    sequence: int
    group: int
    previous_hash: bytes
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    problem: str


_Parsed: TypeAlias = "_Whole | _Fault | None"


def _parse(data: bytearray) -> _Parsed:
    """The frame at the start of `data`, or what is wrong with it, or None for "need more"."""
    if not _MARKER.startswith(data[: len(_MARKER)]):
        return _Fault(problem="no frame marker")
    if len(data) < HEADER_BYTES:
        return None
    length, sequence, group, previous_hash = _CHECKED.unpack_from(data, _CHECKED_AT)
    if length > MAX_PAYLOAD_BYTES:
        return _Fault(problem="impossible payload length")
    if len(data) < HEADER_BYTES + length:
        return None
    checked = bytes(data[_CHECKED_AT : HEADER_BYTES + length])
    if _CRC.unpack_from(data, len(_MARKER)) != (crc32(checked),):
        return _Fault(problem="checksum mismatch")
    return _Whole(sequence=sequence, group=group, previous_hash=previous_hash, payload=checked[_CHECKED.size :])


def _maybe_torn(found: int, due: int) -> bool:
    """Whether a crash can have left a byte where another was being written: a file can have its length before that."""
    return found in (0, due)


class FrameScanner:
    """Fed with the bytes of a file in any pieces, gives its frames in order and at the end says how it ends.

    Holds the unread part only: less than one frame and the piece that was fed last.
    """

    def __init__(self) -> None:
        self._unread = bytearray()
        self._tip = Tip()
        self._group = 0
        self._stage: Literal["magic", "frames", "search", "over"] = "magic"
        self._ending = Ending(kind="torn", offset_bytes=0, problem="incomplete file header")

    @property
    def tip(self) -> Tip:
        """What a frame behind the last good one continues."""
        return self._tip

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes; none from the first bad one on."""
        self._unread += data
        frames: list[Frame] = []
        if self._stage == "magic":
            self._read_magic()
        while self._stage == "frames" and (frame := self._maybe_frame()) is not None:
            frames.append(frame)
        if self._stage == "search":
            self._search(at_end=False)
        if self._stage == "over":
            self._unread.clear()
        return frames

    def finish(self) -> Ending:
        """How the file ends, given that nothing follows."""
        if self._stage == "frames":
            if not self._unread:
                return Ending(kind="clean", offset_bytes=self._tip.offset_bytes)
            # A damaged length can reach past the end of the file, over whole frames: look into what it covers.
            self._begin_search("incomplete frame")
        if self._stage == "search":
            self._search(at_end=True)
        return self._ending

    def _read_magic(self) -> None:
        if self._unread.startswith(MAGIC):
            del self._unread[: len(MAGIC)]
            self._stage = "frames"
        elif len(self._unread) > len(MAGIC) or not all(map(_maybe_torn, self._unread, MAGIC)):
            self._end("foreign", "no journal header")

    def _maybe_frame(self) -> Frame | None:
        parsed = _parse(self._unread)
        if parsed is None:
            return None
        problem = parsed.problem if isinstance(parsed, _Fault) else self._misplaced(parsed)
        if isinstance(parsed, _Fault) or problem:
            self._begin_search(problem)
            return None
        at, self._group, self._tip = self._tip, parsed.group, self._tip.after(parsed.payload)
        del self._unread[: HEADER_BYTES + len(parsed.payload)]
        return Frame(sequence=at.sequence, group=parsed.group, offset_bytes=at.offset_bytes, payload=parsed.payload)

    def _misplaced(self, whole: _Whole) -> str:
        """Why this frame cannot be the next one; "" where it is."""
        if whole.sequence != self._tip.sequence:
            return f"record {whole.sequence} in the place of record {self._tip.sequence}"
        if whole.previous_hash != self._tip.previous_hash:
            return "broken hash chain"
        # A group goes on, or a new one starts with this very frame.
        return "" if whole.group in (self._group, whole.sequence) else "impossible group"

    def _begin_search(self, problem: str) -> None:
        self._stage = "search"
        self._ending = Ending(kind="torn", offset_bytes=self._tip.offset_bytes, problem=problem)

    def _search(self, *, at_end: bool) -> None:
        """Look for a whole frame of a group that began after the bad frame: its presence means corruption."""
        while (start := self._unread.find(_MARKER)) >= 0:
            del self._unread[:start]
            parsed = _parse(self._unread)
            if parsed is None and not at_end:
                return
            if isinstance(parsed, _Whole) and parsed.group > self._tip.sequence:
                self._end("corrupt", self._ending.problem)
                return
            del self._unread[:1]
        # The first bytes of a marker may stand at the end of what has come so far.
        del self._unread[: 1 - len(_MARKER)]

    def _end(self, kind: Literal["corrupt", "foreign"], problem: str) -> None:
        self._stage = "over"
        self._ending = Ending(kind=kind, offset_bytes=self._ending.offset_bytes, problem=problem)
