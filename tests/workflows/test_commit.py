from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal, cast

import pytest

from igent.dialogue.script import Conclusion
from igent.domain.allocation import balanced
from igent.domain.ledger import Ledger
from igent.domain.records import Json, Offer, Price, Product, Registration, Supplier, Want
from igent.domain.verify import MatchDecision, MatchTask, OrderDecision, OrderTask
from igent.errors import ModelError, ModelTimeout, RowError
from igent.markets.sbus.prices import PriceRow, PriceRows
from igent.workflows.commit import Rules, commit_record, decide
from igent.workflows.pipeline import Judged
from igent.workflows.plan import Planned

RULES = Rules(allocate=balanced, currency="USD", strict_judgement=False, hold_reviews=False, simulated=False)
HOLDING = replace(RULES, hold_reviews=True)
NOTE = "Call me on a Tuesday"


def supplier(name: str, *, capacity: int = 2) -> Supplier:
    price = PriceRow(quantity=10, cash=Price(amount=Decimal("9500.5"), source=f"o.json#/{name}/CashPrice"))
    panel = Product(type="Solar", name=f"{name} 400", prices=PriceRows({10: price}), source=f"o.json#/{name}/Offers/0")
    return Supplier(id=name, capacity=capacity, used=0, areas=frozenset({"1"}), products=(panel,), source=name)


SUPPLIERS = (supplier("A"), supplier("B"))
OFFERS = tuple(Offer(id=f"o{n}", supplier=s, products=s.products) for n, s in enumerate(SUPPLIERS, start=1))
HOUSEHOLD = Registration(
    id="R1", campaign="C", source="r.json#/0", area="1", wants=(Want(product_type="Solar", quantity=10),), note=NOTE
)
PLANNED = Planned(
    index=0,
    row={},
    registration=HOUSEHOLD,
    match=MatchTask(registration=HOUSEHOLD, offers=OFFERS),
    order=OrderTask(registration=HOUSEHOLD, offers=OFFERS, standings=()),
)
REJECTED = Planned(
    index=3,
    row=None,
    registration=RowError(file="r.json", row=3, field="Contact_Zip", problem="is missing"),
    outcome="rejected",
    codes=("row-invalid",),
)
REVIEW: Conclusion[Any] = Conclusion(status="review", codes=("undecided",))


def match_of(*tiers: tuple[str, ...], worth: Literal["proven", "plausible"] = "proven") -> Conclusion[MatchDecision]:
    decision = MatchDecision(fit=tiers, words=("Tuesday",) if worth == "plausible" else ())
    return Conclusion(status="settled", judgement=worth, decision=decision)


def order_of(payment: Literal["cash", "loan"] = "cash") -> Conclusion[OrderDecision]:
    decision = OrderDecision(payment=payment, incentives={})
    return Conclusion(status="settled", judgement="proven", decision=decision)


BOTH = Judged(match=match_of(("o1", "o2")), order=order_of(), calls=Counter({"match": 1, "order": 1}))


@pytest.fixture
def ledger() -> Ledger:
    return Ledger.opening(SUPPLIERS)


def used(ledger: Ledger) -> list[int]:
    return [account.used for account in ledger]


def recorded(judged: Judged, ledger: Ledger, *, rules: Rules = RULES, planned: Planned = PLANNED) -> dict[str, Any]:
    return cast("dict[str, Any]", commit_record(planned, judged, decide(planned, judged, ledger, rules), rules))


def test_two_settled_phases_are_a_match_with_its_order_and_take_one_place(ledger: Ledger) -> None:
    record = recorded(BOTH, ledger)
    assert (record["outcome"], record["supplier"], record["held"]) == ("matched", "A", False)
    assert record["match"]["offer"]["id"] == "o1"
    assert record["order"]["subtotal"] == "9500.50"
    assert used(ledger) == [1, 0]


def test_the_first_tier_with_room_wins_over_the_least_used_supplier(ledger: Ledger) -> None:
    second = replace(BOTH, match=match_of(("o2",), ("o1",), worth="plausible"))
    found = [recorded(second, ledger)["match"] for _ in range(3)]
    assert [(match["supplier_id"], match["tier"]) for match in found] == [("B", 1), ("B", 1), ("A", 2)]


def test_a_match_is_proven_only_where_both_phases_are(ledger: Ledger) -> None:
    plausible = replace(BOTH, match=match_of(("o1",), ("o2",), worth="plausible"))
    assert recorded(BOTH, ledger)["match"]["judgement"] == "proven"
    record = recorded(plausible, ledger)["match"]
    assert record["judgement"] == "plausible"
    assert '"Tuesday"' in record["reason"]


def test_full_suppliers_leave_a_household_unmatched_and_say_which(ledger: Ledger) -> None:
    only = replace(BOTH, match=match_of(("o2",), worth="plausible"))
    outcomes = [decide(PLANNED, only, ledger, RULES) for _ in range(3)]
    assert [outcome.kind for outcome in outcomes] == ["matched", "matched", "unmatched"]
    assert (outcomes[2].codes, outcomes[2].details["suppliers"]) == (("capacity-exhausted",), ["B"])
    assert used(ledger) == [0, 2]


@pytest.mark.parametrize(
    ("judged", "kind", "code"),
    [
        (replace(BOTH, match=REVIEW), "review", "undecided"),
        (replace(BOTH, order=REVIEW), "review", "undecided"),
        (replace(BOTH, match=match_of()), "review", "no-acceptable-offer"),
        (replace(BOTH, order=order_of("loan")), "review", "financing-not-offered"),
        (replace(BOTH, order=None), "review", "not-judged"),
        (replace(BOTH, match=ModelTimeout("m", 60)), "failed", "model-timeout"),
        (replace(BOTH, order=ModelError("m", "refused")), "failed", "model-error"),
        (Judged(bug="KeyError('x') in f, a.py:1"), "failed", "internal-error"),
    ],
)
def test_what_is_not_settled_takes_no_place_and_says_why(ledger: Ledger, judged: Judged, kind: str, code: str) -> None:
    record = recorded(judged, ledger)
    assert (record["outcome"], record["row"]["codes"]) == (kind, [code])
    assert "match" not in record
    assert used(ledger) == [0, 0]


def test_a_failure_is_told_with_its_phase_and_error(ledger: Ledger) -> None:
    row = recorded(replace(BOTH, order=ModelError("m", "refused")), ledger)["row"]
    assert (row["phase"], "refused" in row["error"]) == ("order", True)


def test_strict_judgement_sends_the_plausible_to_review(ledger: Ledger) -> None:
    judged = replace(BOTH, match=match_of(("o1", "o2"), worth="plausible"))
    outcome = decide(PLANNED, judged, ledger, replace(RULES, strict_judgement=True))
    assert (outcome.kind, outcome.codes) == ("review", ("judgement-plausible",))
    assert used(ledger) == [0, 0]


@pytest.mark.parametrize("unsettled", [REVIEW, ModelTimeout("m", 60)])
def test_reviews_and_failures_hold_a_place_where_asked(ledger: Ledger, unsettled: Any) -> None:
    record = recorded(replace(BOTH, match=unsettled), ledger, rules=HOLDING)
    assert (record["supplier"], record["held"]) == ("A", True)
    assert [account.held for account in ledger] == [1, 0]


def test_a_review_holds_nothing_where_everything_is_full(ledger: Ledger) -> None:
    for _ in range(4):
        decide(PLANNED, BOTH, ledger, RULES)
    record = recorded(replace(BOTH, match=REVIEW), ledger, rules=HOLDING)
    assert (record["outcome"], "supplier" in record) == ("review", False)


def test_what_the_rules_have_settled_is_not_judged_again(ledger: Ledger) -> None:
    settled = replace(PLANNED, match=None, order=None, outcome="unmatched", codes=("withdrawn",))
    record = recorded(Judged(), ledger, planned=settled)
    assert (record["outcome"], record["row"]["codes"]) == ("unmatched", ["withdrawn"])


def test_a_record_says_whether_there_was_a_note_to_judge(ledger: Ledger) -> None:
    silent = replace(PLANNED, registration=replace(HOUSEHOLD, note=None))
    assert [recorded(BOTH, ledger, planned=one)["noted"] for one in (PLANNED, silent)] == [True, False]
    assert recorded(Judged(), ledger, planned=REJECTED)["noted"] is False


def test_a_rejection_says_where_to_look(ledger: Ledger) -> None:
    record = recorded(Judged(), ledger, planned=REJECTED)
    assert record["id"] is None
    assert {"file": "r.json", "row": 3, "field": "Contact_Zip", "problem": "is missing"}.items() <= record[
        "row"
    ].items()


def test_a_review_points_to_the_note_and_never_quotes_it(ledger: Ledger) -> None:
    row = recorded(replace(BOTH, match=REVIEW), ledger)["row"]
    assert row["note"] == "r.json#/0/Notes"
    assert [offer["id"] for offer in row["candidates"]] == ["o1", "o2"]
    assert NOTE not in str(row)


def test_an_order_id_is_a_hash_of_what_the_order_says() -> None:
    def po_id(rules: Rules = RULES, campaign: str = "C", *, tier: str = "o1") -> Json:
        household = replace(HOUSEHOLD, campaign=campaign)
        task = OrderTask(registration=household, offers=OFFERS, standings=())
        judged = replace(BOTH, match=match_of((tier,), worth="plausible"))
        planned = replace(PLANNED, registration=household, order=task)
        order: dict[str, Json] = recorded(judged, Ledger.opening(SUPPLIERS), rules=rules, planned=planned)["order"]
        return order["po_id"]

    assert po_id() == po_id() == po_id(replace(RULES, simulated=True))
    assert len({po_id(), po_id(campaign="D"), po_id(tier="o2")}) == 3


def test_only_the_orders_of_a_mock_are_marked(ledger: Ledger) -> None:
    assert recorded(BOTH, ledger, rules=replace(RULES, simulated=True))["order"]["simulated"] is True
    assert "simulated" not in recorded(BOTH, ledger)["order"]


def test_the_audit_has_the_candidates_the_verdicts_and_what_the_rule_looked_at(ledger: Ledger) -> None:
    audit = recorded(BOTH, ledger)["audit"]
    assert [offer["supplier_id"] for offer in audit["candidates"]] == ["A", "B"]
    assert [(phase["phase"], phase["verdict"]) for phase in audit["phases"]] == [
        ("match", "proven"),
        ("order", "proven"),
    ]
    assert [one["used"] for one in audit["allocation"]["considered"]] == [0, 0]


VETOED: Conclusion[Any] = Conclusion(
    status="review", codes=("vetoed", "tier-order"), decision=MatchDecision(fit=(("o2",), ("o1",)), words=("Tuesday",))
)


def test_a_review_says_in_words_what_is_unproven(ledger: Ledger) -> None:
    row = recorded(replace(BOTH, match=VETOED), ledger)["row"]
    assert [*row["unproven"]] == row["codes"] == ["vetoed", "tier-order"]
    assert row["unproven"]["vetoed"] == "the critic objected to every proposal"


def test_a_review_says_what_each_candidate_costs(ledger: Ledger) -> None:
    row = recorded(replace(BOTH, match=VETOED), ledger)["row"]
    assert ([offer["total"] for offer in row["candidates"]], row["currency"]) == (["9500.50", "9500.50"], "USD")


def test_a_review_says_what_accepting_would_give_and_takes_no_place_for_it(ledger: Ledger) -> None:
    row = recorded(replace(BOTH, match=VETOED), ledger)["row"]
    assert row["proposal"] == {
        "offer": "o2",
        "supplier_id": "B",
        "payment_type": "cash",
        "subtotal": "9500.50",
        "amount_due": "9500.50",
        "net_total": "9500.50",
    }
    assert used(ledger) == [0, 0]


@pytest.mark.parametrize("judged", [replace(BOTH, match=REVIEW), replace(BOTH, order=REVIEW)])
def test_where_nothing_was_proposed_there_is_nothing_to_accept(ledger: Ledger, judged: Judged) -> None:
    assert "proposal" not in recorded(judged, ledger)["row"]


def test_whether_the_second_phase_was_held_does_not_change_what_a_person_is_told(ledger: Ledger) -> None:
    held, not_held = (recorded(replace(BOTH, match=VETOED, order=order), ledger)["row"] for order in (order_of(), None))
    assert held == not_held


@pytest.mark.parametrize(
    ("judged", "rules", "wish"),
    [
        (BOTH, RULES, [["A", "B"]]),
        (replace(BOTH, match=match_of(("o2",), ("o1",), worth="plausible")), RULES, [["B"], ["A"]]),
        (replace(BOTH, order=order_of("loan")), RULES, []),
        (replace(BOTH, match=REVIEW), RULES, []),
        (replace(BOTH, match=REVIEW), HOLDING, [["A", "B"]]),
        (replace(BOTH, match=ModelTimeout("m", 60)), HOLDING, [["A", "B"]]),
    ],
    ids=["one tier", "two tiers", "nobody lends", "review", "review that holds", "failure that holds"],
)
def test_a_record_says_where_the_registration_can_be_placed(
    ledger: Ledger, judged: Judged, rules: Rules, wish: list[list[str]]
) -> None:
    assert recorded(judged, ledger, rules=rules)["wish"] == wish
    for supplier_id in ("A", "B"):
        while ledger[supplier_id].room:
            ledger.take(supplier_id)
    assert recorded(judged, ledger, rules=rules)["wish"] == wish
