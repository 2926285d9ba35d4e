"""Whether a run's files hold together, found by another parser than the one that wrote them, in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import ijson  # type: ignore[import-untyped]  # it ships no types

__all__ = ["faults"]

_ARRAYS = {
    "matched": "matches.json",
    "unmatched": "unmatched.json",
    "review": "review.json",
    "failed": "failed.json",
    "rejected": "rejects.json",
}


def faults(directory: Path, registrations: int) -> list[str]:
    """What is wrong with the output of a run over so many registrations; nothing where all is well."""
    counts = json.loads((directory / "run.json").read_bytes())["counts"]
    try:
        ids = {kind: list(_ids(directory / name)) for kind, name in _ARRAYS.items()}
        ordered = list(_ids(directory / "pos.json"))
    except ijson.JSONError as exc:
        return [f"an array does not parse: {exc}"]
    everyone = [one for found in ids.values() for one in found]
    wrong = [f"{_ARRAYS[kind]}: {len(found)} rows" for kind, found in ids.items() if len(found) != counts[kind]]
    if ordered != ids["matched"]:
        wrong.append("pos.json and matches.json are not about the same registrations")
    if len(everyone) != registrations or counts["registrations"] != registrations:
        wrong.append(f"{len(everyone)} outcomes for {registrations} registrations")
    if len(set(everyone)) != len(everyone):
        wrong.append("a registration has more than one outcome")
    return wrong


def _ids(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        yield from ijson.items(file, "item.registration_id")
