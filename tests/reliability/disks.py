"""Disks for tests, layered over one another: quick ones, and such as refuse, leave out or end."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar, cast

from igent.store.disk import DISK, Disk

__all__ = ["Ended", "Faulty", "Kind", "Layer", "Quick", "Without"]

T = TypeVar("T")


class Quick(Disk):
    """The real one without its waits: for states that are written to be read again at once."""

    def sync(self, descriptor: int) -> None:
        """Do nothing."""

    def sync_data(self, descriptor: int) -> None:
        """Do nothing."""

    def sync_directory(self, path: Path) -> None:
        """Do nothing."""


class Layer(Disk):
    """Over another disk: `do` sees every operation by its name and the path that it is about."""

    def __init__(self, inner: Disk = DISK) -> None:
        self.inner = inner
        self.paths: dict[int, Path] = {}

    def do(self, name: str, path: Path, call: Callable[[], T]) -> T:
        """Have it done."""
        return call()

    def open(self, path: Path, flags: int) -> int:
        descriptor = self.do("open", path, lambda: self.inner.open(path, flags))
        self.paths[descriptor] = path
        return descriptor

    def close(self, descriptor: int) -> None:
        self.do("close", self.paths[descriptor], lambda: self.inner.close(descriptor))

    def read(self, descriptor: int, size_bytes: int, *, at: int) -> bytes:
        return self.do("read", self.paths[descriptor], lambda: self.inner.read(descriptor, size_bytes, at=at))

    def write(self, descriptor: int, data: bytes | memoryview, *, at: int) -> int:
        return self.do("write", self.paths[descriptor], lambda: self.inner.write(descriptor, data, at=at))

    def truncate(self, descriptor: int, length_bytes: int) -> None:
        self.do("truncate", self.paths[descriptor], lambda: self.inner.truncate(descriptor, length_bytes))

    def sync_data(self, descriptor: int) -> None:
        self.do("sync_data", self.paths[descriptor], lambda: self.inner.sync_data(descriptor))

    def sync(self, descriptor: int) -> None:
        self.do("sync", self.paths[descriptor], lambda: self.inner.sync(descriptor))

    def copy(self, source: Path, target: Path) -> None:
        self.do("copy", target, lambda: self.inner.copy(source, target))

    def replace(self, source: Path, target: Path) -> None:
        self.do("replace", target, lambda: self.inner.replace(source, target))

    def remove(self, path: Path) -> None:
        self.do("remove", path, lambda: self.inner.remove(path))

    def link(self, path: Path, target: str) -> None:
        self.do("link", path, lambda: self.inner.link(path, target))

    def make_directory(self, path: Path) -> None:
        self.do("make_directory", path, lambda: self.inner.make_directory(path))

    def sync_directory(self, path: Path) -> None:
        self.do("sync_directory", path, lambda: self.inner.sync_directory(path))

    def lock(self, directory: Path) -> int:
        descriptor = self.do("lock", directory, lambda: self.inner.lock(directory))
        self.paths[descriptor] = directory
        return descriptor


Kind = Literal["ENOSPC", "EIO", "EROFS", "EINTR", "short"]
_WRITES = {"open", "write", "truncate", "copy", "replace", "remove", "link", "make_directory"}


class Faulty(Layer):
    """Refuses its operation number `at` (0-based); `lasting`, that one and whatever would change something after it.

    A write that is refused has written half of what it was given, as on a disk that fills up; "short" is a write of
    half that is no error. `reached` says whether it came to that operation, `fired` whether it was refused.
    """

    def __init__(self, inner: Disk, kind: Kind, *, at: int, lasting: bool = False) -> None:
        super().__init__(inner)
        self.kind, self.at, self.lasting = kind, at, lasting
        self.fired = False
        self._done = 0
        self._lock = threading.Lock()

    @property
    def reached(self) -> bool:
        return self._done > self.at

    def do(self, name: str, path: Path, call: Callable[[], T]) -> T:
        if not self._falls_on(name) or self.kind == "short":
            return call()
        if name == "close":
            call()  # a descriptor is gone, whatever its close said
        raise self._refusal()

    def write(self, descriptor: int, data: bytes | memoryview, *, at: int) -> int:
        if not self._falls_on("write"):
            return self.inner.write(descriptor, data, at=at)
        taken = self.inner.write(descriptor, data[: len(data) // 2 + 1], at=at)
        if self.kind == "short":
            self.fired = True
            return taken
        raise self._refusal()

    def _falls_on(self, name: str) -> bool:
        with self._lock:
            number, self._done = self._done, self._done + 1
        return number == self.at or (self.lasting and number > self.at and name in _WRITES)

    def _refusal(self) -> OSError:
        self.fired = True
        code: int = getattr(errno, self.kind)
        return OSError(code, os.strerror(code))


class Without(Layer):
    """Passes over an operation, by its name, on the paths that it is about."""

    def __init__(self, inner: Disk, name: str, about: Callable[[Path], bool] = lambda _path: True) -> None:
        super().__init__(inner)
        self._name, self._about = name, about

    def do(self, name: str, path: Path, call: Callable[[], T]) -> T:
        if name == self._name and self._about(path):
            return cast("T", None)
        return call()


class Ended(Layer):
    """Does nothing from its operation number `at` (0-based) on: to the disk its process is gone.

    With EIO what is refused first is a sync that fails for good, of which the kernel forgets what it had to write.
    """

    def __init__(self, inner: Disk, code: int, *, at: int) -> None:
        super().__init__(inner)
        self._code, self._left = code, at
        self._lock = threading.Lock()

    def do(self, name: str, path: Path, call: Callable[[], T]) -> T:
        with self._lock:
            self._left -= self._code != errno.EIO or name == "sync_data"
            code = self._code if self._left == -1 else errno.EINTR
            ended = self._left < 0
        if ended and name == "close":
            call()
        if ended:
            raise OSError(code, os.strerror(code))
        return call()
