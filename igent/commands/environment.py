"""What surrounds a command: the environment (the `obj` of its context), who is logged in, and standard error."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from igent.errors import OptionError
from igent.printable import visible

if TYPE_CHECKING:  # these take most of a second to import: only the commands that need them do
    from igent.workflows import Inputs, Rim

__all__ = ["given", "login", "model_of", "rim_of", "say"]

# The cheapest and fastest of the family: decisions are short, and the verifier does not take a model's word.
DEFAULT_CLAUDE = "claude-haiku-5-5"


def rim_of(
    context: typer.Context, *, base_url: str = "", prices: Path | None = None, cache_dir: Path | None = None
) -> Rim:
    """What the environment says of providers, and where a run leaves things to the next."""
    from igent.workflows import Rim

    environ = cast("Mapping[str, str]", context.obj)
    return Rim(
        api_key=environ.get("ANTHROPIC_API_KEY") or None,
        base_url=base_url or environ.get("ANTHROPIC_BASE_URL") or None,
        openai_key=environ.get("OPENAI_API_KEY") or None,
        openai_url=base_url or environ.get("OPENAI_BASE_URL") or None,
        cache_dir=(cache_dir or _cache_dir(environ)).resolve(),
        prices=prices,
    )


def given(files: Mapping[str, Path | None]) -> Inputs:
    """The input files that were named, by role."""
    return cast("Inputs", {role: path for role, path in files.items() if path is not None})


def model_of(name: str, rim: Rim) -> str:
    """Who judges where a user names a model, or nobody."""
    return name or (DEFAULT_CLAUDE if rim.api_key else "rules")


def login() -> str:
    """The user's name. Raises `OptionError` where the system does not know it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError) as exc:
        raise OptionError("your login name is not known", remedy="Say who decides with --by") from exc


def say(text: str) -> None:
    """Tell the user something that is no result, in one line."""
    print(visible(text), file=sys.stderr)


def _cache_dir(environ: Mapping[str, str]) -> Path:
    """Where replies and forecasts are left to later runs (https://specifications.freedesktop.org/basedir-spec)."""
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "igent"
