from __future__ import annotations

import asyncio
import csv
import io
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count, cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent import codec
from igent.accounting.spans import Kind, Span, Timeline, recording, span, spans_from_record
from igent.accounting.timing import CSV_HEADER, TimingRow, csv_line, percentile, timing_row, work_and_wait
from igent.domain.records import Json
from igent.printable import visible

COLUMNS = [
    "registration_id",
    "phase1_total_seconds",
    "phase1_agent_conversation_seconds",
    "phase1_capacity_update_seconds",
    "phase1_file_write_seconds",
    "phase2_total_seconds",
    "phase2_agent_conversation_seconds",
    "phase2_capacity_update_seconds",
    "phase2_file_write_seconds",
    "turn_wait_seconds",
    "total_seconds",
]


SECOND = 1_000_000


def ticking() -> Callable[[], float]:
    """A clock that is one second later at each reading, from 0."""
    ticks = count()
    return lambda: float(next(ticks))


def made(name: str, start: float, end: float, parent: int = -1, kind: Kind = "work") -> Span:
    return Span(name, kind, round(start * 1e6), round(end * 1e6), parent)


def as_recorded(spans: Sequence[Span]) -> list[Json]:
    return [[one.name, int(one.kind == "wait"), one.start_us, one.duration_us, one.parent] for one in spans]


def shape(spans: tuple[Span, ...]) -> list[tuple[str, int]]:
    return [(one.name, one.parent) for one in spans]


# Whole seconds, so that a second-by-second count can be the oracle.
@st.composite
def span_lists(draw: st.DrawFn) -> list[Span]:
    spans: list[Span] = []
    for index in range(draw(st.integers(0, 12))):
        start, length = draw(st.integers(0, 20)), draw(st.integers(0, 20))
        kind: Kind = draw(st.sampled_from(("work", "wait")))
        spans.append(made("s", start, start + length, draw(st.integers(-1, index - 1)), kind))
    return spans


Tree = list["Tree"]
trees: st.SearchStrategy[Tree] = st.recursive(st.just([]), lambda inner: st.lists(inner, max_size=3), max_leaves=12)


def open_tree(tree: Tree, kinds: Iterator[Kind]) -> None:
    for branch in tree:
        with span("s", next(kinds)):
            open_tree(branch, kinds)


def recorded(tree: Tree, *, data: st.DataObject) -> Timeline:
    now = 0

    def clock() -> float:
        nonlocal now
        now += data.draw(st.integers(0, 3))
        return float(now)

    timeline = Timeline(clock)
    with recording(timeline):
        open_tree(tree, iter(lambda: data.draw(st.sampled_from(("work", "wait"))), None))
    return timeline


def test_spans_nest_under_the_one_that_is_open() -> None:
    timeline = Timeline(ticking())
    with recording(timeline), span("a"):
        with span("b", "wait"):
            pass
        with span("c"):
            pass
    assert timeline.spans == (made("a", 0, 5), made("b", 1, 2, 0, "wait"), made("c", 3, 4, 0))


async def test_two_tasks_of_one_registration_both_nest_under_its_root() -> None:
    timeline = Timeline(ticking())
    met = asyncio.Barrier(2)

    async def phase(name: str) -> None:
        with span(name):
            await met.wait()
            with span(f"{name} call"):
                await met.wait()

    with recording(timeline), span("registration"):
        async with asyncio.TaskGroup() as group:
            group.create_task(phase("phase1"))
            group.create_task(phase("phase2"))
    parents = {one.name: one.parent for one in timeline.spans}
    names = [one.name for one in timeline.spans]
    assert [parents["phase1"], parents["phase2"]] == [0, 0]
    assert [names[parents["phase1 call"]], names[parents["phase2 call"]]] == ["phase1", "phase2"]


async def test_64_registrations_at_once_never_see_each_other() -> None:
    timelines = [Timeline(ticking()) for _ in range(64)]
    met = asyncio.Barrier(64)

    async def register(number: int) -> None:
        with recording(timelines[number]), span(f"r{number}"):
            await met.wait()
            with span(f"r{number} call"):
                await met.wait()

    async with asyncio.TaskGroup() as group:
        for number in range(64):
            group.create_task(register(number))
    assert [shape(timeline.spans) for timeline in timelines] == [
        [(f"r{number}", -1), (f"r{number} call", 0)] for number in range(64)
    ]


def test_an_exception_closes_every_span_it_passes() -> None:
    timeline = Timeline(ticking())
    with recording(timeline):
        with pytest.raises(LookupError), span("a"), span("b"):
            raise LookupError
        with span("c"):
            pass
    assert timeline.spans == (made("a", 0, 3), made("b", 1, 2, 0), made("c", 4, 5))


async def test_cancellation_closes_every_span_it_passes() -> None:
    timeline = Timeline(ticking())
    inside = asyncio.Event()

    async def wait_for_ever() -> None:
        with recording(timeline), span("a"), span("b", "wait"):
            inside.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(wait_for_ever())
        await inside.wait()
        task.cancel()
    assert timeline.spans == (made("a", 0, 3), made("b", 1, 2, 0, "wait"))


async def test_a_span_closed_by_another_task_ends_and_leaves_that_task_its_own_place() -> None:
    timeline = Timeline(ticking())
    opened = asyncio.Event()
    streamed = span("never entered")

    async def opener() -> None:
        nonlocal streamed
        streamed = span("stream")
        streamed.__enter__()
        opened.set()

    with recording(timeline), span("root"):
        async with asyncio.TaskGroup() as group:
            group.create_task(opener())
            await opened.wait()
        with span("closer"):
            streamed.__exit__(None, None, None)
            with span("inside"):
                pass
    assert timeline.spans[1] == made("stream", 1, 3, 0)
    assert shape(timeline.spans) == [("root", -1), ("stream", 0), ("closer", 0), ("inside", 2)]


def test_open_spans_end_at_one_reading_of_the_clock() -> None:
    timeline = Timeline(ticking())
    with recording(timeline), span("a"), span("b"):
        spans = timeline.spans
    assert spans == (made("a", 0, 2), made("b", 1, 2, 0))


def test_without_a_current_timeline_a_span_does_nothing() -> None:
    timeline = Timeline(ticking())
    with recording(timeline):
        pass
    with span("a"), span("b"):
        pass
    assert timeline.spans == ()


def test_recording_gives_back_the_timeline_before_it() -> None:
    outer, inner = Timeline(ticking()), Timeline(ticking())
    with recording(outer), span("a"):
        with recording(inner), span("x"):
            pass
        with span("b"):
            pass
    assert [shape(outer.spans), shape(inner.spans)] == [[("a", -1), ("b", 0)], [("x", -1)]]


def test_a_record_is_name_wait_start_duration_and_parent_in_microseconds() -> None:
    times = iter((1.5, 1.6, 1.7000004, 2.0))
    timeline = Timeline(lambda: next(times, 9.0))
    with recording(timeline), span("a"), span("b", "wait"):
        pass
    assert timeline.record() == [["a", 0, 1_500_000, 500_000, -1], ["b", 1, 1_600_000, 100_000, 0]]


@given(tree=trees, data=st.data())
def test_a_record_comes_back_from_json_as_the_same_spans(tree: Tree, data: st.DataObject) -> None:
    timeline = recorded(tree, data=data)
    record = codec.load(codec.dump(timeline.record()))
    assert isinstance(record, list)
    assert spans_from_record(record) == timeline.spans


@given(st.lists(st.floats(0, 1e9), min_size=4, max_size=4).map(sorted))
def test_rounding_to_microseconds_keeps_a_span_inside_its_parent(times: list[float]) -> None:
    readings = iter(times)
    timeline = Timeline(lambda: next(readings, 0.0))
    with recording(timeline), span("outer"), span("inner"):
        pass
    outer, inner = spans_from_record(timeline.record())
    assert outer.start_us <= inner.start_us <= inner.end_us <= outer.end_us


@pytest.mark.parametrize(
    "row", [None, [], ["a", 0, 1, 1], ["a", 2, 1, 1, -1], ["a", 0, 1, -1, -1], ["a", 0, 1.5, 1, -1], ["a", 0, 1, 1, 0]]
)
def test_a_row_that_no_timeline_wrote_is_refused(row: Json) -> None:
    for read in (spans_from_record, partial(timing_row, "r1")):
        with pytest.raises(ValueError, match="span 0 of a record"):
            read([row])


@given(span_lists())
def test_wait_is_every_second_in_which_it_or_a_descendant_waits(spans: list[Span]) -> None:
    def waits(index: int, second: int) -> bool:
        one = spans[index]
        if not one.start_us <= second * SECOND < one.end_us:
            return False
        return one.kind == "wait" or any(below_waits(child, second) for child in children(index))

    def below_waits(index: int, second: int) -> bool:
        one = spans[index]
        here = one.kind == "wait" and one.start_us <= second * SECOND < one.end_us
        return here or any(below_waits(child, second) for child in children(index))

    def children(index: int) -> list[int]:
        return [child for child, one in enumerate(spans) if one.parent == index]

    counted = [sum(waits(index, second) for second in range(40)) for index in range(len(spans))]
    assert [seconds * SECOND for seconds in counted] == [split.wait_us for split in work_and_wait(spans)]


@given(span_lists())
def test_work_and_wait_add_up_to_the_duration(spans: list[Span]) -> None:
    splits = work_and_wait(spans)
    assert [split.work_us + split.wait_us for split in splits] == [one.duration_us for one in spans]
    assert all(split.work_us >= 0 and split.wait_us >= 0 for split in splits)


@given(tree=trees, data=st.data())
def test_a_recorded_span_lies_in_its_parent_and_waits_no_longer(tree: Tree, data: st.DataObject) -> None:
    spans = recorded(tree, data=data).spans
    splits = work_and_wait(spans)
    for one, split in zip(spans, splits, strict=True):
        if one.parent >= 0:
            outer = spans[one.parent]
            assert outer.start_us <= one.start_us <= one.end_us <= outer.end_us
            assert split.wait_us <= splits[one.parent].wait_us


def one_registration() -> list[Span]:
    return [
        made("registration", 0, 100),
        made("phase1", 1, 30, 0),
        made("conversation", 2, 28, 1),
        made("call", 3, 20, 2, "wait"),
        made("slot", 3, 7, 3, "wait"),
        made("model", 7, 20, 3, "wait"),
        made("journal", 21, 24, 2, "wait"),
        made("journal", 28, 29, 1, "wait"),
        made("phase2", 1, 50, 0),
        made("conversation", 1, 49, 8),
        made("call", 2, 41, 9, "wait"),
        made("slot", 2, 3, 10, "wait"),
        made("model", 3, 41, 10, "wait"),
        made("journal", 41, 46, 9, "wait"),
        made("turn", 50, 80, 0, "wait"),
        made("allocate", 80, 82, 0),
        made("order", 82, 85, 0),
        made("commit", 85, 92, 0),
    ]


def test_the_row_follows_the_definitions_of_its_columns() -> None:
    talk1, write1 = 26.0 - 4 - 3, 3.0 + 1
    talk2, write2 = 48.0 - 1 - 5, 5.0 + 7
    assert timing_row("r1", as_recorded(one_registration())) == TimingRow(
        registration_id="r1",
        phase1_total_seconds=talk1 + 2 + write1,
        phase1_agent_conversation_seconds=talk1,
        phase1_capacity_update_seconds=2.0,
        phase1_file_write_seconds=write1,
        phase2_total_seconds=talk2 + 3 + write2,
        phase2_agent_conversation_seconds=talk2,
        phase2_capacity_update_seconds=3.0,
        phase2_file_write_seconds=write2,
        turn_wait_seconds=30.0,
        total_seconds=41.0 - 3,
    )


@given(span_lists())
def test_conversation_is_every_second_of_it_without_a_wait_for_slot_or_journal(waits: list[Span]) -> None:
    conversation = [made("registration", 0, 40), made("phase1", 5, 35, 0), made("conversation", 10, 30, 1)]
    named = [one._replace(name=name, parent=2) for one, name in zip(waits, cycle(("slot", "journal")), strict=False)]
    row = timing_row("r1", as_recorded([*conversation, *named]))
    busy = [all(not one.start_us <= second * SECOND < one.end_us for one in named) for second in range(10, 30)]
    assert row.phase1_agent_conversation_seconds == sum(busy)


def test_a_registration_without_a_call_took_no_time() -> None:
    row = timing_row("r1", as_recorded([made("registration", 5, 9)]))
    assert csv_line(row) == b"r1" + b",0.000000" * 10 + b"\n"


def test_the_csv_columns_are_exactly_these_in_this_order() -> None:
    assert CSV_HEADER.decode() == ",".join(COLUMNS) + "\n"


def test_a_csv_line_has_the_columns_in_order_with_six_decimals() -> None:
    row = TimingRow(**{"registration_id": "r1", **{name: place / 10 for place, name in enumerate(COLUMNS[1:], 1)}})  # type: ignore[arg-type]
    seconds = "0.100000,0.200000,0.300000,0.400000,0.500000,0.600000,0.700000,0.800000,0.900000,1.000000"
    assert csv_line(row).decode() == f"r1,{seconds}\n"


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(',"\r\n'), min_size=1))
def test_an_id_comes_back_from_the_csv_as_it_was_or_disarmed(registration_id: str) -> None:
    line = csv_line(timing_row(registration_id, [])).decode()
    [[cell, *seconds]] = csv.reader(io.StringIO(line, newline=""), strict=True)
    assert (cell.removeprefix("'"), len(seconds)) == (visible(registration_id).removeprefix("'"), 10)
    assert cell.isprintable()
    assert not unicodedata.normalize("NFKC", cell).lstrip().startswith(("=", "+", "-", "@"))


def test_an_id_of_letters_and_digits_is_itself_in_the_csv() -> None:
    assert csv_line(timing_row("SPUS10007", [])).startswith(b"SPUS10007,")


@pytest.mark.parametrize("separator", [",", ";", "|"])
def test_an_id_is_one_cell_whatever_a_spreadsheet_splits_lines_at(separator: str) -> None:
    line = csv_line(timing_row(f"R1{separator}=1+1", [])).decode()
    [[cell, *rest]] = csv.reader(io.StringIO(line, newline=""), delimiter=separator)
    assert cell.startswith(f"R1{separator}=1+1")
    assert not any(one.startswith("=") for one in rest)


@pytest.mark.parametrize(
    "registration_id", ["=1+1", "+1", "-1", "@sum", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20sum", " =1"]
)
def test_an_id_that_a_spreadsheet_would_compute_gets_an_apostrophe(registration_id: str) -> None:
    assert csv_line(timing_row(registration_id, [])).startswith(f"'{visible(registration_id)},".encode())


@pytest.mark.parametrize(("p", "expected"), [(0, 15.0), (5, 15.0), (30, 20.0), (40, 20.0), (50, 35.0), (100, 50.0)])
def test_a_percentile_is_the_value_at_the_nearest_rank(p: float, expected: float) -> None:
    assert percentile([15.0, 20.0, 35.0, 40.0, 50.0], p) == expected


def test_a_percentile_is_not_pushed_up_a_rank_by_float_error() -> None:
    assert percentile([float(rank) for rank in range(1, 101)], 7) == 7.0


@pytest.mark.parametrize(("values", "p"), [([], 50), ([1.0], -1), ([1.0], 101)])
def test_no_values_or_an_impossible_percent_is_an_error(values: list[float], p: float) -> None:
    with pytest.raises(ValueError, match="no percentile"):
        percentile(values, p)
