"""Supplier capacity in memory, in whole units: one match takes one. There is no await between check and take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from igent.domain.records import Json, Supplier

__all__ = ["Account", "Ledger", "LedgerError"]


class LedgerError(AssertionError):
    """A place was taken that does not exist: a bug in the caller, since room is checked first."""


@dataclass(slots=True, kw_only=True)
class Account:
    """One supplier's capacity; `order` is its 0-based place in the offers file, `held` the places kept for reviews."""

    supplier_id: str
    order: int
    capacity: int
    used_before: int
    used: int
    held: int = 0

    @property
    def room(self) -> int:
        """Places left; below zero where an earlier run used more than the offers file now allows."""
        return self.capacity - self.used


class Ledger:
    """The accounts of all suppliers. `used` counts matches and places held for reviews."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._accounts = {account.supplier_id: account for account in accounts}

    @classmethod
    def opening(cls, suppliers: Iterable[Supplier], used: dict[str, int] | None = None) -> Ledger:
        """The ledger before the first match: `used` of an earlier run, where given, replaces the offers file's."""
        seed = used or {}
        return cls(
            Account(supplier_id=s.id, order=i, capacity=s.capacity, used_before=start, used=start)
            for i, s in enumerate(suppliers)
            for start in (seed.get(s.id, s.used),)
        )

    def copy(self) -> Ledger:
        """A ledger of its own with the same places taken."""
        return Ledger(replace(account) for account in self)

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())

    def __getitem__(self, supplier_id: str) -> Account:
        return self._accounts[supplier_id]

    def take(self, supplier_id: str, *, hold: bool = False) -> None:
        """Use one place of a supplier with room; `hold` marks it as kept for a registration in review."""
        account = self._accounts[supplier_id]
        if account.room <= 0:
            raise LedgerError(f"{supplier_id!r} has no place left of {account.capacity}")
        account.used += 1
        account.held += hold

    def release(self, supplier_id: str, *, hold: bool = False) -> None:
        """Give back a place that was taken in vain."""
        account = self._accounts[supplier_id]
        account.used -= 1
        account.held -= hold

    def as_records(self) -> list[dict[str, Json]]:
        """One record per supplier in file order, as in `capacity.json`; `used_pct` is a percentage with two places."""
        return [
            {
                "supplier_id": a.supplier_id,
                "capacity": a.capacity,
                "used_before": a.used_before,
                "used": a.used,
                "used_pct": round(100 * a.used / a.capacity, 2) if a.capacity else 0.0,
                **({"held": a.held} if a.held else {}),
            }
            for a in self
        ]
