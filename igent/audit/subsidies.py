"""The incentives that an order names: known, current, and for this household."""

from __future__ import annotations

from collections.abc import Iterator

from igent.audit.case import Case
from igent.audit.claims import Claim, Found
from igent.audit.findings import Finding, differs
from igent.domain.incentives import Standing, standing
from igent.domain.records import Json, Registration, Supplier

__all__ = ["excluded", "subsidy_findings", "unknown"]


def subsidy_findings(claim: Claim, registration: Registration, _supplier: Supplier, case: Case) -> Iterator[Finding]:
    """The `eligible_subsidies` of a flat order: ids or names, of which one incentive has to be for the household."""
    for entry in claim.row.get("eligible_subsidies").items():
        named = [one for one in case.incentives.values() if entry.text in (one.id, one.name)]
        standings = [standing(incentive, registration, case.as_of) for incentive in named]
        if not standings:
            yield unknown(entry, registration, case)
        elif all(one.kind == "excluded" for one in standings):
            expired = [one for one in standings if one.reason == "expired"]
            yield excluded((expired or standings)[0], entry, registration, case)


def unknown(entry: Found, registration: Registration, case: Case) -> Finding:
    """An incentive that no input names, with the one that may be meant."""
    meant = case.alike.maybe_meant(entry.value)
    places = [case.incentive_names[meant].source] if meant else []
    return differs("incentive-unknown", meant, entry, registration.id, *places)


def excluded(found: Standing, entry: Found, registration: Registration, case: Case) -> Finding:
    """An incentive that is over, or for others."""
    if found.reason == "expired":
        expected: Json = f"until {found.incentive.ends}, not on {case.as_of}"
        return differs("incentive-expired", expected, entry, registration.id, found.incentive.source)
    return differs("incentive-not-eligible", found.reason, entry, registration.id, found.incentive.source)
