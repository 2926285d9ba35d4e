"""Which offers a household may be given: service area, product types and quantities. No judgement, no capacity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product as combinations

from igent.domain.pricing import row_for
from igent.domain.records import Candidates, Offer, Product, Registration, Supplier

__all__ = ["Catalogue", "MAX_OFFERS", "offers_of"]

# Bundles of one household: a prompt of more would be no judgement, and their ids alone fill half of the longest reply.
MAX_OFFERS = 4_096


class Catalogue:
    """The offers of an auction by area and wanted product types.

    An offer's id (`o1`, `o2`, ... in file order) is its place among all offers of its area and types, so households
    that share both see the same ids and the same text, whatever quantities they want.
    """

    def __init__(self, suppliers: Sequence[Supplier]) -> None:
        self.suppliers = tuple(suppliers)
        self._known: dict[tuple[str, tuple[str, ...]], Candidates] = {}

    def candidates(self, registration: Registration) -> Candidates:
        """The candidate offers of a registration, or the outcome and codes of having none."""
        types = tuple(want.product_type for want in registration.wants)
        if not types:
            return Candidates(outcome="review", codes=("quantity-unknown",))
        found = self._for_types(registration.area, types)
        offers = tuple(offer for offer in found.offers if _quotes(offer, registration))
        if found.offers and not offers:
            return Candidates(outcome="review", codes=("quantity-not-offered",))
        return found if len(offers) == len(found.offers) else Candidates(offers=offers)

    def elsewhere(self, registration: Registration) -> tuple[Offer, ...]:
        """Every other supplier's offers of the wanted types: what an unfiltered prompt shows beside the candidates."""
        types = tuple(want.product_type for want in registration.wants)
        return offers_of((s for s in self.suppliers if registration.area not in s.areas), types, prefix="x")

    def _for_types(self, area: str, types: tuple[str, ...]) -> Candidates:
        key = (area, types)
        if key not in self._known:
            self._known[key] = self._find(area, types)
        return self._known[key]

    def _find(self, area: str, types: tuple[str, ...]) -> Candidates:
        serving = [supplier for supplier in self.suppliers if area in supplier.areas]
        if not serving:
            return Candidates(outcome="unmatched", codes=("area-not-served",))
        offers = offers_of(serving, types)
        if not offers:
            return Candidates(outcome="unmatched", codes=("product-not-offered",))
        if len(offers) > MAX_OFFERS:
            return Candidates(outcome="review", codes=("too-many-offers",))
        return Candidates(offers=offers)


def offers_of(suppliers: Iterable[Supplier], types: Sequence[str], *, prefix: str = "o") -> tuple[Offer, ...]:
    """Every bundle of one product per wanted type and supplier, in file order, numbered from 1."""
    bundles = [(supplier, bundle) for supplier in suppliers for bundle in _bundles(supplier, types)]
    return tuple(
        Offer(id=f"{prefix}{number}", supplier=supplier, products=bundle)
        for number, (supplier, bundle) in enumerate(bundles, start=1)
    )


def _bundles(supplier: Supplier, types: Sequence[str]) -> Iterable[tuple[Product, ...]]:
    return combinations(*([p for p in supplier.products if p.type == wanted] for wanted in types))


def _quotes(offer: Offer, registration: Registration) -> bool:
    pairs = zip(offer.products, registration.wants, strict=True)
    return all(row_for(product, want.quantity) is not None for product, want in pairs)
