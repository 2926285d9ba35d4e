"""The frame of an offers file, which every market's has: suppliers one after another, each with its products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from igent.domain.records import Json, Offer, Supplier
from igent.errors import InputError
from igent.markets.fields import FieldError, Fields, object_at

__all__ = ["facts_of_offer", "suppliers_of"]


def suppliers_of(document: Json, *, file: str, read: Callable[[Fields], Supplier]) -> tuple[Supplier, ...]:
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
    suppliers = tuple(_located(entry, file, read) for entry in entries)
    _refuse_duplicates([supplier.id for supplier in suppliers], file=file, place=base)
    return suppliers


def facts_of_offer(offer: Offer, products: list[Json]) -> dict[str, Json]:
    """What a prompt shows of an offer, given what it shows of the products."""
    facts: dict[str, Json] = {"id": offer.id, "supplier": offer.supplier.id, "products": products}
    return facts | ({"terms": dict(offer.supplier.terms)} if offer.supplier.terms else {})


def _located(fields: Fields, file: str, read: Callable[[Fields], Supplier]) -> Supplier:
    try:
        return read(fields)
    except FieldError as exc:
        place = f"{exc.pointer.removeprefix(file + '#')}, field {exc.field!r}"
        raise InputError(file=file, place=place, problem=exc.problem, remedy="Correct the offers file") from exc


def _refuse_duplicates(ids: list[str], *, file: str, place: str) -> None:
    for supplier_id, times in Counter(ids).items():
        if times > 1:
            problem = f"supplier {supplier_id!r} stands there {times} times"
            raise InputError(file=file, place=place, problem=problem, remedy="Merge the entries into one")
