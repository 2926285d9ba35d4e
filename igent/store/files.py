"""The output files of a run: projections of the journal, replaced or extended so that a reader never sees half of one.

A JSON array grows by copying the published file inside the kernel, less its closing bytes, and writing the new rows
behind it: no row is serialized or hashed twice and memory holds the pending rows only. How often to publish, so that
the copies stay linear in total, is the caller's rule.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from igent.codec import dump_pretty
from igent.domain.records import Json

__all__ = ["Outputs", "atomic_write", "point_latest", "sync_directory"]

_MANIFEST = "manifest.json"

# Says whose it is: `--out` may name a directory that holds other people's temporary files.
_TEMPORARY = ".igent.tmp"


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable; syncing a file does not do that."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def atomic_write(path: Path, data: bytes) -> None:
    """Write a whole file, mode 0600, that is there durably and completely or not at all."""
    with _replacing(path) as file:
        file.write(data)
    sync_directory(path.parent)


def point_latest(directory: Path) -> None:
    """Make the link `latest` beside a run directory lead to it."""
    link, temporary = directory.parent / "latest", directory.parent / f"latest{_TEMPORARY}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(directory.name, target_is_directory=True)
    temporary.replace(link)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path`, synced, when the block ends without an error."""
    temporary = path.with_name(path.name + _TEMPORARY)
    with open(temporary, "wb", opener=_private) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


class _Sum:
    """Length and SHA-256 of the bytes written so far, so that a file is never read back to describe it."""

    def __init__(self, data: bytes = b"") -> None:
        self.length_bytes = len(data)
        self._hash = hashlib.sha256(data)

    def update(self, data: bytes) -> None:
        self.length_bytes += len(data)
        self._hash.update(data)

    def entry(self, closing: bytes = b"") -> dict[str, Json]:
        """The manifest's entry for these bytes with `closing` behind them."""
        whole = self._hash.copy()
        whole.update(closing)
        return {"bytes": self.length_bytes + len(closing), "sha256": whole.hexdigest()}


class _Array:
    """A JSON array, one row per line: `[]` without rows, else `[`, the rows and `]` on lines of their own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._body = _Sum(b"[")
        self._published = False
        self._separator, self._closing = b"\n", b"]\n"

    def publish(self, rows: Sequence[bytes]) -> None:
        if self._published and not rows:
            return
        with _replacing(self._path) as file:
            if self._published:
                shutil.copyfile(self._path, file.name)
                # What follows is longer than the closing bytes that it overwrites.
                file.seek(self._body.length_bytes)
            else:
                file.write(b"[")
            self._write(file, rows)
        self._published = True

    def entry(self) -> dict[str, Json]:
        return self._body.entry(self._closing)

    def _write(self, file: BinaryIO, rows: Sequence[bytes]) -> None:
        if rows:
            data = self._separator + b",\n".join(rows)
            self._separator, self._closing = b",\n", b"\n]\n"
            self._body.update(data)
            file.write(data)
        file.write(self._closing)


class _Lines:
    """A file of lines, extended in place; its first publication replaces what an earlier run left there."""

    def __init__(self, path: Path, header: bytes) -> None:
        self._path = path
        self._header = header
        self._body = _Sum()
        self._published = False

    def publish(self, rows: Sequence[bytes]) -> None:
        if not self._published:
            with _replacing(self._path) as file:
                self._write(file, [self._header, *rows] if self._header else rows)
            self._published = True
        elif rows:
            with self._path.open("ab") as file:
                self._write(file, rows)
                file.flush()
                os.fsync(file.fileno())

    def entry(self) -> dict[str, Json]:
        return self._body.entry()

    def _write(self, file: BinaryIO, rows: Sequence[bytes]) -> None:
        data = b"".join(row + b"\n" for row in rows)
        self._body.update(data)
        file.write(data)


class Outputs:
    """The output files of one run directory, which is created (mode 0700) where it is missing; files get mode 0600.

    `arrays` names the JSON arrays, `lines` the line files with their first line, without its newline (b"" for none).
    A new `Outputs` starts every file anew, from rows that the caller adds again from the journal; until its first
    publication it changes nothing that can be seen. An `OSError` of a publication is final for this object.
    """

    def __init__(self, directory: Path, *, arrays: Sequence[str], lines: Mapping[str, bytes]) -> None:
        self._directory = directory
        self._files: dict[str, _Array | _Lines] = {name: _Array(directory / name) for name in arrays}
        self._files |= {name: _Lines(directory / name, header) for name, header in lines.items()}
        self._pending: dict[str, list[bytes]] = {name: [] for name in self._files}
        self._documents: dict[str, dict[str, Json]] = {}
        self._busy = False
        _prepare(directory)

    @property
    def pending(self) -> int:
        """How many rows are waiting for the next publication."""
        return sum(len(rows) for rows in self._pending.values())

    def add(self, name: str, row: bytes) -> None:
        """Keep one serialized JSON row of an array, or one line without its newline, for the next publication."""
        self._pending[name].append(row)

    async def publish(self, documents: Mapping[str, bytes], *, journal_bytes: int) -> None:
        """Make everything added so far visible, then the changed documents, and `manifest.json` last.

        `journal_bytes` is the position in the journal that the files reflect. Rows added meanwhile wait for the
        next publication, which may start only after this one. A cancellation is raised once the files are written.
        """
        assert not self._busy, "the former publication is unfinished or has failed"
        self._busy = True
        batch, self._pending = self._pending, {name: [] for name in self._files}
        # Not asyncio.to_thread: a cancelled one leaves its thread behind, writing.
        work = asyncio.get_running_loop().run_in_executor(None, self._write, batch, dict(documents), journal_bytes)
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])
            raise

    def _write(self, batch: Mapping[str, list[bytes]], documents: Mapping[str, bytes], journal_bytes: int) -> None:
        for name, rows in batch.items():
            self._files[name].publish(rows)
        for name, data in documents.items():
            self._write_document(name, data)
        # The files have their names before a manifest describes them.
        sync_directory(self._directory)
        entries = {name: file.entry() for name, file in self._files.items()} | self._documents
        manifest = {"journal_bytes": journal_bytes, "files": entries}
        atomic_write(self._directory / _MANIFEST, dump_pretty(manifest))
        self._busy = False

    def _write_document(self, name: str, data: bytes) -> None:
        entry = _Sum(data).entry()
        if self._documents.get(name) != entry:
            with _replacing(self._directory / name) as file:
                file.write(data)
            self._documents[name] = entry


def _prepare(directory: Path) -> None:
    """Create the directory durably, and clear away what a crash has left half written."""
    if not directory.exists():
        directory.mkdir(mode=0o700, parents=True)
        sync_directory(directory.parent)
    for stale in directory.glob(f"*{_TEMPORARY}"):
        stale.unlink()
