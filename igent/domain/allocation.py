"""Which of a household's acceptable offers it gets: the first tier with room, and in it the least used supplier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from igent.domain.ledger import Account, Ledger
from igent.domain.pricing import cheapest
from igent.domain.records import Json, Offer, Registration

__all__ = ["Allocate", "Place", "balanced"]

Tiers = Sequence[Sequence[Offer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The offer and 1-based tier that a household is given, with what the rule looked at.

    `considered` lists (supplier, used, capacity) of the tier's suppliers with room before the place was taken.
    """

    offer: Offer
    tier: int
    considered: tuple[tuple[str, int, int], ...]

    def reason(self) -> str:
        """One sentence for people."""
        used, capacity = next((u, c) for s, u, c in self.considered if s == self.offer.supplier.id)
        return f"least used share of {len(self.considered)} with room: {used} of {capacity}"

    def as_record(self) -> dict[str, Json]:
        """The allocation for the audit."""
        return {
            "offer": self.offer.id,
            "supplier_id": self.offer.supplier.id,
            "tier": self.tier,
            "considered": [{"supplier_id": s, "used": u, "capacity": c} for s, u, c in self.considered],
        }


Allocate = Callable[[Tiers, Registration, Ledger], Place | None]


def balanced(tiers: Tiers, registration: Registration, ledger: Ledger) -> Place | None:
    """The least used share of the first tier with room; ties to the larger remaining capacity, then file order.

    Among the chosen supplier's bundles in that tier the lowest total wins. None when every tier is full.
    """
    for number, tier in enumerate(tiers, start=1):
        accounts = {offer.supplier.id: ledger[offer.supplier.id] for offer in tier}
        with_room = [account for account in accounts.values() if account.room > 0]
        if with_room:
            chosen = min(with_room, key=_by_share)
            own = [offer for offer in tier if offer.supplier.id == chosen.supplier_id]
            return Place(
                offer=cheapest(own, registration) if len(own) > 1 else own[0],
                tier=number,
                considered=tuple((a.supplier_id, a.used, a.capacity) for a in with_room),
            )
    return None


def _by_share(account: Account) -> tuple[Fraction, int, int]:
    return Fraction(account.used, account.capacity), -account.room, account.order
