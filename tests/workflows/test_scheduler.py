from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igent.errors import RunStopped
from igent.models.halt import Halt
from igent.workflows.scheduler import MAX_TRANSIENT_FAILURES, Breaker, Steps, Turnstile, run_in_order


@dataclass(frozen=True)
class Item:
    index: int


@dataclass(frozen=True)
class Result:
    reached: bool | None = True
    abandoned: bool = False


class Bench:
    """Items whose work begins and ends where a test can see it.

    Those in `failing` end with a transient failure, those in `silent` without a call; after `halt` all are abandoned.
    """

    def __init__(
        self, count: int, *, window: int = 256, failing: Iterable[int] = (), silent: Iterable[int] = ()
    ) -> None:
        self.count, self.window = count, window
        self.failing, self.silent = frozenset(failing), frozenset(silent)
        self.begun = [asyncio.Event() for _ in range(count)]
        self.may_end = [asyncio.Event() for _ in range(count)]
        self.ended = [asyncio.Event() for _ in range(count)]
        self.halt = Halt()
        self.committed: list[int] = []
        self.most_admitted = 0

    async def items(self) -> AsyncIterator[Item]:
        for index in range(self.count):
            yield Item(index)

    async def work(self, item: Item) -> Result:
        self.begun[item.index].set()
        admitted = sum(event.is_set() for event in self.begun)
        self.most_admitted = max(self.most_admitted, admitted - len(self.committed))
        await self.may_end[item.index].wait()
        self.ended[item.index].set()
        if item.index in self.silent:
            return Result(reached=None)
        return Result(reached=item.index not in self.failing, abandoned=self.halt.is_set())

    def commit(self, item: Item, _result: Result) -> None:
        self.committed.append(item.index)

    async def run(self, items: AsyncIterator[Item] | None = None) -> None:
        steps = Steps(work=self.work, commit=self.commit)
        await run_in_order(items or self.items(), steps, window=self.window, halt=self.halt)

    async def end(self, indices: Iterable[int]) -> None:
        """Let items end one after the other; one that has not begun will end as soon as it begins."""
        for index in indices:
            self.may_end[index].set()
            if self.begun[index].is_set():
                await self.ended[index].wait()

    async def run_ending(self, order: Sequence[int]) -> None:
        """A whole run whose items end in that order."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.run())
            await self.begun[0].wait()
            group.create_task(self.end(order))


def run_ending(order: Sequence[int], *, window: int = 256, failing: Iterable[int] = ()) -> Bench:
    async def whole() -> Bench:
        bench = Bench(len(order), window=window, failing=failing)
        async with asyncio.timeout(5):
            await bench.run_ending(order)
        return bench

    return asyncio.run(whole())


orders = st.integers(1, 24).flatmap(lambda count: st.permutations(range(count)))


@given(orders, st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_commits_are_in_order_whatever_ends_first(order: list[int], window: int) -> None:
    assert run_ending(order, window=window).committed == sorted(order)


@given(orders, st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_the_window_is_never_exceeded(order: list[int], window: int) -> None:
    assert run_ending(order, window=window).most_admitted <= window


@given(orders, st.integers(1, 12), st.data())
@settings(max_examples=60, deadline=None)
def test_up_to_nine_failures_never_lose_or_lock_an_item(order: list[int], window: int, data: st.DataObject) -> None:
    failing = data.draw(st.sets(st.sampled_from(order), max_size=MAX_TRANSIENT_FAILURES - 1))
    assert run_ending(order, window=window, failing=failing).committed == sorted(order)


async def test_one_slow_item_stalls_nobody_inside_the_window() -> None:
    bench = Bench(6, window=5)
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.run())
        await bench.begun[4].wait()
        await bench.end([1, 2, 3, 4])
        assert (bench.committed, bench.begun[5].is_set()) == ([], False)
        await bench.end([0, 5])
    assert bench.committed == [0, 1, 2, 3, 4, 5]


async def test_a_commit_makes_room_for_the_next_item_at_once() -> None:
    bench = Bench(3, window=2)
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.run())
        await bench.begun[1].wait()
        await bench.end([0])
        await bench.begun[2].wait()
        assert bench.committed == [0]
        await bench.end([1, 2])


def test_ten_failures_in_a_row_stop_the_run_with_none_of_them_committed() -> None:
    async def stopped() -> list[int]:
        bench = Bench(20, failing=range(4, 20))
        for event in bench.may_end:
            event.set()
        with pytest.raises(RunStopped, match="10 transient failures in a row"):
            await bench.run()
        return bench.committed

    assert asyncio.run(stopped()) == [0, 1, 2, 3]


def test_failures_in_a_row_are_counted_as_they_happen_not_by_index() -> None:
    order = [*range(1, 20, 2), *range(0, 20, 2)]
    with pytest.raises(ExceptionGroup) as caught:
        run_ending(order, failing=range(1, 20, 2))
    assert caught.group_contains(RunStopped)


def test_nine_failures_and_a_success_commit_all_ten() -> None:
    assert run_ending(range(10), failing=range(9)).committed == [*range(10)]


def test_the_tenth_failure_after_a_success_is_not_in_a_row() -> None:
    assert run_ending(range(19), failing={*range(19)} - {9}).committed == [*range(19)]


def test_failures_at_the_end_of_the_input_are_committed() -> None:
    assert run_ending(range(5), failing={3, 4}).committed == [0, 1, 2, 3, 4]


def test_failures_that_fill_the_window_leave_room_for_the_rest() -> None:
    assert run_ending(range(6), window=3, failing={0, 1, 2}).committed == [0, 1, 2, 3, 4, 5]


async def test_a_success_elsewhere_lets_a_waiting_failure_commit() -> None:
    bench = Bench(3, failing={0})
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.run())
        await bench.begun[2].wait()
        await bench.end([0])
        assert bench.committed == []
        await bench.end([2])
        assert bench.committed == [0]
        await bench.end([1])
    assert bench.committed == [0, 1, 2]


async def test_an_outage_while_the_input_is_slow_leaves_nothing_committed() -> None:
    bench = Bench(MAX_TRANSIENT_FAILURES, failing=range(MAX_TRANSIENT_FAILURES))
    for event in bench.may_end:
        event.set()

    async def slowly() -> AsyncIterator[Item]:
        async for item in bench.items():
            yield item
            await bench.ended[item.index].wait()

    with pytest.raises(RunStopped):
        await bench.run(slowly())
    assert bench.committed == []


async def test_a_stop_ends_the_intake_and_commits_up_to_what_was_abandoned() -> None:
    bench = Bench(9, window=4)
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.run())
        await bench.begun[3].wait()
        await bench.end([1, 3])
        bench.halt.set()
        bench.silent = frozenset({0})
        await bench.end([2, 0])
    assert bench.committed == [0, 1]
    assert not any(event.is_set() for event in bench.begun[6:])


def test_what_needed_no_call_is_no_sign_that_an_outage_is_over() -> None:
    async def stopped() -> list[int]:
        bench = Bench(30, failing=range(30), silent=range(0, 30, 2))
        for event in bench.may_end:
            event.set()
        with pytest.raises(RunStopped):
            await bench.run()
        return bench.committed

    assert asyncio.run(stopped()) == [0]


def test_once_closed_nothing_is_committed_however_long_it_has_waited() -> None:
    async def whole() -> Bench:
        bench = Bench(5)
        steps = Steps(work=bench.work, commit=bench.commit, closed=lambda: len(bench.committed) == 2)
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(run_in_order(bench.items(), steps, window=5, halt=bench.halt))
            await bench.begun[4].wait()
            group.create_task(bench.end((3, 1, 2, 0, 4)))
        return bench

    assert asyncio.run(whole()).committed == [0, 1]


async def test_an_unexpected_error_ends_the_run_instead_of_hanging_it() -> None:
    async def broken(_item: Item) -> Result:
        raise LookupError("a bug")

    bench = Bench(2)
    steps = Steps(work=broken, commit=bench.commit)
    with pytest.raises(ExceptionGroup) as caught:
        await run_in_order(bench.items(), steps, window=2, halt=bench.halt)
    assert caught.group_contains(LookupError)


def test_a_turnstile_lets_items_leave_in_the_order_in_which_they_came() -> None:
    turnstile = Turnstile[Item, Result]()
    for index in (7, 12, 13):
        turnstile.expect(Item(index))
    for index in (12, 7):
        turnstile.arrive(Item(index), Result())
    assert [item.index for item, _ in turnstile.leaving(lambda _: True)] == [7, 12]


def test_a_success_clears_the_series_of_failures() -> None:
    breaker = Breaker(limit=2)
    breaker.observe(0, reached=False)
    breaker.observe(1, reached=None)
    assert breaker.undecided(0)
    breaker.observe(2, reached=True)
    assert not breaker.undecided(0)
    breaker.observe(3, reached=False)
