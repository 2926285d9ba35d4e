"""What a power failure may leave: every file and directory apart, as it was when it was last synced, or further on.

Of what was done to a file since its last sync any part may be on disk: each block by itself, in any order, one of them
torn at any byte, and the length with or without the bytes in it. Of the names in a directory any of the changes since
its last sync may be there. Nothing else is assumed, except that a block that was on disk keeps the bytes that are not
written, and that a change of names is whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import TypeAlias

from tests.reliability.recorder import FOLDER, Change, Cut, Entry, Event, Link, Lost, Named, Synced, SyncedFolder, Wrote
from tests.reliability.trees import Tree

__all__ = ["Platter", "states"]

Names: TypeAlias = dict[str, Entry]
_Piece: TypeAlias = "tuple[int, bytes] | int"

# Sectors of old disks; a block of a file system is eight of them, which go together in every other random choice.
_BLOCK = 512


@dataclass
class _File:
    durable: bytes = b""
    pending: list[Wrote | Cut] = field(default_factory=list)

    def whole(self) -> bytes:
        return _applied(self.durable, self.pieces())

    def pieces(self, block: int = _BLOCK) -> list[_Piece]:
        return [piece for one in self.pending for piece in _pieces(one, block)]

    def latest(self) -> bytes:
        """With what was done last and nothing that was done before it."""
        return _applied(self.durable, [*_pieces(self.pending[-1], _BLOCK)])

    def length(self) -> bytes:
        """With its new length alone: nothing is in it yet."""
        return self.durable + bytes(max(0, len(self.whole()) - len(self.durable)))

    def boundaries(self) -> Iterator[bytes]:
        """What is likeliest to be mistaken: one block alone missing or alone there, and a torn first or last one."""
        pieces = self.pieces()
        full = len(self.whole())
        for number, piece in enumerate(pieces):
            yield _applied(self.durable, pieces[:number] + pieces[number + 1 :])
            yield _applied(self.durable, [piece])
            yield _applied(self.durable, pieces[:number])
        for bytes_off in (1, 7, 40, 100):
            yield self.whole()[: max(len(self.durable), full - bytes_off)]
            yield self.whole()[: min(full, len(self.durable) + bytes_off)]

    def any(self, draw: Random) -> bytes:
        """Any of them."""
        pieces = [one for one in self.pieces(draw.choice((_BLOCK, 8 * _BLOCK))) if draw.random() < 0.6]
        if draw.random() < 0.3:
            draw.shuffle(pieces)
        if pieces and draw.random() < 0.6:
            number = draw.randrange(len(pieces))
            pieces[number] = _torn(pieces[number], draw)
        found = _applied(self.durable, pieces)
        lengths = [len(found), len(self.whole()), draw.randint(min(len(self.durable), len(found)), len(found))]
        length = draw.choice(lengths)
        return found[:length] + bytes(max(0, length - len(found)))


@dataclass
class _Folder:
    durable: Names = field(default_factory=dict)
    pending: list[Mapping[str, Entry]] = field(default_factory=list)

    def whole(self) -> Names:
        return _named(self.durable, self.pending)

    def latest(self) -> Names:
        return _named(self.durable, self.pending[-1:])

    def length(self) -> Names:
        return self.whole()

    def boundaries(self) -> Iterator[Names]:
        for number, one in enumerate(self.pending):
            yield _named(self.durable, self.pending[:number])
            yield _named(self.durable, [one])
            yield _named(self.durable, self.pending[:number] + self.pending[number + 1 :])

    def any(self, draw: Random) -> Names:
        return _named(self.durable, [one for one in self.pending if draw.random() < 0.6])


class Platter:
    """What is on disk below a root and what is on its way there, by the changes so far."""

    def __init__(self, root: Path, tree: Tree | None = None) -> None:
        self.root = root
        self.files: dict[int, _File] = {}
        self.folders: dict[Path, _Folder] = {root: _Folder()}
        for path, entry in sorted((tree or {}).items()):
            self._begin(root / path, entry)

    def entries(self) -> dict[Path, Entry]:
        """Every path with what it leads to, for a recorder that goes on from here."""
        return {
            folder / name: entry for folder, one in self.folders.items() for name, entry in one.durable.items() if entry
        }

    def fold(self, change: Change) -> None:
        match change:
            case Wrote(node) | Cut(node):
                self.files.setdefault(node, _File()).pending.append(change)
            case Synced(node):
                file = self.files.setdefault(node, _File())
                file.durable, file.pending = file.whole(), []
            case Lost(node):
                self.files.setdefault(node, _File()).pending = []
            case Named(folder, names):
                self.folders.setdefault(folder, _Folder()).pending.append(names)
            case SyncedFolder(folder) if folder in self.folders:
                known = self.folders[folder]
                known.durable, known.pending = known.whole(), []
            case SyncedFolder() | Event():
                pass

    def copy(self) -> Platter:
        """The same, on its own from here on."""
        other = Platter(self.root)
        other.files = {node: _File(one.durable, [*one.pending]) for node, one in self.files.items()}
        other.folders = {path: _Folder(dict(one.durable), [*one.pending]) for path, one in self.folders.items()}
        return other

    @property
    def unsettled(self) -> list[_File | _Folder]:
        """What a failure now would leave in one of many states."""
        known: list[_File | _Folder] = [*self.folders.values(), *self.files.values()]
        return [one for one in known if one.pending]

    def _begin(self, path: Path, entry: bytes | Link | None) -> None:
        names = self.folders[path.parent].durable
        if entry is None:
            names[path.name], self.folders[path] = FOLDER, _Folder()
        elif isinstance(entry, Link):
            names[path.name] = entry
        else:
            node = 1 + len(self.files)
            names[path.name], self.files[node] = node, _File(entry)


def states(platter: Platter, draw: Random, *, most: int) -> Iterator[Tree]:
    """Trees that a failure now may leave, the boundaries first, at most so many; some may be the same."""
    yield from islice(_states(platter, draw), most if platter.unsettled else 1)


def _states(platter: Platter, draw: Random) -> Iterator[Tree]:
    everything: dict[int, bytes | Names] = {id(one): one.whole() for one in platter.unsettled}
    yield _tree(platter, {})
    yield _tree(platter, everything)
    yield _tree(platter, {id(one): one.latest() for one in platter.unsettled})
    yield _tree(platter, {id(one): one.length() for one in platter.unsettled})
    likely = [(id(one), state) for one in platter.unsettled for state in one.boundaries()]
    draw.shuffle(likely)
    for which, state in likely:
        yield _tree(platter, everything | {which: state})
        yield _tree(platter, {which: state})
    while True:
        yield _tree(platter, {id(one): one.any(draw) for one in platter.unsettled})


def _tree(platter: Platter, chosen: Mapping[int, bytes | Names]) -> Tree:
    """The tree of these states, with what was last synced of all that is not among them."""
    found: dict[Path, bytes | Link | None] = {}
    left = [platter.root]
    for folder in left:
        known = platter.folders.get(folder, _Folder())
        names = chosen.get(id(known), known.durable)
        assert isinstance(names, dict)
        for name, entry in names.items():
            path = folder / name
            if entry == FOLDER:
                left.append(path)
            found[path.relative_to(platter.root)] = _content(platter, entry, chosen)
    return found


def _content(platter: Platter, entry: Entry, chosen: Mapping[int, bytes | Names]) -> bytes | Link | None:
    if isinstance(entry, int):
        file = platter.files.get(entry, _File())
        content = chosen.get(id(file), file.durable)
        assert isinstance(content, bytes)
        return content
    return entry if isinstance(entry, Link) else None


def _pieces(change: Wrote | Cut, block: int) -> Iterator[_Piece]:
    if isinstance(change, Cut):
        yield change.length
        return
    end = change.at + len(change.data)
    for start in range(change.at - change.at % block, end, block):
        first, last = max(start, change.at), min(start + block, end)
        yield first, change.data[first - change.at : last - change.at]


def _torn(piece: _Piece, draw: Random) -> _Piece:
    if isinstance(piece, int):
        return piece
    at, data = piece
    byte = draw.randint(0, len(data))
    return (at, data[:byte]) if draw.random() < 0.7 else (at + byte, data[byte:])


def _applied(durable: bytes, pieces: list[_Piece]) -> bytes:
    found = bytearray(durable)
    for piece in pieces:
        if isinstance(piece, int):
            found[piece:] = bytes(max(0, piece - len(found)))
        elif piece[1]:
            at, data = piece
            found += bytes(max(0, at - len(found)))
            found[at : at + len(data)] = data
    return bytes(found)


def _named(durable: Names, changes: list[Mapping[str, Entry]]) -> Names:
    names = dict(durable)
    for change in changes:
        names |= change
    return {name: entry for name, entry in names.items() if entry is not None}
