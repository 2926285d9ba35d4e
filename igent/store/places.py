"""The place of a run: its directory, made durably and held by one process, and the link that leads to the latest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from igent.errors import JournalError, OptionError
from igent.store.disk import DISK, Disk

__all__ = ["TEMPORARY", "disk_errors", "locked", "make_place", "own_place", "point_latest"]

# Says whose it is: `--out` may name a directory that holds other people's temporary files.
TEMPORARY = ".igent.tmp"


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Whatever the disk refuses while the block runs is a `JournalError`: what is durable can be gone on from."""
    try:
        yield
    except OSError as exc:
        problem, remedy = f"cannot be written: {exc.strerror}", "See to the disk, then resume: nothing is lost"
        raise JournalError(path=str(exc.filename or path), problem=problem, remedy=remedy) from exc


def own_place(directory: Path) -> Path:
    """A directory as it is now, whatever link leads to it: a link such as `latest` may lead elsewhere a moment later.

    Raises `OptionError` where it holds a run and a symbolic link: what that leads to is nothing that a run has written.
    """
    real = directory.resolve()
    try:
        names = {entry.name: entry.is_symlink() for entry in os.scandir(real)}
    except OSError:  # for whoever opens a file in it to say
        names = {}
    if "journal" in names:
        for link in sorted(name for name, is_link in names.items() if is_link):
            problem = f"{str(real / link)!r} is a symbolic link, and a run has only files of its own"
            raise OptionError(problem, remedy="Put the file back that was there, or remove the link")
    return directory if real == directory.absolute() else real


def make_place(directory: Path, disk: Disk = DISK) -> None:
    """Make a run's directory durably, with all above it that is missing.

    Raises `OptionError` where there can be none.
    """
    try:
        missing = [one for one in (directory, *directory.parents) if not one.exists()]
        for one in reversed(missing):
            disk.make_directory(one)
            disk.sync_directory(one.parent)
        if not missing:
            # Whoever made it may have ended before its name was on disk.
            disk.sync_directory(directory.parent)
            disk.make_directory(directory)  # refuses a file
    except OSError as exc:
        problem = f"{str(directory)!r} cannot be made a directory: {exc.strerror}"
        raise OptionError(problem, remedy="Give another with --out") from exc


@contextmanager
def locked(directory: Path, disk: Disk = DISK) -> Iterator[None]:
    """Hold a run directory for this process alone; the kernel lets go of it when the process ends, however it ends.

    Raises `OptionError` where another process holds it, or where there is none.
    """
    try:
        descriptor = disk.lock(directory)
    except BlockingIOError as exc:
        problem = f"another igent is at work in {str(directory)!r}"
        raise OptionError(problem, remedy="Wait until it has ended, or stop it, then resume the run") from exc
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise OptionError(f"there is no run in {str(directory)!r}", remedy="Name the directory of a run") from exc
    except OSError as exc:
        problem, remedy = f"cannot be locked: {exc.strerror}", "Use a disk of this machine: runs lock their directory"
        raise JournalError(path=str(directory), problem=problem, remedy=remedy) from exc
    try:
        yield
    finally:
        with disk_errors(directory):
            disk.close(descriptor)


def point_latest(directory: Path, disk: Disk = DISK) -> None:
    """Make the link `latest` beside a run directory lead to it. Raises `JournalError`."""
    link, temporary = directory.parent / "latest", directory.parent / f"latest{TEMPORARY}"
    with disk_errors(link):
        disk.remove(temporary)
        disk.link(temporary, directory.name)
        disk.replace(temporary, link)
