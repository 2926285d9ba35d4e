"""Orders over the Minnesota incentives, recomputed by somebody else: every line, incentive and sum."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from igent.workflows import Control, Pace, make_settings, start
from tests.incentives.hand import HAND
from tests.incentives.households import Row, document, generate, needs_data, write_inputs, zips_of
from tests.incentives.recomputed import Checker
from tests.incentives.variation import varied
from tests.workflows.inputs import Inputs, cell_of, load, supplier_of, wants_of
from tests.workflows.runs import quick

pytestmark = needs_data

# The federal credits' last day, and the next, which is the first of two rebates of Plymouth.
LAST, NEXT = date(2025, 12, 31), date(2026, 1, 1)
TEXTS = {name: reading.undecided for name, reading in HAND.items()}


def run(inputs: Inputs, out: Path, as_of: date) -> list[Row]:
    """The orders of a run of the mock, one for every household."""
    files = {"registrations": inputs.registrations, "offers": inputs.offers, "incentives": inputs.incentives}
    settings = make_settings("p1m1_p2m2", files, as_of=as_of, model="mock")  # type: ignore[arg-type]
    result = asyncio.run(start(settings, Pace(), out, control=Control(), rim=quick))
    orders: list[Row] = load((result.directory / "pos.json").read_text())
    assert len(orders) == len(inputs.rows)
    return orders


def differences(inputs: Inputs, orders: list[Row], checker: Checker, as_of: date) -> Iterator[tuple[str, str, object]]:
    """(registration, part, expected) of everything in the orders that is not as recomputed."""
    for order in orders:
        about = order["registration_id"]
        _, household = inputs.household(about)
        lines = lines_of(inputs, order["supplier_id"], household)
        incentives = checker.expected(household, lines, as_of, watts=watts_of(inputs, order["supplier_id"]))
        for part, expected in {"lines": lines, "incentives": incentives, **sums_of(lines, incentives)}.items():
            if order[part] != expected:
                yield about, part, expected


def lines_of(inputs: Inputs, supplier_id: str, household: Row) -> list[Row]:
    """One line for each wanted product, at the price that the offers file has for it."""
    supplier, lines = supplier_of(inputs, supplier_id), []
    income = str(household.get("Contact_LowMediumIncome")) == "1"
    for kind, wanted in wants_of(household):
        [(index, product)] = [(i, p) for i, p in enumerate(supplier["Offers"]) if p["ProductType"] == kind]
        cell = cell_of(product, wanted, low_income=income)
        assert cell is not None
        lines.append({"product_type": kind, "product_name": product["ProductName"], "quantity": wanted})
        source = f"{supplier['place']}/Offers/{index}/ProductPrices/{cell.index}/{cell.column}"
        lines[-1] |= {"price": f"{cell.amount:.2f}", "source": source}
    return lines


def watts_of(inputs: Inputs, supplier_id: str) -> Decimal | None:
    """The size of a supplier's panels, where it is given."""
    [solar] = [p for p in supplier_of(inputs, supplier_id)["Offers"] if p["ProductType"] == "Solar"]
    return Decimal(solar["ProductCapacity"]) if "ProductCapacity" in solar else None


def sums_of(lines: list[Row], incentives: list[Row]) -> dict[str, str]:
    """The four sums of an order."""
    subtotal = sum((Decimal(line["price"]) for line in lines), Decimal(0))
    granted = [(row["timing"], Decimal(row["amount"])) for row in incentives if "amount" in row]
    total = sum((amount for _, amount in granted), Decimal(0))
    at_sale = sum((amount for timing, amount in granted if timing == "point-of-sale"), Decimal(0))
    sums = {"subtotal": subtotal, "incentive_total": total}
    sums |= {"amount_due": subtotal - at_sale, "net_total": subtotal - total}
    return {name: f"{amount:.2f}" for name, amount in sums.items()}


def said(orders: list[Row]) -> set[str]:
    """Every reason that the orders give for an undecided incentive, and every timing."""
    rows = [row for order in orders for row in order["incentives"]]
    return {row[key] for row in rows for key in ("undecided", "timing") if key in row}


@pytest.mark.parametrize(("as_of", "federal"), [(LAST, {"IRA-1", "IRA-15"}), (NEXT, set())])
def test_a_thousand_orders_over_the_public_data_are_as_recomputed(
    as_of: date, federal: set[str], tmp_path: Path
) -> None:
    tables = document(cities=False)
    inputs = write_inputs(tmp_path, tables, generate(1000, zips_of(tables), seed=1))
    orders = run(inputs, tmp_path / "run", as_of)
    assert list(differences(inputs, orders, Checker(tables, TEXTS), as_of)) == []
    named = {row["id"] for order in orders for row in order["incentives"]}
    assert {name for name in named if name.startswith("IRA")} == federal


@pytest.mark.parametrize("as_of", [LAST, NEXT])
def test_orders_where_the_cities_zip_codes_are_known_are_as_recomputed(as_of: date, tmp_path: Path) -> None:
    tables = document(cities=True)
    inputs = write_inputs(tmp_path, tables, generate(200, zips_of(tables), seed=2))
    orders = run(inputs, tmp_path / "run", as_of)
    assert list(differences(inputs, orders, Checker(tables, TEXTS), as_of)) == []
    facts = ("geography", "owner_status", "panel_wattage", "roof_orientation", "roof_pitch", "state")
    reasons = {*filter(None, TEXTS.values()), *(f"fact-missing: {fact}" for fact in facts)}
    assert said(orders) == {*reasons, "yearly-estimate"}


@pytest.mark.parametrize("as_of", [LAST, NEXT])
def test_decided_amounts_dates_and_timings_are_as_recomputed(as_of: date, tmp_path: Path) -> None:
    tables, texts = varied(document(cities=True))
    inputs = write_inputs(tmp_path, tables, generate(300, zips_of(tables), seed=3))
    orders = run(inputs, tmp_path / "run", as_of)
    assert list(differences(inputs, orders, Checker(tables, texts), as_of)) == []
    missing = {f"fact-missing: {fact}" for fact in ("geography", "income", "owner_status")}
    assert said(orders) >= {"point-of-sale", "after-purchase", "not-combinable", *missing}
