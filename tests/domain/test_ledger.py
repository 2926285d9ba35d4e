"""Capacity is taken one place at a time, never past what there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.domain.ledger import Ledger, LedgerError
from tests.domain.builders import LAW, supplier

NAMES = ["A", "B", "C"]
PLACES = st.fixed_dictionaries({name: st.integers(0, 4) for name in NAMES})
TAKES = st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), max_size=20)


def opening(capacity: dict[str, int], used: dict[str, int] | None = None) -> Ledger:
    return Ledger.opening([supplier(name, capacity=places) for name, places in capacity.items()], used)


def used(ledger: Ledger) -> dict[str, int]:
    return {account.supplier_id: account.used for account in ledger}


@LAW
@given(capacity=PLACES, before=PLACES, takes=TAKES)
def test_taking_never_goes_past_capacity_and_a_refusal_changes_nothing(
    capacity: dict[str, int], before: dict[str, int], takes: list[tuple[str, bool]]
) -> None:
    ledger, expected, held = opening(capacity, before), dict(before), dict.fromkeys(NAMES, 0)
    for name, hold in takes:
        if expected[name] < capacity[name]:
            ledger.take(name, hold=hold)
            expected[name] += 1
            held[name] += hold
        else:
            with pytest.raises(LedgerError, match=f"'{name}' has no place left"):
                ledger.take(name, hold=hold)
        assert used(ledger) == expected
    assert {account.supplier_id: account.held for account in ledger} == held
    assert all(account.used <= max(account.capacity, account.used_before) for account in ledger)


@LAW
@given(capacity=PLACES, takes=TAKES)
def test_a_copy_and_its_original_do_not_see_each_others_places(
    capacity: dict[str, int], takes: list[tuple[str, bool]]
) -> None:
    original = opening(capacity)
    before, copy = original.as_records(), original.copy()
    for name, hold in takes:
        if copy[name].room:
            copy.take(name, hold=hold)
    assert original.as_records() == before
    changed = copy.as_records()
    for account in original:
        while account.room:
            original.take(account.supplier_id)
    assert copy.as_records() == changed


def test_a_copy_has_the_same_places_taken() -> None:
    ledger = opening({"A": 3, "B": 2}, {"A": 1})
    ledger.take("A")
    ledger.take("B", hold=True)
    assert ledger.copy().as_records() == ledger.as_records()


def test_the_offers_file_seeds_what_is_used() -> None:
    ledger = Ledger.opening([supplier("A", capacity=5, used=2)])
    assert (ledger["A"].used_before, ledger["A"].used, ledger["A"].room) == (2, 2, 3)


def test_an_earlier_runs_use_replaces_the_offers_files() -> None:
    ledger = Ledger.opening([supplier("A", used=2), supplier("B", used=3), supplier("C")], {"A": 7, "B": 0})
    assert used(ledger) == {"A": 7, "B": 0, "C": 0}


def test_a_supplier_that_used_more_than_its_capacity_has_no_room() -> None:
    ledger = opening({"A": 3}, {"A": 5})
    assert ledger["A"].room == -2
    with pytest.raises(LedgerError):
        ledger.take("A")


def test_accounts_keep_the_order_of_the_file() -> None:
    ledger = Ledger.opening([supplier("Z"), supplier("A")])
    assert [(account.supplier_id, account.order) for account in ledger] == [("Z", 0), ("A", 1)]


def test_a_record_says_what_was_used_before_and_now() -> None:
    ledger = opening({"A": 3, "B": 0}, {"A": 1})
    ledger.take("A")
    assert ledger.as_records() == [
        {"supplier_id": "A", "capacity": 3, "used_before": 1, "used": 2, "used_pct": 66.67},
        {"supplier_id": "B", "capacity": 0, "used_before": 0, "used": 0, "used_pct": 0.0},
    ]


def test_a_record_shows_held_places_where_there_are_any() -> None:
    ledger = opening({"A": 3})
    ledger.take("A", hold=True)
    [record] = ledger.as_records()
    assert (record["used"], record["held"]) == (1, 1)


def test_a_place_that_is_given_back_is_as_if_it_had_not_been_taken() -> None:
    ledger = opening({"A": 2})
    ledger.take("A")
    ledger.take("A", hold=True)
    ledger.release("A", hold=True)
    assert (ledger["A"].used, ledger["A"].held) == (1, 0)
