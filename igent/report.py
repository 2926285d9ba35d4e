"""What a run shows at its end: text for a terminal, made of `run.json` and, for a small run, of its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias, cast

from igent.accounting.estimate import Estimate, Range
from igent.domain.records import Json
from igent.printable import visible

__all__ = ["Listing", "MAX_ROWS", "closing", "forecast_lines", "progress_line"]

# A screen's worth: more registrations than this are counted, not listed.
MAX_ROWS = 20

_BAR_CELLS = 20
_CELL_CHARS = 128
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
    return "\n\n".join("\n".join(map(visible, block)) for block in blocks if block)


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
    lines = ", ".join(
        f"{line['quantity']} {line.get('unit', 'x')} {line['product_name']}"
        for line in map(_row, _list(order["lines"]))
    )
    amount = f"{order['amount_due']} {order['currency']}"
    why = f"{match['judgement']}: {match['reason']}"
    return str(match["registration_id"]), str(match["supplier_id"]), lines, amount, why


def _codes(row: Row) -> str:
    told = row.get("error") or row.get("problem")
    return ", ".join(map(str, _list(row["codes"]))) + (f": {told}" if told else "")


def _counts(summary: Row) -> list[str]:
    counts, calls, timing = _row(summary["counts"]), _row(summary["calls"]), _row(summary["timing"])
    judged, skipped = _row(summary["judgements"]), calls["critic_skipped"]
    people = f", {judged['reviewed']} by people" if judged.get("reviewed") else ""
    cached = f", {calls['cache_hits']} from the cache" if calls["cache_hits"] else ""
    lines = [
        "outcomes  " + ", ".join(f"{counts[kind]} {kind}" for kind in _KINDS),
        f"matches   {judged['proven']} proven, {judged['plausible']} plausible{people}",
        f"calls     {calls['matcher']} matcher, {calls['critic']} critic ({skipped} critic turns skipped){cached}",
    ]
    lines += _critics(summary)
    # Without a network or its simulation a call takes next to nothing, and a figure of it would say nothing.
    if isinstance(timing["p95_seconds"], float) and timing["p95_seconds"] >= _NOTICEABLE_S:
        p50, p95 = _seconds(timing["p50_seconds"]), _seconds(timing["p95_seconds"])
        lines.append(f"latency   {p50} at p50, {p95} at p95 per registration")
    return lines + _cost(summary)


def _critics(summary: Row) -> list[str]:
    """What critics said, what the answers were that they vetoed, and what it took; nothing where none was heard."""
    critic = summary["critic"]
    if not isinstance(critic, dict) or not any(_row(critic["turns"]).values()):
        return []
    vetoed = {"proven (without effect)": _row(critic["vetoes"])["no_effect"], **_row(critic["against"])}
    said, of = (", ".join(f"{n} {what}" for what, n in one.items() if n) for one in (_row(critic["turns"]), vetoed))
    seconds, usd = cast("float", critic["seconds"]), critic["cost_usd"]
    took = [f"{_seconds(seconds)} of calls"] if seconds >= _NOTICEABLE_S else []
    took += [_usd(usd)] if usd is not None and Decimal(str(usd)) else []
    return ["critics   " + said + (f": {of}" if of else "") + (f"; {', '.join(took)}" if took else "")]


def _cost(summary: Row) -> list[str]:
    """What the calls cost and what was not paid; nothing where they are free."""
    unpriced = ", ".join(map(str, _list(summary["unpriced_models"])))
    if unpriced:
        return [f"cost      not known: no price for {unpriced}"]
    savings = {name: _row(one)["usd"] for name, one in _row(summary["savings"]).items()}
    saved = [f"{name.replace('_', ' ')} {_usd(usd)}" for name, usd in savings.items() if usd and Decimal(str(usd))]
    cost = Decimal(str(summary["cost_usd"]))
    if not cost and not saved:
        return []
    about = "about " if _row(summary["usage"])["estimated"] else ""
    lines = [f"cost      {about}{_usd(cost)}" + (f"; saved by {', '.join(saved)}" if saved else "")]
    lost = _row(summary["unsettled"])
    if lost["calls"]:
        lines.append(f"          and at most {_usd(lost['at_most_usd'])} for {lost['calls']} calls that were killed")
    return lines


def _usd(value: object) -> str:
    return _dollars(Decimal(str(value)))


def _suppliers(summary: Row) -> list[str]:
    """One bar per supplier: places used before this run (lighter), used by it, and left."""
    accounts = [_row(account) for account in _list(summary["capacity"])][:MAX_ROWS]
    return _table([(str(a["supplier_id"]), _bar(a), f"{a['used']} of {a['capacity']}") for a in accounts])


def _bar(account: Row) -> str:
    capacity, before, used = (int(str(account[key])) for key in ("capacity", "used_before", "used"))
    scale = _BAR_CELLS / capacity if capacity else 0.0
    full, old = min(_BAR_CELLS, round(used * scale)), min(_BAR_CELLS, round(before * scale))
    return "▒" * old + "█" * (full - old) + "·" * (_BAR_CELLS - full)


def _table(told: Sequence[tuple[str, ...]]) -> list[str]:
    rows = [(*map(_cell, row[:-1]), visible(row[-1])) for row in told]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return ["  " + "  ".join(cells).rstrip() for cells in padded]


def _cell(text: str) -> str:
    """A text that others stand beside; what is longer than any id that can be matched is cut."""
    shown = visible(text)
    return shown if len(shown) <= _CELL_CHARS else f"{shown[:_CELL_CHARS]}..."


def _seconds(value: Json) -> str:
    return f"{value:.2f} s" if isinstance(value, int | float) else "-"


def _row(value: Json) -> Row:
    return cast("Row", value)


def _list(value: Json) -> list[Json]:
    return cast("list[Json]", value)


def forecast_lines(record: Mapping[str, Json]) -> list[str]:
    """The record of a forecast, in lines for a terminal. Raises `ValueError` for any other record."""
    told, unasked = Estimate.from_record(record.get("estimate")), record.get("unasked")
    cost = "not known: no price for " + ", ".join(told.unpriced_models)
    if told.cost_usd is not None:
        cost = _spoken(told.cost_usd, _dollars)
    calls = ", ".join(f"{agent} {count:,}" for agent, count in told.calls.items())
    tokens = ", ".join(f"{count:,} {name.removesuffix('_tokens')}" for name, count in told.tokens.items() if count)
    return [
        f"asked     {told.registrations:,} of {record.get('registrations')} registrations",
        f"calls     {sum(told.calls.values()):,}" + (f": {calls}" if calls else ""),
        f"tokens    {tokens or 'none'}",
        f"cost      {cost}",
        f"time      {_spoken(told.seconds, _duration)}",
        f"from      {told.basis}",
        *(f"no call   {_unasked(row)}" for row in (unasked if isinstance(unasked, list) else [])),
    ]


def _unasked(row: Json) -> str:
    match row:
        case {"outcome": str(outcome), "codes": [*codes], "count": int(count), "ids": [*ids]}:
            more = ", ..." if count > len(ids) else ""
            return f"{count:,} {outcome}: {', '.join(map(str, codes))} ({', '.join(map(str, ids))}{more})"
    raise ValueError(f"registrations without a call cannot be {row!r}")


def _spoken(told: Range, words: Callable[[Decimal], str]) -> str:
    low, middle, high = (words(one) for one in told)
    return middle if low == high else f"{middle}, in 8 cases of 10 between {low} and {high}"


def _dollars(usd: Decimal) -> str:
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.4f}" if usd else "$0"


def _duration(seconds: Decimal) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"
