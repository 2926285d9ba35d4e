"""What makes it the same run: what is said to a run that is gone on with is held against what it was begun with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from datetime import date
from pathlib import Path
from typing import cast

from igent import codec
from igent.constellation import Constellation, parse_constellation, with_overrides
from igent.domain.records import Json
from igent.errors import InputError, OptionError
from igent.store.plain import read_text
from igent.workflows.settings import RunSettings, provider_of

__all__ = ["Stated", "agreed", "begun_with", "like"]

# Settings by their names in `RunSettings`, as far as somebody has said them.
Stated = Mapping[str, object]

# Settings that a constellation's file has where nobody says otherwise.
_OF_CONSTELLATION: Mapping[str, Callable[[Constellation], object]] = {
    "critic": lambda one: one.critic,
    "max_batch_size": lambda one: one.optimization.batch.max_items,
    "max_batch_tokens": lambda one: one.optimization.batch.max_tokens,
}
_FILES = ("registrations", "offers", "incentives", "capacity")


def begun_with(settings: RunSettings, *, dated: bool) -> Stated:
    """All that a run would be begun with; its day only where somebody has said it."""
    said = {one.name: getattr(settings, one.name) for one in fields(settings) if dated or one.name != "as_of"}
    constellation = _constellation(settings)
    of_file = {name: of(constellation) for name, of in _OF_CONSTELLATION.items()}
    return said | of_file | {"switches": _switches(settings)}


def like(settings: RunSettings, stated: Stated, *, as_of: date) -> RunSettings:
    """The settings of an earlier run for one since then: what is not stated is as it was there, but for the day."""
    switches = {**settings.switches, **cast("Mapping[str, bool]", stated.get("switches", {}))}
    anew: dict[str, object] = {"as_of": as_of, "reallocate": False, **stated, "switches": switches}
    return replace(settings, **anew)  # type: ignore[arg-type]


def agreed(settings: RunSettings, stated: Stated, identity: Mapping[str, Json]) -> RunSettings:
    """The settings of a run that `stated` does not differ from; a file with the same name and content may have moved.

    Raises `OptionError` with every difference.
    """
    moved = {role: stated[role] for role in _FILES if _moved(settings, stated, identity, role=role)}
    differences = [*_differences(settings, {k: v for k, v in stated.items() if k not in moved}, identity)]
    if differences:
        problem = f"a resumed run keeps its settings, and these differ: {'; '.join(differences)}"
        raise OptionError(problem, remedy="Leave them out, or start a run of its own, into another directory")
    return replace(settings, **moved)  # type: ignore[arg-type]


def _differences(settings: RunSettings, stated: Stated, identity: Mapping[str, Json]) -> Iterator[str]:
    for name, value in stated.items():
        if name == "switches":
            has = _switches(settings)
            yield from (_switch(one, on) for one, on in cast("Mapping[str, bool]", value).items() if on != has[one])
        elif name in _OF_CONSTELLATION:
            yield from _difference(name, value, _OF_CONSTELLATION[name](_constellation(settings)))
        elif name == "constellation":
            said = _constellation(replace(settings, constellation=cast("Path", value)))
            if codec.digest(asdict(said)) != identity["constellation"]:
                yield from _difference(name, value, settings.constellation) or ["constellation: it has changed"]
        else:
            yield from _difference(name, value, getattr(settings, name))


def _difference(name: str, value: object, has: object) -> list[str]:
    option = name if name == "constellation" else "--" + name.replace("_", "-")
    return [f"{option} {_shown(value)} instead of {_shown(has)}"] if value != has else []


def _shown(value: object) -> str:
    return "none" if value is None else "yes" if value is True else "no" if value is False else str(value)


def _switch(name: str, on: bool) -> str:
    word = "cache" if name == "response_cache" else name.replace("_", "-")
    given, other = (f"--{word}", f"--no-{word}") if on else (f"--no-{word}", f"--{word}")
    return f"{given} instead of {other}"


def _moved(settings: RunSettings, stated: Stated, identity: Mapping[str, Json], *, role: str) -> bool:
    """Whether an input is said to be elsewhere, and is the same there."""
    path = stated.get(role)
    if not isinstance(path, Path) or path == getattr(settings, role):
        return False
    earlier = cast("Path | None", getattr(settings, role))
    return earlier is not None and path.name == earlier.name and _sha256(path) == identity.get(role)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        remedy = "Check the path"
        raise InputError(file=path.name, place="", problem=f"cannot be read: {exc.strerror}", remedy=remedy) from exc


def _constellation(settings: RunSettings) -> Constellation:
    path = settings.constellation
    parsed = parse_constellation(read_text(path), file=path.name)
    return with_overrides(parsed, critic=settings.critic, switches=settings.switches, batch=settings.batch)


def _switches(settings: RunSettings) -> dict[str, bool]:
    """Every switch as it takes effect: offline models have a response cache only where it is asked for."""
    constellation = _constellation(settings)
    found = {name: on for name, on in asdict(constellation.optimization).items() if isinstance(on, bool)}
    agents = [agent.model for phase in constellation.phases for agent in phase.agents if agent.model]
    online = any(provider_of(model) != "offline" for model in (settings.model, *agents))
    found["response_cache"] &= online or settings.switches.get("response_cache", False)
    return found
