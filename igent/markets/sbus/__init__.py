"""The market `sbus`: solar panels and batteries in the US. Field names as in a programme's exports; prices in dollars.

Wanted panels are the household's own count where it knows it, else the proposal's optimum; batteries are the
proposal's. Offers with an LMI price above 0 charge it to low and medium incomes.
"""

from __future__ import annotations

from igent.markets.rows import identify
from igent.markets.sbus.incentives import read_incentives
from igent.markets.sbus.keywords import keyword_match, keyword_order
from igent.markets.sbus.offers import offer_facts, read_suppliers
from igent.markets.sbus.prices import CURRENCY
from igent.markets.sbus.registrations import MASKS, PRIVATE_FIELDS, REGISTRATION_FIELDS, read_registration

__all__ = [
    "AREA",
    "CURRENCY",
    "MASKS",
    "PRIVATE_FIELDS",
    "REGISTRATION_FIELDS",
    "identify",
    "keyword_match",
    "keyword_order",
    "offer_facts",
    "read_incentives",
    "read_registration",
    "read_suppliers",
]

AREA = "zip"
