"""What a bench writes: tables for people, also between two markers of the README, and the figures as JSON.

`python -m profiles.report [FILE]` writes those of a results file into the README, the newest where none is given.

What repeats within a suite is a table of its own: ratios named `figure, one / other` and what is named `arm: metric`,
a row for each pair or arm, a column for each figure or metric. What is left has ratios and figures side by side.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from operator import attrgetter
from pathlib import Path
from typing import Final

from profiles.measure import Measurement

__all__ = ["Facts", "document", "figure", "main", "report", "tables", "with_report"]

Facts = Mapping[str, str | int | float]

_HERE = Path(__file__).parent
_BEGIN, _END = "<!-- bench: begin -->", "<!-- bench: end -->"
# Of so many metrics of one arm alone a line tells better than rows.
_LINE: Final = 6
# Units that a value is without, and those that the name of a metric has.
_UNTOLD: Final = {"x", "faults"}
_NAMED: Final = {"x", "calls", "tokens"}

Row = Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """A measurement with its place in a table."""

    row: str
    column: str
    one: Measurement


def report(facts: Facts, measurements: Sequence[Measurement]) -> str:
    """One line of when, where and with what, then the tables."""
    line = ", ".join(f"{name} {value}" for name, value in facts.items())
    return f"{line}.\n\n{tables(measurements)}"


def tables(measurements: Sequence[Measurement]) -> str:
    """Markdown tables, aligned for a terminal too: what stands alone of all suites, then what repeats by suite."""
    suites = {name: [one for one in measurements if one.suite == name] for name in (one.suite for one in measurements)}
    parts: list[str] = []
    alone: list[Row] = [("suite", "ratio", "x", "figure", "value")]
    for suite, some in suites.items():
        cells = _pairs(some), _arms(some)
        blocks = [block for kind in cells for block in _blocks(kind) if _shape(block) != "rows"]
        repeated = [cell.one for block in blocks for cell in block]
        alone += _beside(suite, [one for one in some if one not in repeated])
        parts += [_line(suite, block) if _shape(block) == "line" else _pivoted(suite, block) for block in blocks]
    return "\n".join([_table(alone, left=(0, 1, 3)), *parts])


def figure(value: float) -> str:
    """A number to three significant digits; whole numbers and thousands in full."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


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


def main(arguments: Sequence[str], directory: Path = _HERE) -> None:
    """Write the tables of a results file into the README."""
    file = Path(arguments[0]) if arguments else max((directory / "results").glob("*.json"))
    facts = json.loads(file.read_bytes())
    measurements = [Measurement(**one) for one in facts.pop("measurements")]
    readme = directory / "README.md"
    text = with_report(readme.read_text(encoding="utf-8"), report(facts, measurements))
    readme.write_text(text, encoding="utf-8")


def _pairs(measurements: Sequence[Measurement]) -> list[_Cell]:
    """The ratios of two, by what is compared."""
    ratios = [(one, *one.what.partition(", ")) for one in measurements if one.unit == "x" and ": " not in one.what]
    return [_Cell(row=pair, column=f"{name}, x", one=one) for one, name, comma, pair in ratios if comma]


def _arms(measurements: Sequence[Measurement]) -> list[_Cell]:
    """What is known of one, by metric."""
    told = [(one, *one.what.partition(": ")) for one in measurements]
    return [
        _Cell(row=arm, column=metric if one.unit in _NAMED else f"{metric}, {one.unit}", one=one)
        for one, arm, colon, metric in told
        if colon
    ]


def _blocks(cells: Sequence[_Cell]) -> list[list[_Cell]]:
    """Those that belong together: each shares its row or its column with another one, if there is one."""
    blocks: list[list[_Cell]] = []
    for cell in cells:
        near = [block for block in blocks if any(cell.row == one.row or cell.column == one.column for one in block)]
        blocks = [block for block in blocks if block not in near] + [[one for block in near for one in block] + [cell]]
    return [[cell for cell in cells if cell in block] for block in blocks]


def _shape(block: Sequence[_Cell]) -> str:
    """`table` for several rows of several columns, `line` for a long row, else `rows`."""
    rows, columns = ({attrgetter(side)(cell) for cell in block} for side in ("row", "column"))
    if len(rows) > 1 < len(columns):
        return "table"
    return "line" if len(rows) == 1 and len(columns) >= _LINE else "rows"


def _pivoted(suite: str, block: Sequence[_Cell]) -> str:
    rows, columns = (dict.fromkeys(attrgetter(side)(cell) for cell in block) for side in ("row", "column"))
    values = {(cell.row, cell.column): figure(cell.one.value) for cell in block}
    body = [(row, *(values.get((row, column), "") for column in columns)) for row in rows]
    return _table([(suite, *columns), *body], left=(0,))


def _line(suite: str, block: Sequence[_Cell]) -> str:
    told = ", ".join(_told(cell.one, cell.one.what.partition(": ")[2]) for cell in block)
    return f"{suite}, {block[0].row}: {told}.\n"


def _beside(suite: str, measurements: Sequence[Measurement]) -> list[Row]:
    """Rows of a ratio and a figure each; the suite is named in the first."""
    ratios = [(one.what, figure(one.value)) for one in measurements if one.unit == "x"]
    figures = [(one.what, _told(one)) for one in measurements if one.unit != "x"]
    pairs = zip_longest(ratios, figures, fillvalue=("", ""))
    return [("" if number else suite, *ratio, *other) for number, (ratio, other) in enumerate(pairs)]


def _told(one: Measurement, name: str = "") -> str:
    unit = "" if one.unit in _UNTOLD else f" {one.unit}"
    return f"{name} {figure(one.value)}{unit}".lstrip()


def _table(rows: Sequence[Row], *, left: Sequence[int]) -> str:
    """A head and rows; columns that are not `left` stand to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = ["<" if number in left else ">" for number in range(len(widths))]
    lines = [
        "| " + " | ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|".join(
        "-" * (width + 1) + ("-" if side == "<" else ":") for side, width in zip(sides, widths, strict=True)
    )
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]]) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
