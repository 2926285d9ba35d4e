"""What critics were worth: vetoes by what they led to and, where it is known, by whether the answer was right."""

from __future__ import annotations

from typing import Any

import pytest

from igent import codec
from igent.accounting.calls import CallFacts
from igent.accounting.critics import CriticYield
from igent.accounting.prices import PriceTable
from igent.accounting.usage import Usage
from igent.domain.records import Json

PRICE: dict[str, Json] = {
    "input": "1", "output": "5", "cache_read": "0.1", "cache_write": "1.25", "cache_write_1h": "2",
}  # fmt: skip
PRICES = PriceTable.read({"source": "here", "date": "2026-11", "usd_per_million_tokens": {"m": PRICE}}, file="p.json")
USAGE = Usage(input_tokens=1_000, output_tokens=100)
PROPOSAL: dict[str, Json] = {"offer": "o2", "payment_type": "cash"}
# Turns: a matcher's verdict with the number of its answer, or what a critic said.
Said = str | tuple[str, int]


def turns(*said: Said) -> list[Json]:
    pairs = [one if isinstance(one, tuple) else (one, None) for one in said]
    critic = {"approve", "veto", "undecided", "unreadable", "unusable"}
    return [
        {"speaker": "critic" if verdict in critic else "matcher", "verdict": verdict}
        | ({"answer": number} if number else {})
        for verdict, number in pairs
    ]


def commit(*said: Said, phase: str = "match", review: bool = False, skipped: int = 0) -> dict[str, Json]:
    audit: dict[str, Json] = {"phases": [{"phase": phase, "turns": turns(*said)}, {"phase": "other"}]}
    row: dict[str, Json] = {"phase": phase, "proposal": PROPOSAL} if review else {}
    record: dict[str, Json] = {"n": 7, "outcome": "review" if review else "matched", "row": row, "audit": audit}
    return record | {"calls": {"critic_skipped": skipped} if skipped else {}}


def decision(action: str, offer: str | None = None, payment: str = "cash") -> dict[str, Json]:
    head: dict[str, Json] = {"n": 7, "action": action, "outcome": "matched" if offer else "unmatched"}
    return head | {"match": {"offer": {"id": offer}}, "order": {"payment_type": payment}} if offer else head


def told(*commits: dict[str, Json], decided: dict[str, Json] | None = None) -> Any:
    found = CriticYield(PRICES)
    for one in commits:
        found.commit(one)
    if decided is not None:
        found.review(decided)
    return codec.load(codec.dump(found.as_record()))


def counts(record: Any, part: str) -> dict[str, int]:
    return {name: count for name, count in record[part].items() if count}


def test_turns_are_counted_by_what_was_said() -> None:
    found = told(
        commit("plausible", "approve"),
        commit("proven", "unreadable", "unreadable"),
        commit("plausible", "unusable"),
        commit("plausible", "veto", "plausible", "undecided"),
    )
    assert found["turns"] == {"agreed": 1, "undecided": 1, "unreadable": 3, "vetoed": 1}


@pytest.mark.parametrize(
    ("said", "effects"),
    [
        (["proven", "veto"], {"no_effect": 1}),
        (["plausible", "veto", "plausible", "approve"], {"same_answer": 1}),
        (["plausible", "veto", ("plausible", 1), "approve"], {"another_answer": 1}),
        (["plausible", "veto", "violated", ("proven", 1)], {"another_answer": 1}),
        (["plausible", "veto", ("plausible", 1), "veto"], {"another_answer": 1, "review": 1}),
        (["plausible", "veto", ("plausible", 1), "veto", ("plausible", 1), "veto"],
         {"another_answer": 1, "same_answer": 1, "review": 1}),
        (["plausible", "veto", "violated", "violated"], {"review": 1}),
        (["plausible", "veto", "undecided"], {"review": 1}),
        (["violated", "plausible", "approve"], {}),
    ],
)  # fmt: skip
def test_a_veto_is_counted_by_what_it_led_to(said: list[Said], effects: dict[str, int]) -> None:
    found = told(commit(*said))
    assert counts(found, "vetoes") == effects
    assert found["against"] == {"right": 0, "wrong": 0, "unknown": sum(effects.values()) - effects.get("no_effect", 0)}


SAME, OTHER = ("plausible", "veto", "plausible", "veto"), ("plausible", "veto", ("plausible", 1), "veto")


@pytest.mark.parametrize(
    ("said", "decided", "against"),
    [
        (SAME, decision("accept", "o2"), {"right": 2}),
        (SAME, decision("accept", "o2", "loan"), {"right": 2}),
        (SAME, decision("choose", "o2"), {"right": 2}),
        (SAME, decision("choose", "o3"), {"wrong": 2}),
        (SAME, decision("reject"), {"wrong": 2}),
        (OTHER, decision("accept", "o2"), {"right": 1, "wrong": 1}),
        (OTHER, decision("choose", "o3"), {"wrong": 1, "unknown": 1}),
        (("plausible", "veto", ("plausible", 1), "undecided"), decision("accept", "o2"), {"wrong": 1}),
        (("plausible", "veto", ("plausible", 1), "undecided"), decision("reject"), {"unknown": 1}),
    ],
)
def test_a_persons_decision_says_whether_what_was_vetoed_was_right(
    said: tuple[Said, ...], decided: dict[str, Json], against: dict[str, int]
) -> None:
    assert counts(told(commit(*said, review=True), decided=decided), "against") == against


@pytest.mark.parametrize(
    ("decided", "against"),
    [
        (decision("accept", "o2"), {"right": 1}),
        (decision("accept", "o2", "loan"), {"wrong": 1}),
        (decision("choose", "o2"), {"wrong": 1}),
        (decision("reject"), {"wrong": 1}),
    ],
)
def test_of_an_order_what_is_accepted_as_it_is_was_right(decided: dict[str, Json], against: dict[str, int]) -> None:
    found = told(commit("plausible", "veto", phase="order", review=True), decided=decided)
    assert counts(found, "against") == against


def test_a_decision_about_what_no_critic_held_up_says_nothing() -> None:
    without = commit("plausible", "veto", review=False) | {"outcome": "review", "row": {"phase": "match"}}
    elsewhere = commit("plausible", "veto") | {"outcome": "review", "row": {"phase": "order", "proposal": PROPOSAL}}
    for one in (without, elsewhere):
        assert counts(told(one, decided=decision("accept", "o2")), "against") == {"unknown": 1}
    assert told(commit("violated", review=True, skipped=1), decided=decision("reject"))["turns"]["vetoed"] == 0


def test_a_decision_is_about_what_a_registration_has_come_to_last() -> None:
    first = commit(("plausible", 1), "veto", ("plausible", 1), "veto", review=True)
    again = commit(("plausible", 1), review=True)
    record = told(first, again, decided=decision("accept", "o2"))
    assert counts(record, "against") == {"unknown": 2}


def test_a_run_in_which_no_critic_could_be_asked_has_no_yield() -> None:
    assert told(commit("proven"), {"n": 8, "outcome": "rejected", "calls": {}, "audit": {"phases": []}}) is None
    assert told(commit("proven", skipped=1))["turns"]["agreed"] == 0


def test_what_critics_took_is_told_without_what_others_took() -> None:
    found = CriticYield(PRICES)
    call = CallFacts(agent="c", kind="critique", model="m", usage=USAGE, seconds=0.25)
    hit = CallFacts(agent="c", kind="critique", model="m", usage=Usage(), saved=USAGE)
    for one in (call, call, hit, CallFacts(agent="m", kind="match", model="m", usage=USAGE, seconds=9.0)):
        found.call(one)
    record: Any = found.as_record()
    assert (record["calls"], record["cache_hits"], record["cost_usd"], record["seconds"]) == (2, 1, "0.003000", 0.5)
    assert record["usage"] == (USAGE + USAGE).as_record()
    found.call(CallFacts(agent="c", kind="critique", model="x", usage=USAGE))
    record = found.as_record()
    assert record["cost_usd"] is None, "a model without a price"
