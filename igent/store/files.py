"""The output files of a run: projections of the journal, replaced or extended so that a reader never sees half of one.

Rows gather in memory, then in part files that nobody reads, and become visible with a publication: a JSON array by
copying its part file inside the kernel and closing the copy, so that no row is serialized or hashed twice. How often to
publish, so that the copies stay linear in total, is the caller's rule.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from igent.codec import dump_pretty
from igent.domain.records import Json
from igent.errors import JournalError, OptionError

__all__ = ["Outputs", "SPILL_BYTES", "atomic_write", "locked", "point_latest", "sync_directory"]

_MANIFEST = "manifest.json"

# Says whose it is: `--out` may name a directory that holds other people's temporary files.
_TEMPORARY = ".igent.tmp"
_PART = ".igent.part"

# Some thousand registrations' rows: enough to write in large pieces, and little beside what a run needs anyway.
SPILL_BYTES = 8 * 2**20


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable; syncing a file does not do that."""
    _sync(directory, os.O_DIRECTORY)


def atomic_write(path: Path, data: bytes) -> None:
    """Write a whole file, mode 0600, that is there durably and completely or not at all."""
    with _replacing(path) as file:
        file.write(data)
    sync_directory(path.parent)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold a run directory for this process alone; the kernel lets go of it when the process ends, however it ends.

    Raises `OptionError` where another process holds it, or where there is none.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as exc:
        raise OptionError(f"there is no run in {str(directory)!r}", remedy="Name the directory of a run") from exc
    try:
        _hold(descriptor, directory)
        yield
    finally:
        os.close(descriptor)


def _hold(descriptor: int, directory: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        problem = f"another igent is at work in {str(directory)!r}"
        raise OptionError(problem, remedy="Wait until it has ended, or stop it, then resume the run") from exc


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
    """A JSON array, one row per line: `[]` without rows, else `[`, the rows and `]` on lines of their own.

    Rows go to a part file beside it; publishing copies that inside the kernel and closes the copy.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._part = path, path.with_name(path.name + _PART)
        self._body = _Sum()
        self._published_bytes = -1

    def write(self, rows: Sequence[bytes]) -> None:
        if not self._body.length_bytes:
            _extend(self._part, self._body, b"[")
        if rows:
            separator = b",\n" if self._body.length_bytes > 1 else b"\n"
            _extend(self._part, self._body, separator + b",\n".join(rows))

    def publish(self) -> None:
        if self._body.length_bytes != self._published_bytes:
            with _replacing(self._path) as file:
                shutil.copyfile(self._part, file.name)
                file.seek(self._body.length_bytes)
                file.write(self._closing)
            self._published_bytes = self._body.length_bytes

    def entry(self) -> dict[str, Json]:
        return self._body.entry(self._closing)

    def close(self) -> None:
        self._part.unlink(missing_ok=True)

    @property
    def _closing(self) -> bytes:
        return b"\n]\n" if self._body.length_bytes > 1 else b"]\n"


class _Lines:
    """A file of lines; a part file until its first publication, which replaces what an earlier run left there, and then
    extended in place, so that it may be ahead of the manifest."""

    def __init__(self, path: Path, header: bytes) -> None:
        self._path, self._part = path, path.with_name(path.name + _PART)
        self._header = [header] if header else []
        self._body = _Sum()
        self._published = False

    def write(self, rows: Sequence[bytes]) -> None:
        begun = self._published or self._part.exists()
        lines = b"".join(row + b"\n" for row in (rows if begun else [*self._header, *rows]))
        if lines or not begun:
            _extend(self._path if self._published else self._part, self._body, lines)

    def publish(self) -> None:
        _sync(self._path if self._published else self._part)
        if not self._published:
            self._part.replace(self._path)
            self._published = True

    def entry(self) -> dict[str, Json]:
        return self._body.entry()

    def close(self) -> None:
        self._part.unlink(missing_ok=True)


class Outputs:
    """The output files of one run directory, which is created (mode 0700) where it is missing; files get mode 0600.

    `arrays` names the JSON arrays, `lines` the line files with their first line, without its newline (b"" for none).
    A new `Outputs` starts every file anew, from rows that the caller adds again from the journal; until its first
    publication it changes nothing that can be seen. A disk that refuses is a `JournalError`, final for this object.
    """

    def __init__(self, directory: Path, *, arrays: Sequence[str], lines: Mapping[str, bytes]) -> None:
        self._directory = directory
        self._files: dict[str, _Array | _Lines] = {name: _Array(directory / name) for name in arrays}
        self._files |= {name: _Lines(directory / name, header) for name, header in lines.items()}
        self._pending: dict[str, list[bytes]] = {name: [] for name in self._files}
        self._pending_bytes = 0
        self._documents: dict[str, dict[str, Json]] = {}
        self._busy = False
        _prepare(directory)

    @property
    def crowded(self) -> bool:
        """Whether so many rows wait in memory that they should be written, be it to part files."""
        return self._pending_bytes >= SPILL_BYTES

    def add(self, name: str, row: bytes) -> None:
        """Keep one serialized JSON row of an array, or one line without its newline, for the next publication."""
        self._pending[name].append(row)
        self._pending_bytes += len(row)

    async def spill(self) -> None:
        """Move the rows in memory to the part files, where nobody sees them yet; does nothing during a publication."""
        if not self._busy:
            await self._in_thread(self._write_rows)

    async def publish(self, documents: Mapping[str, bytes], *, journal_bytes: int) -> None:
        """Make everything added so far visible, then the changed documents, and `manifest.json` last.

        `journal_bytes` is the position in the journal that the files reflect. Rows added meanwhile wait for the
        next publication, which may start only after this one. A cancellation is raised once the files are written.
        """
        assert not self._busy, "the former publication is unfinished or has failed"
        await self._in_thread(partial(self._publish, dict(documents), journal_bytes))

    def close(self) -> None:
        """Remove the part files: after this nothing more can be published."""
        self._busy = True
        for file in self._files.values():
            file.close()

    async def _in_thread(self, work: Callable[[Mapping[str, list[bytes]]], None]) -> None:
        self._busy = True
        batch, self._pending = self._pending, {name: [] for name in self._files}
        self._pending_bytes = 0
        # Not asyncio.to_thread: a cancelled one leaves its thread behind, writing.
        running = asyncio.get_running_loop().run_in_executor(None, work, batch)
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise
        except OSError as exc:
            problem, remedy = f"cannot be written: {exc.strerror}", "See to the disk, then resume: nothing is lost"
            raise JournalError(path=str(exc.filename or self._directory), problem=problem, remedy=remedy) from exc

    def _write_rows(self, batch: Mapping[str, list[bytes]]) -> None:
        for name, rows in batch.items():
            self._files[name].write(rows)
        self._busy = False

    def _publish(self, documents: Mapping[str, bytes], journal_bytes: int, batch: Mapping[str, list[bytes]]) -> None:
        for name, file in self._files.items():
            file.write(batch[name])
            file.publish()
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


def _extend(path: Path, body: _Sum, data: bytes) -> None:
    """Append to a private file, which is made where it is missing; not synced."""
    with open(path, "ab", opener=_private) as file:
        file.write(data)
    body.update(data)


def _sync(path: Path, flags: int = 0) -> None:
    descriptor = os.open(path, os.O_RDONLY | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prepare(directory: Path) -> None:
    """Create the directory durably, and clear away what a crash has left half written."""
    if not directory.exists():
        directory.mkdir(mode=0o700, parents=True)
        sync_directory(directory.parent)
    for kind in (_TEMPORARY, _PART):
        for stale in directory.glob(f"*{kind}"):
            stale.unlink()
