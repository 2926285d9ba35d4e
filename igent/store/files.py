"""The output files of a run: projections of the journal, replaced or extended so that a reader never sees half of one.

Rows gather in memory, then in part files that nobody reads, and become visible with a publication: a JSON array by
copying its part file inside the kernel and closing the copy, so that no row is serialized or hashed twice. How often to
publish, so that the copies stay linear in total, is the caller's rule.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias

from igent.codec import dump_pretty
from igent.domain.records import Json
from igent.store.disk import DISK, Disk
from igent.store.places import TEMPORARY, disk_errors

__all__ = ["Document", "Outputs", "SPILL_BYTES"]

_MANIFEST = "manifest.json"
_PART = ".igent.part"

# Some thousand registrations' rows: enough to write in large pieces, and little beside what a run needs anyway.
SPILL_BYTES = 8 * 2**20

Document: TypeAlias = bytes | Iterable[bytes]


@contextmanager
def _replacing(path: Path, disk: Disk) -> Iterator[tuple[Path, int]]:
    """A new file, by name and descriptor, that takes the place of `path`, synced, when the block ends without an error.

    That the new one is there under the name is durable only once the directory is synced.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    with disk.opened(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as descriptor:
        yield temporary, descriptor
        disk.sync(descriptor)
    disk.replace(temporary, path)


class _Sum:
    """Length and SHA-256 of the bytes written so far, so that a file is never read back to describe it."""

    def __init__(self, data: bytes = b"") -> None:
        self.length_bytes = len(data)
        self._hash = hashlib.sha256(data)

    def update(self, data: bytes | bytearray) -> None:
        self.length_bytes += len(data)
        self._hash.update(data)

    def entry(self, closing: bytes = b"") -> dict[str, Json]:
        """The manifest's entry for these bytes with `closing` behind them."""
        whole = self._hash.copy()
        whole.update(closing)
        return {"bytes": self.length_bytes + len(closing), "sha256": whole.hexdigest()}


class _Array:
    """A JSON array, one row per line: `[]` without rows, else `[`, the rows and `]` on lines of their own.

    Rows go to a part file beside it; publishing copies that inside the kernel and closes the copy.
    """

    BEFORE, BEHIND = b",\n", b""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._path, self.part, self._disk = path, path.with_name(path.name + _PART), disk
        self._body = _Sum()
        self._published_bytes = -1

    def write(self, rows: bytearray) -> None:
        if not self._body.length_bytes:
            _extend(self.part, self._body, b"[", self._disk)
        if rows:
            if self._body.length_bytes == 1:
                del rows[:1]  # no comma stands before the first row
            _extend(self.part, self._body, rows, self._disk)

    def publish(self) -> None:
        if self._body.length_bytes != self._published_bytes:
            with _replacing(self._path, self._disk) as (temporary, descriptor):
                self._disk.copy(self.part, temporary)
                self._disk.write_all(descriptor, self._closing, at=self._body.length_bytes)
            self._published_bytes = self._body.length_bytes

    def entry(self) -> dict[str, Json]:
        return self._body.entry(self._closing)

    @property
    def _closing(self) -> bytes:
        return b"\n]\n" if self._body.length_bytes > 1 else b"]\n"


class _Lines:
    """A file of lines; a part file until its first publication, which replaces what an earlier run left there, and then
    extended in place, so that it may be ahead of the manifest."""

    BEFORE, BEHIND = b"", b"\n"

    def __init__(self, path: Path, header: bytes, disk: Disk) -> None:
        self._path, self.part, self._disk = path, path.with_name(path.name + _PART), disk
        self._header = header + b"\n" if header else b""
        self._body = _Sum()
        self._begun = self._published = False

    def write(self, rows: bytearray) -> None:
        if rows or not self._begun:
            lines = rows if self._begun else self._header + rows
            _extend(self._path if self._published else self.part, self._body, lines, self._disk)
            self._begun = True

    def publish(self) -> None:
        with self._disk.opened(self._path if self._published else self.part, os.O_WRONLY) as descriptor:
            self._disk.sync(descriptor)
        if not self._published:
            self._disk.replace(self.part, self._path)
            self._published = True

    def entry(self) -> dict[str, Json]:
        return self._body.entry()


class Outputs:
    """The output files of a run's directory, each of mode 0600.

    `arrays` names the JSON arrays, `lines` the line files with their first line, without its newline (b"" for none).
    A new `Outputs` starts every file anew, from rows that the caller adds again from the journal; until its first
    publication it changes nothing that can be seen. A disk that refuses is a `JournalError`, final for this object.
    """

    def __init__(
        self, directory: Path, *, arrays: Sequence[str], lines: Mapping[str, bytes], disk: Disk = DISK
    ) -> None:
        self._directory, self._disk = directory, disk
        self._files: dict[str, _Array | _Lines] = {name: _Array(directory / name, disk) for name in arrays}
        self._files |= {name: _Lines(directory / name, header, disk) for name, header in lines.items()}
        self._pending = {name: bytearray() for name in self._files}
        self._documents: dict[str, dict[str, Json]] = {}
        self._busy = False
        with disk_errors(directory):
            # What a crash has left half written.
            for stale in (*directory.glob(f"*{TEMPORARY}"), *directory.glob(f"*{_PART}")):
                disk.remove(stale)

    @property
    def crowded(self) -> bool:
        """Whether so many rows wait in memory that they should be written, be it to part files."""
        return sum(map(len, self._pending.values())) >= SPILL_BYTES

    def add(self, name: str, row: bytes) -> None:
        """Keep one serialized JSON row of an array, or one line without its newline, for the next publication."""
        file = self._files[name]
        self._pending[name] += file.BEFORE + row + file.BEHIND

    async def spill(self) -> None:
        """Move the rows in memory to the part files, where nobody sees them yet; does nothing during a publication."""
        if not self._busy:
            await self._in_thread(self._write_rows)

    async def publish(self, documents: Mapping[str, Document], *, journal_bytes: int) -> None:
        """Make everything added so far visible, then the changed documents, and `manifest.json` last.

        A document in pieces is written piece by piece as they are made, in a thread. `journal_bytes` is the position in
        the journal that the files reflect. Rows added meanwhile wait for the next publication, which may start only
        after this one. A cancellation is raised once the files are written.
        """
        assert not self._busy, "the former publication is unfinished or has failed"
        await self._in_thread(partial(self._publish, dict(documents), journal_bytes))

    def close(self) -> None:
        """Remove the part files: after this nothing more can be published."""
        self._busy = True
        with disk_errors(self._directory):
            for file in self._files.values():
                self._disk.remove(file.part)

    async def _in_thread(self, work: Callable[[Mapping[str, bytearray]], None]) -> None:
        self._busy = True
        batch, self._pending = self._pending, {name: bytearray() for name in self._files}
        # Not asyncio.to_thread: a cancelled one leaves its thread behind, writing.
        running = asyncio.get_running_loop().run_in_executor(None, work, batch)
        with disk_errors(self._directory):
            try:
                await asyncio.shield(running)
            except asyncio.CancelledError:
                await asyncio.wait([running])
                running.result()  # what the disk refused meanwhile goes before the cancellation
                raise

    def _write_rows(self, batch: Mapping[str, bytearray]) -> None:
        for name, rows in batch.items():
            self._files[name].write(rows)
        self._busy = False

    def _publish(self, documents: Mapping[str, Document], journal_bytes: int, batch: Mapping[str, bytearray]) -> None:
        for name, file in self._files.items():
            file.write(batch[name])
            file.publish()
        for name, data in documents.items():
            self._write_document(name, data)
        # The files have their names before a manifest describes them.
        self._disk.sync_directory(self._directory)
        entries = {name: file.entry() for name, file in self._files.items()} | self._documents
        manifest = {"journal_bytes": journal_bytes, "files": entries}
        with _replacing(self._directory / _MANIFEST, self._disk) as (_, descriptor):
            self._disk.write_all(descriptor, dump_pretty(manifest), at=0)
        self._disk.sync_directory(self._directory)
        self._busy = False

    def _write_document(self, name: str, document: Document) -> None:
        if isinstance(document, bytes) and self._documents.get(name) == _Sum(document).entry():
            return
        body = _Sum()
        with _replacing(self._directory / name, self._disk) as (_, descriptor):
            for piece in [document] if isinstance(document, bytes) else document:
                self._disk.write_all(descriptor, piece, at=body.length_bytes)
                body.update(piece)
        self._documents[name] = body.entry()


def _extend(path: Path, body: _Sum, data: bytes | bytearray, disk: Disk) -> None:
    """Append to a private file, which is made where it is missing; not synced."""
    with disk.opened(path, os.O_WRONLY | os.O_CREAT) as descriptor:
        disk.write_all(descriptor, data, at=body.length_bytes)
    body.update(data)
