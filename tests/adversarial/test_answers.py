"""Whatever matchers and critics answer, alone or colluding: what the rules forbid does not come about."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from igent.dialogue.replies import ReplyKind, maybe_answer
from igent.domain.allocation import AllocationRule
from igent.markets.base import Shown
from igent.workflows import RunResult
from tests.adversarial.agreed import AgreedModel
from tests.adversarial.answers import answers
from tests.adversarial.auctions import Auction, Market, auctions, believed
from tests.adversarial.forbidden import promised_wrongly
from tests.adversarial.judged import audited, judged
from tests.reliability.record import record
from tests.workflows.checker import check
from tests.workflows.checks_energy import EnergyRun, differences
from tests.workflows.inputs import Inputs
from tests.workflows.runs import AS_OF, counts_of, rows_of

EACH = [("sbus", "balanced"), ("sbus", "optimal"), ("enuk", "balanced"), ("enuk", "optimal")]
SLICE, WHOLE = 12, 10_000 // len(EACH)
# What has to happen for the rules to have been tried: what a model can bring about, and what it tries to.
HAPPENS = {"match answers", "order answers", "critique answers", "review", "plausible", "held"}
HAPPENS |= {"words-not-in-note", "offer-unknown"}
# What the checker of the tests finds by following the balanced rule; places are counted here, whatever the rule.
BALANCE = {"balance", "room-left", "capacity-exceeded"}


def broken(auction: Auction, result: RunResult, inputs: Inputs, allocation: AllocationRule) -> Iterator[object]:
    """What came about in a run and should not have: by the program's audit and by those that share no code with it."""
    yield from audited(result.directory, inputs, market=auction.market)
    yield from (row for row in rows_of(result, "failed.json"))
    if auction.market == "sbus":
        found = check(result.directory, inputs)
        yield from (one for one in found if allocation == "balanced" or one.rule not in BALANCE)
        yield from promised_wrongly(rows_of(result, "pos.json"), inputs, AS_OF)
    elif allocation == "balanced" and not auction.hold_reviews:
        yield from differences(EnergyRun(result.directory, inputs.registrations, inputs.offers))
    room = {row["supplier_id"]: row["capacity"] - row["used"] for row in rows_of(result, "capacity.json")}
    yield from (name for name, left in room.items() if left < 0)
    for row in rows_of(result, "unmatched.json"):
        if row["codes"] == ["capacity-exhausted"] and any(room[one] > 0 for one in row["suppliers"]):
            yield row


def tried(market: Market, allocation: AllocationRule, *, examples: int, anew: bool) -> Counter[str]:
    """Hold so many small auctions in which nothing may be broken; what has happened in them, how often.

    They are drawn `anew`, or are the same each time.
    """
    tally = Counter[str]()

    @settings(max_examples=examples, derandomize=not anew, deadline=None, suppress_health_check=[*HealthCheck])
    @given(auctions(market))
    @example(believed(market))
    def no_rule_is_broken(auction: Auction) -> None:
        with tempfile.TemporaryDirectory(dir=memory()) as directory:
            folder, model = Path(directory), AgreedModel(auction.agreed)
            inputs, constellation = auction.written(folder), auction.constellation_at(folder, allocation)
            result = judged(
                model, folder / "run", inputs, constellation, market=market, strict_judgement=auction.strict
            )
            assert [*broken(auction, result, inputs, allocation)] == []
            tally.update(happened(result, model))

    no_rule_is_broken()
    return tally


def memory() -> Path | None:
    """Where files are written and removed by the thousand."""
    place = Path("/dev/shm")
    return place if place.is_dir() else None


def happened(result: RunResult, model: AgreedModel) -> Counter[str]:
    """What an adversary has brought about in one run."""
    tally = Counter(auctions=1, answers=len(model.given)) + Counter(counts_of(result))
    tally.update(f"{kind} answers" for kind, _ in model.given)
    tally["unreadable"] = sum(maybe_answer(kind, text.encode()) is None for kind, text in model.given)
    tally.update(match["judgement"] for match in rows_of(result, "matches.json"))
    tally.update(f"tier {match['tier']}" for match in rows_of(result, "matches.json"))
    for order in rows_of(result, "pos.json"):
        tally.update(["loan"] if "financing" in order else [])
        tally.update(one["basis"] for one in order["incentives"] if "basis" in one)
    tally.update(
        code for name in ("review.json", "unmatched.json") for row in rows_of(result, name) for code in row["codes"]
    )
    tally["held"] = sum("held" in row for row in rows_of(result, "review.json"))
    return tally


@pytest.mark.parametrize("kind", ["match", "critique"])
@given(st.data(), st.booleans())
def test_answers_have_their_form(kind: ReplyKind, data: st.DataObject, noted: bool) -> None:
    """Of an order, too, but where it rules on a thing twice, which no schema forbids."""
    offers = ({"id": "o1"}, {"id": "o2"})
    shown = Shown(task="match", offers=offers, household={}, note="The lowest price" if noted else None)
    assert maybe_answer(kind, data.draw(answers(kind, shown)).encode()) is not None


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("market", "allocation"), EACH)
def test_no_answers_break_a_rule(market: Market, allocation: AllocationRule) -> None:
    tally = tried(market, allocation, examples=SLICE, anew=False)
    assert HAPPENS - (+tally).keys() == set()


@pytest.mark.soak
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize(("market", "allocation"), EACH)
def test_ten_thousand_auctions_of_answers_break_no_rule(market: Market, allocation: AllocationRule) -> None:
    tally = tried(market, allocation, examples=WHOLE, anew=True)
    assert tally["auctions"] >= WHOLE
    happens = HAPPENS | {"proven", "vetoed", "capacity-exhausted"}
    happens |= {"loan", "judged by prose", "tier 2"} if market == "sbus" else set()
    assert happens - (+tally).keys() == set()
    figures = {"auctions": tally["auctions"], "answers": tally["answers"], "matched": tally["matched"]}
    record("no answers of colluding agents bring about what a rule forbids", **figures, rules_broken=0)
