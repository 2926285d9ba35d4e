"""From two settled phases to one outcome: a place, an order, and the place taken only with the order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from igent.domain.allocation import balanced
from igent.domain.ledger import Ledger
from igent.domain.outcomes import Outcome, Settled, hold_place, order_at, place_for, place_in, tiers_for
from igent.domain.records import Finance, Offer, Payment
from igent.domain.verify import MatchDecision, MatchTask, OrderDecision, OrderTask
from tests.domain.builders import HOUSEHOLD, bundles, panels, row, supplier

OFFERS = tuple(bundles({"A": ["1000", "1000"], "B": ["900"]}))
REVIEW = Outcome(kind="review", codes=("matcher-undecided",), details={"phase": "match"})


def settled(*tiers: tuple[str, ...], payment: Payment = "cash", offers: tuple[Offer, ...] = OFFERS) -> Settled:
    return Settled(
        match_task=MatchTask(registration=HOUSEHOLD, offers=offers),
        match=MatchDecision(fit=tiers),
        order_task=OrderTask(registration=HOUSEHOLD, offers=offers, standings=()),
        order=OrderDecision(payment=payment, incentives={}),
        judgement="plausible",
    )


def ledger(**used: int) -> Ledger:
    return Ledger.opening([supplier("A", capacity=2), supplier("B", capacity=2)], used)


def decide(phases: Settled, account: Ledger) -> Outcome:
    tiers = tiers_for(phases)
    if isinstance(tiers, Outcome):
        return tiers
    place = place_in(tiers, phases, account, balanced)
    return place if isinstance(place, Outcome) else order_at(phases, place, account, currency="USD", tiers=tiers)


def test_a_match_has_place_order_and_judgement_and_takes_one_place() -> None:
    account = ledger()
    outcome = decide(settled(("o3",), ("o1", "o2")), account)
    assert (outcome.kind, outcome.judgement, outcome.taken_from) == ("matched", "plausible", "B")
    assert outcome.order is not None
    assert (outcome.order.offer.id, outcome.order.subtotal, outcome.order.currency) == ("o3", Decimal(900), "USD")
    assert (account["A"].used, account["B"].used, account["B"].held) == (0, 1, 0)


def test_a_full_first_tier_gives_the_second() -> None:
    outcome = decide(settled(("o3",), ("o1",)), ledger(B=2))
    assert outcome.place is not None
    assert (outcome.taken_from, outcome.place.tier, outcome.wish) == ("A", 2, (("B",), ("A",)))


def test_without_an_acceptable_offer_a_person_decides() -> None:
    outcome = decide(settled(), ledger())
    assert (outcome.kind, outcome.codes, outcome.taken_from) == ("review", ("no-acceptable-offer",), None)
    assert outcome.wish == ()


def test_without_room_a_household_is_unmatched_and_the_full_suppliers_are_named_once() -> None:
    account = ledger(A=2, B=2)
    outcome = decide(settled(("o3", "o1"), ("o2",)), account)
    assert (outcome.kind, outcome.codes) == ("unmatched", ("capacity-exhausted",))
    assert (outcome.details, outcome.wish) == ({"suppliers": ["A", "B"]}, (("A", "B"), ("A",)))
    assert (account["A"].used, account["B"].used) == (2, 2)


def test_a_loan_that_is_not_offered_goes_to_review_and_takes_no_place() -> None:
    account = ledger()
    outcome = decide(settled(("o1", "o2", "o3"), payment="loan"), account)
    assert (outcome.kind, outcome.codes, outcome.taken_from) == ("review", ("financing-not-offered",), None)
    assert (account["A"].used, account["B"].used) == (0, 0)


def test_a_loan_that_is_offered_is_matched() -> None:
    product = panels("Sun", row(10, "1000", instalment="9"))
    lender = supplier("A", product, finance=Finance(rate_percent=Decimal(5), months=120, source="#"))
    offers = (Offer(id="o1", supplier=lender, products=(product,)),)
    outcome = decide(settled(("o1",), payment="loan", offers=offers), ledger())
    assert outcome.order is not None
    assert (outcome.kind, outcome.order.payment) == ("matched", "loan")


def test_the_order_of_ids_within_a_tier_changes_nothing() -> None:
    one, other = (decide(settled(tier), ledger(B=2)) for tier in (("o1", "o2", "o3"), ("o3", "o2", "o1")))
    assert one.order is not None
    assert other.order is not None
    assert one.order.offer.id == other.order.offer.id == "o1"


def test_looking_for_a_place_does_not_take_it() -> None:
    account = ledger()
    place_for(settled(("o1",)), account, balanced)
    assert account["A"].used == 0


def test_a_held_place_is_used_marked_and_keeps_what_the_outcome_says() -> None:
    account = ledger(A=1)
    held = hold_place(REVIEW, MatchTask(registration=HOUSEHOLD, offers=OFFERS), account, balanced)
    assert (held.kind, held.codes, held.details) == (REVIEW.kind, REVIEW.codes, REVIEW.details)
    assert held.taken_from == "B"
    assert held.place is None
    assert (account["B"].used, account["B"].held) == (1, 1)


def test_nothing_is_held_where_there_is_no_room() -> None:
    account = ledger(A=2, B=2)
    assert hold_place(REVIEW, MatchTask(registration=HOUSEHOLD, offers=OFFERS), account, balanced) == REVIEW
    assert account["A"].held == account["B"].held == 0


def test_an_outcome_without_a_place_takes_from_nobody() -> None:
    assert replace(REVIEW, kind="failed").taken_from is None


def test_a_loan_goes_to_who_lends_though_another_is_used_less() -> None:
    lent, sold = panels("Lent", row(10, "1000", instalment="9")), panels("Sold", row(10, "900"))
    lender = supplier("B", lent, finance=Finance(rate_percent=Decimal(5), months=120, source="#"))
    offers = (
        Offer(id="o1", supplier=supplier("A", sold), products=(sold,)),
        Offer(id="o2", supplier=lender, products=(lent,)),
    )
    outcome = decide(settled(("o1", "o2"), payment="loan", offers=offers), ledger(A=0, B=1))
    assert (outcome.kind, outcome.taken_from) == ("matched", "B")
