"""What spans amount to: work and wait, the row of `timings.csv`, percentiles. Pure functions over `Span`s."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import ceil
from typing import NamedTuple, TypeAlias

from igent.accounting.spans import Span, SpanRow, span_rows
from igent.domain.records import Json
from igent.printable import visible

__all__ = ["CSV_HEADER", "Split", "TimingRow", "csv_cell", "csv_line", "percentile", "timing_row", "work_and_wait"]

_Interval: TypeAlias = tuple[int, int]  # from and to, in microseconds
_Places: TypeAlias = Mapping[str, Sequence[tuple[int, _Interval]]]

# The spans inside which others are looked for, each a bit: a number says which of them are around a span.
_ROOT, _PHASE1, _PHASE2, _TALK = 1, 2, 4, 8
_BITS = {"registration": _ROOT, "phase1": _PHASE1, "phase2": _PHASE2, "conversation": _TALK}


class Split(NamedTuple):
    """A span's duration in two: in `wait_us` it or anything inside it waited, `work_us` is the rest."""

    work_us: int
    wait_us: int


def work_and_wait(spans: Sequence[Span]) -> tuple[Split, ...]:
    """The work and the wait of each span, in order.

    A span waits where it or a descendant is of kind `wait`, clipped to its own time; overlapping waits, as of parallel
    phases, count once.
    """
    waits: list[list[_Interval]] = [[] for _ in spans]
    for one in spans:
        if one.kind == "wait":
            outer = one.parent
            while outer >= 0 and not _waits_beside(one, spans[outer]):
                waits[outer].append(_clipped(one, spans[outer]))
                outer = spans[outer].parent
    pairs = zip(spans, waits, strict=True)
    waits_us = [one.duration_us if one.kind == "wait" else _covered_us(waited) for one, waited in pairs]
    return tuple(Split(one.duration_us - wait_us, wait_us) for one, wait_us in zip(spans, waits_us, strict=True))


class TimingRow(NamedTuple):
    """One row of `timings.csv`: the fields are its columns, in order.

    - `agent_conversation`: the phase's `conversation`, less its `slot` (for a free call slot) and `journal` waits.
    - `capacity_update`: of phase 1 the root's `allocate`, of phase 2 its `order` (pricing against the place taken).
    - `file_write`: the phase's `journal` waits (for durable replies); in phase 2 also the root's `commit`, as far as
      it had come when the spans were taken.
    - `total` of a phase: the sum of those three. Waiting for a slot or a turn is in none of them.
    - `turn_wait_seconds`: the root's `turn`, waiting for the registrations before it to commit.
    - `total_seconds`: from the start of the first `model` span to the end of the last; 0 where there was no call.
    """

    registration_id: str
    phase1_total_seconds: float
    phase1_agent_conversation_seconds: float
    phase1_capacity_update_seconds: float
    phase1_file_write_seconds: float
    phase2_total_seconds: float
    phase2_agent_conversation_seconds: float
    phase2_capacity_update_seconds: float
    phase2_file_write_seconds: float
    turn_wait_seconds: float
    total_seconds: float


CSV_HEADER: bytes = ",".join(TimingRow._fields).encode() + b"\n"

# What makes a spreadsheet read a cell as a formula, also in full width, or where others split a line
# (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA_STARTS = ("=", "+", "-", "@")
_SPLITS = re.compile(r'[,;|"]')


def timing_row(registration_id: str, record: Sequence[Json]) -> TimingRow:
    """The times of one registration, as `Timeline.record` has them, by the definitions of `TimingRow`.

    A part that did not happen took 0 seconds. Raises `ValueError` for what no timeline has recorded.
    """
    places = _places(span_rows(record))
    talk1, talk2 = _conversation_us(places, _PHASE1), _conversation_us(places, _PHASE2)
    update1, update2 = [_covered_us(_inside(places, _ROOT, name)) for name in ("allocate", "order")]
    write1 = _covered_us(_inside(places, _PHASE1, "journal"))
    write2 = _covered_us(_inside(places, _PHASE2, "journal") + _inside(places, _ROOT, "commit"))
    calls = _inside(places, 0, "model")
    return TimingRow(
        registration_id=registration_id,
        phase1_total_seconds=(talk1 + update1 + write1) / 1e6,
        phase1_agent_conversation_seconds=talk1 / 1e6,
        phase1_capacity_update_seconds=update1 / 1e6,
        phase1_file_write_seconds=write1 / 1e6,
        phase2_total_seconds=(talk2 + update2 + write2) / 1e6,
        phase2_agent_conversation_seconds=talk2 / 1e6,
        phase2_capacity_update_seconds=update2 / 1e6,
        phase2_file_write_seconds=write2 / 1e6,
        turn_wait_seconds=_covered_us(_inside(places, _ROOT, "turn")) / 1e6,
        total_seconds=(max([end for _, end in calls]) - min(calls)[0]) / 1e6 if calls else 0.0,
    )


def csv_line(row: TimingRow) -> bytes:
    """One UTF-8 line of `timings.csv`, seconds with six decimals; an id that reads as a formula gets an apostrophe."""
    registration_id, *seconds = row
    return (",".join([csv_cell(registration_id), *[f"{one:.6f}" for one in seconds]]) + "\n").encode()


def percentile(values: Sequence[float], p: float) -> float:
    """The nearest-rank percentile of ascending `values`: the least of them that `p` percent do not exceed.

    Raises `ValueError` for no values, or for a `p` outside 0 to 100.
    """
    if not values or not 0 <= p <= 100:
        raise ValueError(f"no percentile {p:g} of {len(values)} values")
    return values[max(ceil(p * len(values) / 100), 1) - 1]


def _waits_beside(one: Span, outer: Span) -> bool:
    """Whether what is around a wait waits all that time itself, so that this one adds nothing further out."""
    return outer.kind == "wait" and outer.start_us <= one.start_us and one.end_us <= outer.end_us


def _clipped(one: Span, outer: Span) -> _Interval:
    if outer.start_us <= one.start_us and one.end_us <= outer.end_us:  # nearly always
        return one.start_us, one.end_us
    start = max(one.start_us, outer.start_us)
    return start, max(start, min(one.end_us, outer.end_us))


def _covered_us(intervals: Sequence[_Interval]) -> int:
    if len(intervals) == 1:  # nearly always
        return intervals[0][1] - intervals[0][0]
    if not intervals:
        return 0
    covered, reach = 0, min(intervals)[0]
    for start, end in sorted(intervals):
        if end > reach:
            covered += end - max(start, reach)
            reach = end
    return covered


def _places(rows: Sequence[SpanRow]) -> _Places:
    """The times of the spans of each name, with the bits of those around them; a parent stands before its children."""
    inside: list[int] = []
    places: defaultdict[str, list[tuple[int, _Interval]]] = defaultdict(list)
    for name, _, start, duration, parent in rows:
        around = inside[parent] if parent >= 0 else 0
        inside.append(around | _BITS.get(name, 0))
        places[name].append((around, (start, start + duration)))
    return places


def _inside(places: _Places, around: int, name: str) -> list[_Interval]:
    """The times of the spans of a name that have all of `around` around them."""
    return [times for bits, times in places.get(name, ()) if bits & around == around]


def _conversation_us(places: _Places, phase: int) -> int:
    waits = _inside(places, phase | _TALK, "journal") + _inside(places, phase | _TALK, "slot")
    talks = _inside(places, phase, "conversation")
    return max(_covered_us(talks + waits) - _covered_us(waits), 0)


def csv_cell(text: str) -> str:
    """A text as one CSV cell that no spreadsheet reads as a formula; what cannot be seen in it is spelt out."""
    if text.isalnum():  # nearly always
        return text
    shown = visible(text)
    guarded = f"'{shown}" if unicodedata.normalize("NFKC", shown).lstrip().startswith(_FORMULA_STARTS) else shown
    return '"' + guarded.replace('"', '""') + '"' if _SPLITS.search(guarded) else guarded
