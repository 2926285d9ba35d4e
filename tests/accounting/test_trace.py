from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from igent import codec
from igent.accounting.spans import Span
from igent.accounting.trace import Shown, TraceSelection, trace_document
from igent.accounting.vitals import Sample
from igent.domain.records import Json

Event = dict[str, int]


def made(name: str, start: float, end: float, parent: int = -1) -> Span:
    return Span(name, "work", round(start * 1e6), round(end * 1e6), parent)


def traced(*registrations: Sequence[Span], samples: Sequence[Sample] = ()) -> bytes:
    """The document of r0, r1, ..."""
    records = [[[n, int(k == "wait"), start, end - start, up] for n, k, start, end, up in one] for one in registrations]
    shown = [Shown.of(f"r{number}", cast(list[Json], record)) for number, record in enumerate(records)]
    return b"".join(trace_document(shown, samples))


def events(document: bytes, ph: str) -> list[dict[str, Json]]:
    rows = cast(dict[str, list[dict[str, Json]]], codec.load(document))["traceEvents"]
    return [row for row in rows if row["ph"] == ph]


def lanes(*registrations: list[Span]) -> dict[str, Json]:
    document = traced(*registrations)
    return {cast(str, event["name"]): event["tid"] for event in events(document, "X")}


# Names are unique, so that an event can be led back to its span; children may stick out of their parents.
@st.composite
def runs(draw: st.DrawFn) -> list[list[Span]]:
    registrations = []
    for number in range(draw(st.integers(0, 4))):
        spans: list[Span] = []
        for index in range(draw(st.integers(1, 6))):
            start, length = draw(st.integers(0, 9)), draw(st.integers(0, 9))
            parent = draw(st.integers(-1, index - 1))
            spans.append(made(f"{number}.{index}", start / 1e6, (start + length) / 1e6, parent))
        registrations.append(spans)
    return registrations


def above(registrations: list[list[Span]]) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for spans in registrations:
        for one in spans:
            outer = spans[one.parent] if one.parent >= 0 else None
            names[one.name] = {outer.name, *names[outer.name]} if outer else set()
    return names


def overlap(one: Event, other: Event) -> bool:
    return one["ts"] < other["ts"] + other["dur"] and other["ts"] < one["ts"] + one["dur"]


def holds(outer: Event, inner: Event) -> bool:
    return outer["ts"] <= inner["ts"] and inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"]


@given(runs())
def test_events_of_one_lane_overlap_only_where_one_holds_its_descendant(registrations: list[list[Span]]) -> None:
    document = traced(*registrations)
    ancestors = above(registrations)
    for one, other in combinations(events(document, "X"), 2):
        a, b = cast(Event, one), cast(Event, other)
        if a["tid"] == b["tid"] and overlap(a, b):
            nested = (one["name"] in ancestors[str(other["name"])] and holds(a, b)) or (
                other["name"] in ancestors[str(one["name"])] and holds(b, a)
            )
            assert nested, (one, other)


@given(runs())
def test_every_span_is_drawn_once_at_its_time(registrations: list[list[Span]]) -> None:
    document = traced(*registrations)
    every = [one for spans in registrations for one in spans]
    origin_us = min((one.start_us for one in every), default=0)
    drawn = {event["name"]: (event["ts"], event["dur"]) for event in events(document, "X")}
    assert len(events(document, "X")) == len(every)
    assert drawn == {one.name: (one.start_us - origin_us, one.duration_us) for one in every}


@given(runs())
def test_every_lane_has_one_name(registrations: list[list[Span]]) -> None:
    document = traced(*registrations)
    used = {cast(int, event["tid"]) for event in events(document, "X")}
    assert sorted(used) == [event["tid"] for event in events(document, "M")]


def test_parallel_phases_take_two_lanes_and_their_children_follow() -> None:
    spans = [
        made("root", 0, 9),
        made("p1", 1, 5, 0),
        made("p2", 1, 6, 0),
        made("call1", 2, 4, 1),
        made("call2", 2, 5, 2),
    ]
    assert lanes(spans) == {"root": 1, "p2": 1, "call2": 1, "p1": 2, "call1": 2}


def test_a_registration_takes_the_first_free_lane() -> None:
    assert lanes([made("a", 0, 3)], [made("b", 1, 9)], [made("c", 3, 5)]) == {"a": 1, "b": 2, "c": 1}


def test_of_several_free_lanes_the_lowest_is_taken() -> None:
    assert lanes([made("a", 0, 3)], [made("b", 1, 4)], [made("c", 5, 6)]) == {"a": 1, "b": 2, "c": 1}


def test_a_child_that_outlives_its_parent_gets_its_own_lane() -> None:
    assert lanes([made("root", 0, 3), made("late", 2, 5, 0)]) == {"root": 1, "late": 2}


def test_an_event_tells_registration_kind_work_and_wait() -> None:
    call = Span("call", "wait", 11_000_000, 11_500_000, 0)
    document = traced([made("root", 10, 12), call])
    arguments = {"registration_id": "r0", "kind": "work", "work_s": 1.5, "wait_s": 0.5}
    event = {"name": "root", "ph": "X", "pid": 1, "tid": 1, "ts": 0, "dur": 2_000_000, "args": arguments}
    assert events(document, "X")[0] == event


def test_a_registration_without_spans_is_not_drawn() -> None:
    assert [event["ts"] for event in events(traced([], [made("root", 2, 3)]), "X")] == [0]


def test_the_document_of_nothing_is_still_a_trace() -> None:
    assert codec.load(traced()) == {"traceEvents": [], "displayTimeUnit": "ms"}


def names(selection: TraceSelection) -> list[str]:
    return [shown.registration_id for shown in selection.chosen()]


def test_a_selection_keeps_the_first_and_then_the_slowest() -> None:
    selection = TraceSelection(first=2, slowest=2)
    for registration_id, seconds in [("a", 1.0), ("b", 9.0), ("c", 3.0), ("d", 7.0), ("e", 2.0), ("f", 5.0)]:
        selection.add(registration_id, seconds, spans=())
    assert names(selection) == ["a", "b", "d", "f"]


def test_of_two_equally_slow_the_earlier_stays() -> None:
    selection = TraceSelection(first=0, slowest=2)
    for registration_id in "abc":
        selection.add(registration_id, 1.0, spans=())
    assert names(selection) == ["a", "b"]


@given(st.lists(st.integers(0, 5)), st.integers(0, 4), st.integers(0, 4))
def test_a_selection_is_what_sorting_all_of_them_would_choose(times: list[int], first: int, slowest: int) -> None:
    selection = TraceSelection(first=first, slowest=slowest)
    for number, seconds in enumerate(times):
        selection.add(str(number), float(seconds), spans=())
    rest = sorted(range(first, len(times)), key=lambda number: -times[number])
    assert names(selection) == [str(number) for number in [*range(min(first, len(times))), *rest[:slowest]]]


def test_by_default_ten_thousand_and_the_thousand_slowest_are_kept() -> None:
    selection = TraceSelection()
    for number in range(12_000):
        selection.add(str(number), float(number), spans=())
    assert names(selection) == [*map(str, range(10_000)), *map(str, range(11_999, 10_999, -1))]


def test_memory_and_lag_are_counters_on_the_same_axis_as_the_spans() -> None:
    samples = [Sample(500_000, 3 * 2**20, 0), Sample(1_000_000, 4 * 2**20, 1_500)]
    document = traced([made("root", 1, 2)], samples=samples)
    drawn = [(one["name"], one["ts"], one["args"]) for one in events(document, "C")]
    assert drawn == [
        ("memory", 0, {"MiB": 3.0}),
        ("event loop lag", 0, {"ms": 0.0}),
        ("memory", 500_000, {"MiB": 4.0}),
        ("event loop lag", 500_000, {"ms": 1.5}),
    ]
    assert [one["ts"] for one in events(document, "X")] == [500_000]


def test_counters_alone_are_a_trace_too() -> None:
    assert len(events(traced(samples=[Sample(5, 6, 7)]), "C")) == 2
