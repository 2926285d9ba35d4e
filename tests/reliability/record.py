"""What the long tests found, for the page that `make soak` writes when all of them have passed."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from igent import __version__

__all__ = ["DIRECTORY", "page", "read_records", "record"]

# Names the directory that `make soak` collects from; without it nothing is recorded, as in `make test`.
DIRECTORY = "IGENT_SOAK_RECORDS"

Claims = dict[str, Counter[str]]

_HEAD = """# Reliability

What the tests of `make soak` recorded once they had passed: what was tried for each claim, and how often that found it
broken.

"""


def record(claim: str, **figures: float) -> None:
    """Keep figures for a claim, after the asserts about them; those of several tests or workers add up by name."""
    if directory := os.environ.get(DIRECTORY):
        text = json.dumps({"claim": claim, "figures": figures})
        Path(directory, f"{uuid4()}.json").write_text(text, encoding="utf-8")


def read_records(directory: Path) -> Claims:
    """The figures of each claim, added up."""
    found: Claims = {}
    for path in directory.glob("*.json"):
        one = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault(one["claim"], Counter()).update(one["figures"])
    return found


def page(claims: Claims, about: Mapping[str, str]) -> str:
    """The page in Markdown; claims stand in the order of their words, whichever test was done first."""
    rows = [(claim, ", ".join(_figure(*one) for one in claims[claim].items())) for claim in sorted(claims)]
    return _HEAD + _table(("what", "which"), about.items()) + "\n" + _table(("claim", "figures"), rows)


def _table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    return "".join(f"| {left} | {right} |\n" for left, right in (head, ("---", "---"), *rows))


def _figure(name: str, number: float) -> str:
    return f"{number:,} {name.replace('_', ' ')}"


def _about() -> dict[str, str]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "igent": __version__,
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} processors",
        "file system": _file_system(Path(tempfile.gettempdir())),
    }


def _file_system(directory: Path) -> str:
    """The kind of file system that tests write to, where the kernel says so."""
    mounts = Path("/proc/mounts")
    lines = [line.split() for line in mounts.read_text().splitlines()] if mounts.exists() else []
    kinds = {Path(where): kind for _, where, kind, *_ in lines}
    whole = directory.resolve()
    return next((kinds[one] for one in (whole, *whole.parents) if one in kinds), "unknown")


if __name__ == "__main__":
    written = Path(__file__).parents[1] / "RELIABILITY.md"
    written.write_text(page(read_records(Path(sys.argv[1])), _about()), encoding="utf-8")
