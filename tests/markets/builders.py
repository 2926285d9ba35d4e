"""Entries of an incentives file in both formats, the tables that say where they apply, and where one stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from igent.domain.incentives import Incentive, standing
from igent.domain.records import Json
from igent.markets.sbus import read_incentives
from tests.domain.builders import HOUSEHOLD

__all__ = ["OWNER", "TABLES", "TODAY", "plain", "public", "read", "stands"]

TODAY = date(2026, 3, 1)
OWNER = replace(HOUSEHOLD, owner_status="homeowner")
TABLES: dict[str, Json] = {
    "programs": {
        "p": {"name": {"en": "Sun for All"}, "authority": "town", "authority_type": "city"},
        "us": {"name": {"en": "Federal"}, "authority": "irs", "authority_type": "federal"},
        "lost": {"name": {"en": "Lost"}, "authority": "nobody", "authority_type": "city"},
    },
    "authorities": {"city": {"town": {"name": "Town", "geography_ids": [7]}}},
    "zip_to_geography": [
        {"zip": "55407", "geography_id": 7, "predominant": 1},
        {"zip": 55419, "geography_id": 7, "predominant": "1"},
        {"zip": "55416", "geography_id": 7, "predominant": 0},
        {"zip": "55999", "geography_id": 8, "predominant": 1},
    ],
}


def public(text: str = "$500 rebate for rooftop solar.", **changes: Json) -> dict[str, Json]:
    entry: dict[str, Json] = {
        "id": "MN-1",
        "program": "us",
        "payment_methods": ["rebate"],
        "items": ["rooftop_solar_installation"],
        "amount": {"type": "dollar_amount", "number": 500},
        "short_description": {"en": text},
    }
    return entry | changes


def plain(specs: str, **changes: Json) -> dict[str, Json]:
    entry: dict[str, Json] = {"Incentive name": "Credit", "Applicable community": "ALL", "Incentive specs": specs}
    return entry | changes


def read(*entries: Json, tables: dict[str, Json] = TABLES) -> tuple[Incentive, ...]:
    return read_incentives({**tables, "incentives": [*entries]}, file="incentives.json")


def stands(entry: Json, area: str = "55407", tables: dict[str, Json] = TABLES) -> tuple[str, str | None]:
    [incentive] = read(entry, tables=tables)
    found = standing(incentive, replace(OWNER, area=area), TODAY)
    return found.kind, found.reason
