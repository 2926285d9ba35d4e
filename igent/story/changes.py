"""What a run has judged again: against an earlier one, or in further passes of its own; in lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from igent.domain.records import Json
from igent.story.text import Row, as_list, as_row, as_rows, visible

__all__ = ["MAX_LISTED", "changes_lines", "passes_lines"]

# Two screens' worth of each kind: whatever is more is in `run.json`.
MAX_LISTED = 40


def changes_lines(since: Json) -> list[str]:
    """The `since` of `run.json`; no lines where the run stands alone. Every order that moves is listed."""
    told = as_row(since)
    return [visible(line) for line in _lines(told)] if told else []


def passes_lines(passes: Json) -> list[str]:
    """The `passes` of `run.json`, one line for each; none where there was but the first."""
    return [visible(_passed(one)) for one in as_rows(passes)]


def _passed(one: Row) -> str:
    was, now = (", ".join(f"{n} {kind}" for kind, n in as_row(one[key]).items()) for key in ("before", "after"))
    left = int(str(one["registrations"])) - sum(int(str(n)) for n in as_row(one["after"]).values())
    return f"pass {one['pass']}    {was} -> {now}" + (f"; {left} left" if left else "")


def _lines(told: Row) -> Iterator[str]:
    why = ", ".join(f"{count} {reason}" for reason, count in as_row(told["why"]).items())
    yield f"since     {told['run']}" + (", allocated anew" if told["reallocate"] else "")
    yield f"          {told['skipped']} skipped, {told['rerun']} judged again" + (f" ({why})" if why else "")
    moved, replaced = list[Row](), list[Row]()
    for one in as_rows(told["superseded"]):
        (replaced if one["from"] == one["to"] else moved).append(one)
    cancelled = as_rows(told["cancelled"])
    yield f"orders    {len(replaced) + len(moved)} superseded, {len(moved)} of them moved; {len(cancelled)} cancelled"
    yield from _some(map(_judged, as_rows(told["registrations"])))
    yield from (f"  {one['registration_id']}: {one['from']} -> {one['to']} ({_po(one)})" for one in moved)
    yield from _some(f"  {one['registration_id']}: another order ({_po(one)})" for one in replaced)
    yield from _some(map(_cancelled, cancelled))


def _judged(row: Row) -> str:
    decision = as_row(row.get("decision"))
    fell = f"; {decision['by']} had decided it: {decision['action']}" if decision else ""
    return f"  {row['registration_id']}: {', '.join(map(str, as_list(row['why'])))}{fell}"


def _cancelled(row: Row) -> str:
    codes = ", ".join(map(str, as_list(row["codes"])))
    outcome = "" if codes == row["outcome"] else f"{row['outcome']}: "
    return f"  {row['registration_id']}: cancelled, {outcome}{codes} ({row['po_id']}, {row['supplier_id']})"


def _po(row: Row) -> str:
    return f"{row['po_id']} supersedes {row['supersedes']}"


def _some(lines: Iterable[str]) -> Iterator[str]:
    every = [*lines]
    yield from every[:MAX_LISTED]
    if len(every) > MAX_LISTED:
        yield f"  and {len(every) - MAX_LISTED} more, in run.json"
