"""The settings of a run that a command line states, by the names that they have in `RunSettings`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from os.path import realpath
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from igent.commands.environment import model_of

if TYPE_CHECKING:
    from igent.workflows import Inputs, Rim, RunOptions, RunSettings

__all__ = ["names_given", "names_in", "settings_given", "settings_stated"]

_FILES = ("registrations", "offers", "incentives", "capacity", "since")
_SWITCHES = {
    **{name: name for name in ("parallel_phases", "early_json", "context_filter", "critic_skip", "prompt_caching")},
    "cache": "response_cache",
}
_PLAIN = {
    *("market", "model", "mock_latency", "mock_errors", "seed", "max_items", "include_withdrawn"),
    *("allow_large", "strict_judgement", "hold_reviews", "critic", "reallocate", "max_batch_size", "max_batch_tokens"),
}


def names_given(context: typer.Context) -> set[str]:
    """The parameters that the command line or the environment gives."""
    sources = ((name, context.get_parameter_source(name)) for name in context.params)
    return {name for name, source in sources if source is not None and source.name != "DEFAULT"}


def names_in(values: Iterable[str] | None) -> list[str]:
    """The names in an option that can be repeated or hold several, with commas between them, each once."""
    names = (name.strip() for value in values or () for name in value.split(","))
    return [*dict.fromkeys(filter(None, names))]


def settings_given(context: typer.Context) -> dict[str, object]:
    """What is stated of a run's settings, files found. Raises `OptionError` for a constellation that there is not."""
    from igent.store.bundled import find_constellation

    given = {name: context.params[name] for name in names_given(context)}
    said: dict[str, object] = {name: value for name, value in given.items() if name in _PLAIN}
    said |= {name: Path(realpath(value)) for name, value in given.items() if name in _FILES}
    said |= {"model": "mock"} if given.get("mock") else {}
    if isinstance(given.get("as_of"), datetime):
        said["as_of"] = given["as_of"].date()
    if given.get("constellation"):
        said["constellation"] = find_constellation(given["constellation"]).resolve()
    switches = {_SWITCHES[name]: value for name, value in given.items() if name in _SWITCHES}
    return said | ({"switches": switches} if switches else {})


def settings_stated(stated: Mapping[str, object], rim: Rim) -> RunSettings:
    """The settings of a run of its own: as `settings_given`, the rest by default. Raises `OptionError`."""
    from igent.workflows import make_settings

    files = {name: stated[name] for name in _FILES if name in stated}
    options = {name: stated[name] for name in ("switches", *_PLAIN) if name in stated}
    options["model"] = model_of(str(options.get("model", "")), rim)
    return make_settings(
        str(stated["constellation"]),
        cast("Inputs", files),
        as_of=cast("date | None", stated.get("as_of")),
        **cast("RunOptions", options),
    )
