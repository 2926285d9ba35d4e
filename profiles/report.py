"""What a bench writes: a table for people, also between two markers of the README, and the figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from profiles.measure import Measurement

__all__ = ["COLUMNS", "Facts", "document", "figure", "heading", "table", "with_report"]

Facts = Mapping[str, str | int | float]

COLUMNS = ("suite", "what", "value", "unit")
_BEGIN, _END = "<!-- bench: begin -->", "<!-- bench: end -->"


def table(measurements: Sequence[Measurement]) -> str:
    """A Markdown table, aligned for a terminal too."""
    rows = [COLUMNS, *((one.suite, one.what, figure(one.value), one.unit) for one in measurements)]
    suite, what, value, unit = (max(len(row[column]) for row in rows) for column in range(len(COLUMNS)))
    lines = [f"| {a:<{suite}} | {b:<{what}} | {c:>{value}} | {d:<{unit}} |" for a, b, c, d in rows]
    rule = f"|{'-' * (suite + 2)}|{'-' * (what + 2)}|{'-' * (value + 1)}:|{'-' * (unit + 2)}|"
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"


def figure(value: float) -> str:
    """A number to three significant digits; whole numbers and thousands in full."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def heading(facts: Facts) -> str:
    """One line of when, where and with what."""
    return ", ".join(f"{name} {value}" for name, value in facts.items()) + "."


def document(facts: Facts, measurements: Sequence[Measurement]) -> str:
    """The content of a results file."""
    rows = [asdict(one) | {"value": float(f"{one.value:.5g}")} for one in measurements]
    return json.dumps({**facts, "measurements": rows}, indent=1) + "\n"


def with_report(readme: str, report: str) -> str:
    """The README with what stands between its markers replaced. Raises `ValueError` where it has no markers."""
    head, begin, rest = readme.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"there is no {_BEGIN} followed by {_END}")
    return f"{head}{begin}\n{report}{end}{tail}"
