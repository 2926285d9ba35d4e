"""What an audit holds claims against: the inputs, read as a run reads them, and what the rules say of each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from igent.audit.claims import Found
from igent.audit.findings import Finding, Names, differs
from igent.domain.incentives import Incentive
from igent.domain.records import Offer, Registration, Supplier
from igent.domain.rules import Catalogue

__all__ = ["Case", "Household"]


@dataclass(frozen=True, slots=True)
class Household:
    """A registration and its 0-based row in the file."""

    index: int
    registration: Registration


class Case:
    """The inputs of an audit. `unusable` are ids of rows that no run could use, with the problem of each."""

    def __init__(self, suppliers: Sequence[Supplier], incentives: Sequence[Incentive], *, as_of: date, currency: str):
        self._catalogue = Catalogue(suppliers)
        self._catalogues = {supplier.id: Catalogue([supplier]) for supplier in suppliers}
        self.suppliers: Mapping[str, Supplier] = {supplier.id: supplier for supplier in suppliers}
        self.incentives: Mapping[str, Incentive] = {incentive.id: incentive for incentive in incentives}
        self.incentive_names = {name: one for one in incentives for name in (one.name, one.id)}
        self.alike = Names(self.incentive_names)
        self._supplier_names = Names(self.suppliers)
        self.as_of, self.currency = as_of, currency
        self.households: dict[str, Household] = {}
        self.unusable: dict[str, str] = {}

    def add(self, household: Household) -> None:
        """Take in one more registration; where its id stands in another row, neither can be used."""
        name = household.registration.id
        if name in self.unusable or self.households.pop(name, None) is not None:
            self.unusable[name] = "stands in more than one row"
        else:
            self.households[name] = household

    def household(self, claimed: Found) -> Household | Finding:
        """The household that a row names."""
        if (household := self.households.get(claimed.text or "")) is not None:
            return household
        problem = self.unusable.get(claimed.text or "")
        expected = f"a registration that can be used: it {problem}" if problem else None
        return differs("registration-unknown", expected, claimed, claimed.text)

    def supplier(self, registration: Registration, claimed: Found) -> Supplier | Finding:
        """The supplier that a row names; a finding with the name that may be meant where there is none."""
        if (supplier := self.suppliers.get(claimed.text or "")) is not None:
            return supplier
        meant = self._supplier_names.maybe_meant(claimed.value)
        places = [self.suppliers[meant].source] if meant else []
        return differs("supplier-unknown", meant, claimed, registration.id, *places)

    def offers(self, registration: Registration) -> tuple[Offer, ...]:
        """The candidate offers of a household."""
        return self._catalogue.candidates(registration).offers

    def own_offers(self, registration: Registration, supplier: Supplier) -> tuple[Offer, ...]:
        """The candidate offers of one supplier."""
        return self._catalogues[supplier.id].candidates(registration).offers
