"""The audit of matches: who got what, by the rules, in the order of the file, within capacity."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from igent.audit.case import Case, Household
from igent.audit.claims import Claim, Found, Tiers, claim_of, number_of
from igent.audit.findings import Finding, differs
from igent.audit.holds import LAST, Hold
from igent.audit.lines import line_findings
from igent.domain.orders import lends
from igent.domain.pricing import cheapest, money, offer_total
from igent.domain.records import Json, Offer, Payment, Registration, Supplier

__all__ = ["MatchAudit", "Matched"]

_Ranked: TypeAlias = list[list[Offer]]  # tiers, best first


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
    that needed no judgement can be held against the rule of the least used share. `kept` are the suppliers of those
    registrations that kept their place of an earlier run: they come first, whatever the shares. `refused` are the rows
    that give a registration to nobody.
    """

    def __init__(
        self,
        case: Case,
        *,
        used: Mapping[str, int],
        held: Iterable[Hold],
        tiers: Mapping[str, Tiers] | None,
        kept: Mapping[str, str] | None = None,
    ) -> None:
        self.matched: dict[str, Matched] = {}
        self.refused: dict[str, str] = {}
        self._case, self._tiers = case, tiers
        self._used = {supplier_id: used.get(supplier_id, 0) for supplier_id in case.suppliers}
        self._held = deque(sorted(held, key=lambda one: one.turn))
        self._kept = dict(kept or {})
        self._room = {one.id: one.capacity - self._used[one.id] for one in case.suppliers.values()}
        for supplier_id in self._kept.values():
            if supplier_id in self._used:
                self._used[supplier_id] += 1

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
            tiers = self._tiers_of(claim, registration, supplier)
            yield from self._share(claim, household, supplier, tiers)
            yield from _dearer(claim, registration, supplier, tiers)

    def _share(self, claim: Claim, household: Household, supplier: Supplier, tiers: _Ranked) -> Iterator[Finding]:
        registration, number = household.registration, number_of(claim.row)
        if number == 1 and self._kept.get(registration.id) == supplier.id:
            self._room[supplier.id] -= 1
            if self._room[supplier.id] < 0:
                yield differs("capacity-exceeded", supplier.capacity, claim.supplier, registration.id, supplier.source)
            return
        turn = (number, LAST if _reviewed(claim) else household.index, 0)
        while self._held and self._held[0].turn < turn:
            hold = self._held.popleft()
            self._used[hold.supplier_id] += -1 if hold.given_back else 1
        if self._used[supplier.id] >= supplier.capacity:
            yield differs("capacity-exceeded", supplier.capacity, claim.supplier, registration.id, supplier.source)
        elif tiers:
            yield from self._unbalanced(claim, household, supplier, tiers)
        self._used[supplier.id] += 1

    def _unbalanced(self, claim: Claim, household: Household, supplier: Supplier, tiers: _Ranked) -> Iterator[Finding]:
        """Whether it is in another than the first tier with room, or not with the least used share there."""
        number, mine = claim.row.get("tier").value, self._used[supplier.id]
        roomy = ([one for one in _suppliers(tier) if self._used[one.id] < one.capacity] for tier in tiers)
        due, first = next(((n, tier) for n, tier in enumerate(roomy, start=1) if tier), (0, []))
        # Shares as products of whole numbers, so that equal ones are equal.
        less = [one for one in first if self._used[one.id] * supplier.capacity < mine * one.capacity]
        lower = supplier not in first or number not in (None, due)
        if not lower and not less:
            return
        least = min(first, key=lambda one: self._used[one.id] / one.capacity, default=None)
        expected: Json = {least.id: f"{self._used[least.id]} of {least.capacity}"} if least else None
        told: Json = {supplier.id: f"{mine} of {supplier.capacity}"}
        if lower:
            expected, told = {"tier": due or None, "of": expected}, {"tier": number, "of": told}
        place, found = f"{(least or supplier).source}/Capacity", Found(told, claim.supplier.pointer)
        yield differs("balance", expected, found, household.registration.id, place)

    def _tiers_of(self, claim: Claim, registration: Registration, supplier: Supplier) -> _Ranked:
        """The offers that the match was to be one of, in tiers.

        None where the supplier is no candidate, a person chose, all registrations were allocated together, or what was
        decided was not recorded.
        """
        known = (self._tiers or {}).get(registration.id)
        judged = claim.row.get("judgement").value == "plausible"
        if _reviewed(claim) or (known is not None and not known.fit) or (judged and self._tiers is None):
            return []
        offers = self._case.offers(registration)
        if supplier not in _suppliers(offers):
            return []
        if known is None or not judged:
            return [[*offers]]
        given = [offer for offer in offers if lends(offer, registration)] if known.loan else offers
        return [found for tier in known.fit if (found := [one for one in given if one.id in tier])]


def _dearer(claim: Claim, registration: Registration, supplier: Supplier, tiers: _Ranked) -> Iterator[Finding]:
    """Whether the supplier has a cheaper offer in the same tier, or as cheap a one before it."""
    number = claim.row.get("tier").value
    if claim.flat or not isinstance(number, int) or not 0 < number <= len(tiers):
        return
    names = [line.name.value for line in claim.lines]
    own = [one for one in tiers[number - 1] if one.supplier.id == supplier.id]
    mine = next((one for one in own if [product.name for product in one.products] == names), None)
    if mine is not None and mine.id != (due := cheapest(own, registration)).id:
        expected, told = (_priced(one, registration) for one in (due, mine))
        place = Found(told, claim.row.get("offer").pointer)
        yield differs("offer-dearer", expected, place, registration.id, *(product.source for product in due.products))


def _suppliers(offers: Iterable[Offer]) -> list[Supplier]:
    return [*{offer.supplier.id: offer.supplier for offer in offers}.values()]


def _priced(offer: Offer, registration: Registration) -> Json:
    return {"products": [product.name for product in offer.products], "total": money(offer_total(offer, registration))}


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
