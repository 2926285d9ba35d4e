"""The frame of an offers file, which every market's has: suppliers one after another, each with its products."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from igent.domain.records import Json, Offer, Product, Supplier
from igent.errors import InputError
from igent.markets.fields import FieldError, Fields, alike, object_at, refuse_currency

__all__ = ["facts_of_offer", "suppliers_of"]


def suppliers_of(
    document: Json, *, file: str, currency: str, read: Callable[[Fields], Supplier]
) -> tuple[Supplier, ...]:
    """The suppliers of `{"SupplierOffers": [...]}` or of an array, in file order. Raises `InputError`."""
    if isinstance(document, list):
        rows, base = document, ""
    else:
        found = object_at(document, file=file, path="/").values.get("SupplierOffers")
        rows, base = (found if isinstance(found, list) else []), "/SupplierOffers"
    if not rows:
        problem = "holds no suppliers"
        raise InputError(file=file, place=base, problem=problem, remedy='Give an array or {"SupplierOffers": [...]}')
    entries = [object_at(row, file=file, path=f"{base}/{index}") for index, row in enumerate(rows)]
    suppliers = tuple(_located(entry, file, currency, read) for entry in entries)
    _refuse_duplicates([supplier.id for supplier in suppliers], file=file, place=base)
    return suppliers


def facts_of_offer(offer: Offer, products: list[Json]) -> dict[str, Json]:
    """What a prompt shows of an offer, given what it shows of the products."""
    facts: dict[str, Json] = {"id": offer.id, "supplier": offer.supplier.id, "products": products}
    return facts | ({"terms": dict(offer.supplier.terms)} if offer.supplier.terms else {})


def _located(fields: Fields, file: str, currency: str, read: Callable[[Fields], Supplier]) -> Supplier:
    try:
        refuse_currency(fields, currency)
        supplier = read(fields)
        _refuse_twins(supplier.products, fields)
    except FieldError as exc:
        place = f"{exc.pointer.removeprefix(file + '#')}, field {exc.field!r}"
        raise InputError(file=file, place=place, problem=exc.problem, remedy="Correct the offers file") from exc
    return supplier


def _refuse_twins(products: Sequence[Product], fields: Fields) -> None:
    """Raise `FieldError` for a product that stands there again: which of its price lists would count?"""
    seen = set[tuple[str, ...]]()
    for product in products:
        key = (product.type, alike(product.name), str(product.variant), repr(sorted(product.terms.items())))
        if key in seen:
            raise fields.error("Offers", f"has the product {product.name!r} ({product.type}) more than once")
        seen.add(key)


def _refuse_duplicates(ids: list[str], *, file: str, place: str) -> None:
    entries = defaultdict[str, list[str]](list)
    for supplier_id in ids:
        entries[alike(supplier_id)].append(supplier_id)
    for first, *others in entries.values():
        if others:
            problem = f"supplier {first!r} stands there {1 + len(others)} times"
            if other := next((one for one in others if one != first), None):
                problem += f", also as {other!r}"
            raise InputError(file=file, place=place, problem=problem, remedy="Merge the entries into one")
