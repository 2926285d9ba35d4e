"""What a run shows at its end: text for a terminal, made of `run.json` and, for a small run, of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from igent.domain.records import Json

__all__ = ["Listing", "MAX_ROWS", "closing", "progress_line"]

# A screen's worth: more registrations than this are counted, not listed.
MAX_ROWS = 20

_BAR_CELLS = 20
_NOTICEABLE_S = 0.1
_KINDS = ("matched", "unmatched", "review", "failed", "rejected")
Row: TypeAlias = Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The rows of a small run: matches with their orders, and the registrations that have none."""

    matches: Sequence[Row] = ()
    orders: Sequence[Row] = ()
    others: Sequence[Row] = ()


def closing(summary: Row, rows: Listing) -> str:
    """The closing tables: who got what and why, the counts, the suppliers. No rows are listed where none are given."""
    blocks = [_title(summary), _registrations(rows), _counts(summary), _suppliers(summary)]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def progress_line(counts: Row, total: int) -> str:
    """The counts so far, for beside a progress bar."""
    parts = [f"{counts[kind]} {kind}" for kind in _KINDS if counts[kind]]
    return ", ".join(parts) or f"of {total}"


def _title(summary: Row) -> list[str]:
    counts, timing = _row(summary["counts"]), _row(summary["timing"])
    head = f"{summary['constellation']} on {summary['model']}: {counts['registrations']} registrations"
    stopped = f" (stopped: {summary['stopped']})" if summary["stopped"] else ""
    return [f"{head} in {_seconds(timing['wall_seconds'])}{stopped}"]


def _registrations(rows: Listing) -> list[str]:
    orders = {order["registration_id"]: order for order in rows.orders}
    matched = [_matched(match, orders[match["registration_id"]]) for match in rows.matches]
    return _table(matched + [(str(row["registration_id"]), "-", "", "", _codes(row)) for row in rows.others])


def _matched(match: Row, order: Row) -> tuple[str, ...]:
    lines = ", ".join(f"{line['quantity']} x {line['product_name']}" for line in map(_row, _list(order["lines"])))
    amount = f"{order['amount_due']} {order['currency']}"
    why = f"{match['judgement']}: {match['reason']}"
    return str(match["registration_id"]), str(match["supplier_id"]), lines, amount, why


def _codes(row: Row) -> str:
    told = row.get("error") or row.get("problem")
    return ", ".join(map(str, _list(row["codes"]))) + (f": {told}" if told else "")


def _counts(summary: Row) -> list[str]:
    counts, calls, timing = _row(summary["counts"]), _row(summary["calls"]), _row(summary["timing"])
    judged, skipped = _row(summary["judgements"]), calls["critic_skipped"]
    lines = [
        "outcomes  " + ", ".join(f"{counts[kind]} {kind}" for kind in _KINDS),
        f"matches   {judged['proven']} proven, {judged['plausible']} plausible",
        f"calls     {calls['matcher']} matcher, {calls['critic']} critic ({skipped} critic turns skipped)",
    ]
    # Without a network or its simulation a call takes next to nothing, and a figure of it would say nothing.
    if isinstance(timing["p95_seconds"], float) and timing["p95_seconds"] >= _NOTICEABLE_S:
        p50, p95 = _seconds(timing["p50_seconds"]), _seconds(timing["p95_seconds"])
        lines.append(f"latency   {p50} at p50, {p95} at p95 per registration")
    return lines


def _suppliers(summary: Row) -> list[str]:
    """One bar per supplier: places used before this run (lighter), used by it, and left."""
    accounts = [_row(account) for account in _list(summary["capacity"])][:MAX_ROWS]
    return _table([(str(a["supplier_id"]), _bar(a), f"{a['used']} of {a['capacity']}") for a in accounts])


def _bar(account: Row) -> str:
    capacity, before, used = (int(str(account[key])) for key in ("capacity", "used_before", "used"))
    scale = _BAR_CELLS / capacity if capacity else 0.0
    full, old = min(_BAR_CELLS, round(used * scale)), min(_BAR_CELLS, round(before * scale))
    return "▒" * old + "█" * (full - old) + "·" * (_BAR_CELLS - full)


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return ["  " + "  ".join(cells).rstrip() for cells in padded]


def _seconds(value: Json) -> str:
    return f"{value:.2f} s" if isinstance(value, int | float) else "-"


def _row(value: Json) -> Row:
    return cast("Row", value)


def _list(value: Json) -> list[Json]:
    return cast("list[Json]", value)
