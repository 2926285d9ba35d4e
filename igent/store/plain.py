"""Small files read at once: constellations, prices, tables of decisions."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from igent.domain.records import Json
from igent.store import rows, strict

__all__ = ["TEXT_BYTES", "os_errors", "read_json", "read_text", "require_file"]

TEXT_BYTES = 4 << 20  # fifty thousand decisions


def read_text(path: Path) -> str:
    """The text of a file of at most `TEXT_BYTES`, without a byte order mark. Raises `InputError`."""
    data = _read(path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = 1 + data.count(b"\n", 0, exc.start)
        raise rows.input_error(str(path), strict.NOT_UTF_8, place=f"line {line}", remedy="Save it as UTF-8") from exc


def read_json(path: Path) -> Json:
    """The document in a file of at most `TEXT_BYTES`, held to the same as the inputs. Raises `InputError`."""
    return rows.load(str(path), rows.text_of(str(path), _read(path)))


def _read(path: Path) -> bytes:
    with os_errors(str(path)):
        require_file(path, path.stat(), most=TEXT_BYTES, remedy="Name the right file")
        return path.read_bytes()


def require_file(path: Path, found: os.stat_result, *, most: int | None, remedy: str) -> None:
    """Raise `InputError` for what is no regular file, or one of more than `most` bytes: nothing of it is read."""
    if not stat.S_ISREG(found.st_mode):  # to open a pipe would wait for its writer
        problem = "a directory" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise rows.input_error(str(path), problem, remedy="Name a JSON or JSON Lines file")
    if most is not None and found.st_size > most:
        raise rows.input_error(str(path), f"{found.st_size} bytes, of at most {most}", remedy=remedy)


@contextmanager
def os_errors(path: str) -> Iterator[None]:
    """Turn what the system refuses into an `InputError`."""
    try:
        yield
    except OSError as exc:
        problem = f"cannot be read: {exc.strerror}"
        raise rows.input_error(path, problem, remedy="Check the path and its permissions") from exc
