from __future__ import annotations

from typing import Any

from igent.audit.case import Case, Household
from igent.audit.claims import Found, Tiers
from igent.audit.matches import Hold, MatchAudit
from igent.domain.records import Json
from igent.markets import sbus
from tests.audit.samples import AS_OF, good

# The second household's ZIP code is served by all three suppliers, with the offers o1, o2 and o3 in that order.
NAMES = ("Alder Sun", "Birchlight", "Cedar Roof")


def case(*, without_loans: str = "") -> Case:
    files = good()
    for supplier in files.offers:
        if supplier["SupplierID"] == without_loans:
            supplier["InterestRate"] = None
    offers: Any = {"SupplierOffers": files.offers}
    found = Case(sbus.read_suppliers(offers, file="offers.json"), (), as_of=AS_OF, currency="USD")
    for index, row in enumerate(files.registrations):
        row["Proposal_OptimalAmountOfBatteries"] = 0
        found.add(Household(index, sbus.read_registration(row, pointer=f"registrations.json#/{index}")))
    return found


def codes(audit: MatchAudit, supplier: str, *, tier: int = 1) -> list[str]:
    """What is found in igent's own match of the second household."""
    offer: Json = {"products": [f"Panel {supplier[0]}"], "source": []}
    row: Json = {"registration_id": "R01", "supplier_id": supplier, "offer": offer, "tier": tier}
    assert isinstance(row, dict)
    return [one.code for one in audit.audit(Found(row | {"judgement": "plausible"}, "matches.json#/0"))]


def audit(found: Case, fit: tuple[frozenset[str], ...] | None, *, loan: bool = False) -> MatchAudit:
    tiers = None if fit is None else {"R01": Tiers(fit=fit, loan=loan)}
    return MatchAudit(found, used={"Alder Sun": 1}, held=[], tiers=tiers)


def test_a_match_is_balanced_over_its_own_tier_only() -> None:
    fit = (frozenset({"o2"}), frozenset({"o1", "o3"}))
    assert codes(audit(case(), fit), "Cedar Roof", tier=2) == []
    assert codes(audit(case(), fit), "Alder Sun", tier=2) == ["balance"]
    assert codes(audit(case(), (frozenset({"o1"}), frozenset({"o2"}))), "Alder Sun", tier=1) == []


def test_a_loan_is_balanced_over_those_that_lend() -> None:
    fit = (frozenset({"o1", "o2"}),)
    assert codes(audit(case(without_loans="Birchlight"), fit, loan=True), "Alder Sun") == []
    assert codes(audit(case(), fit, loan=True), "Alder Sun") == ["balance"]


def test_a_judged_match_whose_tiers_were_not_kept_is_not_held_to_the_balance() -> None:
    assert codes(audit(case(), None), "Alder Sun") == []


def test_a_place_kept_for_an_earlier_registration_counts_and_one_for_a_later_does_not() -> None:
    fit = (frozenset({"o2", "o3"}),)
    for index, expected in ((0, ["balance"]), (2, [])):
        held = [Hold(index=index, supplier_id="Cedar Roof")]
        found = MatchAudit(case(), used={}, held=held, tiers={"R01": Tiers(fit=fit, loan=False)})
        assert codes(found, "Cedar Roof") == expected
