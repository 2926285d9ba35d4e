"""The market `enuk`: electricity and gas contracts in Great Britain. Costs are pounds a year for a household's own use.

A household wants electricity, gas or both from one supplier (dual fuel). Its region, its meter (single rate, or two
rates: Economy 7) and how it pays settle which tariffs it can be given; its annual use and a tariff's daily fee and
rates settle what each costs.
"""

from __future__ import annotations

from igent.markets.enuk.incentives import read_incentives
from igent.markets.enuk.keywords import keyword_match, keyword_order
from igent.markets.enuk.names import CURRENCY
from igent.markets.enuk.offers import offer_facts, read_suppliers
from igent.markets.enuk.registrations import MASKS, PRIVATE_FIELDS, REGISTRATION_FIELDS, read_registration
from igent.markets.rows import identify

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

AREA = "region"
