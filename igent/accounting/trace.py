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
from heapq import heappop, heappush, heappushpop

from igent import codec
from igent.accounting.spans import Span
from igent.accounting.timing import work_and_wait
from igent.accounting.vitals import Sample
from igent.domain.records import Json

__all__ = ["FIRST", "SLOWEST", "TraceSelection", "trace_document"]

# At 17 spans each these are 187,000 events: 27 MB of JSON, twice that in memory and 2 s while it is made.
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


def trace_document(registrations: Iterable[tuple[str, Sequence[Span]]], samples: Sequence[Sample] = ()) -> bytes:
    """The JSON document of these registrations' spans, and of memory and lag as `samples` have them.

    Times are in microseconds from the earliest of all. Each event is written out at once: as values, those of 11,000
    registrations would take hundreds of megabytes.
    """
    drawn = [(registration_id, spans) for registration_id, spans in registrations if spans]
    drawn.sort(key=lambda one: _start_us(one[1]))
    origin_us = min([*(_start_us(spans) for _, spans in drawn[:1]), *(one.at_us for one in samples[:1])], default=0)
    lanes, document = _Lanes(), bytearray()
    for registration_id, spans in drawn:
        local = _local_lanes(spans)
        taken = lanes.take(max(local) + 1, start_us=_start_us(spans), end_us=max(one.end_us for one in spans))
        for one, split, lane in zip(spans, work_and_wait(spans), local, strict=True):
            args: dict[str, Json] = {"registration_id": registration_id, "kind": one.kind}
            args |= {"work_s": split.work_us / 1e6, "wait_s": split.wait_us / 1e6}
            event = _event(one, lane=taken[lane], origin_us=origin_us, args=args)
            document += b",\n" + codec.dump(event)
    for sample in samples:
        document += b"".join(b",\n" + codec.dump(one) for one in _counters(sample, origin_us=origin_us))
    names = b",\n".join(codec.dump(_thread_name(lane)) for lane in range(lanes.count))
    if not names:
        del document[:2]  # nothing stands before the first comma
    return b'{"displayTimeUnit":"ms","traceEvents":[\n' + names + document + b"\n]}\n"


def _local_lanes(spans: Sequence[Span]) -> list[int]:
    """A lane for each span of one registration, so that in a lane spans only nest: a child stays with its parent
    unless it outlives it or overlaps a brother that is there."""
    lane_of = [0] * len(spans)
    open_in: list[list[int]] = []
    for index in sorted(range(len(spans)), key=lambda i: (spans[i].start_us, -spans[i].end_us, i)):
        for stack in open_in:
            while stack and spans[stack[-1]].end_us <= spans[index].start_us:
                stack.pop()
        above = {*_ancestors(spans, index)}
        home = (lane for lane, stack in enumerate(open_in) if _fits(spans, index, stack, above))
        lane_of[index] = next(home, len(open_in))
        if lane_of[index] == len(open_in):
            open_in.append([])
        open_in[lane_of[index]].append(index)
    return lane_of


def _fits(spans: Sequence[Span], index: int, stack: Sequence[int], above: set[int]) -> bool:
    """Whether a span may lie on top of a lane's open spans: on nothing, or inside one of those around it."""
    return not stack or (stack[-1] in above and spans[index].end_us <= spans[stack[-1]].end_us)


def _ancestors(spans: Sequence[Span], index: int) -> Iterator[int]:
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


def _event(one: Span, *, lane: int, origin_us: int, args: dict[str, Json]) -> dict[str, Json]:
    start_us = one.start_us
    times: dict[str, Json] = {"ts": start_us - origin_us, "dur": one.end_us - start_us}
    return {"name": one.name, "ph": "X", "pid": _PID, "tid": lane + 1, **times, "args": args}


def _counters(sample: Sample, *, origin_us: int) -> Iterator[Json]:
    at: dict[str, Json] = {"ph": "C", "pid": _PID, "ts": sample.at_us - origin_us}
    yield {"name": "memory", **at, "args": {"MiB": round(sample.memory_bytes / 2**20, 3)}}
    yield {"name": "event loop lag", **at, "args": {"ms": sample.lag_us / 1e3}}


def _thread_name(lane: int) -> Json:
    return {"name": "thread_name", "ph": "M", "pid": _PID, "tid": lane + 1, "args": {"name": f"lane {lane + 1:04}"}}


def _start_us(spans: Sequence[Span]) -> int:
    return min(one.start_us for one in spans)
