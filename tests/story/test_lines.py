from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from igent.story.lines import story_lines
from igent.story.order import order_lines
from igent.story.text import visible

PLACE: dict[str, Any] = {
    "offer": "o2",
    "supplier_id": "B",
    "tier": 1,
    "considered": [{"supplier_id": name, "used": used, "capacity": 8} for name, used in (("B", 1), ("C", 3), ("D", 1))],
}
ORDER: dict[str, Any] = {
    "po_id": "PO",
    "payment_type": "cash",
    "currency": "USD",
    "lines": [],
    "subtotal": "9.00",
    "incentive_total": "3.00",
    "amount_due": "9.00",
    "net_total": "6.00",
}
STORY: dict[str, Any] = {
    "registration_id": "R1",
    "outcome": "matched",
    "run": {
        "directory": "runs/a",
        "started": "2026",
        "constellation": "/x/p1.yaml",
        "model": "m",
        "as_of": "2026-03-31",
    },
    "inputs": {"unchanged": True, "changed": []},
    "candidates": [
        {"id": f"o{n}", "supplier_id": name, "products": ["P"], "source": [f"o.json#/{n}"], "total": "1.00"}
        for n, name in enumerate("ABBCDE", start=1)
    ],
    "phases": [
        {
            "phase": "match",
            "verdict": "plausible",
            "decision": {"fit": [["o2", "o3", "o4", "o5", "o6"], ["o1"]]},
            "turns": [],
        },
        {"phase": "order", "error": "no reply"},
    ],
    "unplaced_replies": [],
    "calls": [],
    "allocation": PLACE,
    "match": {"supplier_id": "B", "judgement": "plausible", "reason": "least used share of 3 with room: 1 of 8"},
}


def told(**changed: Any) -> list[str]:
    return story_lines(deepcopy(STORY) | changed)


@pytest.mark.parametrize(
    ("offer", "why"),
    [
        ("o1", "not chosen: in tier 2, and tier 1 had room"),
        ("o2", "chosen: least used share of 3 with room: 1 of 8"),
        ("o3", "not chosen: another bundle of the chosen supplier, and not cheaper"),
        ("o4", "not chosen: 3 of 8 used, against 1 of 8 used"),
        (
            "o5",
            "not chosen: 1 of 8 used, against 1 of 8 used; of equal shares more room goes first, then file order",
        ),
        ("o6", "not chosen: no place left, or no loan where one was wanted"),
    ],
)
def test_each_candidate_has_its_reason(offer: str, why: str) -> None:
    lines = told()
    at = next(index for index, line in enumerate(lines) if line.startswith(f"  {offer} "))
    assert lines[at + 2].strip() == why


def test_an_allocation_of_all_together_says_so() -> None:
    lines = told(run=STORY["run"] | {"allocation": "optimal"})
    assert sum("all registrations together" in line for line in lines) == 4


def test_what_is_not_acceptable_says_so() -> None:
    phases = [{"phase": "match", "decision": {"fit": [["o2"]]}}]
    assert sum("not among the acceptable offers" in line for line in told(phases=phases)) == 5


def test_a_phase_that_failed_says_how() -> None:
    assert "PHASE order: no reply" in told()


def test_a_verdict_shows_what_broke_the_rule() -> None:
    turn = {"speaker": "matcher", "verdict": "violated", "codes": ["offer-unknown"], "details": ["o9"]}
    lines = told(phases=[{"phase": "match", "verdict": "review", "turns": [turn]}])
    assert "      verified: violated: the answer names an offer that was not shown [o9]" in lines


def test_an_incentive_shows_what_its_amount_comes_from() -> None:
    terms = {"kind": "percent", "number": "0.3", "minimum": None, "maximum": "500", "unit": None}
    grant = {"id": "I", "name": "Credit", "source": "i.json#/0"}
    order = ORDER | {"incentives": [grant | {"amount": "3.00", "basis": "rules", "timing": "after-purchase"}]}
    standing = grant | {
        "stands": "applies",
        "reason": None,
        "shown_as": None,
        "terms": terms,
        "product_types": ["Solar"],
    }
    lines = told(order=order, incentives=[standing])
    assert "  Credit: 3.00, rules, after-purchase; 30 % on Solar, at most 500" in lines


def test_an_estimate_shows_how_it_was_computed_and_how_far_off_it_may_be() -> None:
    computed = {"kwp": "4.2", "kwh_per_kwp": 1270, "roof_pitch": "Inclined", "rate_per_kwh": "0.03"}
    entry: dict[str, Any] = {
        "name": "Rewards",
        "undecided": "performance-based",
        "estimate": "160.02",
        "source": "i.json#/0",
    }
    entry |= {"computed": computed | {"uncertainty": "10 %", "source": "a model"}}
    assert list(order_lines(ORDER | {"incentives": [{"id": "I", **entry}]}, {}))[2:6] == [
        "  Rewards: undecided, it depends on what is produced, year by year, estimated 160.02 a year",
        "       i.json#/0",
        "       4.2 kWp x 1270 kWh a year for each x 0.03 (roof pitch Inclined), off by up to 10 %",
        "       a model",
    ]


def test_a_review_says_who_decided_when_and_why() -> None:
    review = {"action": "choose", "by": "ann", "at": "2026-04-01T10:00", "comment": "as she asked"}
    assert "REVIEW choose by ann at 2026-04-01T10:00: as she asked" in told(review=review)


@pytest.mark.parametrize(
    ("text", "shown"), [("plain", "plain"), ("a\x1b[2Jb", "a\\x1b[2Jb"), ("a\u202eb", "a\\u202eb"), ("é", "é")]
)
def test_nothing_acts_on_a_terminal_or_hides_in_it(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_reply_cannot_act_on_a_terminal() -> None:
    reply = {"agent": "matcher", "request": "a", "text": "\x1b]0;x\x07", "unusable": None}
    assert all(line.isprintable() for line in told(unplaced_replies=[reply]))
