from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from igent.audit.case import Case, Household
from igent.audit.claims import Found, Tiers
from igent.audit.findings import Finding
from igent.audit.holds import Hold, Told, holds
from igent.audit.matches import MatchAudit
from igent.domain.records import Json
from igent.markets import sbus
from tests.audit.samples import AS_OF, good

# The second household's ZIP code is served by all three suppliers, with the offers o1, o2 and o3 in that order.
NAMES = ("Alder Sun", "Birchlight", "Cedar Roof")


def case(*, without_loans: str = "", second_panel_costs: int | None = None) -> Case:
    files = good()
    if second_panel_costs is not None:
        panel = deepcopy(files.offers[1]["Offers"][0]) | {"ProductName": "Another panel"}
        panel["ProductPrices"] = [one | {"CashPrice": second_panel_costs} for one in panel["ProductPrices"]]
        files.offers[1]["Offers"].append(panel)
    for supplier in files.offers:
        if supplier["SupplierID"] == without_loans:
            supplier["InterestRate"] = None
    offers: Any = {"SupplierOffers": files.offers}
    found = Case(sbus.read_suppliers(offers, file="offers.json"), (), as_of=AS_OF, currency="USD")
    for index, row in enumerate(files.registrations):
        row["Proposal_OptimalAmountOfBatteries"] = 0
        found.add(Household(index, sbus.read_registration(row, pointer=f"registrations.json#/{index}")))
    return found


def findings(audit: MatchAudit, supplier: str, *, tier: int = 1) -> list[Finding]:
    """What is found in igent's own match of the second household."""
    offer: Json = {"products": [f"Panel {supplier[0]}"], "source": []}
    row: Json = {"registration_id": "R01", "supplier_id": supplier, "offer": offer, "tier": tier}
    assert isinstance(row, dict)
    return [*audit.audit(Found(row | {"judgement": "plausible"}, "matches.json#/0"))]


def codes(audit: MatchAudit, supplier: str, *, tier: int = 1) -> list[str]:
    return [one.code for one in findings(audit, supplier, tier=tier)]


def audit(
    found: Case, fit: tuple[frozenset[str], ...] | None, *, loan: bool = False, used: dict[str, int] | None = None
) -> MatchAudit:
    tiers = None if fit is None else {"R01": Tiers(fit=fit, loan=loan)}
    return MatchAudit(found, used={"Alder Sun": 1, **(used or {})}, held=[], tiers=tiers)


@pytest.mark.parametrize(
    ("costs", "named", "expected"),
    [
        (100, "Panel B", ["offer-dearer"]),
        (100, "Another panel", []),
        (99_000, "Panel B", []),
        (99_000, "Another panel", ["offer-dearer"]),
        (99_000, "Panel nobody has", ["product-not-offered"]),
    ],
)
def test_a_match_is_the_cheapest_offer_of_its_supplier(costs: int, named: str, expected: list[str]) -> None:
    offer: Json = {"products": [named], "source": []}
    row: Json = {
        "registration_id": "R01",
        "supplier_id": "Birchlight",
        "offer": offer,
        "tier": 1,
        "judgement": "proven",
    }
    found = [*audit(case(second_panel_costs=costs), None).audit(Found(row, "matches.json#/0"))]
    assert [one.code for one in found] == expected


FULL = {"Birchlight": 6}


def test_a_match_is_balanced_over_its_own_tier_only() -> None:
    fit = (frozenset({"o2"}), frozenset({"o1", "o3"}))
    assert codes(audit(case(), fit, used=FULL), "Cedar Roof", tier=2) == []
    assert codes(audit(case(), fit, used=FULL), "Alder Sun", tier=2) == ["balance"]
    assert codes(audit(case(), (frozenset({"o1"}), frozenset({"o2"}))), "Alder Sun", tier=1) == []


@pytest.mark.parametrize(
    ("used", "supplier", "tier", "expected"),
    [
        ({}, "Cedar Roof", 2, ["balance"]),
        (FULL, "Cedar Roof", 2, []),
        (FULL, "Cedar Roof", 1, ["balance"]),
        ({}, "Birchlight", 1, []),
        ({}, "Birchlight", 2, ["balance"]),
        (FULL, "Alder Sun", 2, ["balance"]),
        (FULL | {"Cedar Roof": 8}, "Alder Sun", 2, ["balance"]),
    ],
)
def test_a_match_is_in_the_first_tier_that_had_room(
    used: dict[str, int], supplier: str, tier: int, expected: list[str]
) -> None:
    """The third is for nobody: `Alder Sun` was not acceptable."""
    fit = (frozenset({"o2"}), frozenset({"o3"}))
    assert codes(audit(case(), fit, used=used), supplier, tier=tier) == expected


def test_a_match_in_a_lower_tier_is_told_with_the_tier_that_had_room() -> None:
    (found,) = findings(audit(case(), (frozenset({"o2"}), frozenset({"o3"}))), "Cedar Roof", tier=2)
    assert found.expected == {"tier": 1, "of": {"Birchlight": "0 of 6"}}
    assert found.found == {"tier": 2, "of": {"Cedar Roof": "0 of 8"}}


def test_tiers_are_those_of_suppliers_that_lend_where_a_loan_is_wanted() -> None:
    fit = (frozenset({"o2"}), frozenset({"o3"}))
    assert codes(audit(case(without_loans="Birchlight"), fit, loan=True), "Cedar Roof", tier=1) == []
    assert codes(audit(case(without_loans="Birchlight"), fit, loan=False), "Cedar Roof", tier=1) == ["balance"]


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


def line(number: int, outcome: str, *, verdict: str = "plausible", **more: Json) -> dict[str, Json]:
    decision: Json = {"fit": [["o1"], ["o2"]]}
    phases: Json = [{"verdict": verdict, "decision": decision}, {"decision": {"payment": "cash"}}]
    told: dict[str, Json] = {"registration_id": "R01", "outcome": outcome, "phases": phases, **more}
    return told | ({"pass": number} if number > 1 else {})


def test_what_a_further_pass_says_takes_the_place_of_what_was_said() -> None:
    told = Told()
    told.add(line(1, "unmatched"))
    assert told.tiers["R01"].fit == (frozenset({"o1"}), frozenset({"o2"}))
    told.add(line(2, "matched", verdict="proven"))
    assert (told.tiers, told.passes) == ({}, 2)


def test_a_place_is_kept_from_a_turn_in_one_pass_to_that_in_another() -> None:
    told = Told()
    told.add(line(1, "review", allocation={"supplier_id": "Alder Sun"}))
    told.add(line(2, "review", allocation={"supplier_id": "Birchlight"}, released=["Alder Sun"]))
    found = case()
    index = found.households["R01"].index
    assert holds([], told, found) == [
        Hold(index=index, supplier_id="Alder Sun"),
        Hold(index=index, supplier_id="Alder Sun", number=2, given_back=True),
        Hold(index=index, supplier_id="Birchlight", number=2),
    ]


@pytest.mark.parametrize("number", [1, 2])
def test_what_is_given_back_in_a_pass_is_free_in_the_turn_of_that(number: int) -> None:
    held = [
        Hold(index=0, supplier_id="Alder Sun"),
        Hold(index=1, supplier_id="Alder Sun", number=2, given_back=True),
    ]
    full = MatchAudit(case(), used={"Alder Sun": 3, "Birchlight": 6, "Cedar Roof": 8}, held=held, tiers=None)
    offer: Json = {"products": ["Panel A"], "source": []}
    row: Json = {"registration_id": "R01", "supplier_id": "Alder Sun", "offer": offer, "pass": number}
    assert isinstance(row, dict)
    wrong = [one.code for one in full.audit(Found(row | {"judgement": "plausible"}, "matches.json#/0"))]
    assert ("capacity-exceeded" in wrong) is (number == 1)


def test_a_kept_place_that_was_given_back_is_taken_anew_by_a_match_of_that_pass() -> None:
    found = case()
    freed = Hold(index=found.households["R01"].index, supplier_id="Alder Sun", number=2, given_back=True)
    used = {"Alder Sun": 3, "Birchlight": 6, "Cedar Roof": 8}
    full = MatchAudit(found, used=used, held=[freed], tiers=None, kept={"R01": "Alder Sun"})
    offer: Json = {"products": ["Panel A"], "source": []}
    head: dict[str, Json] = {"supplier_id": "Alder Sun", "offer": offer, "pass": 2, "judgement": "plausible"}
    wrong = [
        [one.code for one in full.audit(Found({"registration_id": name, **head}, "matches.json#/0"))]
        for name in ("R01", "R02")
    ]
    assert ["capacity-exceeded" in one for one in wrong] == [False, True]
