"""What the input files say, read with the standard library alone: a second opinion, sharing no code with igent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import product as combinations
from pathlib import Path
from typing import Any, TypeAlias

__all__ = ["Bundle", "Cell", "Inputs", "Row", "cell_of", "load", "supplier_of", "wants_of"]

Row: TypeAlias = dict[str, Any]  # untyped JSON: the checker's subject, not its vocabulary


def load(text: str) -> Any:
    """Strict JSON, with decimals for fractions. Raises `ValueError`, also for NaN and Infinity."""
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


@dataclass(frozen=True, slots=True)
class Cell:
    """A price of the offers file: its row's index, quantity and column, and the amount in it."""

    index: int
    quantity: int
    column: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Bundle:
    """One offer: a supplier and one (place, product) per wanted type."""

    id: str
    supplier: Row
    products: tuple[tuple[str, Row], ...]

    def cells(self, household: Row) -> list[Cell | None]:
        """The price of each wanted product; None where no row is near enough."""
        pairs = zip(self.products, wants_of(household), strict=True)
        return [cell_of(product, quantity, low_income=_flag(household)) for (_, product), (_, quantity) in pairs]


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The files that a run was given, and what it was asked."""

    registrations: Path
    offers: Path
    incentives: Path | None = None
    capacity: Path | None = None
    max_items: int | None = None
    include_withdrawn: bool = False
    hold_reviews: bool = False

    @cached_property
    def rows(self) -> list[Row | None]:
        """Every registration as it stands; None for a row that is no object."""
        found = [row if isinstance(row, dict) else None for row in _rows_of(self.registrations.read_text("utf-8"))]
        return found[: self.max_items]

    @cached_property
    def repeated(self) -> set[str]:
        """Ids that stand in more than one row of the whole file."""
        rows = [row for row in _rows_of(self.registrations.read_text("utf-8")) if isinstance(row, dict)]
        return {
            name for name, times in Counter(str(row.get("RegistrationNumber")) for row in rows).items() if times > 1
        }

    @cached_property
    def suppliers(self) -> list[Row]:
        """The suppliers in file order, each with its `place` in the file."""
        value = load(self.offers.read_text("utf-8"))
        base, rows = ("/SupplierOffers", value["SupplierOffers"]) if isinstance(value, dict) else ("", value)
        return [row | {"place": f"{self.offers.name}#{base}/{index}"} for index, row in enumerate(rows)]

    @cached_property
    def used_before(self) -> dict[str, int]:
        """Places that were gone before the run."""
        earlier = load(self.capacity.read_text("utf-8")) if self.capacity else []
        seed: dict[str, int] = {row["supplier_id"]: row["used"] for row in earlier}
        return {s["SupplierID"]: seed.get(s["SupplierID"], int(s.get("Used") or 0)) for s in self.suppliers}

    def household(self, registration_id: str) -> tuple[int, Row]:
        """The 0-based row of an id that stands once."""
        return self._by_id[registration_id]

    @cached_property
    def _by_id(self) -> dict[str, tuple[int, Row]]:
        return {str(row.get("RegistrationNumber")): (i, row) for i, row in enumerate(self.rows) if row is not None}

    @cached_property
    def _documents(self) -> dict[str, Any]:
        return {one.name: load(one.read_text("utf-8")) for one in (self.offers, self.incentives) if one}

    def bundles(self, household: Row) -> list[Bundle]:
        """All offers of a household's area and wanted types, whether or not they quote its quantities."""
        kinds = [kind for kind, _ in wants_of(household)]
        found = [(s, b) for s in self.serving(household) for b in combinations(*(_products(s, kind) for kind in kinds))]
        return [Bundle(f"o{number}", s, b) for number, (s, b) in enumerate(found, start=1)] if kinds else []

    def candidates(self, household: Row) -> list[Bundle]:
        """The offers that the household may be given: found once for all that want the same in the same place."""
        which = _area(household), *wants_of(household), _flag(household)
        if which not in self._candidates:
            self._candidates[which] = [one for one in self.bundles(household) if all(one.cells(household))]
        return self._candidates[which]

    @cached_property
    def _candidates(self) -> dict[tuple[object, ...], list[Bundle]]:
        return {}

    def serving(self, household: Row) -> list[Row]:
        """The suppliers that serve its ZIP code."""
        area = _area(household)
        return [s for s, areas in zip(self.suppliers, self._areas, strict=True) if area in areas]

    @cached_property
    def _areas(self) -> list[set[str]]:
        return [{str(one).strip().zfill(5) for one in s["ServiceAreas"]} for s in self.suppliers]

    def at(self, pointer: str) -> Any:
        """What a source pointer leads to. Raises `LookupError` where it leads nowhere."""
        name, _, path = pointer.partition("#")
        value = self._documents[name]
        for token in path.split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            value = value[int(key)] if isinstance(value, list) else value[key]
        return value


def wants_of(household: Row) -> list[tuple[str, int]]:
    """The wanted product types with their quantities."""
    knows = str(household.get("Product_KnowsAmountOfPanels")).lower() in ("1", "true")
    own = knows and household.get("Product_AmountOfPanels") not in (None, "")
    panels = _count(household, "Product_AmountOfPanels" if own else "Proposal_OptimalAmountOfPanels")
    batteries = _count(household, "Proposal_OptimalAmountOfBatteries")
    return [(kind, count) for kind, count in (("Solar", panels), ("Battery", batteries)) if count]


def cell_of(product: Row, quantity: int, *, low_income: bool) -> Cell | None:
    """The price for a quantity: of its own row, else of one next to it, the lower first."""
    rows = {int(row["Quantity"]): (index, row) for index, row in enumerate(product["ProductPrices"])}
    for nearest in (quantity, quantity - 1, quantity + 1):
        if nearest in rows:
            index, row = rows[nearest]
            column = "LMICashPrice" if low_income and Decimal(str(row.get("LMICashPrice") or 0)) > 0 else "CashPrice"
            return Cell(index, nearest, column, Decimal(str(row[column])))
    return None


def supplier_of(inputs: Inputs, supplier_id: str) -> Row:
    """A supplier by its id."""
    return next(s for s in inputs.suppliers if s["SupplierID"] == supplier_id)


def _products(supplier: Row, kind: str) -> Iterator[tuple[str, Row]]:
    for index, product in enumerate(supplier["Offers"]):
        if product["ProductType"] == kind:
            yield f"{supplier['place']}/Offers/{index}", product


def _area(household: Row) -> str:
    return str(household["Contact_Zip"]).strip().zfill(5)


def _flag(household: Row) -> bool:
    return str(household.get("Contact_LowMediumIncome")).lower() in ("1", "true")


def _count(row: Row, field: str) -> int:
    value = row.get(field)
    return int(Decimal(str(value))) if value not in (None, "") else 0


def _rows_of(text: str) -> list[Any]:
    try:
        value = load(text)
    except json.JSONDecodeError:
        return [_maybe(line) for line in text.splitlines() if line.strip()]
    if isinstance(value, dict):
        (value,) = value.values()
    return list(value)


def _maybe(line: str) -> Any:
    try:
        return load(line)
    except ValueError:
        return None
