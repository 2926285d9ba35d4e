"""A finished run as the checks see it, and what they find."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.workflows.inputs import Inputs, Row

__all__ = ["OTHERS", "Finding", "Run"]

OTHERS = {"unmatched": "unmatched.json", "review": "review.json", "failed": "failed.json", "rejected": "rejects.json"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: the rule that is broken, and where."""

    rule: str
    about: str


@dataclass(frozen=True, slots=True)
class Run:
    """A run directory, read."""

    directory: Path
    inputs: Inputs
    files: dict[str, Any]
    audit: list[Row]

    def rows(self, name: str) -> list[Row]:
        found: list[Row] = self.files[name]
        return found

    def decisions(self) -> Iterator[tuple[Row, Row, Row]]:
        """(audit line, household, the record of its outcome) of every registration with candidates, in order."""
        records = {
            row["registration_id"]: row for name in ("matches.json", *OTHERS.values()) for row in self.rows(name)
        }
        for line in self.audit:
            if line["candidates"]:
                _, household = self.inputs.household(line["registration_id"])
                yield line, household, records[line["registration_id"]]
