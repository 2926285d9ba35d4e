"""Every operation on a run directory, each one as the operating system has it.

Whatever writes there is given a `Disk`: the real one, or one that keeps a record of what is done, or refuses to do it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["DISK", "Disk", "make_private", "own_file"]

_sync_data: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


def own_file(path: Path | str, flags: int) -> int:
    """A descriptor of a file, which is made for its owner alone. Raises `OSError`, also for a symbolic link."""
    try:
        return os.open(path, flags | os.O_NOFOLLOW, 0o600)
    except OSError as exc:
        if exc.errno != errno.ELOOP:
            raise
        raise OSError(exc.errno, "it is a symbolic link, and a run has only files of its own", str(path)) from exc


def make_private(directory: Path) -> None:
    """Make a directory, and those above it that are missing, for their owner alone. Raises `OSError`."""
    for one in reversed([directory, *directory.parents]):
        if not one.is_dir():
            one.mkdir(mode=0o700, exist_ok=True)


class Disk:
    """The real one. All its operations block and raise `OSError`, and none of them is tried again.

    Files are private (mode 0600, directories 0700), and a name that is a symbolic link is no file of a run.
    """

    def open(self, path: Path, flags: int) -> int:
        """A descriptor of a file."""
        return own_file(path, flags)

    def close(self, descriptor: int) -> None:
        """Give a descriptor back; what was written may not be on disk."""
        os.close(descriptor)

    def read(self, descriptor: int, size_bytes: int, *, at: int) -> bytes:
        """At most so many bytes from a place on; none at the end of the file."""
        return os.pread(descriptor, size_bytes, at)

    def write(self, descriptor: int, data: bytes | memoryview, *, at: int) -> int:
        """Write at a place, over what is there: how many bytes were taken, which may be fewer than given."""
        return os.pwrite(descriptor, data, at)

    def truncate(self, descriptor: int, length_bytes: int) -> None:
        """Cut a file to a length."""
        os.ftruncate(descriptor, length_bytes)

    def sync_data(self, descriptor: int) -> None:
        """Have a file's bytes and its length on disk, perhaps not its times."""
        _sync_data(descriptor)

    def sync(self, descriptor: int) -> None:
        """Have a file on disk, but for its name."""
        os.fsync(descriptor)

    def copy(self, source: Path, target: Path) -> None:
        """Replace the bytes of a file that is there by those of another one, within the kernel where it can."""
        shutil.copyfile(source, target, follow_symlinks=False)

    def replace(self, source: Path, target: Path) -> None:
        """Give a file the name of another, at once."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Take away a name, if there is one."""
        path.unlink(missing_ok=True)

    def link(self, path: Path, target: str) -> None:
        """Make a symbolic link."""
        path.symlink_to(target)

    def make_directory(self, path: Path) -> None:
        """Make a directory where there is none."""
        path.mkdir(mode=0o700, exist_ok=True)

    def sync_directory(self, path: Path) -> None:
        """Have the names in a directory on disk; syncing a file does not do that."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lock(self, directory: Path) -> int:
        """A descriptor that holds a directory for this process alone until it is closed or the process ends.

        Raises `BlockingIOError` where another process has it.
        """
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    @contextmanager
    def opened(self, path: Path, flags: int) -> Iterator[int]:
        """A descriptor of a file for as long as the block runs."""
        descriptor = self.open(path, flags)
        try:
            yield descriptor
        finally:
            self.close(descriptor)

    def write_all(self, descriptor: int, data: bytes | bytearray, *, at: int) -> None:
        """Write all of it at a place, in as many pieces as it takes."""
        rest = memoryview(data)
        while rest:
            taken = self.write(descriptor, rest, at=at)
            rest, at = rest[taken:], at + taken


DISK: Final = Disk()
