"""Directories as values: what is in them, written out and told apart."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from tests.reliability.recorder import Link

__all__ = ["Tree", "digest", "write_tree"]

# What a path leads to: the bytes of a file, a link, or None for a directory. Paths are relative to the root.
Tree: TypeAlias = Mapping[Path, "bytes | Link | None"]


def write_tree(tree: Tree, root: Path) -> None:
    """Have a directory hold a tree and nothing else."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for path, entry in sorted(tree.items()):
        if entry is None:
            (root / path).mkdir()
        elif isinstance(entry, Link):
            (root / path).symlink_to(entry.target)
        else:
            (root / path).write_bytes(entry)


def digest(tree: Tree) -> bytes:
    """The same for the same trees."""
    whole = hashlib.sha256()
    for path, entry in sorted(tree.items()):
        whole.update(f"{path}\0{len(entry) if isinstance(entry, bytes) else entry}\0".encode())
        whole.update(entry if isinstance(entry, bytes) else b"")
    return whole.digest()
