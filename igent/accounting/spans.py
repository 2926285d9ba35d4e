"""Nested timing contexts: the spans of one registration, recorded where they happen.

A `Timeline` holds the spans of one registration. Which span is current lives in a `ContextVar`, and every asyncio task
starts with a copy of its creator's: two phases in two tasks both nest under the same root, and two registrations never
see each other. A timeline belongs to one event loop; it takes no locks. A span must not be held open across a `yield`:
a generator shares its consumer's context, so what the consumer does meanwhile would nest under it.

Times are whole microseconds on the caller's monotonic clock, which tells seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Literal, NamedTuple, TypeAlias, cast

from igent.domain.records import Json

__all__ = [
    "Clock",
    "Kind",
    "Span",
    "SpanRow",
    "Timeline",
    "recording",
    "span",
    "span_rows",
    "spans_from_record",
]

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


_TYPES = [str, int, int, int, int]  # of the parts of a span in a record
_DURATION = 3  # the index of one of them


SpanRow: TypeAlias = "tuple[str, int, int, int, int]"  # a list of these, in order


class Timeline:
    """The spans of one registration, in order of opening; `span` writes to it, inside `recording`."""

    __slots__ = ("_clock", "_rows", "_starts")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._starts: list[int] = []
        self._rows: list[list[Json]] = []  # as the journal has them; a span that is open has no duration

    def open(self, name: str, kind: Kind, *, parent: int) -> int:
        """Start a span now and return its index; use `span`, which also closes it."""
        start = round(self._clock() * 1e6)
        self._starts.append(start)
        self._rows.append([name, int(kind == "wait"), start, None, parent])
        return len(self._starts) - 1

    def close(self, index: int) -> None:
        """End a span now."""
        self._rows[index][_DURATION] = round(self._clock() * 1e6) - self._starts[index]

    @property
    def spans(self) -> tuple[Span, ...]:
        """Every span so far; those still open end at one reading of the clock, now."""
        return spans_from_record(self.record())

    def record(self) -> list[Json]:
        """The spans for the journal, each `[name, 1 if wait else 0, start, duration, parent]`; open ones end now."""
        now = round(self._clock() * 1e6)
        return [
            [*row[:_DURATION], now - start, *row[_DURATION + 1 :]] if row[_DURATION] is None else row
            for row, start in zip(self._rows, self._starts, strict=True)
        ]


_Place: TypeAlias = tuple[Timeline, int]  # the index of the span under which others open; -1 is above every root
_current: ContextVar[_Place | None] = ContextVar("igent_timing_place", default=None)


class span:  # noqa: N801  # used like a function, in a `with`
    """A child of the current span, for use in a `with` at once; without a current timeline it does nothing.

    A class, because `@contextmanager` alone takes nearly as long as all of this.
    """

    __slots__ = ("_here", "_kind", "_name", "_outer")

    def __init__(self, name: str, kind: Kind = "work") -> None:
        self._name, self._kind = name, kind

    def __enter__(self) -> None:
        self._outer = outer = _current.get()
        if outer is not None:
            timeline, parent = outer
            self._here = here = timeline, timeline.open(self._name, self._kind, parent=parent)
            _current.set(here)

    def __exit__(self, *_: object) -> None:
        if self._outer is None:
            return
        timeline, index = self._here
        timeline.close(index)
        # A stream that another task closes exits in that task's context, where a token's `reset` would raise.
        if _current.get() is self._here:
            _current.set(self._outer)


class recording:  # noqa: N801  # used like a function, in a `with`
    """Make `timeline` the current one for this task and the tasks that it starts inside; spans open `under` a span."""

    __slots__ = ("_place", "_token")

    def __init__(self, timeline: Timeline, *, under: int = -1) -> None:
        self._place = timeline, under

    def __enter__(self) -> None:
        self._token = _current.set(self._place)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


def spans_from_record(record: Sequence[Json]) -> tuple[Span, ...]:
    """The spans of `Timeline.record`. Raises `ValueError` for a row that it cannot have written."""
    return tuple(
        Span(name, "wait" if wait else "work", start, start + duration, parent)
        for name, wait, start, duration, parent in span_rows(record)
    )


def span_rows(record: Sequence[Json]) -> Sequence[SpanRow]:
    """The rows of `Timeline.record` as they are. Raises `ValueError` for one that it cannot have written."""
    for index, row in enumerate(record):
        # The types at once: a `match` of the same pattern takes ten times as long, seventeen times a registration.
        if not isinstance(row, list) or [*map(type, row)] != _TYPES:
            raise _impossible(row, index)
        _, wait, _, duration, parent = cast(SpanRow, row)
        if not (0 <= wait <= 1 and duration >= 0 and -1 <= parent < index):
            raise _impossible(row, index)
    return cast("Sequence[SpanRow]", record)


def _impossible(row: Json, index: int) -> ValueError:
    return ValueError(f"span {index} of a record cannot be {row!r}")
