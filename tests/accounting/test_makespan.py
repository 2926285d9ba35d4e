from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from igent.accounting.makespan import Call, makespan

seconds = st.integers(0, 50).map(float)
chains = st.lists(st.lists(seconds.map(lambda s: Call(s, s)), min_size=1, max_size=4), max_size=12)


def calls(*durations: float) -> list[Call]:
    return [Call(0.5, duration) for duration in durations]


def test_no_calls_take_no_time() -> None:
    assert makespan([], 4) == 0


def test_a_chain_is_one_call_after_the_other() -> None:
    assert makespan([calls(1, 2, 3)], 8) == 6


def test_chains_share_the_slots() -> None:
    assert makespan([calls(2), calls(2), calls(2)], 2) == 4


def test_the_first_chain_goes_on_before_later_ones_begin() -> None:
    assert makespan([calls(1, 5), calls(3), calls(3)], 2) == 6


@given(chains, st.integers(1, 6))
def test_calls_take_no_less_than_their_slots_allow_and_no_more_than_one_by_one(
    some: list[list[Call]], slots: int
) -> None:
    each = [sum(call.seconds for call in chain) for chain in some]
    least = max([sum(each) / slots, *each])
    assert least <= makespan(some, slots) <= sum(each)


@given(chains)
def test_with_a_slot_for_each_the_longest_chain_decides(some: list[list[Call]]) -> None:
    longest = max((sum(call.seconds for call in chain) for chain in some), default=0)
    assert makespan(some, len(some) + 1) == longest


def test_one_call_opens_a_gate_for_the_others() -> None:
    behind = [[Call(0.5, 2, "prefix")] for _ in range(4)]
    assert makespan(behind, 8) == 2.5


def test_who_waits_at_a_gate_holds_no_slot() -> None:
    behind = [[Call(1, 2, "prefix")], [Call(1, 2, "prefix")], [Call(1, 1)]]
    assert makespan(behind, 2) == 3


@given(chains, st.integers(1, 6), st.sampled_from(["a", "b"]))
def test_every_call_behind_gates_is_made(some: list[list[Call]], slots: int, gate: str) -> None:
    gated = [[call._replace(gate=gate if at % 2 else None) for call in chain] for at, chain in enumerate(some)]
    each = [sum(call.seconds for call in chain) for chain in some]
    assert max([sum(each) / slots, *each]) <= makespan(gated, slots)
