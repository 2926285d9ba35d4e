"""The balanced rule against an oracle that shares no code with it, over generated tiers and histories."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.domain.allocation import balanced, one_by_one, prescribed, wish_of, worth
from igent.domain.ledger import Ledger
from igent.domain.records import Offer
from tests.domain.builders import HOUSEHOLD, LAW, bundles, rows_of, supplier

Tiers = list[list[Offer]]
PRICES = st.lists(st.sampled_from(["800", "900", "1000"]), min_size=1, max_size=3)


@dataclass(frozen=True)
class Market:
    """Offers in file order, and the capacity and use of each supplier."""

    offers: list[Offer]
    capacity: dict[str, int]
    used: dict[str, int]

    def ledger(self) -> Ledger:
        return Ledger.opening([supplier(name, capacity=places) for name, places in self.capacity.items()], self.used)


@st.composite
def markets(draw: st.DrawFn, *, most_used: int = 7) -> Market:
    names = [f"S{n}" for n in range(draw(st.integers(1, 4)))]
    return Market(
        offers=bundles({name: draw(PRICES) for name in names}),
        capacity={name: draw(st.integers(0, 6)) for name in names},
        used={name: draw(st.integers(0, most_used)) for name in names},
    )


@st.composite
def tiers_of(draw: st.DrawFn, market: Market) -> Tiers:
    """Some of the offers in up to three tiers, each in file order."""
    places = [draw(st.integers(0, 3)) for _ in market.offers]
    found = [[o for o, at in zip(market.offers, places, strict=True) if at == number] for number in (1, 2, 3)]
    return [tier for tier in found if tier]


def oracle(tiers: Tiers, market: Market, used: dict[str, int]) -> tuple[str, int] | None:
    """The offer's id and tier by trying every supplier against the best so far, in whole numbers."""
    for number, tier in enumerate(tiers, start=1):
        best: str | None = None
        for name, places in market.capacity.items():
            if used[name] >= places or name not in {offer.supplier.id for offer in tier}:
                continue
            if best is None or _before(name, best, market.capacity, used):
                best = name
        if best is not None:
            own = [offer for offer in market.offers if offer in tier and offer.supplier.id == best]
            totals = [rows_of(offer.products[0])[10].cash.amount for offer in own]
            return own[totals.index(min(totals))].id, number
    return None


def _before(one: str, other: str, capacity: dict[str, int], used: dict[str, int]) -> bool:
    left, right = used[one] * capacity[other], used[other] * capacity[one]
    return left < right or (left == right and capacity[one] - used[one] > capacity[other] - used[other])


@LAW
@given(data=st.data(), market=markets())
def test_the_place_is_the_oracles(data: st.DataObject, market: Market) -> None:
    tiers = data.draw(tiers_of(market))
    place = balanced(tiers, HOUSEHOLD, market.ledger())
    assert ((place.offer.id, place.tier) if place else None) == oracle(tiers, market, market.used)


@LAW
@given(data=st.data(), market=markets(most_used=0))
def test_a_whole_history_is_the_oracles_and_never_goes_over_capacity(data: st.DataObject, market: Market) -> None:
    ledger, used = market.ledger(), dict(market.used)
    for _ in range(data.draw(st.integers(1, 15))):
        tiers = data.draw(tiers_of(market))
        place, expected = balanced(tiers, HOUSEHOLD, ledger), oracle(tiers, market, used)
        assert ((place.offer.id, place.tier) if place else None) == expected
        if place:
            ledger.take(place.offer.supplier.id)
            used[place.offer.supplier.id] += 1
    assert {account.supplier_id: account.used for account in ledger} == used
    assert all(used[name] <= places for name, places in market.capacity.items())


@LAW
@given(market=markets(most_used=0), households=st.integers(0, 30))
def test_everybody_gets_a_place_until_the_last_one_is_gone(market: Market, households: int) -> None:
    ledger = market.ledger()
    placed = 0
    for _ in range(households):
        if place := balanced([market.offers], HOUSEHOLD, ledger):
            ledger.take(place.offer.supplier.id)
            placed += 1
    assert placed == min(households, sum(market.capacity.values()))


@LAW
@given(market=markets())
def test_looking_for_a_place_takes_none(market: Market) -> None:
    ledger = market.ledger()
    before = ledger.as_records()
    balanced([market.offers], HOUSEHOLD, ledger)
    assert ledger.as_records() == before


@pytest.mark.parametrize(
    ("capacity", "used", "expected"),
    [
        ({"A": 10, "B": 4}, {"A": 2, "B": 1}, "A"),
        ({"A": 10, "B": 4}, {"A": 3, "B": 1}, "B"),
        ({"A": 2, "B": 4}, {"A": 1, "B": 2}, "B"),
        ({"A": 4, "B": 4}, {"A": 2, "B": 2}, "A"),
        ({"A": 3, "B": 9}, {"A": 1, "B": 3}, "B"),
        ({"A": 4, "B": 4}, {"A": 4, "B": 3}, "B"),
    ],
    ids=["share, not count", "least share", "more room", "file order", "equal thirds are equal", "the only room"],
)
def test_the_least_used_share_wins(capacity: dict[str, int], used: dict[str, int], expected: str) -> None:
    offers = bundles({name: ["1000"] for name in capacity})
    place = balanced([offers], HOUSEHOLD, Market(offers, capacity, used).ledger())
    assert place is not None
    assert place.offer.supplier.id == expected


def test_price_plays_no_part_between_suppliers() -> None:
    offers = bundles({"A": ["100"], "B": ["9000"]})
    place = balanced([offers], HOUSEHOLD, Market(offers, {"A": 2, "B": 2}, {"A": 1, "B": 0}).ledger())
    assert place is not None
    assert place.offer.supplier.id == "B"


def test_a_full_tier_gives_way_to_the_next_and_full_tiers_to_none() -> None:
    offers = bundles({"A": ["1000"], "B": ["1000"]})
    tiers = [[offers[0]], [offers[1]]]
    place = balanced(tiers, HOUSEHOLD, Market(offers, {"A": 1, "B": 1}, {"A": 1, "B": 0}).ledger())
    assert place is not None
    assert (place.offer.id, place.tier) == ("o2", 2)
    assert balanced(tiers, HOUSEHOLD, Market(offers, {"A": 1, "B": 1}, {"A": 1, "B": 1}).ledger()) is None


def test_a_suppliers_cheaper_bundle_in_a_later_tier_does_not_count() -> None:
    offers = bundles({"A": ["900", "800"]})
    place = balanced([[offers[0]], [offers[1]]], HOUSEHOLD, Market(offers, {"A": 1}, {"A": 0}).ledger())
    assert place is not None
    assert place.offer.id == "o1"


def test_the_reason_and_the_audit_say_what_was_compared() -> None:
    offers = bundles({"A": ["1"], "B": ["1"], "C": ["1"]})
    place = balanced([offers], HOUSEHOLD, Market(offers, {"A": 4, "B": 8, "C": 1}, {"A": 2, "B": 1, "C": 1}).ledger())
    assert place is not None
    assert place.reason() == "least used share of 2 with room: 1 of 8"
    assert place.as_record() == {
        "offer": "o2",
        "supplier_id": "B",
        "tier": 1,
        "considered": [
            {"supplier_id": "A", "used": 2, "capacity": 4},
            {"supplier_id": "B", "used": 1, "capacity": 8},
        ],
    }


@LAW
@given(data=st.data(), market=markets())
def test_wishes_alone_give_the_suppliers_of_a_whole_history(data: st.DataObject, market: Market) -> None:
    tiers = [data.draw(tiers_of(market)) for _ in range(data.draw(st.integers(0, 12)))]
    ledger, expected = market.ledger(), list[str | None]()
    for one in tiers:
        place = balanced(one, HOUSEHOLD, ledger)
        expected.append(place.offer.supplier.id if place else None)
        if place:
            ledger.take(place.offer.supplier.id)
    assert one_by_one([wish_of(one) for one in tiers], market.ledger()) == expected


def test_a_prescribed_supplier_is_given_in_its_best_tier_at_its_best_price() -> None:
    offers = bundles({"A": ["700"], "B": ["900", "800"]})
    allocate = prescribed({HOUSEHOLD.id: "B"})
    place = allocate(
        [offers[:1], offers[1:], offers], HOUSEHOLD, Market(offers, {"A": 3, "B": 4}, {"A": 0, "B": 1}).ledger()
    )
    assert place is not None
    assert (place.offer.id, place.tier) == ("o3", 2)
    assert place.reason() == "best for all registrations together of 1 with room: 1 of 4"
    assert place.as_record()["rule"] == "optimal"


def test_nothing_is_given_where_nothing_is_prescribed() -> None:
    offers = bundles({"A": ["700"]})
    ledger = Market(offers, {"A": 3}, {"A": 0}).ledger()
    assert prescribed({HOUSEHOLD.id: None})([offers], HOUSEHOLD, ledger) is None
    assert prescribed({})([offers], HOUSEHOLD, ledger) is None


def test_worth_counts_places_by_tier_and_squares_all_use_over_capacity() -> None:
    ledger = Market([], {"A": 4, "B": 2, "C": 0}, {"A": 1, "B": 0, "C": 0}).ledger()
    found = worth([(("A",), ("B",)), (("A",), ("B",)), ()], ["A", "B", None], ledger)
    assert (found.placed, found.tiers, found.unevenness) == (2, (1, 1), Fraction(4, 4) + Fraction(1, 2))
