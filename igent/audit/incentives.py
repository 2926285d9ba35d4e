"""The incentives that an order names: known, current, for this household, and judged on words of the input."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from igent.audit.case import Case
from igent.audit.claims import Claim, Found
from igent.audit.findings import Finding, differs
from igent.audit.lines import placeless
from igent.domain.grounds import Ground
from igent.domain.incentives import Incentive, Standing, standing
from igent.domain.orders import Grant
from igent.domain.records import Json, Registration, Supplier
from igent.domain.verify import Ruling

__all__ = [
    "excluded",
    "ground_in",
    "judged_findings",
    "ruling_in",
    "subsidy_findings",
    "undecided_findings",
    "unknown",
]

_PARTS = ("name", "basis", "source", "judgement", "cited", "amount_stated")


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


def ruling_in(entry: Found | None) -> Ruling:
    """How an incentive was judged whose entry this is; None where an order has left it out."""
    if entry is None:
        return "no"
    return "unsure" if entry.get("undecided").value == "prose-condition" else "yes"


def ground_in(entry: Found, key: str, incentive: Incentive) -> Ground:
    """What an entry says that its yes rests on: words, and of several amounts the one that stands where it says."""
    stated = entry.get("amount_stated")
    place = (stated.get("start").value, stated.get("end").value)
    places = {name: (one.passage.start, one.passage.end) for name, one in incentive.choices.items()}
    amount = next((name for name, each in places.items() if each == place), None)
    return Ground(id=key, words=entry.get("cited").get("text").text or "", amount=amount)


def judged_findings(grant: Grant, entry: Found, registration_id: str) -> Iterator[Finding]:
    """The first of the name, the words and the places that are not as the incentives file has them."""
    expected = grant.as_record()
    for part in _PARTS:
        found = entry.get(part)
        if placeless(found.value) != placeless(expected.get(part)):
            yield differs("source-differs", expected.get(part), found, registration_id, grant.incentive.source)
            return


def undecided_findings(grant: Grant, entry: Found, registration_id: str) -> Iterator[Finding]:
    """Why an incentive has no amount, or the most that it can come to, where the inputs do not bear it out."""
    expected, reason, most = grant.as_record(), entry.get("undecided"), entry.get("at_most")
    ceiling = expected.get("at_most")
    if reason.value != expected["undecided"]:
        yield differs("reason-differs", expected["undecided"], reason, registration_id, grant.incentive.source)
    elif most.value is not ceiling and (ceiling is None or most.number != Decimal(str(ceiling))):
        yield differs("sum-differs", ceiling, most, registration_id, grant.incentive.source)
