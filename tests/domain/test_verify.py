"""The verdict table: what a model's word is worth with a note and without one."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.domain.grounds import Ground
from igent.domain.incentives import Amount, Figure, Standing
from igent.domain.notes import maybe_passage
from igent.domain.records import Payment
from igent.domain.verify import (
    MAX_VIOLATIONS,
    MatchDecision,
    MatchTask,
    OrderDecision,
    OrderTask,
    Ruling,
    Verdict,
    verify_match,
    verify_order,
)
from tests.domain.builders import HOUSEHOLD, INCENTIVE, LAW, bundles

NOTE = "All-black panels please, and we would pay monthly."
OFFERS = tuple(bundles({"A": ["1"], "B": ["1"], "C": ["1"]}))
OPEN = tuple(Standing(incentive=replace(INCENTIVE, id=name, prose="a condition"), kind="open") for name in ("X", "Y"))
SETTLED = Standing(incentive=INCENTIVE, kind="applies")
WORD = "condition"  # of the text of either
UNSURE: dict[str, Ruling] = {"i1": "unsure", "i2": "unsure"}

Tiers = tuple[tuple[str, ...], ...]
Rulings = dict[str, "Ruling | dict[str, Ruling]"]
IDS = st.sampled_from(["o1", "o2", "o3", "o4", "O1", ""])
TIERS = st.one_of(
    st.lists(st.lists(IDS, max_size=4).map(tuple), max_size=3).map(tuple),
    st.permutations(["o1", "o2", "o3"]).map(lambda ids: (tuple(ids),)),
)
WORDS = st.lists(st.sampled_from(["all-black", "pay monthly", "golden", ""]), max_size=2).map(tuple)
PAYMENTS: st.SearchStrategy[Payment | None] = st.sampled_from(["cash", "loan", None])
RULING: st.SearchStrategy[Ruling] = st.sampled_from(["yes", "no", "unsure"])


def match(fit: Tiers | None, *words: str, note: str | None = None) -> Verdict:
    task = MatchTask(registration=replace(HOUSEHOLD, note=note), offers=OFFERS)
    return verify_match(MatchDecision(fit=fit, words=words), task)


def order(decision: OrderDecision, *, note: str | None = None) -> Verdict:
    task = OrderTask(registration=replace(HOUSEHOLD, note=note), offers=OFFERS, standings=(OPEN[0], SETTLED, OPEN[1]))
    return verify_order(decision, task)


def codes(verdict: Verdict) -> set[str]:
    return {violation.code for violation in verdict.violations}


@pytest.mark.parametrize("fit", [(("o1", "o2", "o3"),), (("o3", "o1", "o2"),)])
def test_without_a_note_all_candidates_in_one_tier_is_proven(fit: Tiers) -> None:
    assert match(fit) == Verdict(kind="proven")


@pytest.mark.parametrize(
    ("fit", "code"),
    [
        ((("o1", "o2"), ("o3",)), "tiers-without-note"),
        ((("o1", "o2"),), "tiers-without-note"),
        ((), "tiers-without-note"),
        ((("o1", "o2", "o3"), ()), "tier-empty"),
        ((("o1", "o2", "o3", "o4"),), "offer-unknown"),
        ((("o1", "o2", "o3", "o1"),), "offer-repeated"),
        (None, "undecided-without-note"),
    ],
)
def test_without_a_note_any_other_answer_is_violated(fit: Tiers | None, code: str) -> None:
    verdict = match(fit)
    assert verdict.kind == "violated"
    assert code in codes(verdict)


def test_without_a_note_there_are_no_words_to_quote() -> None:
    assert codes(match((("o1", "o2", "o3"),), "black")) == {"words-not-in-note"}


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        ((("o2",), ("o1", "o3")), ("all-black",)),
        ((("o2",),), ("ALL-BLACK  panels",)),
        ((("o1", "o2", "o3"),), ()),
        ((("o1", "o2", "o3"),), ("please",)),
        ((), ("all-black",)),
    ],
    ids=["tiers", "some left out", "no difference", "no difference, quoted", "none acceptable"],
)
def test_with_a_note_a_grouping_that_quotes_it_is_plausible(fit: Tiers, words: tuple[str, ...]) -> None:
    assert match(fit, *words, note=NOTE) == Verdict(kind="plausible")


@pytest.mark.parametrize(
    ("fit", "words", "code"),
    [
        ((("o2",), ("o1", "o3")), (), "words-missing"),
        ((("o2",), ("o1", "o3")), ("golden panels",), "words-not-in-note"),
        ((("o2",), ("o1", "o3")), ("all-black", "golden"), "words-not-in-note"),
        ((("o2",), ("o1", "o3")), ("",), "words-not-in-note"),
        ((("o2",), ("o2", "o3")), ("all-black",), "offer-repeated"),
        ((("o2",), (), ("o3",)), ("all-black",), "tier-empty"),
        ((("o2", "o9"),), ("all-black",), "offer-unknown"),
    ],
)
def test_with_a_note_broken_rules_are_violated(fit: Tiers, words: tuple[str, ...], code: str) -> None:
    verdict = match(fit, *words, note=NOTE)
    assert verdict.kind == "violated"
    assert codes(verdict) == {code}


def test_with_a_note_not_to_decide_is_undecided() -> None:
    assert match(None, note=NOTE) == Verdict(kind="undecided")


def test_a_violation_names_the_part_that_breaks_the_rule() -> None:
    [violation] = match((("o1", "o2", "o3", "o9"),), "all-black", note=NOTE).violations
    assert violation.as_record() == {"code": "offer-unknown", "detail": "o9"}


def test_violations_are_named_once_each_and_only_so_many() -> None:
    assert len(match((("o1", "o2", "o3", "o9", "o9"),), note=NOTE).violations) == 2
    invented = tuple(f"x{n}" for n in range(MAX_VIOLATIONS + 5))
    assert len(match((invented,), note=NOTE).violations) == MAX_VIOLATIONS


@LAW
@given(fit=TIERS, words=WORDS)
def test_without_a_note_an_answer_is_proven_or_violated_and_only_one_is_proven(
    fit: Tiers, words: tuple[str, ...]
) -> None:
    the_one = len(fit) == 1 and sorted(fit[0]) == ["o1", "o2", "o3"] and not words
    assert match(fit, *words).kind == ("proven" if the_one else "violated")


@LAW
@given(fit=TIERS, words=WORDS, note=st.sampled_from([None, NOTE]))
def test_an_id_that_is_no_candidate_is_always_violated(fit: Tiers, words: tuple[str, ...], note: str | None) -> None:
    verdict = match((*fit, ("o4",)), *words, note=note)
    assert verdict.kind == "violated"
    assert "offer-unknown" in codes(verdict)


@LAW
@given(fit=st.one_of(st.none(), TIERS), words=WORDS)
def test_with_a_note_nothing_is_proven(fit: Tiers | None, words: tuple[str, ...]) -> None:
    assert match(fit, *words, note=NOTE).kind != "proven"


def test_cash_with_everything_left_open_is_proven_without_a_note() -> None:
    assert order(OrderDecision(payment="cash", incentives=UNSURE)) == Verdict(kind="proven")


def test_a_ruling_on_prose_is_plausible() -> None:
    by_offer: Rulings = {"i1": "unsure", "i2": {"o1": "no", "o2": "unsure", "o3": "unsure"}}
    granted = OrderDecision(
        payment="cash", incentives={"i1": "yes", "i2": "unsure"}, grounds=(Ground(id="i1", words=WORD),)
    )
    assert order(granted) == Verdict(kind="plausible")
    assert order(OrderDecision(payment="cash", incentives=by_offer)) == Verdict(kind="plausible")


@pytest.mark.parametrize(
    ("decision", "code"),
    [
        (OrderDecision(payment="loan", incentives=UNSURE), "payment-without-note"),
        (OrderDecision(payment=None, incentives=UNSURE), "undecided-without-note"),
        (OrderDecision(payment="cash", incentives=UNSURE, words=("monthly",)), "words-not-in-note"),
        (OrderDecision(payment="cash", incentives={"i1": "no"}), "incentive-missing"),
        (OrderDecision(payment="cash", incentives={**UNSURE, "i3": "yes"}), "incentive-unknown"),
        (OrderDecision(payment="cash", incentives={**UNSURE, "I1": "yes"}), "incentive-unknown"),
        (OrderDecision(payment="cash", incentives={**UNSURE, "i2": {"o1": "no"}}), "ruling-incomplete"),
        (OrderDecision(payment="cash", incentives={**UNSURE, "i2": {}}), "ruling-incomplete"),
        (
            OrderDecision(payment="cash", incentives={**UNSURE, "i2": dict.fromkeys(["o1", "o2", "o3", "o4"], "no")}),
            "ruling-incomplete",
        ),
    ],
)
def test_an_order_that_breaks_a_rule_is_violated(decision: OrderDecision, code: str) -> None:
    verdict = order(decision)
    assert verdict.kind == "violated"
    assert codes(verdict) == {code}


@pytest.mark.parametrize(
    ("decision", "kind", "found"),
    [
        (OrderDecision(payment="cash", incentives=UNSURE), "plausible", set()),
        (OrderDecision(payment="loan", incentives=UNSURE, words=("pay monthly",)), "plausible", set()),
        (OrderDecision(payment="loan", incentives=UNSURE), "violated", {"words-missing"}),
        (OrderDecision(payment="loan", incentives=UNSURE, words=("a loan",)), "violated", {"words-not-in-note"}),
        (OrderDecision(payment=None, incentives=UNSURE), "undecided", set()),
        (OrderDecision(payment=None, incentives={"i1": "no"}), "violated", {"incentive-missing"}),
    ],
)
def test_a_payment_other_than_cash_comes_from_the_note(decision: OrderDecision, kind: str, found: set[str]) -> None:
    verdict = order(decision, note=NOTE)
    assert (verdict.kind, codes(verdict)) == (kind, found)


AMOUNTS = tuple(
    Figure(amount=Amount(kind="dollar_amount", number=Decimal(words[1:])), passage=found)
    for words in ("$500", "$800")
    if (found := maybe_passage(words, "$500, or $800 for roofs facing  South"))
)
PICKED = Standing(
    incentive=replace(INCENTIVE, amount=None, prose="$500, or $800 for roofs facing  South", figures=AMOUNTS),
    kind="open",
)


@pytest.mark.parametrize(
    ("grounds", "code"),
    [
        ((), "incentive-words-missing"),
        ((Ground(id="i2", words="facing south", amount="a2"),), "incentive-words-missing"),
        ((Ground(id="i1", words=" ", amount="a2"),), "incentive-words-missing"),
        ((Ground(id="i1", words="facing south", amount="a2", offers=("o1", "o2")),), "incentive-words-missing"),
        ((Ground(id="i1", words="facing north", amount="a2"),), "incentive-words-not-in-text"),
        ((Ground(id="i1", words="roof", amount="a2"),), "incentive-words-not-in-text"),
        ((Ground(id="i1", words="All-black panels", amount="a2"),), "incentive-words-not-in-text"),
        ((Ground(id="i1", words="facing south"),), "incentive-amount-missing"),
        ((Ground(id="i1", words="facing south", amount="a3"),), "incentive-amount-unknown"),
        ((Ground(id="i1", words="facing south", amount="$800"),), "incentive-amount-unknown"),
        ((Ground(id="i1", words="facing south", amount="a2"),), None),
        ((Ground(id="i1", words="FACING SOUTH", amount="a1"),), None),
    ],
)
def test_a_yes_quotes_the_incentives_own_text_and_picks_one_of_its_amounts(
    grounds: tuple[Ground, ...], code: str | None
) -> None:
    task = OrderTask(registration=replace(HOUSEHOLD, note=NOTE), offers=OFFERS, standings=(PICKED,))
    verdict = verify_order(OrderDecision(payment="cash", incentives={"i1": "yes"}, grounds=grounds), task)
    assert (verdict.kind, codes(verdict)) == (("violated", {code}) if code else ("plausible", set()))


def test_where_there_is_nothing_to_pick_a_yes_picks_nothing() -> None:
    task = OrderTask(registration=HOUSEHOLD, offers=OFFERS, standings=(OPEN[0],))
    ground = Ground(id="i1", words=WORD, amount="a1")
    verdict = verify_order(OrderDecision(payment="cash", incentives={"i1": "yes"}, grounds=(ground,)), task)
    assert codes(verdict) == {"incentive-amount-unknown"}


def test_each_offer_that_is_granted_has_its_own_ground() -> None:
    task = OrderTask(registration=HOUSEHOLD, offers=OFFERS, standings=(PICKED,))
    grounds = tuple(Ground(id="i1", words="facing", amount=a, offers=(o,)) for a, o in (("a1", "o1"), ("a2", "o3")))
    rulings: Rulings = {"i1": {"o1": "yes", "o2": "no", "o3": "yes"}}
    decision = OrderDecision(payment="cash", incentives=rulings, grounds=grounds)
    assert verify_order(decision, task) == Verdict(kind="plausible")
    assert [decision.ground("i1", offer) for offer in ("o1", "o2", "o3")] == [grounds[0], None, grounds[1]]


@LAW
@given(
    payment=PAYMENTS,
    rulings=st.dictionaries(
        st.sampled_from(["i1", "i2", "i3"]), st.one_of(RULING, st.dictionaries(IDS, RULING, max_size=4)), max_size=3
    ),
    words=WORDS,
    note=st.sampled_from([None, NOTE]),
)
def test_an_order_is_proven_only_where_nothing_was_judged(
    payment: Payment | None, rulings: Rulings, words: tuple[str, ...], note: str | None
) -> None:
    verdict = order(OrderDecision(payment=payment, incentives=rulings, words=words), note=note)
    judged = any({"yes", "no"} & ({r} if isinstance(r, str) else set(r.values())) for r in rulings.values())
    if note is not None or payment != "cash" or words or judged or set(rulings) != {"i1", "i2"}:
        assert verdict.kind != "proven"
    if set(rulings) != {"i1", "i2"}:
        assert verdict.kind == "violated"


def test_open_ids_count_only_the_open_standings() -> None:
    task = OrderTask(registration=HOUSEHOLD, offers=OFFERS, standings=(SETTLED, OPEN[1], OPEN[0]))
    assert {key: standing.incentive.id for key, standing in task.open_ids.items()} == {"i1": "Y", "i2": "X"}


@pytest.mark.parametrize(
    ("key", "offer", "expected"), [("i1", "o2", "yes"), ("i2", "o1", "no"), ("i2", "o2", "unsure")]
)
def test_a_ruling_is_for_all_offers_or_per_offer(key: str, offer: str, expected: str) -> None:
    decision = OrderDecision(payment="cash", incentives={"i1": "yes", "i2": {"o1": "no"}})
    assert decision.ruling(key, offer) == expected
    assert decision.ruling("i9", offer) == "unsure"
