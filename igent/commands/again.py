"""The command that goes on where another one was ended: exact, to be copied."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import typer

__all__ = ["command", "options_given", "this_python"]


def command(context: typer.Context, *words: object) -> str:
    """A command line of igent as a shell here takes it, also where its folder is not in the path."""
    environ, ours = cast("Mapping[str, str]", context.obj), Path(sys.executable).parent / "igent"
    found = shutil.which("igent", path=environ.get("PATH"))
    start = ["igent"] if found is not None and Path(found) == ours else [this_python(), "-m", "igent"]
    return shlex.join([*start, *map(str, words)])


def this_python() -> str:
    """How to call this Python from here."""
    here = Path(sys.executable)
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else str(here)


def options_given(context: typer.Context, names: Container[str]) -> Iterator[str]:
    """The options of those names that stand in the command line, in its words."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if name not in names or source is None or source.name != "COMMANDLINE":
            continue
        flag, value = "--" + name.replace("_", "-"), context.params[name]
        for one in value if isinstance(value, list) else [value]:
            yield from [flag] if one is True else [flag, _without_password(str(one))]


def _without_password(text: str) -> str:
    """An address as it may be shown: what must not be is left for the user to fill in."""
    password = urlsplit(text).password if "://" in text else None
    return text.replace(f":{password}@", ":PASSWORD@") if password else text
