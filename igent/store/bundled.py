"""Where the project's own files are: beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from igent.errors import OptionError

__all__ = [
    "SampleData",
    "constellation_names",
    "find_constellation",
    "project_root",
    "prompt_text",
    "sample_data",
]

_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleData:
    """The inputs of a sample run; None where the market has no such file."""

    registrations: Path
    offers: Path
    incentives: Path | None


def project_root(package: Path = _PACKAGE) -> Path:
    """The folder that holds `constellations` and `data`; `_bundled`, which only a wheel has, wins."""
    bundled = package / "_bundled"
    return bundled if bundled.is_dir() else package.parent


def constellation_names() -> list[str]:
    """The names of the bundled constellations, sorted."""
    return sorted(path.stem for path in _constellations().glob("*.yaml"))


def find_constellation(name_or_path: str) -> Path:
    """The file of a bundled name, or of a path: what ends in .yaml or .yml, or holds a separator.

    Raises `OptionError` for a name that is not bundled and for a path where no file is.
    """
    names = constellation_names()
    known = f"The bundled ones are {', '.join(names)}"
    if name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path or "\\" in name_or_path:
        path = Path(name_or_path)
        if not path.is_file():
            raise OptionError(f"there is no constellation file {name_or_path!r}", remedy=known)
        return path
    if name_or_path not in names:
        near = difflib.get_close_matches(name_or_path, names, n=1)
        start = f"Did you mean {near[0]!r}? " if near else ""
        raise OptionError(f"there is no constellation {name_or_path!r}", remedy=start + known)
    return _constellations() / f"{name_or_path}.yaml"


def sample_data(market: str = "") -> SampleData:
    """The bundled sample files, which are read only when none of the three inputs is given.

    A market has them in a folder of its own; where there is none, those of the first market are its.
    """
    data = project_root() / "data"
    own = data / market if (data / market).is_dir() else data
    incentives = own / "incentives.json"
    return SampleData(
        registrations=own / "registrations.json",
        offers=own / "offers.json",
        incentives=incentives if incentives.is_file() else None,
    )


def _constellations() -> Path:
    return project_root() / "constellations"


def prompt_text(package: str, prompt: str, *, beside: Path) -> str:
    """A market's prompt by name, or the text of a path ending in .md, relative to the constellation file `beside`.

    Raises `OptionError` where there is none.
    """
    path = beside.parent / prompt if prompt.endswith(".md") else files(package) / "prompts" / f"{prompt}.md"
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise OptionError(f"there is no prompt {prompt!r}", remedy=f"It was looked for at {path}") from exc
