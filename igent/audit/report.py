"""An audit told to people: what was found, by registration, and how often."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from igent import codec
from igent.audit.findings import Finding, counts_of
from igent.domain.records import Json

__all__ = ["Audit", "audit_lines"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What was found in so many matched registrations and rows of orders."""

    findings: tuple[Finding, ...]
    matched: int
    orders: int

    def as_record(self) -> dict[str, Json]:
        """What `--json` prints."""
        counts: dict[str, Json] = {**counts_of(self.findings)}
        return {"findings": [finding.as_record() for finding in self.findings], "counts": counts}


def audit_lines(audit: Audit) -> Iterable[str]:
    """A table with a row for each finding, then the verdicts and counts."""
    head = ("registration", "code", "expected", "found", "where, and by what")
    rows = [head, *map(_row, audit.findings)] if audit.findings else []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    wrong = len({finding.registration_id for finding in audit.findings})
    yield f"{audit.matched} registrations matched, {audit.orders} orders: {_verdict(wrong)}"
    yield from (f"{count:>6}  {code}" for code, count in counts_of(audit.findings).items())


def _verdict(wrong: int) -> str:
    return f"findings about {wrong} registrations" if wrong else "every fact follows from the inputs"


def _row(finding: Finding) -> Sequence[str]:
    told = [_short(finding.expected), _short(finding.found)]
    return str(finding.registration_id), finding.code, *told, " <- ".join(finding.source)


def _short(value: Json) -> str:
    text = value if isinstance(value, str) else codec.dump(value).decode()
    return text if len(text) <= 60 else text[:57] + "..."
