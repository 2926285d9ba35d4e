"""A disk that keeps a record: what was done to files and names, in its order, and what was told to the outside."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from igent.store.disk import Disk
from tests.reliability.disks import Layer

__all__ = [
    "Change",
    "Cut",
    "Entry",
    "Event",
    "FOLDER",
    "Link",
    "Lost",
    "Named",
    "Recorder",
    "Slow",
    "Synced",
    "SyncedFolder",
    "Wrote",
]


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    target: str


FOLDER = "folder"
Entry: TypeAlias = "int | Link | str | None"


@dataclass(frozen=True, slots=True)
class Wrote:
    """Bytes of a file, which is known by a number whatever its name."""

    node: int
    at: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """A new length of a file."""

    node: int
    length: int


@dataclass(frozen=True, slots=True)
class Named:
    """Names in a directory, all at once; None for one that is gone."""

    folder: Path
    names: Mapping[str, Entry]


@dataclass(frozen=True, slots=True)
class Synced:
    """A file is on disk."""

    node: int


@dataclass(frozen=True, slots=True)
class Lost:
    """A sync has failed: the kernel takes what was on its way for written, and nobody will write it."""

    node: int


@dataclass(frozen=True, slots=True)
class SyncedFolder:
    """The names in a directory are on disk."""

    folder: Path


@dataclass(frozen=True, slots=True)
class Event:
    """What somebody was told, or did: outcomes that were acknowledged, the number of a process that made a call."""

    kind: Literal["acknowledged", "called"]
    number: int


Change: TypeAlias = "Wrote | Cut | Named | Synced | Lost | SyncedFolder | Event"


@dataclass
class Recorder(Layer):
    """Keeps in `log` what is done below `root`, in the order in which it is done."""

    inner: Disk
    root: Path
    entries: dict[Path, Entry] = field(default_factory=dict)
    log: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.paths = {}
        self._nodes: dict[int, int] = {}
        self._next = 1 + max((one for one in self.entries.values() if isinstance(one, int)), default=0)
        self._lock = threading.RLock()
        self.called = threading.Event()

    def note(self, event: Event) -> None:
        """Keep an event in its place."""
        with self._lock:
            self.log.append(event)
        if event.kind == "called":
            self.called.set()

    def open(self, path: Path, flags: int) -> int:
        with self._lock:
            descriptor = super().open(path, flags)
            if not isinstance(self.entries.get(path), int):
                self._name(path.parent, {path.name: self._next})
                self._next += 1
            elif flags & os.O_TRUNC:
                self.log.append(Cut(self._node(path), 0))
            self._nodes[descriptor] = self._node(path)
            return descriptor

    def write(self, descriptor: int, data: bytes | memoryview, *, at: int) -> int:
        with self._lock:
            taken = super().write(descriptor, data, at=at)
            self.log.append(Wrote(self._nodes[descriptor], at, bytes(data[:taken])))
            return taken

    def truncate(self, descriptor: int, length_bytes: int) -> None:
        with self._lock:
            super().truncate(descriptor, length_bytes)
            self.log.append(Cut(self._nodes[descriptor], length_bytes))

    def copy(self, source: Path, target: Path) -> None:
        with self._lock:
            super().copy(source, target)
            node = self._node(target)
            self.log += [Cut(node, 0), Wrote(node, 0, target.read_bytes())]

    def sync(self, descriptor: int) -> None:
        self._synced(descriptor, super().sync)

    def sync_data(self, descriptor: int) -> None:
        self._synced(descriptor, super().sync_data)

    def replace(self, source: Path, target: Path) -> None:
        with self._lock:
            super().replace(source, target)
            self._name(target.parent, {source.name: None, target.name: self.entries[source]})

    def remove(self, path: Path) -> None:
        with self._lock:
            super().remove(path)
            if path in self.entries:
                self._name(path.parent, {path.name: None})

    def link(self, path: Path, target: str) -> None:
        with self._lock:
            super().link(path, target)
            self._name(path.parent, {path.name: Link(target)})

    def make_directory(self, path: Path) -> None:
        with self._lock:
            super().make_directory(path)
            if path not in self.entries:
                self._name(path.parent, {path.name: FOLDER})

    def sync_directory(self, path: Path) -> None:
        with self._lock:
            super().sync_directory(path)
            self.log.append(SyncedFolder(path))

    def _synced(self, descriptor: int, sync: Callable[[int], None]) -> None:
        with self._lock:
            try:
                sync(descriptor)
            except OSError as exc:
                if exc.errno == errno.EIO:
                    self.log.append(Lost(self._nodes[descriptor]))
                raise
            self.log.append(Synced(self._nodes[descriptor]))

    def _node(self, path: Path) -> int:
        node = self.entries[path]
        assert isinstance(node, int)
        return node

    def _name(self, folder: Path, names: Mapping[str, Entry]) -> None:
        for name, entry in names.items():
            if entry is None:
                self.entries.pop(folder / name, None)
            else:
                self.entries[folder / name] = entry
        self.log.append(Named(folder, names))


class Slow(Layer):
    """Takes over its first sync of a journal until a call is made, or for a moment where nobody makes one."""

    def __init__(self, inner: Recorder) -> None:
        super().__init__(inner)
        self._called, self._first = inner.called, True
        self._called.clear()

    def sync_data(self, descriptor: int) -> None:
        if self._first:
            self._first = False
            self._called.wait(0.1)
        super().sync_data(descriptor)
