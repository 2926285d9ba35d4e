"""What a row of matches or orders claims, in igent's own form or the flat one: values as they stand, with their places.

A flat row has one product: `supplier_id`, `product_type`, `panel_name`, `num_panels`, and in orders `product_price`
and `eligible_subsidies`. Rows may come alone, in a list, in lists of lists or under the keys of an object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from igent.domain.records import Json, Payment
from igent.errors import InputError

__all__ = ["Claim", "Found", "LineClaim", "Tiers", "claim_of", "maybe_kept", "maybe_tiers", "number_of", "rows_in"]

_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")
# Lists of lists under a key are three deep; what is deeper was not written as rows.
_DEPTH = 4


class Found:
    """A value of an output file and its JSON pointer, which is put together when somebody asks for it."""

    __slots__ = ("_parent", "key", "value")

    def __init__(self, value: Json, key: str, parent: Found | None = None) -> None:
        self.value, self.key, self._parent = value, key, parent

    @property
    def pointer(self) -> str:
        """Where it stands: of the topmost value its `key`, of all others a step more."""
        if self._parent is None:
            return self.key
        return f"{self._parent.pointer}/{self.key.replace('~', '~0').replace('/', '~1')}"

    def get(self, key: str) -> Found:
        """A member; of value None where there is none."""
        return Found(self.value.get(key) if isinstance(self.value, dict) else None, key, self)

    def items(self) -> list[Found]:
        """The elements of an array, or of anything else that is not null the value itself."""
        if isinstance(self.value, list):
            return [Found(value, str(index), self) for index, value in enumerate(self.value)]
        return [] if self.value in (None, "") else [self]

    @property
    def text(self) -> str | None:
        """A text that is not blank; a whole number counts as its digits."""
        value = self.value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return value if isinstance(value, str) and value.strip() else None

    @property
    def number(self) -> Decimal | None:
        """A number, or a text that is one."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float | str):
            return None
        text = str(self.value).strip()
        return Decimal(text) if _NUMBER.fullmatch(text) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineClaim:
    """One product of a row; None is what a row of its form does not claim. Of `kind` None any type is meant."""

    row: Found
    kind: str | None
    name: Found
    source: Found
    quantity: Found | None = None
    wanted: Found | None = None
    price: Found | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A row of either file; `row` is all of it."""

    row: Found
    flat: bool
    lines: tuple[LineClaim, ...]

    @property
    def registration(self) -> Found:
        """The registration that it names."""
        return self.row.get("registration_id")

    @property
    def supplier(self) -> Found:
        """The supplier that it names; of no `text` where the row gives the registration to nobody."""
        return self.row.get("supplier_id")

    @property
    def kinds(self) -> tuple[str | None, ...]:
        """The product types of its lines."""
        return tuple(line.kind for line in self.lines)

    @property
    def payment(self) -> Payment | None:
        """The one payment that its free text names; None where that is none or several."""
        told = str(self.row.get("payment_type").value).lower()
        cash, loan = "cash" in told, "loan" in told or "instal" in told
        return None if cash == loan else "cash" if cash else "loan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiers:
    """The tiers of offer ids that a household's matcher decided, and whether for a loan."""

    fit: tuple[frozenset[str], ...]
    loan: bool


def claim_of(row: Found, *, order: bool) -> Claim:
    """What a row of the orders, or else of the matches, claims."""
    if not isinstance(row.value, dict) or not row.value.keys() & {"lines", "offer"}:
        return Claim(row=row, flat=True, lines=(_flat_line(row, order=order),))
    lines = _order_lines(row) if order else _offer_lines(row.get("offer"))
    return Claim(row=row, flat=False, lines=tuple(lines))


def rows_in(found: Found, *, depth: int = _DEPTH) -> Iterator[Found]:
    """The rows of a file or of a part of it, in order. Raises `InputError` for what is no row and holds none."""
    value, parts = found.value, found.items()
    if isinstance(value, dict):
        if not value or not all(isinstance(part, dict | list) for part in value.values()):
            yield found
            return
        parts = [found.get(key) for key in value]
    if not isinstance(value, dict | list) or not depth:
        file, _, place = found.pointer.partition("#")
        remedy = "Give rows as an object, a list or a list of lists"
        raise InputError(file=file, place=place, problem="is no row of matches or orders", remedy=remedy)
    for part in parts:
        yield from rows_in(part, depth=depth - 1)


def number_of(row: Found) -> int:
    """The pass of a run that a row of its own is of, or behind; the first one is not told."""
    number = row.get("pass").value
    return number if isinstance(number, int) else 1


def maybe_tiers(line: Json) -> tuple[str, Tiers] | None:
    """Tiers and their registration, of a line of `audit.jsonl`; None where all candidates were in one, for cash.

    A match of all registrations together has none: no share of its own decided it.
    """
    match line:
        case {"registration_id": str(registration_id), "allocation": {"rule": "optimal"}}:
            return registration_id, Tiers(fit=(), loan=False)
        case {
            "registration_id": str(registration_id),
            "phases": [{"verdict": verdict, "decision": {"fit": [*fit]}}, {"decision": {"payment": payment}}],
        } if verdict == "plausible" or payment == "loan":
            tiers = tuple(frozenset(map(str, tier)) for tier in fit if isinstance(tier, list))
            return registration_id, Tiers(fit=tiers, loan=payment == "loan")
    return None


def maybe_kept(line: Json) -> tuple[str, str] | None:
    """A registration and the supplier with which it kept its place of an earlier run, of a line of `audit.jsonl`.

    Of no supplier where a person had decided against a match there: for such a one no place is held either.
    """
    match line:
        case {"registration_id": str(registration_id), "kept": str() | None as supplier_id}:
            return registration_id, supplier_id or ""
    return None


def _flat_line(row: Found, *, order: bool) -> LineClaim:
    kind = row.get("product_type").text or ""
    return LineClaim(
        row=row,
        kind=kind,
        name=row.get("panel_name"),
        source=row.get("source"),
        quantity=row.get("num_panels") if kind == "Solar" else None,
        price=row.get("product_price") if order else None,
    )


def _offer_lines(offer: Found) -> Iterator[LineClaim]:
    sources = offer.get("source").items()
    for index, name in enumerate(offer.get("products").items()):
        source = sources[index] if index < len(sources) else Found(None, name.pointer)
        yield LineClaim(row=offer, kind=None, name=name, source=source)


def _order_lines(row: Found) -> Iterator[LineClaim]:
    for line in row.get("lines").items():
        yield LineClaim(
            row=line,
            kind=line.get("product_type").text or "",
            name=line.get("product_name"),
            source=line.get("source"),
            quantity=line.get("quantity"),
            wanted=line.get("quantity_wanted"),
            price=line.get("price"),
        )
