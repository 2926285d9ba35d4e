"""The trace of a run in the Chrome trace event format, which Perfetto opens.

Viewers nest the events of one thread by time alone, so two spans that overlap without one holding the other must not
share a thread id. Spans are packed into lanes, one thread id each: a registration takes the lowest free lane, its spans
stay in the lane of their parent, and one that overlaps a sibling there (the second of two parallel phases) takes
another free lane.

Format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush, heappushpop

from igent import codec
from igent.accounting.spans import Span
from igent.accounting.timing import Split, work_and_wait
from igent.domain.records import Json

__all__ = ["FIRST", "SLOWEST", "TraceSelection", "trace_document"]

# At 17 spans each these are 187,000 events: 27 MB of JSON, and 200 MB of memory and 2.5 s while it is made.
FIRST = 10_000
SLOWEST = 1_000

_PID = 1


class TraceSelection:
    """Which registrations the trace shows: the first ones, and of the rest the slowest; it never holds more."""

    def __init__(self, *, first: int = FIRST, slowest: int = SLOWEST) -> None:
        self._first_bound, self._slowest_bound = first, slowest
        self._count = 0
        self._first: list[tuple[str, Sequence[Span]]] = []
        self._slowest: list[tuple[float, int, str, Sequence[Span]]] = []

    def add(self, registration_id: str, total_seconds: float, *, spans: Sequence[Span]) -> None:
        """Offer one registration; of two that took equally long the earlier one stays."""
        self._count += 1
        if len(self._first) < self._first_bound:
            self._first.append((registration_id, spans))
            return
        entry = (total_seconds, -self._count, registration_id, spans)
        if len(self._slowest) < self._slowest_bound:
            heappush(self._slowest, entry)
        else:
            heappushpop(self._slowest, entry)

    def chosen(self) -> list[tuple[str, Sequence[Span]]]:
        """The first registrations as they came, then the others, slowest first."""
        rest = sorted(self._slowest, key=lambda entry: entry[:2], reverse=True)
        return [*self._first, *((registration_id, spans) for _, _, registration_id, spans in rest)]


def trace_document(registrations: Iterable[tuple[str, Sequence[Span]]]) -> bytes:
    """The JSON document of these registrations' spans, in microseconds from the start of the earliest of them.

    Each event becomes bytes at once: as values, those of 11,000 registrations would take 130 MB.
    """
    bars = sorted(_bars(registrations), key=lambda bar: (bar.start_us, -bar.end_us, bar.key))
    origin_us = bars[0].start_us if bars else 0
    lanes = _Lanes()
    events = [codec.dump(_event(bar, lane=lanes.place(bar), origin_us=origin_us)) for bar in bars]
    names = [codec.dump(_thread_name(lane)) for lane in range(lanes.count)]
    return b'{"displayTimeUnit":"ms","traceEvents":[\n' + b",\n".join([*names, *events]) + b"\n]}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bar:
    """A span to be drawn; `key` is (registration, span), both 0-based, and `above` the keys of the spans around it."""

    key: tuple[int, int]
    above: tuple[tuple[int, int], ...]
    start_us: int
    end_us: int
    registration_id: str
    span: Span
    split: Split


def _bars(registrations: Iterable[tuple[str, Sequence[Span]]]) -> Iterable[_Bar]:
    for number, (registration_id, spans) in enumerate(registrations):
        above: list[tuple[tuple[int, int], ...]] = []
        for index, (span, split) in enumerate(zip(spans, work_and_wait(spans), strict=True)):
            above.append(((number, span.parent), *above[span.parent]) if span.parent >= 0 else ())
            yield _Bar(
                key=(number, index),
                above=above[index],
                start_us=round(span.start_s * 1e6),
                end_us=round(span.end_s * 1e6),
                registration_id=registration_id,
                span=span,
                split=split,
            )


@dataclass(slots=True)
class _Lanes:
    """Greedy interval colouring over bars in order of start, where a bar may also lie inside one of those above it.

    `open` is each lane's stack of (end, key), outermost first; a lane is `free`, or `busy` until the outermost ends.
    """

    open: list[list[tuple[int, tuple[int, int]]]] = field(default_factory=list)
    free: list[int] = field(default_factory=list)
    busy: list[tuple[int, int]] = field(default_factory=list)
    lane_of: dict[tuple[int, int], int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.open)

    def place(self, bar: _Bar) -> int:
        """The 0-based lane of the next bar."""
        lane = self.lane_of.get(bar.above[0]) if bar.above else None
        if lane is None or not self._holds(lane, bar):
            lane = self._take_free(bar)
        self.open[lane].append((bar.end_us, bar.key))
        self.lane_of[bar.key] = lane
        return lane

    def _holds(self, lane: int, bar: _Bar) -> bool:
        stack = self.open[lane]
        while stack and stack[-1][0] <= bar.start_us:
            stack.pop()
        return bool(stack) and stack[-1][1] in bar.above and bar.end_us <= stack[-1][0]

    def _take_free(self, bar: _Bar) -> int:
        while self.busy and self.busy[0][0] <= bar.start_us:
            heappush(self.free, heappop(self.busy)[1])
        if not self.free:
            heappush(self.free, len(self.open))
            self.open.append([])
        lane = heappop(self.free)
        heappush(self.busy, (bar.end_us, lane))
        return lane


def _event(bar: _Bar, *, lane: int, origin_us: int) -> Json:
    return {
        "name": bar.span.name,
        "ph": "X",
        "pid": _PID,
        "tid": lane + 1,
        "ts": bar.start_us - origin_us,
        "dur": bar.end_us - bar.start_us,
        "args": {
            "registration_id": bar.registration_id,
            "kind": bar.span.kind,
            "work_s": round(bar.split.work_s, 6),
            "wait_s": round(bar.split.wait_s, 6),
        },
    }


def _thread_name(lane: int) -> Json:
    return {"name": "thread_name", "ph": "M", "pid": _PID, "tid": lane + 1, "args": {"name": f"lane {lane + 1:04}"}}
