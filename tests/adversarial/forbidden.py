"""Which incentives a household may not be promised, by the raw files: a second opinion on what a model grants."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from tests.workflows.inputs import Inputs, Row, wants_of

__all__ = ["promised_wrongly"]

_ITEMS = {"Solar": "rooftop_solar_installation", "Battery": "battery_storage_installation"}


def promised_wrongly(orders: list[Row], inputs: Inputs, as_of: date) -> list[tuple[str, str, str]]:
    """(registration, incentive, rule) of each amount that an order promises and the entry's own fields rule out."""
    return [
        (order["registration_id"], incentive["id"], rule)
        for order in orders
        for incentive in order["incentives"]
        if "amount" in incentive and incentive["timing"] != "yearly-estimate"
        for rule in _ruled_out(
            inputs.at(incentive["source"]), inputs.household(order["registration_id"])[1], inputs, as_of
        )
    ]


def _ruled_out(entry: Row, household: Row, inputs: Inputs, as_of: date) -> Iterator[str]:
    """The rules that a promise to this household breaks."""
    if "Incentive name" in entry:
        specs, zips = str(entry["Incentive specs"]), str(entry["Applicable community"])
        yield from ["area"] if zips != "ALL" and household["Contact_Zip"] not in zips else []
        yield from ["ceiling"] if "kwh" in specs.lower() or "kilowatt" in specs.lower() else []
        return
    wanted = {_ITEMS[kind] for kind, _ in wants_of(household)}
    starts, ends = entry.get("start_date"), entry.get("end_date")
    owners = entry.get("owner_status") or [_owner(household)]
    broken = {
        "product": not wanted & {*entry["items"]},
        "owner": _owner(household) not in owners,
        "income": bool(entry.get("low_income")),
        "not-started": bool(starts) and str(starts) > as_of.isoformat(),
        "expired": bool(ends) and str(ends) < as_of.isoformat()[: len(str(ends))],
        "ceiling": "up to" in entry["short_description"]["en"].lower(),
        "yield": entry["amount"].get("unit") == "kilowatt_hour",
        "area": household["Contact_Zip"] not in _served(entry, inputs),
    }
    yield from (rule for rule, breaks in broken.items() if breaks)


def _owner(household: Row) -> str:
    return str(household.get("Contact_OwnerStatus")).lower()


def _served(entry: Row, inputs: Inputs) -> set[str]:
    """The ZIP codes of the entry's programme, through its authority and that one's geographies."""
    assert inputs.incentives is not None
    tables: dict[str, Any] = inputs.at(f"{inputs.incentives.name}#")
    program = tables["programs"][entry["program"]]
    places = tables["authorities"][program["authority_type"]][program["authority"]]["geography_ids"]
    return {row["zip"] for row in tables["zip_to_geography"] if row["geography_id"] in places and row["predominant"]}
