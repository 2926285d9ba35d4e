from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from igent.accounting.outlook import RateLimits
from igent.accounting.seen import Seen
from igent.models.base import ModelRequest
from igent.models.cache import CachedModel
from igent.models.rules import RulesModel, keyword_judgement
from igent.report import forecast_lines
from igent.workflows import Pace, Rim, make_settings
from igent.workflows.forecast import Evidence, Forecast, forecast
from igent.workflows.plan import plan_rows
from igent.workflows.session import Session, prepare
from tests.workflows.inputs import Inputs
from tests.workflows.runs import AS_OF, SAMPLE, Setup, registrations, rows_of, write

SOME = 30  # registrations: enough for all kinds of them
NOTHING = (Decimal(0),) * 3
ALL = ["p1m1_p2m2", "p1m1m2c", "p1m1c1_p2m2c2", "p1m1c1m2c2", "p1r_p2r"]


class Drawer:
    """A store of replies in memory that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.kept: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        self.asked.append(key)
        return self.kept.get(key)

    def put(self, key: str, value: bytes) -> None:
        self.kept[key] = value


async def prepared(
    constellation: str = "p1m1_p2m2", *, inputs: Inputs = SAMPLE, pace: Pace | None = None, **options: Any
) -> Session:
    given: Any = {role: getattr(inputs, role) for role in ("registrations", "offers", "incentives")}
    asked: Any = {"model": "mock", "max_items": SOME} | options
    settings = make_settings(constellation, given, as_of=AS_OF, **asked)
    return await prepare(settings, pace or Pace(), Rim(api_key="none"))


async def forecasted(constellation: str = "p1m1_p2m2", evidence: Evidence | None = None, **options: Any) -> Forecast:
    return await forecast(await prepared(constellation, **options), evidence or Evidence())


async def openings(session: Session) -> AsyncIterator[ModelRequest]:
    judging = session.judging()
    async with aclosing(plan_rows(session.inputs, session.survey, session.settings)) as rows:
        async for planned in rows:
            for _, request in judging.openings(planned):
                yield request


def first_requests(audit: dict[str, Any], agents: tuple[str, ...]) -> list[str]:
    """The request of each agent's first reply."""
    found = {reply["agent"]: reply["request"] for reply in reversed(audit["replies"])}
    return [found[agent] for agent in agents if agent in found]


@pytest.mark.parametrize("constellation", ALL)
def test_the_prompts_of_a_forecast_are_those_of_the_run(constellation: str, tmp_path: Path) -> None:
    drawer = Drawer()
    asyncio.run(forecasted(constellation, Evidence(replies=drawer)))
    result = Setup(constellation=constellation).run(tmp_path, model="mock", max_items=SOME)
    agents = ("matcher",) if constellation == "p1m1c1m2c2" else ("matcher", "matcher2")
    asked = [request for audit in rows_of(result, "audit.jsonl") for request in first_requests(audit, agents)]
    assert drawer.asked == asked


def test_who_has_an_outcome_without_a_call_is_named_with_the_reason(tmp_path: Path) -> None:
    found = asyncio.run(forecasted())
    result = Setup(constellation="p1m1_p2m2").run(tmp_path, model="mock", max_items=SOME)
    uncalled = [row for row in rows_of(result, "audit.jsonl") if not row["replies"]]
    assert found.registrations == SOME
    assert found.estimate.registrations == SOME - len(uncalled)
    named = {(one.outcome, name) for one in found.unasked for name in one.ids}
    assert named == {(row["outcome"], row["registration_id"]) for row in uncalled}
    assert all(one.codes for one in found.unasked)


async def test_of_many_for_one_reason_the_first_twenty_are_named(tmp_path: Path) -> None:
    rows = [row | {"RegistrationStatus": "Declined"} for row in registrations()]
    inputs = replace(SAMPLE, registrations=write(tmp_path / "registrations.json", rows))
    (withdrawn,) = (await forecasted(inputs=inputs, max_items=None)).unasked
    assert (withdrawn.outcome, withdrawn.codes, withdrawn.count) == ("unmatched", ("withdrawn",), 100)
    assert withdrawn.ids == [row["RegistrationNumber"] for row in rows[:20]]


async def test_a_rejected_row_without_an_id_goes_by_its_number(tmp_path: Path) -> None:
    inputs = replace(SAMPLE, registrations=write(tmp_path / "registrations.json", [registrations()[0], 17]))
    (rejected,) = (await forecasted(inputs=inputs)).unasked
    assert (rejected.outcome, rejected.ids) == ("rejected", ["row 1"])


def test_a_pilot_tells_what_the_whole_run_asks(tmp_path: Path) -> None:
    setup = Setup(constellation="p1m1c1_p2m2c2")
    pilot = setup.run(tmp_path / "pilot", model="mock", max_items=30, mock_errors=0.1)
    evidence = Evidence(seen=Seen.from_record(pilot.summary["observed"]), source="a pilot")
    told = asyncio.run(forecasted("p1m1c1_p2m2c2", evidence, max_items=None)).estimate
    whole = setup.run(tmp_path / "whole", model="mock", mock_errors=0.1)
    agents = cast("list[dict[str, Any]]", whole.summary["agents"])
    assert sum(told.calls.values()) == pytest.approx(sum(row["calls"] for row in agents), rel=0.1)
    for name in ("input_tokens", "output_tokens"):
        assert told.tokens[name] == pytest.approx(sum(row["usage"][name] for row in agents), rel=0.1)
    assert told.basis.endswith("calls of a pilot")


@pytest.mark.parametrize("constellation", ["p1m1_p2m2", "p1m1c1m2c2"])
async def test_what_was_kept_is_not_asked_again(constellation: str) -> None:
    session, drawer = await prepared(constellation, max_items=10), Drawer()
    model = CachedModel(RulesModel(keyword_judgement(session.inputs.market)), drawer)
    async for request in openings(session):
        async with aclosing(model.stream(request)) as events:
            assert [event async for event in events]
    told = (await forecast(session, Evidence(replies=drawer))).estimate
    assert (told.registrations, told.calls, told.cost_usd) == (0, {}, NOTHING)


async def test_a_reply_that_does_not_hold_any_more_is_asked_again() -> None:
    drawer, plain = Drawer(), await forecasted(max_items=10)
    await forecasted(evidence=Evidence(replies=drawer), max_items=10)
    drawer.kept = dict.fromkeys(drawer.asked, b'{"v":1}')
    assert await forecasted(evidence=Evidence(replies=drawer), max_items=10) == plain


async def test_forecasts_of_the_same_run_are_the_same() -> None:
    assert await forecasted(max_items=20) == await forecasted(max_items=20)


@pytest.mark.parametrize(
    ("constellation", "critics"),
    [("p1m1_p2m2", set()), ("p1m1m2c", {"critic"}), ("p1m1c1_p2m2c2", {"critic", "critic2"})],
)
async def test_critics_are_expected_where_there_is_something_to_judge(constellation: str, critics: set[str]) -> None:
    calls = (await forecasted(constellation)).estimate.calls
    assert calls.keys() - {"matcher", "matcher2"} == critics
    assert all(calls[critic] < calls["matcher"] for critic in critics)


@pytest.mark.parametrize(("policy", "share"), [("always", 1.0), ("never", 0.0)])
async def test_a_critics_policy_decides_how_often_it_is_asked(policy: Any, share: float) -> None:
    calls = (await forecasted("p1m1c1_p2m2c2", critic=policy)).estimate
    assert calls.calls.get("critic", 0) == share * calls.registrations


async def test_in_one_conversation_the_second_phase_is_counted_though_it_cannot_be_rendered() -> None:
    calls = (await forecasted("p1m1c1m2c2")).estimate.calls
    assert calls["matcher2"] == pytest.approx(calls["matcher"], abs=5)


async def test_the_rules_take_neither_time_nor_money() -> None:
    told = (await forecasted(model="rules")).estimate
    assert told.cost_usd == told.seconds == NOTHING
    assert told.tokens["input_tokens"] > 5_000


async def test_a_larger_model_takes_longer_and_costs_more() -> None:
    small, large = [(await forecasted(model=f"claude-{name}-5-5")).estimate for name in ("haiku", "sonnet")]
    assert small.seconds[1] < large.seconds[1]
    assert small.cost_usd is not None
    assert large.cost_usd is not None
    assert small.cost_usd[1] < large.cost_usd[1]


async def test_a_model_nobody_knows_has_no_cost_but_takes_time() -> None:
    told = (await forecasted(model="openai:something")).estimate
    assert (told.cost_usd, told.unpriced_models) == (None, ("openai:something",))
    assert told.seconds[1] > 3


async def test_a_concurrency_to_be_found_is_taken_to_be_high() -> None:
    auto, eight = [
        (await forecasted(model="claude-haiku-5-5", pace=Pace(concurrency=calls))).estimate for calls in (None, 8)
    ]
    assert auto.seconds[1] < eight.seconds[1]


async def test_a_providers_limits_are_kept_to() -> None:
    limits = Evidence(limits=RateLimits(requests=10))
    assert (await forecasted(evidence=limits, max_items=20)).estimate.seconds[0] > 120


async def test_prompts_that_share_their_offers_are_read_from_the_providers_cache() -> None:
    tokens = (await forecasted(model="claude-haiku-5-5")).estimate.tokens
    assert tokens["cache_read_tokens"] > tokens["input_tokens"]
    assert (await forecasted(model="claude-haiku-5-5", switches={"prompt_caching": False})).estimate.tokens[
        "cache_read_tokens"
    ] == 0


async def test_a_forecast_can_be_told_in_lines() -> None:
    asked, *_, last = forecast_lines((await forecasted()).as_record())
    assert asked == "asked     28 of 30 registrations"
    assert last == "no call   1 unmatched: withdrawn (SPUS10025)"
