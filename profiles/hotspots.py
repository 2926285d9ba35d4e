"""Where the CPU goes: the functions of a cProfile run with the most own time, under names that any machine has."""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType
from typing import NamedTuple, Protocol

import igent

__all__ = ["Share", "hotspots", "inside", "owner", "place"]

_ROOTS = (
    Path(sysconfig.get_path("purelib")),
    Path(sysconfig.get_path("platlib")),
    Path(sysconfig.get_path("stdlib")),
    Path(igent.__file__).parents[1],
)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
# The event loop waiting for a disk or a clock: time on the clock, not of the CPU.
_WAITING = ("'poll' of 'select.epoll'", "'poll' of 'select.poll'", "'control' of 'select.kqueue'")


class _Entry(Protocol):
    @property
    def code(self) -> CodeType | str: ...
    @property
    def inlinetime(self) -> float: ...
    @property
    def totaltime(self) -> float: ...


class Share(NamedTuple):
    """One function's part of all own time, in percent."""

    name: str
    percent: float


def hotspots(entries: Iterable[_Entry], name: Callable[[CodeType | str], str], *, count: int) -> list[Share]:
    """The `count` largest shares by `name`, waiting left out."""
    own: dict[str, float] = {}
    for entry in entries:
        if not any(waiting in str(entry.code) for waiting in _WAITING):
            key = name(entry.code)
            own[key] = own.get(key, 0.0) + entry.inlinetime
    total = sum(own.values()) or 1.0
    ranked = sorted(own.items(), key=lambda item: (-item[1], item[0]))
    return [Share(name, 100 * seconds / total) for name, seconds in ranked[:count]]


def inside(entries: Iterable[_Entry], code: CodeType) -> float:
    """The part of all own time that goes by in one function and what it calls, in percent; waiting left out."""
    busy = [entry for entry in entries if not any(waiting in str(entry.code) for waiting in _WAITING)]
    total = sum(entry.inlinetime for entry in busy) or 1.0
    return 100 * sum(entry.totaltime for entry in busy if entry.code is code) / total


def place(code: CodeType | str) -> str:
    """A function's name: `package/module.py:Class.method`, or what a built-in calls itself."""
    if isinstance(code, str):
        return _ADDRESS.sub("", code).strip("<>")
    return f"{_relative(Path(code.co_filename))}:{code.co_qualname}"


def owner(code: CodeType | str) -> str:
    """The top-level package or module that a function belongs to; those in C have none."""
    if isinstance(code, str):
        return "C functions"
    return _relative(Path(code.co_filename)).split("/")[0].removesuffix(".py")


def _relative(path: Path) -> str:
    if path.name == "<string>":  # where dataclasses compile their methods
        return "generated"
    for root in _ROOTS:
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return path.name
