"""Reading a journal without a hand on it: also one that a process is writing, or that may not be changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from igent.codec import DecodeError, dump, load
from igent.domain.records import Json
from igent.errors import JournalCorrupt, JournalError
from igent.store.frames import FrameScanner

__all__ = ["scan"]

_READ_BYTES = 2**20  # as a recovery reads it
_REMEDY = "Name the directory of a run that igent has written"


def scan(path: Path, *, kind: str | None = None) -> Iterator[dict[str, Json]]:
    """The whole records of a journal in order, or those of one kind (`t`), of which alone more than bytes is read.

    A torn tail is passed over: it may be a record on its way. Raises `JournalError` for a file that is missing or
    foreign, and `JournalCorrupt` on reaching a bad frame that later groups prove to have been durable.
    """
    head = b'{"t":' + dump(kind) if kind is not None else b""
    scanner = FrameScanner()
    try:
        with path.open("rb", buffering=0) as file:
            while data := file.read(_READ_BYTES):
                for frame in scanner.feed(data):
                    if frame.payload.startswith(head):
                        yield _record(path, frame.payload)
    except OSError as exc:
        raise JournalError(path=str(path), problem=f"cannot be read: {exc.strerror}", remedy=_REMEDY) from exc
    ending = scanner.finish()
    if ending.kind == "corrupt":
        raise JournalCorrupt(path=str(path), offset_bytes=ending.offset_bytes, problem=ending.problem)
    if ending.kind == "foreign":
        raise JournalError(path=str(path), problem=f"is not a journal: {ending.problem}", remedy=_REMEDY)


def _record(path: Path, payload: bytes) -> dict[str, Json]:
    try:
        record = load(payload)
    except DecodeError:
        record = None
    if not isinstance(record, dict):
        raise JournalError(path=str(path), problem="holds a record that is no JSON object", remedy=_REMEDY)
    return record
