"""The trace of a run in the Chrome trace event format, which Perfetto opens.

Viewers nest the events of one thread by time alone, so two spans that overlap without one holding the other must not
share a thread id. Spans are packed into lanes, one thread id each: a registration's spans stay in the lane of their
parent, one that overlaps a sibling there (the second of two parallel phases) takes another, and a registration keeps
its lanes until it ends.

Format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush, heapreplace
from typing import NamedTuple, cast

from igent import codec
from igent.accounting.spans import Span, spans_from_record
from igent.accounting.timing import work_and_wait
from igent.accounting.vitals import Sample
from igent.domain.records import Json

__all__ = ["FIRST", "SLOWEST", "Shown", "TraceSelection", "trace_document"]

# At 19 spans each these are 209,000 events: 33 MB of JSON, of which 7 MB of packed spans are in memory.
FIRST = 10_000
SLOWEST = 1_000

# Some hundred events: worth a write of their own.
_PIECE_BYTES = 2**16

_PID = 1


class Shown(NamedTuple):
    """A registration in the trace; its spans, of which the first starts at `start_us`, are packed: as values they take
    five times the memory."""

    registration_id: str
    start_us: int
    packed: str

    @classmethod
    def of(cls, registration_id: str, record: Sequence[Json]) -> Shown:
        """From the spans as `Timeline.record` gives them."""
        starts = [row[2] for row in cast("Sequence[Sequence[int]]", record)]
        return cls(registration_id, min(starts, default=0), _packed(record))

    @property
    def spans(self) -> tuple[Span, ...]:
        """Its spans. Raises `ValueError` for what no timeline has recorded."""
        return spans_from_record(cast("list[Json]", codec.load(self.packed)))


class TraceSelection:
    """Which registrations the trace shows: the first ones, and of the rest the slowest; it never holds more."""

    def __init__(self, *, first: int = FIRST, slowest: int = SLOWEST) -> None:
        self._first_bound, self._slowest_bound = first, slowest
        self._count = 0
        self._first: list[Shown] = []
        self._slowest: list[tuple[float, int, Shown]] = []

    def add(self, registration_id: str, total_seconds: float, *, spans: Sequence[Json]) -> None:
        """Offer one registration with its recorded spans; of two that took equally long the earlier one stays."""
        self._count += 1
        if len(self._first) < self._first_bound:
            self._first.append(Shown.of(registration_id, spans))
        elif len(self._slowest) < self._slowest_bound:
            heappush(self._slowest, (total_seconds, -self._count, Shown.of(registration_id, spans)))
        elif self._slowest and total_seconds > self._slowest[0][0]:
            heapreplace(self._slowest, (total_seconds, -self._count, Shown.of(registration_id, spans)))

    def chosen(self) -> list[Shown]:
        """The first registrations as they came, then the others, slowest first."""
        return [*self._first, *(shown for _, _, shown in sorted(self._slowest, reverse=True))]


def trace_document(registrations: Iterable[Shown], samples: Sequence[Sample] = ()) -> Iterator[bytes]:
    """The JSON document of these registrations' spans, and of memory and lag as `samples` have them, in pieces.

    Times are in microseconds from the earliest of all. As values, the events of 11,000 registrations would take
    hundreds of megabytes.
    """
    drawn = sorted((shown for shown in registrations if shown.packed != _packed([])), key=lambda shown: shown.start_us)
    piece, separator = bytearray(b'{"displayTimeUnit":"ms","traceEvents":['), b"\n"
    for events in _events(drawn, samples):
        piece += separator + codec.dump(events)[1:-1]
        separator = b",\n"
        if len(piece) >= _PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece + b"\n]}\n")


def _events(drawn: Sequence[Shown], samples: Sequence[Sample]) -> Iterator[list[Json]]:
    """The events of each registration, of each look at a process, and of each lane."""
    origin_us = min([*(one.start_us for one in drawn[:1]), *(one.at_us for one in samples[:1])], default=0)
    lanes = _Lanes()
    for one in drawn:
        yield _drawn(one, lanes, origin_us=origin_us)
    for sample in samples:
        yield _counters(sample, origin_us=origin_us)
    yield from ([_thread_name(lane)] for lane in range(lanes.count))


def _drawn(shown: Shown, lanes: _Lanes, *, origin_us: int) -> list[Json]:
    """The spans of one registration, in lanes that it takes."""
    spans = shown.spans
    local = _local_lanes(spans)
    taken = lanes.take(max(local) + 1, start_us=shown.start_us, end_us=max(one.end_us for one in spans))
    return [
        {
            "name": one.name,
            "ph": "X",
            "pid": _PID,
            "tid": taken[lane] + 1,
            "ts": one.start_us - origin_us,
            "dur": one.end_us - one.start_us,
            "args": {
                "registration_id": shown.registration_id,
                "kind": one.kind,
                "work_s": split.work_us / 1e6,
                "wait_s": split.wait_us / 1e6,
            },
        }
        for one, split, lane in zip(spans, work_and_wait(spans), local, strict=True)
    ]


def _packed(record: Sequence[Json]) -> str:
    # As text: what `dump` gives keeps its first 4 kB of memory as long as it lives.
    return codec.dump(record).decode()


def _local_lanes(spans: Sequence[Span]) -> list[int]:
    """A lane for each span of one registration, so that in a lane spans only nest: a child stays with its parent
    unless it outlives it or overlaps a brother that is there."""
    lane_of = [0] * len(spans)
    open_in: list[list[int]] = []
    for start_us, _, index in sorted([(one.start_us, -one.end_us, index) for index, one in enumerate(spans)]):
        lane = -1
        for number, stack in enumerate(open_in):
            while stack and spans[stack[-1]].end_us <= start_us:
                stack.pop()
            if lane < 0 and (not stack or _fits(spans, index, stack[-1])):
                lane = number
        if lane < 0:
            lane = len(open_in)
            open_in.append([])
        open_in[lane].append(index)
        lane_of[index] = lane
    return lane_of


def _fits(spans: Sequence[Span], index: int, top: int) -> bool:
    """Whether a span may lie on top of a lane's last open one: inside it, where that is one of those around it."""
    one = spans[index]
    return one.end_us <= spans[top].end_us and (top == one.parent or top in _ancestors(spans, index))


def _ancestors(spans: Sequence[Span], index: int) -> Iterator[int]:
    """The indices of the spans around one, from the inside out."""
    while (index := spans[index].parent) >= 0:
        yield index


@dataclass(slots=True)
class _Lanes:
    """Greedy interval colouring: a registration takes the lowest free lanes and keeps them until it ends."""

    count: int = 0
    free: list[int] = field(default_factory=list)
    busy: list[tuple[int, int]] = field(default_factory=list)

    def take(self, wanted: int, *, start_us: int, end_us: int) -> list[int]:
        """So many 0-based lanes, for registrations in order of their start."""
        while self.busy and self.busy[0][0] <= start_us:
            heappush(self.free, heappop(self.busy)[1])
        while len(self.free) < wanted:
            heappush(self.free, self.count)
            self.count += 1
        taken = [heappop(self.free) for _ in range(wanted)]
        for lane in taken:
            heappush(self.busy, (end_us, lane))
        return taken


def _counters(sample: Sample, *, origin_us: int) -> list[Json]:
    at: dict[str, Json] = {"ph": "C", "pid": _PID, "ts": sample.at_us - origin_us}
    return [
        {"name": "memory", **at, "args": {"MiB": round(sample.memory_bytes / 2**20, 3)}},
        {"name": "event loop lag", **at, "args": {"ms": sample.lag_us / 1e3}},
    ]


def _thread_name(lane: int) -> Json:
    return {"name": "thread_name", "ph": "M", "pid": _PID, "tid": lane + 1, "args": {"name": f"lane {lane + 1:04}"}}
