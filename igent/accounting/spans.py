"""Nested timing contexts: the spans of one registration, recorded where they happen.

A `Timeline` holds the spans of one registration. Which span is current lives in a `ContextVar`, and every asyncio task
starts with a copy of its creator's: two phases in two tasks both nest under the same root, and two registrations never
see each other. A timeline belongs to one event loop; it takes no locks. A span must not be held open across a `yield`:
a generator shares its consumer's context, so what the consumer does meanwhile would nest under it.

Times are whole microseconds on the caller's monotonic clock, which tells seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Literal, NamedTuple, TypeAlias

from igent.domain.records import Json

__all__ = ["Clock", "Kind", "Span", "Timeline", "recording", "span", "spans_from_record"]

Clock: TypeAlias = Callable[[], float]
Kind = Literal["work", "wait"]


class Span(NamedTuple):
    """A named stretch of time; `parent` is the 0-based index of the span around it in its timeline, -1 for a root."""

    name: str
    kind: Kind
    start_us: int
    end_us: int
    parent: int = -1

    @property
    def duration_us(self) -> int:
        return self.end_us - self.start_us


class Timeline:
    """The spans of one registration, in order of opening; `span` writes to it, inside `recording`."""

    __slots__ = ("_clock", "_ends", "_heads", "_starts")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heads: list[tuple[str, Kind, int]] = []
        self._starts: list[int] = []
        self._ends: list[int | None] = []

    def open(self, name: str, kind: Kind, *, parent: int) -> int:
        """Start a span now and return its index; use `span`, which also closes it."""
        index = len(self._heads)
        self._heads.append((name, kind, parent))
        self._ends.append(None)
        self._starts.append(round(self._clock() * 1e6))
        return index

    def close(self, index: int) -> None:
        """End a span now."""
        self._ends[index] = round(self._clock() * 1e6)

    @property
    def spans(self) -> tuple[Span, ...]:
        """Every span so far; those still open end at one reading of the clock, now."""
        now = round(self._clock() * 1e6)
        return tuple(
            Span(name, kind, start, now if end is None else end, parent)
            for (name, kind, parent), start, end in zip(self._heads, self._starts, self._ends, strict=True)
        )

    def record(self) -> list[Json]:
        """The spans for the journal, each `[name, 1 if wait else 0, start, duration, parent]`."""
        now = round(self._clock() * 1e6)
        return [
            [name, int(kind == "wait"), start, (now if end is None else end) - start, parent]
            for (name, kind, parent), start, end in zip(self._heads, self._starts, self._ends, strict=True)
        ]


_PARTS = 5  # of a span in a record

_Place: TypeAlias = tuple[Timeline, int]  # the index of the span under which others open; -1 is above every root
_current: ContextVar[_Place | None] = ContextVar("igent_timing_place", default=None)
_NOTHING = nullcontext()


class _OpenSpan:
    """The context manager of one span: a class, because `@contextmanager` alone takes nearly as long as all of this."""

    __slots__ = ("_here", "_kind", "_name", "_outer")

    def __init__(self, outer: _Place, name: str, *, kind: Kind) -> None:
        self._outer, self._name, self._kind = outer, name, kind

    def __enter__(self) -> None:
        timeline, parent = self._outer
        self._here = timeline, timeline.open(self._name, self._kind, parent=parent)
        _current.set(self._here)

    def __exit__(self, *_: object) -> None:
        timeline, index = self._here
        timeline.close(index)
        # A stream that another task closes exits in that task's context, where a token's `reset` would raise.
        if _current.get() is self._here:
            _current.set(self._outer)


@contextmanager
def recording(timeline: Timeline, *, under: int = -1) -> Iterator[None]:
    """Make `timeline` the current one for this task and the tasks that it starts inside; spans open `under` a span."""
    token = _current.set((timeline, under))
    try:
        yield
    finally:
        _current.reset(token)


def span(name: str, kind: Kind = "work") -> AbstractContextManager[None]:
    """Open a child of the current span, for use in a `with` at once; without a current timeline it does nothing."""
    outer = _current.get()
    return _NOTHING if outer is None else _OpenSpan(outer, name, kind=kind)


def spans_from_record(record: Sequence[Json]) -> tuple[Span, ...]:
    """The spans of `Timeline.record`. Raises `ValueError` for a row that it cannot have written."""
    return tuple(_span_from(row, index) for index, row in enumerate(record))


def _span_from(row: Json, index: int) -> Span:
    # Unpacked and compared: a `match` of the same pattern takes eight times as long, fifteen times a registration.
    if isinstance(row, list) and len(row) == _PARTS:
        name, wait, start, duration, parent = row
        if (
            isinstance(name, str)
            and (wait == 0 or wait == 1)
            and (isinstance(start, int) and isinstance(duration, int) and isinstance(parent, int))
            and (duration >= 0 and -1 <= parent < index)
        ):
            return Span(name, "wait" if wait else "work", start, start + duration, parent)
    raise ValueError(f"span {index} of a record cannot be {row!r}")
