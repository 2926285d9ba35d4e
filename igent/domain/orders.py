"""A purchase order: lines copied from price lists, incentives computed, sums in `Decimal`; no model wrote any of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

from igent.domain.estimates import Estimate, estimate_of
from igent.domain.grounds import Proof
from igent.domain.incentives import BY_YIELD, Incentive, Standing, Timing, amount_of
from igent.domain.pricing import Line, lines_for, money
from igent.domain.records import Json, Offer, Payment, Registration
from igent.domain.verify import OrderDecision, OrderTask

__all__ = ["Grant", "Order", "build_order", "lends", "points", "unsourced"]

_NESTED = (dict, list)
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One incentive in an order: decided with its `amount`, or undecided with a `reason`.

    It may come with `at_most`, or with the `estimate` of a year where it is paid by yield. `proof` is what a matcher's
    "yes" to it rests on; the incentive then has the amount that it is for.
    """

    incentive: Incentive
    amount: Decimal | None = None
    reason: str | None = None
    at_most: Decimal | None = None
    estimate: Estimate | None = None
    proof: Proof | None = None

    def as_record(self) -> dict[str, Json]:
        """The entry in an order's `incentives`."""
        found = self.incentive
        head: dict[str, Json] = {"id": found.id, "name": found.name}
        if self.amount is None:
            ceiling: dict[str, Json] = {} if self.at_most is None else {"at_most": money(self.at_most)}
            yearly = self.estimate.as_record() if self.estimate else {}
            return head | {"undecided": self.reason} | ceiling | yearly | {"source": found.source} | self._judged()
        basis = "judged by prose" if self.proof else "rules"
        head |= {"amount": money(self.amount), "basis": basis, "source": found.source, "timing": found.timing}
        return head | self._judged()

    def _judged(self) -> dict[str, Json]:
        """The words that a judgement rests on and those that name its amount, with their places in the file."""
        if self.proof is None:
            return {}
        source: dict[str, Json] = {"source": self.incentive.prose_source}
        stated: Json = self.proof.stated.as_record() | source if self.proof.stated else None
        cited: dict[str, Json] = {"judgement": "plausible", "cited": self.proof.cited.as_record() | source}
        return cited if stated is None else cited | {"amount_stated": stated}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What one household buys from one supplier."""

    registration: Registration
    offer: Offer
    currency: str
    payment: Payment
    lines: tuple[Line, ...]
    grants: tuple[Grant, ...]

    @property
    def subtotal(self) -> Decimal:
        """The sum of the lines."""
        return sum([line.price for line in self.lines], _NOTHING)

    def granted(self, *timings: Timing) -> Decimal:
        """The sum of the decided incentives of these timings; a yearly estimate is never decided money."""
        decided = [g.amount for g in self.grants if g.amount is not None and g.incentive.timing in timings]
        return sum(decided, _NOTHING)

    def as_record(self) -> dict[str, Json]:
        """The order as in `pos.json`, but for `po_id`, which is a hash of it."""
        total = self.granted("point-of-sale", "after-purchase")
        paid = self.payment == "cash"
        record: dict[str, Json] = {
            "registration_id": self.registration.id,
            "campaign": self.registration.campaign,
            "supplier_id": self.offer.supplier.id,
            "currency": self.currency,
            "payment_type": (self.registration.payment_method if paid else None) or self.payment,
            "lines": [_line_record(line) for line in self.lines],
            "subtotal": money(self.subtotal),
            "incentives": [grant.as_record() for grant in self.grants],
            "incentive_total": money(total),
            "amount_due": money(self.subtotal - self.granted("point-of-sale")),
            "net_total": money(self.subtotal - total),
        }
        return record if paid else record | {"financing": _financing(self)}


def build_order(task: OrderTask, offer: Offer, decision: OrderDecision, *, currency: str) -> Order:
    """The order for the offer that a household was given; for a loan one that `lends`."""
    lines = lines_for(offer, task.registration)
    return Order(
        registration=task.registration,
        offer=offer,
        currency=currency,
        payment=decision.payment or "cash",
        lines=lines,
        grants=tuple(_grants(task, offer, decision, lines)),
    )


def lends(offer: Offer, registration: Registration) -> bool:
    """Whether a supplier quotes a loan for all that a household would buy: an instalment for every line."""
    lines = lines_for(offer, registration)
    return offer.supplier.finance is not None and all(line.quote.instalment is not None for line in lines)


def _grants(task: OrderTask, offer: Offer, decision: OrderDecision, lines: Sequence[Line]) -> Iterable[Grant]:
    """Decide each incentive that concerns the household; one that exceeds what is left of the price is undecided."""
    left = sum([line.price for line in lines], _NOTHING)
    open_ids = {standing.incentive.id: key for key, standing in task.open_ids.items()}
    for standing in task.standings:
        key = open_ids.get(standing.incentive.id)
        ruling = decision.ruling(key, offer.id) if key else None
        if ruling == "no":
            continue
        ground = decision.ground(key, offer.id) if key and ruling == "yes" else None
        proof = ground.prove(standing.incentive) if ground else None
        if standing.incentive.timing == "yearly-estimate":
            yield _estimated(standing, lines, task.registration)
            continue
        grant = _grant(standing, lines, proof=proof if isinstance(proof, Proof) else None)
        if grant.amount is not None:
            at_most = min(left, _eligible(standing.incentive, lines))
            if grant.amount > at_most:
                grant = replace(grant, amount=None, reason="exceeds-price", at_most=at_most)
        left -= grant.amount or _NOTHING
        yield grant


def _eligible(incentive: Incentive, lines: Sequence[Line]) -> Decimal:
    """The price of the lines that an incentive is for."""
    return sum([line.price for line in lines if line.product.type in incentive.product_types], _NOTHING)


def _grant(standing: Standing, lines: Sequence[Line], *, proof: Proof | None) -> Grant:
    incentive = replace(standing.incentive, amount=proof.amount) if proof else standing.incentive
    if standing.kind == "undecided":
        at_most = amount_of(incentive, lines) if standing.reason == "ceiling" else None
        return Grant(incentive=incentive, reason=standing.reason, at_most=at_most)
    if standing.kind == "open" and proof is None:
        return Grant(incentive=incentive, reason="prose-condition")
    amount = amount_of(incentive, lines)
    if amount is None:
        return Grant(incentive=incentive, reason="amount-unclear", proof=proof)
    return Grant(incentive=incentive, amount=amount, proof=proof)


def _estimated(standing: Standing, lines: Sequence[Line], registration: Registration) -> Grant:
    """What is paid by yield; a condition that is not settled is named before a fact that the estimate lacks."""
    found, reason = estimate_of(standing.incentive, lines, registration), standing.reason or BY_YIELD
    if isinstance(found, str):
        return Grant(incentive=standing.incentive, reason=found if reason == BY_YIELD else reason)
    return Grant(incentive=standing.incentive, reason=reason, estimate=found)


def _line_record(line: Line) -> dict[str, Json]:
    record: dict[str, Json] = {
        "product_type": line.product.type,
        "product_name": line.product.name,
        "quantity": line.quantity,
        "price": money(line.price),
        "source": line.source,
    }
    if line.quantity_wanted is not None:
        record |= {"quantity_wanted": line.quantity_wanted, "quantity_adjusted": True}
    return record | dict(line.quote.details)


def _financing(order: Order) -> dict[str, Json]:
    """The supplier's loan for the whole order."""
    finance = order.offer.supplier.finance
    assert finance is not None, "a loan goes to a supplier that lends"
    prices = [line.quote.instalment for line in order.lines if line.quote.instalment is not None]
    return {
        "instalment": money(sum((price.amount for price in prices), Decimal(0))),
        "months": finance.months,
        "rate_percent": str(finance.rate_percent),
        "source": [*(price.source for price in prices), finance.source],
    }


def unsourced(value: Json) -> Json:
    """A record without the pointers into files: what it says, wherever that stands."""
    if isinstance(value, dict):
        return {
            key: unsourced(one) if isinstance(one, _NESTED) else one for key, one in value.items() if not points(key)
        }
    return [unsourced(one) for one in value] if isinstance(value, list) else value


@lru_cache(maxsize=1_024)  # those of fields, and those that the inputs have
def points(name: str) -> bool:
    """Whether a name is that of pointers into a file."""
    return name == "source" or name.endswith("_source")
