"""What an order says of how an incentive was judged, and the words of the incentives file that this rests on."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from igent.audit.claims import Found
from igent.audit.findings import Finding, differs
from igent.audit.lines import placeless
from igent.domain.grounds import Ground
from igent.domain.incentives import Incentive
from igent.domain.orders import Grant
from igent.domain.verify import Ruling

__all__ = ["ground_in", "judged_findings", "ruling_in", "undecided_findings"]

_PARTS = ("name", "basis", "source", "judgement", "cited", "amount_stated")


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
