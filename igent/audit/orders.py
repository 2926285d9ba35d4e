"""The audit of orders: whose, from whom, what for, how paid; and what is missing once both files are read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from igent.audit.amounts import amount_findings
from igent.audit.case import Case, Household
from igent.audit.claims import Claim, Found, claim_of
from igent.audit.findings import Code, Finding, differs
from igent.audit.heads import head_findings, id_findings
from igent.audit.incentives import subsidy_findings
from igent.audit.lines import line_findings, product_of
from igent.audit.matches import MatchAudit, Matched
from igent.domain.records import Json, Supplier

__all__ = ["OrderAudit", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ordered:
    """A household's order: where it stands, its supplier (None: an unknown one), the types of its lines.

    `known` says whether each of them is of a product that its supplier has.
    """

    pointer: str
    supplier_id: str | None
    kinds: tuple[str | None, ...] = ()
    known: bool = False


class OrderAudit:
    """Audits orders, row by row, beside the matches that were read before."""

    def __init__(self, case: Case, matched: Mapping[str, Matched]) -> None:
        self.ordered: dict[str, _Ordered] = {}
        self._case, self._matched = case, matched

    def audit(self, row: Found) -> Iterator[Finding]:
        """What is wrong with the next row of the file."""
        claim = claim_of(row, order=True)
        household = self._case.household(claim.registration)
        if isinstance(household, Finding):
            yield household
            return
        if claim.supplier.text is None:
            return
        name = household.registration.id
        supplier = self._case.supplier(household.registration, claim.supplier)
        if isinstance(supplier, Finding):
            self.ordered.setdefault(name, _Ordered(pointer=row.pointer, supplier_id=None))
            yield supplier
            return
        found = [*self._noted(claim, household, supplier), *self._beside_match(claim, household, supplier)]
        found += line_findings(claim, household.registration, supplier)
        audited = subsidy_findings if claim.flat else amount_findings
        found += audited(claim, household.registration, supplier, self._case)
        if not claim.flat:
            found += head_findings(claim, household.registration, self._case)
        yield from found
        # A wrong price is one finding, whether or not the id was made from it; so is a line less.
        whole = {want.product_type for want in household.registration.wants} <= {*claim.kinds}
        if not claim.flat and not found and whole:
            yield from id_findings(claim, household.registration)

    def short(self) -> Iterator[Finding]:
        """The wanted products without a line, once every row is read: a flat order has a row for each."""
        for name, order in self.ordered.items():
            registration = self._case.households[name].registration
            for want in registration.wants if order.known else ():
                if want.product_type not in order.kinds:
                    expected: Json = {"product_type": want.product_type, "quantity": want.quantity}
                    yield _missing("line-missing", name, expected, order.pointer, registration.source)

    def _noted(self, claim: Claim, household: Household, supplier: Supplier) -> Iterator[Finding]:
        """Note the order; a flat row of another product, from the same supplier, is another line of it."""
        known = all(product_of(line, household.registration, supplier) for line in claim.lines)
        registration = household.registration
        first = self.ordered.get(name := registration.id)
        if first is None:
            first = _Ordered(pointer=claim.row.pointer, supplier_id=supplier.id, kinds=claim.kinds, known=known)
            self.ordered[name] = first
        elif claim.flat and first.supplier_id == supplier.id and not {*claim.kinds} & {*first.kinds}:
            kinds = (*first.kinds, *claim.kinds)
            self.ordered[name] = replace(first, kinds=kinds, known=first.known and known)
        else:
            yield differs("duplicate", first.pointer, claim.registration, registration.id, first.pointer)

    def _beside_match(self, claim: Claim, household: Household, supplier: Supplier) -> Iterator[Finding]:
        """Whether it goes to the matched supplier and is paid as the match says; any other must serve the area."""
        match, registration = self._matched.get(household.registration.id), household.registration
        if match and match.supplier_id not in (None, supplier.id):
            yield differs("order-supplier-differs", match.supplier_id, claim.supplier, registration.id, match.pointer)
        if match and match.payment and claim.payment not in (None, match.payment):
            payment = claim.row.get("payment_type")
            yield differs("payment-inconsistent", match.payment, payment, registration.id, match.pointer)
        if (match is None or match.supplier_id != supplier.id) and registration.area not in supplier.areas:
            areas: list[Json] = [s.id for s in self._case.suppliers.values() if registration.area in s.areas]
            yield differs("area-not-served", areas, claim.supplier, registration.id, registration.source)


def missing(case: Case, matches: MatchAudit, orders: OrderAudit, *, accounted: Collection[str]) -> Iterator[Finding]:
    """What both files together lack: matches, orders, lines. `accounted` are in a file of those that have no match.

    A registration wants a match where it stands between the first and the last that has one, where a row gives it to
    nobody, and, withdrawn or not, where it has an order.
    """
    yield from orders.short()
    for name, match in matches.matched.items():
        if match.supplier_id is not None and name not in orders.ordered:
            source = case.households[name].registration.source
            yield _missing("order-missing", name, match.supplier_id, match.pointer, source)
    rows = [case.households[name].index for name in matches.matched]
    span = range(min(rows), max(rows) + 1) if rows else range(0)
    for name, household in case.households.items():
        if name in matches.matched:
            continue
        order, refused = orders.ordered.get(name), matches.refused.get(name)
        excused = household.registration.withdrawn or name in accounted
        if order or (not excused and (refused or household.index in span)):
            places = [place for place in (order and order.pointer, refused) if place]
            yield _missing("match-missing", name, "a match", *places, household.registration.source)


def _missing(code: Code, name: str, expected: Json, *places: str) -> Finding:
    return Finding(registration_id=name, code=code, expected=expected, found=None, source=places)
