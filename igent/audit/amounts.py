"""The money in an order of igent's form: incentives, sums and financing, recomputed from the inputs.

What the order's agents judged is read off the order: an incentive whose condition is prose was granted, refused or
left open as it stands there. All else follows from the inputs, and each figure may follow from them or from the
order's own lines: where a wrong price has been added up rightly, the price alone is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import cast

from igent.audit.case import Case
from igent.audit.claims import Claim, Found, LineClaim
from igent.audit.findings import Code, Finding, differs
from igent.audit.incentives import excluded, ground_in, judged_findings, ruling_in, undecided_findings, unknown
from igent.audit.lines import product_of
from igent.domain.estimates import Estimate, estimate_of
from igent.domain.incentives import amount_of, standing, standings
from igent.domain.orders import Grant, Order, build_order, lends
from igent.domain.pricing import Line, cheapest, money
from igent.domain.records import Json, Offer, Registration, Supplier
from igent.domain.verify import OrderDecision, OrderTask

__all__ = ["amount_findings"]


def amount_findings(claim: Claim, registration: Registration, supplier: Supplier, case: Case) -> Iterator[Finding]:
    """What is wrong with the incentives, sums and financing of an order."""
    entries: dict[str, Found] = {}
    for entry in claim.row.get("incentives").items():
        name = entry.get("id")
        key = name.text or ""
        if key not in case.incentives:
            yield unknown(name, registration, case)
        elif key in entries:
            yield differs("incentive-repeated", entries[key].pointer, name, registration.id)
        else:
            entries[key] = entry
    order = _order(claim, registration, supplier, case, entries)
    granted = {grant.incentive.id for grant in order.grants} if order else set()
    for key, entry in entries.items():
        if key not in granted:
            found = standing(case.incentives[key], registration, case.as_of)
            if found.kind == "excluded":
                yield excluded(found, entry.get("id"), registration, case)
    if order is not None:
        yield from _granted(order, claim, entries)
        yield from _summed(order, claim, case)
        yield from _paid(order, claim)


def _order(
    claim: Claim, registration: Registration, supplier: Supplier, case: Case, entries: Mapping[str, Found]
) -> Order | None:
    """The order that the inputs make of the same judgements; None where the supplier is no candidate."""
    offer = _maybe_offer(claim, registration, supplier, case)
    if offer is None:
        return None
    stand = standings([*case.incentives.values()], registration, case.as_of)
    task = OrderTask(registration=registration, offers=(offer,), standings=stand)
    asked = {key: (one.incentive, entries.get(one.incentive.id)) for key, one in task.open_ids.items()}
    rulings = {key: ruling_in(entry) for key, (_, entry) in asked.items()}
    grounds = tuple(ground_in(entry, key, incentive) for key, (incentive, entry) in asked.items() if entry)
    loan = claim.row.get("payment_type").value == "loan" and lends(offer, registration)
    decision = OrderDecision(payment="loan" if loan else "cash", incentives=rulings, grounds=grounds)
    return build_order(task, offer, decision, currency=case.currency)


def _maybe_offer(claim: Claim, registration: Registration, supplier: Supplier, case: Case) -> Offer | None:
    """The supplier's bundle of the products that the order names; the cheapest where they leave a choice."""
    named = [product_of(line, registration, supplier) for line in claim.lines]
    offers = case.own_offers(registration, supplier)
    shared = [sum(any(p is one for one in named) for p in offer.products) for offer in offers]
    alike = [offer for offer, count in zip(offers, shared, strict=True) if count == max(shared)]
    return cheapest(alike, registration) if alike else None


def _granted(order: Order, claim: Claim, entries: Mapping[str, Found]) -> Iterator[Finding]:
    """Each incentive's amount; one that the inputs leave undecided has none, one that they settle has its own."""
    name, none = order.registration.id, claim.row.get("incentives")
    written = _written(order, claim)
    # How large an unknown product is, nobody can tell.
    known = all(product_of(line, order.registration, order.offer.supplier) for line in claim.lines)
    for grant in order.grants:
        incentive, entry = grant.incentive, entries.get(grant.incentive.id)
        amount = entry.get("amount") if entry else Found(None, none.pointer)
        if grant.amount is None:
            if amount.value is not None:
                yield differs("incentive-not-eligible", grant.as_record(), amount, name, incentive.source)
            elif entry is None:
                yield differs("incentive-missing", grant.as_record(), amount, name, incentive.source)
            else:
                yield from _estimated(grant, entry, order, written) if known else ()
                # What would exceed a wrong price is a matter of that price.
                yield from undecided_findings(grant, entry, name) if written == [*order.lines] else ()
                yield from judged_findings(grant, entry, name)
        elif amount.value is None:
            yield differs("incentive-missing", money(grant.amount), amount, name, incentive.source)
        elif amount.number not in (grant.amount, amount_of(incentive, written)):
            yield differs("sum-differs", money(grant.amount), amount, name, incentive.source)
        elif entry and entry.get("timing").value != incentive.timing:
            yield differs("sum-differs", incentive.timing, entry.get("timing"), name, incentive.source)
        elif entry:
            yield from judged_findings(grant, entry, name)


def _estimated(grant: Grant, entry: Found, order: Order, written: Sequence[Line]) -> Iterator[Finding]:
    """A year's estimate and how it says that it was computed; by the order's own lines or by those of the inputs."""
    by_lines = estimate_of(grant.incentive, written, order.registration)
    expected = [one.as_record() if isinstance(one, Estimate) else {} for one in (grant.estimate, by_lines)]
    parts = ("estimate", "timing", "computed")
    told = [[one.get(part) for part in parts] for one in expected]
    found = [entry.get(part) for part in parts]
    if [part.value for part in found] not in told:
        code: Code = "sum-differs" if grant.estimate else "incentive-not-eligible"
        wrong = next(n for n, part in enumerate(found) if part.value != told[0][n])
        yield differs(code, told[0][wrong], found[wrong], order.registration.id, grant.incentive.source)


def _written(order: Order, claim: Claim) -> list[Line]:
    """The lines with the prices and quantities that stand in the order, right or wrong."""
    own = {line.kind: line for line in claim.lines}
    return [_at(line, own[line.product.type]) if line.product.type in own else line for line in order.lines]


def _at(line: Line, claimed: LineClaim) -> Line:
    amount = claimed.price.number if claimed.price else None
    quantity = claimed.quantity.number if claimed.quantity else None
    price = replace(line.quote.price, amount=amount or line.price)
    return replace(line, quote=replace(line.quote, price=price, quantity=int(quantity or line.quantity)))


def _summed(order: Order, claim: Claim, case: Case) -> Iterator[Finding]:
    """The sums, which follow from the inputs or from what stands in the order."""
    total, at_sale = order.granted("point-of-sale", "after-purchase"), order.granted("point-of-sale")
    expected = _sums(order.subtotal, total, at_sale)
    written = _sums(*_written_sums(claim, case))
    for field, amount in expected.items():
        found = claim.row.get(field)
        if found.number not in (amount, written[field]):
            sources = [line.source for line in order.lines]
            yield differs("sum-differs", money(amount), found, order.registration.id, *sources)


def _sums(subtotal: Decimal, total: Decimal, at_sale: Decimal) -> dict[str, Decimal]:
    return {
        "subtotal": subtotal,
        "incentive_total": total,
        "amount_due": subtotal - at_sale,
        "net_total": subtotal - total,
    }


def _written_sums(claim: Claim, case: Case) -> tuple[Decimal, Decimal, Decimal]:
    """What the amounts that stand in the order add up to: lines, incentives, and those of them at the sale."""
    subtotal = sum((line.price.number or Decimal(0) for line in claim.lines if line.price), Decimal(0))
    total = at_sale = Decimal(0)
    for entry in claim.row.get("incentives").items():
        known = case.incentives.get(entry.get("id").text or "")
        timing = known.timing if known else entry.get("timing").value
        amount = entry.get("amount").number or Decimal(0)
        total += amount if timing != "yearly-estimate" else 0
        at_sale += amount if timing == "point-of-sale" else 0
    return subtotal, total, at_sale


def _paid(order: Order, claim: Claim) -> Iterator[Finding]:
    """As registered, or by a loan that the household's own words ask for and the supplier quotes, with its terms."""
    about, loan = order.registration, order.payment == "loan"
    paid, found = claim.row.get("payment_type"), claim.row.get("financing")
    otherwise = about.payment_method or "cash"
    if paid.value != ("loan" if loan else otherwise) or (loan and about.note is None):
        yield differs("payment-inconsistent", otherwise, paid, about.id, about.source)
    elif not loan and found.value is not None:
        yield differs("payment-inconsistent", None, found, about.id, about.source)
    terms = cast("dict[str, Json]", order.as_record()["financing"]) if loan else {}
    for field, expected in terms.items():
        if field != "source" and found.get(field).number != Decimal(str(expected)):
            yield differs("payment-inconsistent", expected, found.get(field), about.id, order.offer.supplier.source)
