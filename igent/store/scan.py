"""Reading a journal without a hand on it: also one that a process is writing, or that may not be changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from igent.codec import DecodeError, dump, load
from igent.domain.records import Json
from igent.errors import JournalCorrupt, JournalError
from igent.store.disk import own_file
from igent.store.frames import Ending, Frame, FrameScanner

__all__ = ["FIND_REMEDY", "READ_BYTES", "Record", "record_of", "scan", "sound"]

Record: TypeAlias = dict[str, Json]

READ_BYTES = 2**20  # a thousand records, and little beside the largest frame that the scanner may have to hold
FIND_REMEDY = "Name the directory of a run that igent has written"


def scan(path: Path, *, kind: str | Sequence[str] = "") -> Iterator[Record]:
    """The whole records of a journal in order, or those of one `kind` (`t`) or several: of others only bytes are read.

    A torn tail is passed over: it may be a record on its way. Raises `JournalError` for a file that is missing or
    foreign, and `JournalCorrupt` on reaching a bad frame that later groups prove to have been durable.
    """
    kinds = (kind,) if isinstance(kind, str) else kind
    heads = tuple(b'{"t":' + dump(one) if one else b"" for one in kinds)
    scanner = FrameScanner()
    try:
        with open(path, "rb", buffering=0, opener=own_file) as file:
            while data := file.read(READ_BYTES):
                for frame in scanner.feed(data):
                    if frame.payload.startswith(heads):
                        yield record_of(frame, path)
    except OSError as exc:
        raise JournalError(path=str(path), problem=f"cannot be read: {exc.strerror}", remedy=FIND_REMEDY) from exc
    sound(scanner.finish(), path)


def sound(ending: Ending, path: Path) -> Ending:
    """How a journal ends, where that is no sign of damage. Raises `JournalCorrupt` or `JournalError`."""
    if ending.kind == "corrupt":
        raise JournalCorrupt(path=str(path), offset_bytes=ending.offset_bytes, problem=ending.problem)
    if ending.kind == "foreign":
        problem = f"is not a journal of this version: {ending.problem}"
        raise JournalError(path=str(path), problem=problem, remedy=FIND_REMEDY)
    return ending


def record_of(frame: Frame, path: Path) -> Record:
    """The record in a frame. Raises `JournalError` where it is none."""
    try:
        record = load(frame.payload)
    except DecodeError:
        record = None
    if not isinstance(record, dict):
        problem = f"record {frame.sequence} is not a JSON object"
        raise JournalError(path=str(path), problem=problem, remedy=FIND_REMEDY)
    return record
