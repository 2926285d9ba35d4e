"""What stands above an order's lines: its campaign and currency, and an id that is a hash of all that it says."""

from __future__ import annotations

from collections.abc import Iterator

from igent import codec
from igent.audit.case import Case
from igent.audit.claims import Claim
from igent.audit.findings import Finding, differs
from igent.domain.orders import unsourced
from igent.domain.records import Json, Registration

__all__ = ["head_findings", "id_findings"]

_ID_DIGITS = 20
# What an order says; a mark such as `simulated` or `supersedes` is said about it.
_SAID = (
    *("registration_id", "campaign", "supplier_id", "currency", "payment_type", "lines", "subtotal", "incentives"),
    *("incentive_total", "amount_due", "net_total", "financing"),
)


def head_findings(claim: Claim, registration: Registration, case: Case) -> Iterator[Finding]:
    """What is wrong with the campaign and the currency of an order of igent's form."""
    campaign, currency = claim.row.get("campaign"), claim.row.get("currency")
    if campaign.value != registration.campaign:
        place = f"{registration.source}/CampaignName"
        yield differs("campaign-differs", registration.campaign, campaign, registration.id, place)
    if currency.value != case.currency:
        yield differs("currency-differs", case.currency, currency, registration.id)


def id_findings(claim: Claim, registration: Registration) -> Iterator[Finding]:
    """Whether an order of igent's form in which nothing is wrong has its own id."""
    found = claim.row.get("po_id")
    said: dict[str, Json] = {part: value for part in _SAID if (value := claim.row.get(part).value) is not None}
    expected = f"PO-{codec.digest(unsourced(said))[:_ID_DIGITS]}"
    if found.value != expected:
        yield differs("order-id-differs", expected, found, registration.id, claim.row.pointer)
