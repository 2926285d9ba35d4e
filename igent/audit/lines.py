"""One line of a row against the price rows: product, quantity, price, and the place that it says they come from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from igent.audit.claims import Claim, Found, LineClaim
from igent.audit.findings import Finding, alike_first, differs
from igent.domain.pricing import Line, line_for, money
from igent.domain.records import Json, Product, Registration, Supplier, Want

__all__ = ["line_findings", "placeless", "product_of"]

_FILE = re.compile(r"^[^#]*#/")


def line_findings(claim: Claim, registration: Registration, supplier: Supplier) -> Iterator[Finding]:
    """What is wrong with the lines of a row, each by itself. An unknown product has no quantity or price to differ."""
    for line in claim.lines:
        product = product_of(line, registration, supplier)
        if product is None:
            yield _not_offered(line, registration, supplier)
        elif claim.row.get("offer").value is not None:
            yield from _place(line.source, product.source, registration)
        else:
            yield from _audited(line, product, registration, flat=claim.flat)


def product_of(line: LineClaim, registration: Registration, supplier: Supplier) -> Product | None:
    """The supplier's product that a line names.

    Of several with one name it is one that fits the household, and among those the one that the line points to.
    """
    named = [p for p in supplier.products if p.name == line.name.text and line.kind in (None, p.type)]
    kinds = {(want.product_type, want.variant) for want in registration.wants}
    pointer = str(placeless(line.source.value)) + "/"

    def rank(product: Product) -> tuple[bool, bool]:
        sold = product.areas is None or registration.area in product.areas
        fits = sold and (product.type, product.variant) in kinds
        return fits, pointer.startswith(f"{placeless(product.source)}/")

    return max(named, key=rank, default=None) if len(named) > 1 else next(iter(named), None)


def _not_offered(line: LineClaim, registration: Registration, supplier: Supplier) -> Finding:
    """An unknown product, with the names that it could be, the most alike first."""
    names = dict.fromkeys(p.name for p in supplier.products if line.kind in (None, p.type))
    alike: list[Json] = [*alike_first(line.name.value, [*names])]
    return differs("product-not-offered", alike, line.name, registration.id, supplier.source)


def _audited(line: LineClaim, product: Product, registration: Registration, *, flat: bool) -> Iterator[Finding]:
    want = next((want for want in registration.wants if want.product_type == product.type), None)
    if want is None:
        wanted: list[Json] = [want.product_type for want in registration.wants]
        yield differs("product-not-wanted", wanted, line.name, registration.id, registration.source)
        return
    priced = _line(product, want, registration)
    quantity = want.quantity if flat or priced is None else priced.quantity
    if line.quantity is not None and line.quantity.number != quantity:
        yield differs("quantity-differs", quantity, line.quantity, registration.id, registration.source)
    stood_in = priced.quantity_wanted if priced else None
    if line.wanted is not None and line.wanted.number != stood_in:
        yield differs("quantity-differs", stood_in, line.wanted, registration.id, registration.source)
    if line.price is not None and (priced is None or line.price.number != priced.price):
        expected, place = (money(priced.price), priced.source) if priced else (None, product.source)
        yield differs("price-differs", expected, line.price, registration.id, place)
    elif line.price is not None and priced is not None:
        yield from _place(line.source, priced.source, registration)
        for part, told in priced.quote.details.items() if not flat else ():
            if placeless(line.row.get(part).value) != placeless(told):
                yield differs("price-differs", told, line.row.get(part), registration.id, priced.source)


def _line(product: Product, want: Want, registration: Registration) -> Line | None:
    """The line that the rules give; None where the product has no price for what is wanted."""
    if product.variant != want.variant or product.prices.quote(want, registration) is None:
        return None
    return line_for(product, want, registration)


def _place(claimed: Found, source: str, registration: Registration) -> Iterator[Finding]:
    """The place that a row names, but for the file's name, under which it may not have been kept."""
    if claimed.value is not None and placeless(claimed.value) != placeless(source):
        yield differs("source-differs", source, claimed, registration.id, source)


def placeless(value: Json) -> Json:
    """A value whose pointers have lost the names of their files."""
    if isinstance(value, str):
        return _FILE.sub("#/", value)
    if isinstance(value, list):
        return [placeless(part) for part in value]
    return {key: placeless(part) for key, part in value.items()} if isinstance(value, dict) else value
