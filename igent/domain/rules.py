"""Which offers a household may be given: service area, product types and quantities. No judgement, no capacity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product as combinations

from igent.domain.records import Candidates, Offer, Product, Registration, Supplier

__all__ = ["Catalogue", "Kind", "MAX_OFFERS", "offers_of"]

Kind = tuple[str, str]  # of a product: its type and variant

# Bundles of one household: a prompt of more would be no judgement, and their ids alone fill half of the longest reply.
MAX_OFFERS = 4_096


class Catalogue:
    """The offers of an auction by area and wanted product types.

    An offer's id (`o1`, `o2`, ... in file order) is its place among all offers of its area and types, so households
    that share both see the same ids and the same text, whatever quantities they want.
    """

    def __init__(self, suppliers: Sequence[Supplier]) -> None:
        self.suppliers = tuple(suppliers)
        self._known: dict[tuple[str, tuple[Kind, ...]], Candidates] = {}

    def candidates(self, registration: Registration) -> Candidates:
        """The candidate offers of a registration, or the outcome and codes of having none."""
        kinds = _kinds(registration)
        if not kinds:
            return Candidates(outcome="review", codes=("quantity-unknown",))
        found = self._of_kinds(registration.area, kinds)
        offers = tuple([offer for offer in found.offers if _quotes(offer, registration)])
        if found.offers and not offers:
            return Candidates(outcome="review", codes=("quantity-not-offered",))
        return found if len(offers) == len(found.offers) else Candidates(offers=offers)

    def elsewhere(self, registration: Registration) -> tuple[Offer, ...]:
        """Every other supplier's offers of the wanted types: what an unfiltered prompt shows beside the candidates."""
        others = (supplier for supplier in self.suppliers if registration.area not in supplier.areas)
        return offers_of(others, _kinds(registration), prefix="x")

    def _of_kinds(self, area: str, kinds: tuple[Kind, ...]) -> Candidates:
        key = (area, kinds)
        if key not in self._known:
            self._known[key] = self._find(area, kinds)
        return self._known[key]

    def _find(self, area: str, kinds: tuple[Kind, ...]) -> Candidates:
        serving = [supplier for supplier in self.suppliers if area in supplier.areas]
        if not serving:
            return Candidates(outcome="unmatched", codes=("area-not-served",))
        offers = offers_of(serving, kinds, area=area)
        if not offers:
            return Candidates(outcome="unmatched", codes=("product-not-offered",))
        if len(offers) > MAX_OFFERS:
            return Candidates(outcome="review", codes=("too-many-offers",))
        return Candidates(offers=offers)


def offers_of(
    suppliers: Iterable[Supplier], kinds: Sequence[Kind], *, prefix: str = "o", area: str | None = None
) -> tuple[Offer, ...]:
    """Every bundle of one product per wanted kind and supplier, sold in the area, in file order, numbered from 1."""
    bundles = [(supplier, bundle) for supplier in suppliers for bundle in _bundles(supplier, kinds, area)]
    return tuple(
        Offer(id=f"{prefix}{number}", supplier=supplier, products=bundle)
        for number, (supplier, bundle) in enumerate(bundles, start=1)
    )


def _kinds(registration: Registration) -> tuple[Kind, ...]:
    return tuple([(want.product_type, want.variant) for want in registration.wants])


def _bundles(supplier: Supplier, kinds: Sequence[Kind], area: str | None) -> Iterable[tuple[Product, ...]]:
    sold = [p for p in supplier.products if p.areas is None or area is None or area in p.areas]
    return combinations(*([p for p in sold if (p.type, p.variant) == kind] for kind in kinds))


def _quotes(offer: Offer, registration: Registration) -> bool:
    pairs = zip(offer.products, registration.wants, strict=True)
    return None not in [product.prices.quote(want, registration) for product, want in pairs]
