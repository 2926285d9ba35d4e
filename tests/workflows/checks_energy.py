"""A second opinion on energy orders, with the standard library alone: region, tariff, rates, yearly cost and share.

It shares no code with igent, so that a mistake there is not repeated here. Amounts are fractions: nothing is rounded
before the end.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache, cached_property
from itertools import product as combinations
from pathlib import Path
from typing import Any, TypeAlias

__all__ = ["EnergyRun", "differences"]

Row: TypeAlias = dict[str, Any]  # untyped JSON: the checker's subject, not its vocabulary

# Number and spellings of the fourteen regions, reduced to letters.
_REGIONS = (
    "10 eastern,11 eastmidlands,12 london londonelectricity,13 manweb,14 midlands,15 northern,16 norweb,"
    "17 scottishhydro scottishhydroelectric,18 scottishpower,19 seeboard,20 southern southernelectric,21 swalec,"
    "22 sweb,23 yorkshire"
)
_NUMBER = {word: entry.split()[0] for entry in _REGIONS.split(",") for word in entry.split()}
_USE = {"Electricity": "Consumption_Electricity", "Gas": "Consumption_Gas"}


@dataclass(frozen=True)
class EnergyRun:
    """A finished run and the two files that it read."""

    directory: Path
    registrations: Path
    offers: Path

    @cached_property
    def documents(self) -> dict[str, Any]:
        return {path.name: _load(path) for path in (self.registrations, self.offers)}

    @cached_property
    def suppliers(self) -> list[Row]:
        found: list[Row] = self.documents[self.offers.name]["SupplierOffers"]
        return found

    @cached_property
    def households(self) -> dict[str, Row]:
        rows = self.documents[self.registrations.name]
        return {row["RegistrationNumber"]: row | {"row": index} for index, row in enumerate(rows)}

    @cached_property
    def served(self) -> set[str]:
        """The regions where anybody sells anything."""
        rows = (row for s in self.suppliers for product in s["Offers"] for row in product["ProductPrices"])
        return {_region(row["ServiceArea"]) for row in rows}

    def written(self, name: str) -> Any:
        return _load(self.directory / name)

    def at(self, pointer: str) -> Any:
        name, _, path = pointer.partition("#")
        value = self.documents[name]
        for step in path.split("/")[1:]:
            value = value[int(step)] if isinstance(value, list) else value[step]
        return value


def differences(run: EnergyRun) -> list[str]:
    """Everything that is wrong with the orders, matches and counts of a run; empty where nothing is."""
    return [*_orders(run), *_outcomes(run), *_shares(run)]


def _load(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"), parse_float=Decimal)


@cache
def _region(text: object) -> str:
    return _NUMBER[re.sub(r"[^a-z0-9]", "", str(text).lower())]


def _needs(household: Row) -> list[tuple[str, int, int | None]]:
    """(fuel, kWh a year, kWh of them at night where there are two rates); nothing where any of it is unknown."""
    two = household["Product_Meter"] in ("Economy 7", "Two Rate")
    found = []
    for fuel, field in _USE.items():
        if household["Product_Fuel"] in (fuel, "Dual Fuel"):
            night = household["Consumption_ElectricityNight"] if two and fuel == "Electricity" else 0
            if not int(household[field] or 0) or night is None:
                return []
            found.append((fuel, int(household[field]), int(night) if two and fuel == "Electricity" else None))
    return found


def _fits(product: Row, household: Row, fuel: str, *, two: bool) -> Row | None:
    """A product's price row for a household; None where it is not for this household."""
    if product["ProductType"] != fuel or product["PaymentMethod"] != household["Product_PaymentMethod"]:
        return None
    region = _region(household["Contact_ServiceArea"])
    here: list[Row] = [row for row in product["ProductPrices"] if _region(row["ServiceArea"]) == region]
    return here[0] if here and (here[0]["SecondaryRate"] > 0) == two else None


def _cost(supplier: Row, row: Row, used: int, night: int | None) -> Fraction:
    """Pounds a year, with tax, before rounding."""
    fee, first, second = (Fraction(str(row[key])) for key in ("FixedFee", "PrimaryRate", "SecondaryRate"))
    quoted = fee * 365 + first * (used - (night or 0)) + second * (night or 0)
    pounds = quoted / (100 if supplier.get("RateUnit") == "pence" else 1)
    return pounds * (1 + Fraction(supplier.get("VATPercent") or 0) / 100)


def _pence(pounds: Fraction) -> int:
    return int(pounds * 100 + Fraction(1, 2))  # half up: what is rounded is never negative


def _bundles(run: EnergyRun, household: Row) -> list[tuple[str, Row, list[tuple[str, Row, int]]]]:
    """(id, supplier, a (place, product, pence a year) for each fuel) of every offer that fits."""
    found: list[tuple[Row, Any]] = []
    for number, supplier in enumerate(run.suppliers):
        lines = []
        for fuel, used, night in _needs(household):
            products = enumerate(supplier["Offers"])
            rows = ((i, p, _fits(p, household, fuel, two=night is not None)) for i, p in products)
            base = f"{run.offers.name}#/SupplierOffers/{number}/Offers"
            lines.append([(f"{base}/{i}", p, _pence(_cost(supplier, r, used, night))) for i, p, r in rows if r])
        found += [(supplier, [*lines_of]) for lines_of in combinations(*lines) if lines_of]
    return [(f"o{number}", supplier, lines) for number, (supplier, lines) in enumerate(found, start=1)]


def _orders(run: EnergyRun) -> Iterator[str]:
    for order in run.written("pos.json"):
        about, household = order["registration_id"], run.households[order["registration_id"]]
        needs, total = _needs(household), 0
        if [(line["product_type"], line["quantity"]) for line in order["lines"]] != [need[:2] for need in needs]:
            yield f"{about}: lines"
            continue
        for line, (fuel, used, night) in zip(order["lines"], needs, strict=True):
            row, product = run.at(line["source"]), run.at(line["source"].rpartition("/ProductPrices/")[0])
            supplier = run.at(line["source"].rpartition("/Offers/")[0])
            cost = _pence(_cost(supplier, row, used, night))
            fits = _fits(product, household, fuel, two=night is not None)
            expected = (order["supplier_id"], line["product_name"], line["contract"], row["ServiceArea"])
            found = (
                supplier["SupplierID"],
                product["ProductName"],
                product["ContractType"],
                fits and fits["ServiceArea"],
            )
            if expected != found or line["unit"] != "kWh" or line["price_per"] != "year":
                yield f"{about}: tariff {expected}, not {found}"
            if Decimal(line["price"]) * 100 != cost:
                yield f"{about}: {line['price']}, not {cost} pence"
            yield from (f"{about}: {what}" for what in _parts(run, line, supplier, household))
            total += cost
        sums = {order[key] for key in ("subtotal", "amount_due", "net_total")}
        if {Decimal(one) * 100 for one in sums} != {total} or order["incentives"] or order["incentive_total"] != "0.00":
            yield f"{about}: sums {sums}, not {total} pence"
        if (order["currency"], order["payment_type"]) != ("GBP", household["Product_PaymentMethod"]):
            yield f"{about}: {order['currency']} by {order['payment_type']}"


def _parts(run: EnergyRun, line: Row, supplier: Row, household: Row) -> Iterator[str]:
    """Each part names a rate at its place, as pounds, and a quantity that follows from the fields it points to."""
    scale = 100 if supplier.get("RateUnit") == "pence" else 1
    if line.get("vat_percent") != (str(supplier["VATPercent"]) if "VATPercent" in supplier else None):
        yield "tax"
    if sum(part["quantity"] for part in line["parts"][1:]) != line["quantity"] or line["parts"][0]["quantity"] != 365:
        yield "quantities"
    for part in line["parts"]:
        if Fraction(part["rate"]) * scale != Fraction(str(run.at(part["source"]))):
            yield f"rate of {part['part']}"
        if not part["source"].startswith(f"{line['source']}/"):
            yield f"source of {part['part']}"
        counted = [int(run.at(pointer)) for pointer in part.get("quantity_source", [])]
        if counted and part["quantity"] != counted[0] - sum(counted[1:]):
            yield f"quantity of {part['part']}"
        if any(f"#/{household['row']}/" not in pointer for pointer in part.get("quantity_source", [])):
            yield f"another household's {part['part']}"


def _outcomes(run: EnergyRun) -> Iterator[str]:
    """Every registration has one outcome, and the code of those that rules settle without a judgement."""
    names = ("matches.json", "unmatched.json", "review.json", "failed.json", "rejects.json")
    rows = {name: run.written(name) for name in names}
    times = Counter(row["registration_id"] for found in rows.values() for row in found)
    if times != Counter(run.households.keys()):
        yield f"outcomes: {times - Counter(run.households.keys())}"
    codes = {row["registration_id"]: row["codes"] for name in names[1:] for row in rows[name]}
    own = {"withdrawn", "quantity-unknown", "area-not-served", "product-not-offered", "quantity-not-offered"}
    for about, household in run.households.items():
        expected, found = _settled(run, household), codes.get(about, [])
        if (expected and found != [expected]) or (not expected and own & set(found)):
            yield f"{about}: {found}, not {expected}"


def _settled(run: EnergyRun, household: Row) -> str | None:
    if household["RegistrationStatus"] in ("Declined", "Cancelled"):
        return "withdrawn"
    if not _needs(household):
        return "quantity-unknown"
    if _region(household["Contact_ServiceArea"]) not in run.served:
        return "area-not-served"
    return None if _bundles(run, household) else "product-not-offered"


def _shares(run: EnergyRun) -> Iterator[str]:
    """Replay every decision in order: first tier with room, least used share, more room, file order, cheapest."""
    used = {s["SupplierID"]: s.get("Used") or 0 for s in run.suppliers}
    limits = {s["SupplierID"]: s["Capacity"] for s in run.suppliers}
    order = [*limits]
    for line in map(json.loads, (run.directory / "audit.jsonl").read_text("utf-8").splitlines()):
        bundles = {one[0]: one for one in _bundles(run, run.households[line["registration_id"]])}
        shown = [(one["id"], one["supplier_id"], one["source"]) for one in line["candidates"]]
        if shown and shown != [(key, s["SupplierID"], [p for p, _, _ in ps]) for key, s, ps in bundles.values()]:
            yield f"{line['registration_id']}: candidates"
        if line["outcome"] != "matched":
            continue
        tiers = [[bundles[key] for key in tier] for tier in line["phases"][0]["decision"]["fit"]]
        room = next(
            names for tier in tiers if (names := {n for _, s, _ in tier if used[n := s["SupplierID"]] < limits[n]})
        )
        tier = next(tier for tier in tiers if room & {s["SupplierID"] for _, s, _ in tier})
        chosen = min(room, key=lambda n: (Fraction(used[n], limits[n]), used[n] - limits[n], order.index(n)))
        own = sorted((b for b in tier if b[1]["SupplierID"] == chosen), key=lambda b: int(b[0][1:]))
        due = min(own, key=lambda bundle: sum(pence for _, _, pence in bundle[2]))[0]
        found = line["allocation"]["offer"]
        if found != due:
            yield f"{line['registration_id']}: got {found}, due was {due}"
        used[chosen] += 1
    if used != {row["supplier_id"]: row["used"] for row in run.written("capacity.json")}:
        yield "capacity"
