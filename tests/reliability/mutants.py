"""Copies of the project's modules with one line of their source changed."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

__all__ = ["mutated"]


def mutated(module: ModuleType, old: str, new: str) -> ModuleType:
    """A copy of a module with a line changed, for a test that has to notice; the module stays as it is."""
    assert module.__file__ is not None
    source = Path(module.__file__).read_text("utf-8")
    assert source.count(old) == 1, "the line to change is another now"
    copy = ModuleType(module.__name__)
    exec(compile(source.replace(old, new), module.__file__, "exec"), copy.__dict__)
    return copy
