"""The optimal allocation against trying every one there is, over small cases, and against the balanced rule."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from igent.domain.allocation import Wish, one_by_one, worth
from igent.domain.ledger import Ledger
from igent.domain.optimal import optimal
from tests.domain.builders import LAW, supplier

Accounts = dict[str, tuple[int, int]]  # capacity and use by supplier, in file order
Answer = tuple[str | None, ...]


def ledger_of(accounts: Accounts) -> Ledger:
    suppliers = [supplier(name, capacity=places, used=used) for name, (places, used) in accounts.items()]
    return Ledger.opening(suppliers)


def tried(wishes: Sequence[Wish], accounts: Accounts) -> Answer:
    """The best of all allocations that there are, by what is meant by best, word for word."""
    choices = [[None, *{name for tier in wish for name in tier}] for wish in wishes]
    fitting = (answer for answer in product(*choices) if fits(answer, accounts))
    return min(fitting, key=lambda answer: badness(wishes, answer, accounts))


def fits(answer: Answer, accounts: Accounts) -> bool:
    return all(answer.count(name) <= max(0, places - used) for name, (places, used) in accounts.items())


def badness(wishes: Sequence[Wish], answer: Answer, accounts: Accounts) -> tuple[object, ...]:
    names, last = list(accounts), len(accounts)
    tiers = [
        next((n for n, tier in enumerate(wish) if name in tier), last)
        for wish, name in zip(wishes, answer, strict=True)
    ]
    squares = [
        Fraction((used + answer.count(name)) ** 2, places) for name, (places, used) in accounts.items() if places
    ]
    in_file_order = [(tier, names.index(name) if name else 0) for tier, name in zip(tiers, answer, strict=True)]
    return answer.count(None), [-tiers.count(number) for number in range(last)], sum(squares), in_file_order


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Wish], Accounts]:
    """A few wishes, some of them alike, of suppliers with some or no room."""
    names = "ABCD"[: draw(st.integers(1, 4))]
    accounts = {name: (draw(st.integers(0, 5)), draw(st.integers(0, 3))) for name in names}
    kinds = draw(st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=4))
    known = [_wish([(name, at) for name, at in zip(names, kind, strict=False)]) for kind in kinds]
    return draw(st.lists(st.sampled_from(known), max_size=6)), accounts


def _wish(places: list[tuple[str, int]]) -> Wish:
    tiers = (tuple(name for name, at in places if at == number) for number in (1, 2, 3))
    return tuple(tier for tier in tiers if tier)


A, B, AB, BC = (("A",),), (("B",),), (("A", "B"),), (("B", "C"),)
AC_B, AB_D = (("A", "C"), ("B",)), (("A", "B"), ("D",))


@LAW
@given(case=cases())
@example(case=([AB, A], {"A": (1, 0), "B": (1, 0)}))
@example(case=([(("A",), ("B",)), A, (("B",), ("C",))], {"A": (1, 0), "B": (1, 0), "C": (1, 0)}))
@example(case=([AB, AB, B], {"A": (3, 0), "B": (3, 0)}))
@example(case=([AB, BC, AB, BC, (("C", "D"), ("B",))], {"A": (2, 0), "B": (3, 0), "C": (2, 1), "D": (3, 0)}))
@example(case=([AC_B, AB_D, AB_D, BC, AC_B, AC_B], {"A": (3, 0), "B": (3, 0), "C": (3, 1), "D": (2, 1)}))
@example(case=([AC_B, AC_B, (("A",), ("B", "C")), (("A",), ("B", "C"))], {"A": (2, 0), "B": (2, 0), "C": (2, 1)}))
@example(case=([(("A",), ("A", "B"), ("B",))] * 3, {"A": (1, 0), "B": (3, 0)}))
def test_no_allocation_is_better_than_the_one_found(case: tuple[list[Wish], Accounts]) -> None:
    wishes, accounts = case
    assert tuple(optimal(wishes, ledger_of(accounts))) == tried(wishes, accounts)


@st.composite
def larger(draw: st.DrawFn) -> tuple[list[Wish], Ledger]:
    """Dozens of wishes of ten suppliers that have room for more or fewer; many suppliers are alike."""
    names, most = "ABCDEFGHIJ", draw(st.integers(0, 9))
    accounts = {name: (draw(st.sampled_from([most, most, 5])), draw(st.integers(0, 1))) for name in names}
    drawn = draw(st.lists(st.lists(st.sampled_from([0, 0, 0, 1, 1, 2]), min_size=10, max_size=10), max_size=60))
    return [_wish([*zip(names, one, strict=True)]) for one in drawn], ledger_of(accounts)


@LAW
@given(case=larger(), cut=st.integers(0, 40))
def test_what_is_left_after_a_beginning_is_allocated_the_same(case: tuple[list[Wish], Ledger], cut: int) -> None:
    wishes, ledger = case
    whole = optimal(wishes, ledger)
    for supplier_id in filter(None, whole[:cut]):
        ledger.take(supplier_id)
    assert optimal(wishes[cut:], ledger) == whole[cut:]


@LAW
@given(case=larger())
def test_it_is_never_worse_than_the_balanced_rule_and_never_over_capacity(case: tuple[list[Wish], Ledger]) -> None:
    wishes, ledger = case
    found = optimal(wishes, ledger)
    best, rival = (worth(wishes, one, ledger) for one in (found, one_by_one(wishes, ledger)))
    assert (best.placed, best.tiers, -best.unevenness) >= (rival.placed, rival.tiers, -rival.unevenness)
    assert all(found.count(account.supplier_id) <= max(0, account.room) for account in ledger)


@pytest.mark.parametrize(
    ("wishes", "capacity", "expected"),
    [
        ([AB, A], {"A": 1, "B": 1}, ["B", "A"]),
        ([(("A",), ("B",))] * 2, {"A": 1, "B": 1}, ["A", "B"]),
        ([(("A",), ("B",)), A, (("C",), ("B",))], {"A": 1, "B": 1, "C": 1}, ["B", "A", "C"]),
        ([AB] * 6, {"A": 2, "B": 4}, ["A", "A", "B", "B", "B", "B"]),
        ([AB] * 2, {"A": 4, "B": 4}, ["A", "B"]),
        ([(("B", "A"),)] * 3, {"A": 1, "B": 1}, ["A", "B", None]),
        ([(), A], {"A": 1}, [None, "A"]),
        ([], {"A": 1}, []),
    ],
    ids=[
        "who can go elsewhere makes way",
        "the earlier gets the better tier",
        "all are placed before any is placed well",
        "use in proportion to capacity",
        "the supplier that stands first",
        "the earlier is placed",
        "who wishes for nothing",
        "nobody",
    ],
)
def test_what_is_best_comes_first(wishes: list[Wish], capacity: dict[str, int], expected: list[str | None]) -> None:
    assert optimal(wishes, ledger_of({name: (places, 0) for name, places in capacity.items()})) == expected


def test_many_tiers_of_many_registrations_weigh_as_they_should() -> None:
    names = [f"S{number}" for number in range(30)]
    wish = tuple((name,) for name in names)
    assert optimal([wish] * 30, ledger_of(dict.fromkeys(names, (1, 0)))) == names


def test_the_ledger_stays_as_it_is() -> None:
    ledger = ledger_of({"A": (1, 0)})
    optimal([A], ledger)
    assert ledger["A"].used == 0
