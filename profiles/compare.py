"""`python -m profiles.compare [BEFORE AFTER]`: two results files, by their ratios; the newest two where none is given.

A ratio says `better`: `less` where igent is above the line, `more` where it is below. One that is worse by over a tenth
is a regression. Absolute times are those of a machine and an hour, and decide nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

from profiles.measure import Better
from profiles.report import figure

__all__ = ["Change", "TOLERANCE", "changes", "main"]

TOLERANCE: Final = 1.10

_RESULTS = Path(__file__).with_name("results")


class _Row(TypedDict):
    suite: str
    what: str
    value: float
    unit: str
    better: Better


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A ratio before and after."""

    name: str
    before: float
    after: float
    better: Better

    @property
    def worse(self) -> float:
        """How many times as bad it is as it was; below 1 where it has become better."""
        return self.after / self.before if self.better == "less" else self.before / self.after

    @property
    def regressed(self) -> bool:
        return self.worse > TOLERANCE

    def __str__(self) -> str:
        mark = "WORSE" if self.regressed else "ok"
        return f"{mark:<5}  {figure(self.before):>7} -> {figure(self.after):>7}  ({self.better} is better)  {self.name}"


def main(arguments: Sequence[str] | None = None, results: Path = _RESULTS) -> int:
    """Print every ratio that both have, and what only one has; 1 for a regression, 2 where there are no two files."""
    parser = argparse.ArgumentParser(prog="python -m profiles.compare", description="Hold results against former ones.")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="before and after (the newest two)")
    files: list[Path] = parser.parse_args(arguments).files or sorted(results.glob("*.json"))[-2:]
    if len(files) != 2:
        sys.stderr.write(f"bench-compare: it takes two results, and there is {len(files)}: run make bench\n")
        return 2
    before, after = (_ratios(file) for file in files)
    found = [*changes(before, after)]
    lines = [f"{files[0].name} -> {files[1].name}", *map(str, sorted(found, key=lambda one: -one.worse))]
    lines += [f"only in {files[0].name}: {name}" for name in before if name not in after]
    lines += [f"only in {files[1].name}: {name}" for name in after if name not in before]
    worse = [one for one in found if one.regressed]
    lines.append(f"{len(worse)} of {len(found)} ratios are worse by more than {TOLERANCE - 1:.0%}")
    sys.stdout.write("\n".join(lines) + "\n")
    return int(bool(worse))


def changes(before: Mapping[str, _Row], after: Mapping[str, _Row]) -> Iterator[Change]:
    """The ratios that both results have; which way is better the later one says."""
    for name in after.keys() & before.keys():
        row = after[name]
        yield Change(name=name, before=before[name]["value"], after=row["value"], better=row["better"])


def _ratios(file: Path) -> dict[str, _Row]:
    rows: list[_Row] = json.loads(file.read_bytes())["measurements"]
    return {f"{row['suite']}: {row['what']}": row for row in rows if row["unit"] == "x"}


if __name__ == "__main__":
    sys.exit(main())
