"""Which of a household's acceptable offers it gets: the first tier with room, and in it the least used supplier.

Which supplier a household gets depends on its `Wish` and the ledger alone, so a rule can be followed again without any
offer; which of the supplier's bundles it gets is a question of price.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from typing import Literal

from igent.domain.ledger import Account, Ledger
from igent.domain.pricing import cheapest
from igent.domain.records import Json, Offer, Registration

__all__ = [
    "Allocate",
    "AllocationRule",
    "Place",
    "Tiers",
    "Wish",
    "Worth",
    "balanced",
    "one_by_one",
    "prescribed",
    "wish_of",
    "worth",
]

AllocationRule = Literal["balanced", "optimal"]
Tiers = Sequence[Sequence[Offer]]
Wish = tuple[tuple[str, ...], ...]  # supplier ids in tiers, best first: where a registration can be placed


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The offer and 1-based tier that a household is given, with what the rule looked at.

    `considered` lists (supplier, used, capacity) of the tier's suppliers with room before the place was taken.
    """

    offer: Offer
    tier: int
    considered: tuple[tuple[str, int, int], ...]
    rule: AllocationRule = "balanced"

    def reason(self) -> str:
        """One sentence for people."""
        used, capacity = next((u, c) for s, u, c in self.considered if s == self.offer.supplier.id)
        why = "least used share" if self.rule == "balanced" else "best for all registrations together"
        return f"{why} of {len(self.considered)} with room: {used} of {capacity}"

    def as_record(self) -> dict[str, Json]:
        """The allocation for the audit."""
        return {
            "offer": self.offer.id,
            "supplier_id": self.offer.supplier.id,
            "tier": self.tier,
            "considered": [{"supplier_id": s, "used": u, "capacity": c} for s, u, c in self.considered],
            **({} if self.rule == "balanced" else {"rule": self.rule}),
        }


Allocate = Callable[[Tiers, Registration, Ledger], Place | None]


def balanced(tiers: Tiers, registration: Registration, ledger: Ledger) -> Place | None:
    """The least used share of the first tier with room; ties to the larger remaining capacity, then file order.

    Among the chosen supplier's bundles in that tier the lowest total wins. None when every tier is full.
    """
    for number, tier in enumerate(tiers, start=1):
        with_room = _with_room([offer.supplier.id for offer in tier], ledger)
        if with_room:
            return _place(tiers, registration, number=number, chosen=_least_used(with_room), among=with_room)
    return None


def prescribed(suppliers: Mapping[str, str | None]) -> Allocate:
    """The rule that gives each registration, by its id, the supplier that was found for it, in its best tier."""

    def allocate(tiers: Tiers, registration: Registration, ledger: Ledger) -> Place | None:
        supplier_id = suppliers.get(registration.id)
        for number, ids in enumerate(wish_of(tiers), start=1):
            if supplier_id is not None and supplier_id in ids:
                among, chosen = _with_room(ids, ledger), ledger[supplier_id]
                place = _place(tiers, registration, number=number, chosen=chosen, among=among)
                return replace(place, rule="optimal")
        return None

    return allocate


def wish_of(tiers: Tiers) -> Wish:
    """The suppliers of each tier, in its order."""
    return tuple([tuple(dict.fromkeys([offer.supplier.id for offer in tier])) for tier in tiers])


def one_by_one(wishes: Iterable[Wish], ledger: Ledger) -> list[str | None]:
    """The supplier of each wish by the balanced rule, in order; None where all are full. The ledger stays as it is."""
    after, found = ledger.copy(), list[str | None]()
    for wish in wishes:
        roomy = next(filter(None, (_with_room(tier, after) for tier in wish)), None)
        chosen = _least_used(roomy).supplier_id if roomy else None
        if chosen is not None:
            after.take(chosen)
        found.append(chosen)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """How good an allocation is: how many are placed, how many in each tier, the sum of used squared over capacity."""

    placed: int
    tiers: tuple[int, ...]
    unevenness: Fraction

    def as_record(self) -> dict[str, Json]:
        """The form in which `run.json` has it."""
        return {"placed": self.placed, "by_tier": [*self.tiers], "unevenness": round(float(self.unevenness), 6)}


def worth(wishes: Sequence[Wish], suppliers: Sequence[str | None], ledger: Ledger) -> Worth:
    """What an allocation of these wishes from this ledger is worth."""
    tiers, used = [0] * max(map(len, wishes), default=0), {account.supplier_id: account.used for account in ledger}
    for wish, supplier_id in zip(wishes, suppliers, strict=True):
        if supplier_id is not None:
            tiers[next(number for number, tier in enumerate(wish) if supplier_id in tier)] += 1
            used[supplier_id] += 1
    squares = (Fraction(used[a.supplier_id] ** 2, a.capacity) for a in ledger if a.capacity > 0)
    return Worth(placed=sum(tiers), tiers=tuple(tiers), unevenness=sum(squares, Fraction(0)))


def _with_room(supplier_ids: Iterable[str], ledger: Ledger) -> list[Account]:
    return [ledger[one] for one in dict.fromkeys(supplier_ids) if ledger[one].room > 0]


def _place(
    tiers: Tiers, registration: Registration, *, number: int, chosen: Account, among: Sequence[Account]
) -> Place:
    own = [offer for offer in tiers[number - 1] if offer.supplier.id == chosen.supplier_id]
    return Place(
        offer=cheapest(own, registration) if len(own) > 1 else own[0],
        tier=number,
        considered=tuple([(a.supplier_id, a.used, a.capacity) for a in among]),
    )


def _least_used(accounts: Sequence[Account]) -> Account:
    """The account with the least used share; ties to the larger remaining capacity, then file order."""
    return reduce(_better, accounts)


def _better(one: Account, other: Account) -> Account:
    """Shares are compared as products, exactly: fractions take ten times as long."""
    share = other.used * one.capacity - one.used * other.capacity
    return one if (share, one.room, other.order) > (0, other.room, one.order) else other
