"""The audit of matches: who got what, by the rules, in the order of the file, within capacity."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from igent.audit.case import Case, Household
from igent.audit.claims import Claim, Found, Tiers, claim_of
from igent.audit.findings import Finding, differs
from igent.audit.lines import line_findings
from igent.domain.orders import lends
from igent.domain.records import Json, Payment, Supplier

__all__ = ["Hold", "MatchAudit", "Matched"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A place that was kept for a household in review: that one's row in the registrations, and the supplier.

    Where a person has `decided` about the household since, the place was kept until then and no longer.
    """

    index: int
    supplier_id: str
    decided: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """A household's match: where it stands, its supplier (None: an unknown one), and what a flat row says of it."""

    pointer: str
    supplier_id: str | None
    kinds: tuple[str | None, ...]
    payment: Payment | None


class MatchAudit:
    """Audits matches, row by row, over places that are `used` beforehand or `held` for reviews.

    `tiers` are those that were recorded, by registration; None where no record of them was kept, so that only matches
    that needed no judgement can be held against the rule of the least used share. `refused` are the rows that give a
    registration to nobody.
    """

    def __init__(
        self, case: Case, *, used: Mapping[str, int], held: Iterable[Hold], tiers: Mapping[str, Tiers] | None
    ) -> None:
        self.matched: dict[str, Matched] = {}
        self.refused: dict[str, str] = {}
        self._case, self._tiers = case, tiers
        self._used = {supplier_id: used.get(supplier_id, 0) for supplier_id in case.suppliers}
        self._held = deque(sorted(held, key=lambda one: one.index))
        self._decided = [one.supplier_id for one in self._held if one.decided]

    def audit(self, row: Found) -> Iterator[Finding]:
        """What is wrong with the next row of the file."""
        claim = claim_of(row, order=False)
        household = self._case.household(claim.registration)
        if isinstance(household, Finding):
            yield household
            return
        name = household.registration.id
        if claim.supplier.text is None:
            self.refused.setdefault(name, row.pointer)
            return
        supplier = self._case.supplier(household.registration, claim.supplier)
        if isinstance(supplier, Finding):
            self.matched.setdefault(name, _matched(claim, None))
            yield supplier
            return
        yield from self._placed(claim, household, supplier)
        yield from line_findings(claim, household.registration, supplier)

    def _placed(self, claim: Claim, household: Household, supplier: Supplier) -> Iterator[Finding]:
        """Whether it is this supplier's to have; a household has one place, however often it is matched."""
        registration = household.registration
        first = self.matched.get(registration.id)
        if first is None:
            self.matched[registration.id] = _matched(claim, supplier.id)
        elif claim.flat and first.supplier_id == supplier.id and not {*claim.kinds} & {*first.kinds}:
            self.matched[registration.id] = _matched(claim, supplier.id, first)
            return
        else:
            yield differs("duplicate", first.pointer, claim.registration, registration.id, first.pointer)
        if registration.area not in supplier.areas:
            areas: list[Json] = [s.id for s in self._case.suppliers.values() if registration.area in s.areas]
            yield differs("area-not-served", areas, claim.supplier, registration.id, registration.source)
        lacking: list[Json] = [
            want.product_type
            for want in registration.wants
            if want.product_type not in {product.type for product in supplier.products}
        ]
        if lacking:
            yield differs("product-not-offered", lacking, claim.supplier, registration.id, supplier.source)
        if first is None:
            yield from self._share(claim, household, supplier)

    def _share(self, claim: Claim, household: Household, supplier: Supplier) -> Iterator[Finding]:
        registration, reviewed = household.registration, _reviewed(claim)
        while self._held and (reviewed or self._held[0].index < household.index):
            self._used[self._held.popleft().supplier_id] += 1
        while reviewed and self._decided:
            self._used[self._decided.pop()] -= 1
        mine = self._used[supplier.id]
        self._used[supplier.id] += 1
        if mine >= supplier.capacity:
            yield differs("capacity-exceeded", supplier.capacity, claim.supplier, registration.id, supplier.source)
            return
        tier = self._tier(claim, household)
        # Shares as products of whole numbers, so that equal ones are equal; a share below one of less than 1 has room.
        less = [s for s in tier if s is not supplier and self._used[s.id] * supplier.capacity < mine * s.capacity]
        if supplier in tier and less:
            least = min(less, key=lambda s: self._used[s.id] / s.capacity)
            expected: Json = {least.id: f"{self._used[least.id]} of {least.capacity}"}
            told = Found({supplier.id: f"{mine} of {supplier.capacity}"}, claim.supplier.pointer)
            yield differs("balance", expected, told, registration.id, f"{least.source}/Capacity")

    def _tier(self, claim: Claim, household: Household) -> list[Supplier]:
        """The suppliers that the match was to be balanced over; none where a person chose or it was not recorded."""
        known = (self._tiers or {}).get(household.registration.id)
        if _reviewed(claim) or (known is not None and not known.fit):
            return []
        offers = self._case.offers(household.registration)
        judged = claim.row.get("judgement").value == "plausible"
        tiers = self._tiers.get(household.registration.id) if self._tiers is not None and judged else None
        if judged and self._tiers is None:
            return []
        if tiers is not None:
            number = claim.row.get("tier").value
            chosen = tiers.fit[number - 1] if isinstance(number, int) and 0 < number <= len(tiers.fit) else frozenset()
            offers = tuple(offer for offer in offers if offer.id in chosen)
            if tiers.loan:
                offers = tuple(offer for offer in offers if lends(offer, household.registration))
        return [*{offer.supplier.id: offer.supplier for offer in offers}.values()]


def _reviewed(claim: Claim) -> bool:
    """Whether a person has decided it, after the run."""
    return claim.row.get("judgement").value == "reviewed"


def _matched(claim: Claim, supplier_id: str | None, first: Matched | None = None) -> Matched:
    return Matched(
        pointer=first.pointer if first else claim.row.pointer,
        supplier_id=supplier_id,
        kinds=(*(first.kinds if first else ()), *claim.kinds),
        payment=(first.payment if first else None) or claim.payment,
    )
