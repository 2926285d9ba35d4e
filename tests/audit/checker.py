"""An auditor of flat files that shares no code with igent: each code recomputed from the raw JSON, as it was read.

It is written from what the codes mean, one function each, and cares neither for speed nor for what igent's own form has
besides. What it returns is comparable: (registration id, code), as often as it was found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

__all__ = ["Files", "Row", "can_have", "check", "price_row", "wants"]

Row = dict[str, Any]
Found = tuple[str | None, str]


@dataclass
class Files:
    """The raw content of an audit's files; `accounted` are ids that another file tells to have no match."""

    registrations: list[Row]
    offers: list[Row]
    matches: Any
    orders: Any
    incentives: list[str] = field(default_factory=list)
    accounted: set[str] = field(default_factory=set)


def check(files: Files) -> Counter[Found]:
    """Everything that is wrong with flat matches and orders."""
    return Counter([*_matches(files), *_orders(files), *_absent(files)])


def _flattened(value: Any) -> list[Row]:
    if isinstance(value, list):
        return [row for part in value for row in _flattened(part)]
    if isinstance(value, dict) and value and all(isinstance(part, list | dict) for part in value.values()):
        return _flattened([*value.values()])
    return [value]


def _text(name: Any) -> str | None:
    return None if _blank(name) else str(name)


def _kind(row: Row) -> str:
    return _text(row.get("product_type")) or ""


def _by_id(files: Files) -> dict[str, Row]:
    times = Counter(row["RegistrationNumber"] for row in files.registrations)
    return {row["RegistrationNumber"]: row for row in files.registrations if times[row["RegistrationNumber"]] == 1}


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def wants(household: Row) -> dict[str, int]:
    own = household["Product_KnowsAmountOfPanels"] in (1, "1") and household["Product_AmountOfPanels"] not in (None, "")
    panels = household["Product_AmountOfPanels" if own else "Proposal_OptimalAmountOfPanels"]
    counts = {"Solar": int(panels or 0), "Battery": int(household["Proposal_OptimalAmountOfBatteries"] or 0)}
    return {kind: count for kind, count in counts.items() if count}


def _supplier(files: Files, row: Row) -> Row | None:
    return next((s for s in files.offers if s["SupplierID"] == row.get("supplier_id")), None)


def _product(supplier: Row, row: Row) -> Row | None:
    named = (row.get("product_type"), row.get("panel_name"))
    return next((p for p in supplier["Offers"] if (p["ProductType"], p["ProductName"]) == named), None)


def price_row(product: Row, quantity: int) -> Row | None:
    rows = {int(row["Quantity"]): row for row in product["ProductPrices"]}
    return next((rows[near] for near in (quantity, quantity - 1, quantity + 1) if near in rows), None)


def can_have(supplier: Row, household: Row) -> bool:
    """Whether a supplier serves the area and prices every wanted product in the wanted quantity."""
    priced = (
        any(p["ProductType"] == kind and price_row(p, count) for p in supplier["Offers"])
        for kind, count in wants(household).items()
    )
    return household["Contact_Zip"] in supplier["ServiceAreas"] and bool(wants(household)) and all(priced)


def _named(files: Files, rows: Any) -> Iterator[tuple[Row, Row | None, Row | None]]:
    """Each row with its household and supplier, as far as there are such."""
    households = _by_id(files)
    for row in _flattened(rows):
        yield row, households.get(str(row.get("registration_id"))), _supplier(files, row)


def _matches(files: Files) -> Iterator[Found]:
    used: Counter[str] = Counter()
    first: dict[str, Row] = {}
    kinds: set[tuple[str, Any]] = set()
    for row, household, supplier in _named(files, files.matches):
        name = row.get("registration_id")
        if household is None:
            yield _text(name), "registration-unknown"
            continue
        if _blank(row.get("supplier_id")):
            continue
        if supplier is None:
            first.setdefault(str(name), row)
            yield name, "supplier-unknown"
            continue
        another = first.get(str(name), {}).get("supplier_id") == row["supplier_id"]
        another = another and (str(name), _kind(row)) not in kinds
        kinds.add((str(name), _kind(row)))
        if name in first and not another:
            yield name, "duplicate"
        if not another:
            yield from ((name, code) for code in _served(household, supplier))
        if name not in first:
            yield from ((name, code) for code in _shared(files, household, supplier, used))
            used[supplier["SupplierID"]] += 1
        first.setdefault(str(name), row)
        yield from ((name, code) for code in _line(household, supplier, row, priced=False))


def _served(household: Row, supplier: Row) -> Iterator[str]:
    if household["Contact_Zip"] not in supplier["ServiceAreas"]:
        yield "area-not-served"
    if wants(household).keys() - {product["ProductType"] for product in supplier["Offers"]}:
        yield "product-not-offered"


def _shared(files: Files, household: Row, supplier: Row, used: Counter[str]) -> Iterator[str]:
    if used[supplier["SupplierID"]] >= supplier["Capacity"]:
        yield "capacity-exceeded"
        return
    room = [s for s in files.offers if used[s["SupplierID"]] < s["Capacity"] and can_have(s, household)]
    shares = [Fraction(used[s["SupplierID"]], s["Capacity"]) for s in room]
    if supplier in room and Fraction(used[supplier["SupplierID"]], supplier["Capacity"]) > min(shares):
        yield "balance"


def _line(household: Row, supplier: Row, row: Row, *, priced: bool) -> Iterator[str]:
    product, wanted = _product(supplier, row), wants(household).get(str(row.get("product_type")))
    if product is None:
        yield "product-not-offered"
        return
    if wanted is None:
        yield "product-not-wanted"
        return
    if row["product_type"] == "Solar" and str(row.get("num_panels")) != str(wanted):
        yield "quantity-differs"
    if priced:
        cell = price_row(product, wanted)
        lmi = household["Contact_LowMediumIncome"] in (1, "1") and cell and float(cell.get("LMICashPrice") or 0) > 0
        price = cell["LMICashPrice" if lmi else "CashPrice"] if cell else None
        if price is None or str(row.get("product_price")) != str(price):
            yield "price-differs"


def _paid(row: Row) -> str | None:
    """The one way of paying that a text names."""
    told = str(row.get("payment_type")).lower()
    loan, cash = "loan" in told or "instal" in told, "cash" in told
    return ("loan" if loan else "cash") if loan != cash else None


def _own(files: Files) -> tuple[dict[str, list[Row]], list[Row]]:
    """The rows of each registration's order, which has one for each product, and those that stand beside it."""
    own: dict[str, list[Row]] = {}
    beside = []
    for row, household, _ in _named(files, files.orders):
        if household is None or _blank(row.get("supplier_id")):
            continue
        rows = own.setdefault(str(row["registration_id"]), [])
        strange = bool(rows) and row["supplier_id"] != rows[0]["supplier_id"]
        if strange or _kind(row) in [_kind(other) for other in rows]:
            beside.append(row)
        else:
            rows.append(row)
    return own, beside


def _orders(files: Files) -> Iterator[Found]:
    matches: dict[str, Row] = {}
    for row, household, _ in _named(files, files.matches):
        if household is not None and not _blank(row.get("supplier_id")):
            matches.setdefault(str(row["registration_id"]), row)
    _, beside = _own(files)
    for row, household, supplier in _named(files, files.orders):
        name = row.get("registration_id")
        if household is None:
            yield _text(name), "registration-unknown"
        elif supplier is None and not _blank(row.get("supplier_id")):
            yield name, "supplier-unknown"
        elif supplier is not None:
            if any(row is one for one in beside):
                yield name, "duplicate"
            yield from ((name, code) for code in _beside(files, household, supplier, row, matches.get(str(name))))
            yield from ((name, code) for code in _line(household, supplier, row, priced=True))
            subsidies = row.get("eligible_subsidies") or []
            yield from ((name, "incentive-unknown") for one in subsidies if one not in files.incentives)
            if not wants(household):  # each that is known is for what the market sells
                yield from ((name, "incentive-not-eligible") for one in subsidies if one in files.incentives)


def _beside(files: Files, household: Row, supplier: Row, row: Row, match: Row | None) -> Iterator[str]:
    """What an order has to have in common with its match."""
    known = match is not None and _supplier(files, match) is not None
    same = match is not None and match.get("supplier_id") == supplier["SupplierID"]
    if known and not same:
        yield "order-supplier-differs"
    if match is not None and {_paid(match), _paid(row)} == {"cash", "loan"}:
        yield "payment-inconsistent"
    if not same and household["Contact_Zip"] not in supplier["ServiceAreas"]:
        yield "area-not-served"


def _absent(files: Files) -> Iterator[Found]:
    """What is missing between the two files."""
    households = _by_id(files)
    matched, refused, unknown = set[str](), set[str](), set[str]()
    for row, household, supplier in _named(files, files.matches):
        if household is not None:
            name = str(row["registration_id"])
            (refused if _blank(row.get("supplier_id")) else matched).add(name)
            if supplier is None and name not in unknown:
                unknown.add(name)
    ordered, _ = _own(files)
    yield from ((name, "order-missing") for name in matched - unknown - ordered.keys())
    for name, rows in ordered.items():
        supplier = _supplier(files, rows[0])
        if supplier and all(_product(supplier, row) for row in rows):
            short = wants(households[name]).keys() - {row["product_type"] for row in rows}
            yield from ((name, "line-missing") for _ in short)
    order = [row["RegistrationNumber"] for row in files.registrations]
    places = [order.index(name) for name in matched]
    for index, name in enumerate(order):
        if name in matched or name not in households:
            continue
        withdrawn = households[name]["RegistrationStatus"] in ("Declined", "Cancelled")
        inside = bool(places) and min(places) < index < max(places)
        excused = withdrawn or name in files.accounted
        if name in ordered or (not excused and (inside or name in refused)):
            yield name, "match-missing"
