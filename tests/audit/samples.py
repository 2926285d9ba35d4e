"""A small auction for audits, flat files that are right about it, and an audit of values instead of files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from igent.audit.case import Case, Household
from igent.audit.claims import Found, rows_in
from igent.audit.findings import Finding
from igent.audit.matches import MatchAudit
from igent.audit.orders import OrderAudit, missing
from igent.markets import sbus
from tests.audit.checker import Files, Row, can_have, price_row, wants

__all__ = ["AS_OF", "RECORDED", "audited", "codes", "good", "needs_recorded", "recorded"]

AS_OF = date(2026, 3, 31)
RECORDED = Path(__file__).parents[3] / "shared/data/recorded"
needs_recorded = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not beside this checkout")


def audited(files: Files, *, as_of: date = AS_OF) -> list[Finding]:
    """What igent finds in these files."""
    incentives = sbus.read_incentives([_incentive(name) for name in files.incentives], file="incentives.json")
    offers: Any = {"SupplierOffers": files.offers}
    case = Case(sbus.read_suppliers(offers, file="offers.json"), incentives, as_of=as_of, currency=sbus.CURRENCY)
    for index, row in enumerate(files.registrations):
        case.add(Household(index, sbus.read_registration(row, pointer=f"registrations.json#/{index}")))
    matches = MatchAudit(case, used={}, held=[], tiers={})
    found = [one for row in rows_in(Found(files.matches, "matches.json#")) for one in matches.audit(row)]
    orders = OrderAudit(case, matches.matched)
    found += [one for row in rows_in(Found(files.orders, "pos.json#")) for one in orders.audit(row)]
    return [*found, *missing(case, matches, orders, accounted=files.accounted)]


def codes(findings: Iterable[Finding]) -> Counter[tuple[str | None, str]]:
    """The findings as the independent checker has them."""
    return Counter((finding.registration_id, finding.code) for finding in findings)


def recorded(name: str) -> Files:
    """What a model answered, as it was recorded."""
    names = ("registrations", "offers", f"{name}.matches", f"{name}.pos")
    registrations, offers, matches, orders = (json.loads((RECORDED / f"{one}.json").read_text()) for one in names)
    return Files(registrations=registrations, offers=offers["SupplierOffers"], matches=matches, orders=orders)


def good() -> Files:
    """Flat files about sixteen households and three suppliers in which nothing is wrong."""
    files = Files(registrations=[_household(n) for n in range(16)], offers=_offers(), matches=[], orders=[])
    files.incentives = ["Sun Grant", "Roof Bonus"]
    used: Counter[str] = Counter()
    for household in files.registrations:
        if household["RegistrationStatus"] == "Declined":
            continue
        able = [s for s in files.offers if can_have(s, household) and used[s["SupplierID"]] < s["Capacity"]]
        supplier = min(able, key=lambda s: used[s["SupplierID"]] / s["Capacity"])
        used[supplier["SupplierID"]] += 1
        rows = [_row(household, supplier, kind, count) for kind, count in wants(household).items()]
        files.matches += rows[:1]
        files.orders += [row | _priced(household, supplier, row) for row in rows]
    return files


def _household(n: int) -> Row:
    panels = None if n % 8 == 5 else 10 + n % 3
    return {
        "RegistrationNumber": f"R{n:02}",
        "CampaignName": "Test",
        "RegistrationStatus": "Declined" if n in (4, 11) else "Accepted",
        "Contact_Zip": ("10001", "10002", "10003")[n % 3],
        "Product_KnowsAmountOfPanels": "1" if n == 7 else "0",
        "Product_AmountOfPanels": 12 if n == 7 else None,
        "Proposal_OptimalAmountOfPanels": panels,
        "Contact_LowMediumIncome": 1 if n % 4 == 2 else 0,
        "Proposal_OptimalAmountOfBatteries": "1" if n % 8 in (1, 5) else "0",
    }


def _offers() -> list[Row]:
    areas = (["10001", "10002"], ["10001", "10002", "10003"], ["10002", "10003"])
    names = ("Alder Sun", "Birchlight", "Cedar Roof")
    return [
        {
            "SupplierID": name,
            "Capacity": 4 + 2 * n,
            "InterestRate": 5.5,
            "LoanTermMonths": 240,
            "ServiceAreas": areas[n],
            "Offers": [
                _product("Solar", f"Panel {name[0]}", base=1000 + n, quantities=range(9, 14)),
                _product("Battery", f"Store {name[0]}", base=9000 + n, quantities=range(1, 3)),
            ],
        }
        for n, name in enumerate(names)
    ]


def _product(kind: str, name: str, *, base: int, quantities: Iterable[int]) -> Row:
    prices = [
        {"Quantity": q, "CashPrice": base * q, "LMICashPrice": base * q - 500 if q % 2 else 0, "LoanInstallment": 7 * q}
        for q in quantities
    ]
    return {"ProductType": kind, "ProductName": name, "ProductCapacity": "410", "ProductPrices": prices}


def _row(household: Row, supplier: Row, kind: str, count: int) -> Row:
    product = next(p for p in supplier["Offers"] if p["ProductType"] == kind)
    return {
        "registration_id": household["RegistrationNumber"],
        "supplier_id": supplier["SupplierID"],
        "num_panels": str(count) if kind == "Solar" else "0",
        "payment_type": "Cash",
        "product_type": kind,
        "panel_name": product["ProductName"],
    }


def _priced(household: Row, supplier: Row, row: Row) -> Row:
    product = next(p for p in supplier["Offers"] if p["ProductType"] == row["product_type"])
    cell = price_row(product, wants(household)[row["product_type"]])
    assert cell is not None
    lmi = household["Contact_LowMediumIncome"] == 1 and cell["LMICashPrice"]
    return {"product_price": str(cell["LMICashPrice" if lmi else "CashPrice"]), "eligible_subsidies": ["Sun Grant"]}


def _incentive(name: str) -> Any:
    return {"Incentive name": name, "Applicable community": "ALL", "Incentive specs": "$500", "LMI": "FALSE"}
