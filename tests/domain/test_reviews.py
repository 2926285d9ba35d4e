"""What a person may decide: the rules of places, loans and prices bind a person as they bind a run."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.domain.grounds import Ground
from igent.domain.incentives import Standing
from igent.domain.ledger import Ledger
from igent.domain.outcomes import Outcome
from igent.domain.records import Finance
from igent.domain.reviews import Action, Choice, Open, Refusal, decided
from igent.domain.verify import MatchDecision, MatchTask, OrderDecision, OrderTask
from tests.domain.builders import HOUSEHOLD, INCENTIVE, LAW, bundles, panels, row, supplier

OFFERS = tuple(bundles({"A": ["1000", "1100"], "B": ["900"]}))
NOTED = replace(HOUSEHOLD, note="monthly please")
ASKED = Standing(incentive=replace(INCENTIVE, prose="for early birds"), kind="open")
JUDGED = OrderDecision(payment="cash", incentives={"i1": "yes"}, grounds=(Ground(id="i1", words="early birds"),))
CASE = Open(
    match_task=MatchTask(registration=NOTED, offers=OFFERS),
    order_task=OrderTask(registration=NOTED, offers=OFFERS, standings=(ASKED,)),
    match=MatchDecision(fit=(("o3",), ("o1", "o2"))),
    order=JUDGED,
    proposed="o3",
)


def choice(action: Action, **more: Any) -> Choice:
    return Choice(registration_id="R1", action=action, by="ann", **more)


def ledger(**used: int) -> Ledger:
    return Ledger.opening([supplier("A", capacity=2), supplier("B", capacity=2)], used)


def told(decision: Choice, case: Open = CASE, *, places: Ledger | None = None) -> Outcome | Refusal:
    return decided(decision, case, places or ledger(), currency="USD")


def matched(decision: Choice, case: Open = CASE) -> Outcome:
    outcome = told(decision, case)
    assert isinstance(outcome, Outcome), outcome
    assert outcome.order is not None
    return outcome


def test_accepting_gives_the_offer_that_was_told_with_its_tier_and_price() -> None:
    outcome = matched(choice("accept"))
    assert outcome.place is not None
    assert outcome.order is not None
    assert (outcome.judgement, outcome.place.offer.id, outcome.place.tier) == ("reviewed", "o3", 1)
    assert outcome.order.subtotal == Decimal(900)


def test_rejecting_is_unmatched_and_needs_no_candidates() -> None:
    assert told(choice("reject"), Open()) == Outcome(kind="unmatched", codes=("review-rejected",))


@pytest.mark.parametrize(
    ("decision", "settled", "amounts"),
    [
        (choice("accept"), False, [Decimal("500.00")]),
        (choice("accept", payment="cash"), False, [Decimal("500.00")]),
        (choice("choose", offer="o1"), True, [Decimal("500.00")]),
        (choice("choose", offer="o1"), False, [None]),
    ],
)
def test_a_judged_incentive_counts_only_where_it_is_accepted_or_not_in_doubt(
    decision: Choice, settled: bool, amounts: list[Decimal | None]
) -> None:
    outcome = matched(decision, replace(CASE, order_settled=settled))
    assert outcome.order is not None
    assert [grant.amount for grant in outcome.order.grants] == amounts


def test_a_loan_goes_only_to_who_lends() -> None:
    refusal = told(choice("choose", offer="o3", payment="loan"))
    assert isinstance(refusal, Refusal)
    assert "'B' quotes no loan" in refusal.reason


def test_a_loan_needs_a_note_that_could_have_asked_for_it() -> None:
    silent = replace(CASE, order_task=OrderTask(registration=HOUSEHOLD, offers=OFFERS, standings=()))
    refusal = told(choice("choose", offer="o1", payment="loan"), silent)
    assert isinstance(refusal, Refusal)
    assert "no note" in refusal.reason


def test_the_payment_can_be_decided_too() -> None:
    product = panels("P", row(10, "1000", instalment="20"))
    finance = Finance(rate_percent=Decimal(5), months=60, source="#")
    offer = replace(OFFERS[0], supplier=supplier("A", product, capacity=2, finance=finance), products=(product,))
    offers = (offer,)
    case = replace(
        CASE,
        match_task=MatchTask(registration=NOTED, offers=offers),
        order_task=OrderTask(registration=NOTED, offers=offers, standings=()),
    )
    outcome = matched(choice("choose", offer="o1", payment="loan"), case)
    assert outcome.order is not None
    assert outcome.order.payment == "loan"


def test_a_full_supplier_is_told_with_who_keeps_a_place() -> None:
    refusal = told(choice("accept"), replace(CASE, held="A"), places=ledger(B=2))
    assert refusal == Refusal("'B' has no place left of 2; 'A' keeps one for it")


def test_ones_own_kept_place_is_room_enough() -> None:
    assert isinstance(told(choice("accept"), replace(CASE, held="B"), places=ledger(B=2)), Outcome)


@LAW
@given(
    st.sampled_from(["accept", "choose", "reject"]),
    st.sampled_from(["o1", "o2", "o3", "o9", None]),
    st.sampled_from([None, "A", "B"]),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
)
def test_a_match_is_always_a_candidate_with_room_and_deciding_takes_no_place(
    action: Action, offer: str | None, held: str | None, used: tuple[int, int]
) -> None:
    places = ledger(A=used[0], B=used[1])
    outcome = told(choice(action, offer=offer), replace(CASE, held=held), places=places)
    assert [account.used for account in places] == [*used]
    if isinstance(outcome, Outcome) and outcome.place is not None:
        account = places[outcome.place.offer.supplier.id]
        assert outcome.place.offer in OFFERS
        assert account.room + (held == account.supplier_id) > 0
