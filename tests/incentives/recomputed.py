"""What an order must say of its incentives, computed from the public files alone: no code is shared with igent.

The schema: an entry concerns `items`; it is current from `start_date` to `end_date`, where a bare year is its first or
its last day; it is for those `owner_status`, and with `low_income` for those below a limit in a table of its own, which
no flag of a registration proves. Its programme has an authority, the authority geographies, and a geography ZIP codes:
a ZIP code that is not predominantly in it is only partly covered, and a geography without ZIP codes may be anywhere.
What is paid by performance is a year's estimate: kWp by what each produces on such a roof by the rate of a kWh.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

from tests.incentives.households import Row
from tests.markets.sunshine import kwh_per_kwp

__all__ = ["Checker", "KNOWN", "PRODUCTS"]

PRODUCTS = {"rooftop_solar_installation": "Solar", "battery_storage_installation": "Battery"}

FACTS = {
    "state": "Contact_state",
    "roof_pitch": "Product_RoofPitch",
    "roof_orientation": "Product_RoofOrientation",
}
# The values of each fact that are known, in degrees where they are such.
KNOWN: dict[str, dict[str, int]] = {
    "state": {"IA": 0, "MN": 0},
    "roof_pitch": {"Flat": 0, "Inclined": 30, "Sharp": 45},
    "roof_orientation": {
        "North": 0,
        "NorthEast": 45,
        "East": 90,
        "SouthEast": 135,
        "South": 180,
        "SouthWest": 225,
        "West": 270,
        "NorthWest": 315,
    },
}
SOURCE = {
    "uncertainty": "10 % over many years, 20 % in a single year",
    "source": "PVWatts version 5 (https://docs.nlr.gov/docs/fy14osti/62641.pdf) over the TMY3 of Rochester, MN",
}


@dataclass(frozen=True, slots=True)
class Area:
    """The ZIP codes of a programme: those it covers wholly, and partly; `anywhere` where not all are known."""

    whole: set[str] = field(default_factory=set)
    partly: set[str] = field(default_factory=set)
    anywhere: bool = False
    everywhere: bool = False

    def covers(self, area: str) -> bool | None:
        """Whether a ZIP code is in it; None where that is not known."""
        if self.everywhere or area in self.whole:
            return True
        return None if self.anywhere or area in self.partly else False


class Checker:
    """Recomputes the incentives of orders; `texts` is how each incentive's own words were read (None: decided)."""

    def __init__(self, tables: Row, texts: Mapping[str, str | None]) -> None:
        self._tables, self._texts = tables, texts
        self._entries = [
            (index, entry) for index, entry in enumerate(tables["incentives"]) if set(entry["items"]) & set(PRODUCTS)
        ]
        self._zips = _zips(tables["zip_to_geography"])
        self._areas = {entry["id"]: self._area(entry) for _, entry in self._entries}

    def expected(self, household: Row, lines: list[Row], as_of: date, *, watts: Decimal | None) -> list[Row]:
        """The order's `incentives`, in file order; `watts` are those of a panel."""
        panels = sum(line["quantity"] for line in lines if line["product_type"] == "Solar")
        paid = {line["product_type"]: Decimal(line["price"]) for line in lines}
        found = [(i, entry) for i, entry in self._entries if self._concerns(entry, household, set(paid), as_of)]
        exclusions = self._tables["relationships"]["exclusions"]
        barred = {other for _, entry in found for other in exclusions.get(entry["id"], {}).get("ids", [])}
        left, rows = sum(paid.values(), Decimal(0)), []
        for index, entry in found:
            reason = self._undecided(entry, household, barred)
            price = sum((paid.get(kind, Decimal(0)) for kind in _kinds(entry)), Decimal(0))
            result = _result(entry, reason, price, left)
            if "performance_rebate" in entry["payment_methods"]:
                result = _yearly(entry, reason, household, watts and watts * panels / 1000)
            left -= Decimal(result.get("amount", 0))
            name = self._tables["programs"][entry["program"]]["name"]["en"]
            rows.append({"id": entry["id"], "name": name, "source": f"incentives.json#/incentives/{index}"} | result)
        return rows

    def _concerns(self, entry: Row, household: Row, kinds: set[str], as_of: date) -> bool:
        owner, low_income = household.get("Contact_OwnerStatus"), household.get("Contact_LowMediumIncome")
        return (
            bool(_kinds(entry) & kinds)
            and _first(entry.get("start_date", "1900")) <= as_of <= _last(entry.get("end_date", "2999"))
            and not entry.get("paused")
            and self._areas[entry["id"]].covers(household["Contact_Zip"]) is not False
            and (owner is None or owner.lower() in entry["owner_status"])
            and not (entry.get("low_income") and low_income is not None and int(low_income) == 0)
        )

    def _undecided(self, entry: Row, household: Row, barred: set[str]) -> str | None:
        """The first reason: the text's own, then what is not known of the household, then the other incentives."""
        text = self._texts[entry["id"]]
        reasons = (
            text if text not in ("prose-condition", "performance-based") else None,
            "fact-missing: geography" if not self._areas[entry["id"]].covers(household["Contact_Zip"]) else None,
            "fact-missing: owner_status" if household.get("Contact_OwnerStatus") is None else None,
            "fact-missing: income" if entry.get("low_income") else None,
            "not-combinable" if entry["id"] in barred else None,
            text,
        )
        return next((reason for reason in reasons if reason), None)

    def _area(self, entry: Row) -> Area:
        program = self._tables["programs"][entry["program"]]
        if program["authority_type"] == "federal":
            return Area(everywhere=True)
        places = self._tables["authorities"][program["authority_type"]][program["authority"]]["geography_ids"]
        known = [self._zips[place] for place in places if place in self._zips]
        whole = {area for zips in known for area, main in zips.items() if main}
        partly = {area for zips in known for area in zips}
        return Area(whole=whole, partly=partly, anywhere=len(known) < len(places))


def _result(entry: Row, reason: str | None, price: Decimal, left: Decimal) -> Row:
    """The part of the record that holds the decision, for lines of `price`, where the order has `left` to pay."""
    amount = _amount(entry["amount"], price)
    if reason:
        return {"undecided": reason} | ({"at_most": f"{amount:f}"} if reason == "ceiling" and amount else {})
    if amount is None:
        return {"undecided": "amount-unclear"}
    if amount > min(left, price):
        return {"undecided": "exceeds-price", "at_most": f"{min(left, price):.2f}"}
    timing = "point-of-sale" if "pos_rebate" in entry["payment_methods"] else "after-purchase"
    return {"amount": f"{amount:f}", "basis": "rules", "timing": timing}


def _yearly(entry: Row, reason: str | None, household: Row, kwp: Decimal | None) -> Row:
    """The part of the record that holds an estimate, or why there is none; a reason of its own goes first."""
    roof = {name: household.get(field) for name, field in FACTS.items()}
    missing = next((name for name, value in roof.items() if value not in KNOWN[name]), None)
    missing = missing if kwp else "panel_wattage"
    if missing or kwp is None:
        return {"undecided": reason if reason != "performance-based" else f"fact-missing: {missing}"}
    produced = _produced(roof["roof_pitch"], roof["roof_orientation"])
    rate = Decimal(str(entry["amount"]["number"]))
    computed = {"kwp": f"{kwp.normalize():f}", "kwh_per_kwp": produced, **roof, "rate_per_kwh": f"{rate:f}", **SOURCE}
    estimate = (kwp * produced * rate).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    return {"undecided": reason, "estimate": f"{estimate:f}", "timing": "yearly-estimate", "computed": computed}


@cache
def _produced(pitch: str, orientation: str) -> int:
    """kWh of a kWp in a year, to the ten, from the weather itself."""
    return int(round(kwh_per_kwp(KNOWN["roof_orientation"][orientation], KNOWN["roof_pitch"][pitch]), -1))


def _amount(amount: Row, price: Decimal) -> Decimal | None:
    """To the cent, half up; None for an amount by a unit that the offers do not have, as a ton."""
    if amount["type"] == "dollars_per_unit":
        return None
    number = Decimal(str(amount["number"]))
    exact = number * price if amount["type"] == "percent" else number
    least, most = (None if amount.get(key) is None else Decimal(str(amount[key])) for key in ("minimum", "maximum"))
    exact = exact if least is None or exact > least else least
    exact = exact if most is None or exact < most else most
    return exact.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def _kinds(entry: Row) -> set[str]:
    return {PRODUCTS[item] for item in entry["items"] if item in PRODUCTS}


def _first(text: str) -> date:
    return date.fromisoformat(text if len(text) > 4 else f"{text}-01-01")


def _last(text: str) -> date:
    return date.fromisoformat(text if len(text) > 4 else f"{text}-12-31")


def _zips(rows: Iterable[Row]) -> dict[int, dict[str, bool]]:
    zips: defaultdict[int, dict[str, bool]] = defaultdict(dict)
    for row in rows:
        zips[row["geography_id"]][row["zip"]] = row["predominant"] == 1
    return zips
