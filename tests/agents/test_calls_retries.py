"""A call that failed for a passing reason is made again, by one owner, within its tries and the run's budget."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from igent.agents.calls import Retries
from igent.errors import ModelError, ModelRejected, ModelUnavailable, ReplyUnusable
from igent.models.retry import RetryBudget, RetryPolicy
from tests.agents.desk import ANSWER, REQUEST, desk
from tests.agents.scripted import SENT, USAGE, Step, end

BUSY: list[Step] = [SENT, ModelUnavailable("small", "overloaded", retry_after_s=3.0)]
GOOD: list[Step] = [SENT, ANSWER, end()]


@dataclass(slots=True)
class Patience:
    """Retries of which every wait takes no time; `naps` are the seconds that were asked for."""

    budget: RetryBudget = field(default_factory=RetryBudget)
    naps: list[float] = field(default_factory=list)

    @property
    def retries(self) -> Retries:
        policy = RetryPolicy(attempts=3, base_s=1.0, cap_s=8.0)
        return Retries(policy=policy, budget=self.budget, uniform=lambda: 0.5, sleep=self.nap)

    async def nap(self, seconds: float) -> None:
        self.naps.append(seconds)


async def test_a_call_is_made_again_after_the_wait_that_the_policy_says() -> None:
    patience = Patience()
    async with desk([SENT, ModelUnavailable("small", "reset")], BUSY, GOOD, retries=patience.retries) as at:
        assert await at.calls.ask(REQUEST) == ANSWER
    assert patience.naps == [0.5, 3.5]
    assert [request.attempt for request in at.model.requests] == [0, 1, 2]
    assert at.calls.made == {"match": 3, "retries": 2}


async def test_every_try_is_settled_and_the_last_reply_alone_is_kept() -> None:
    async with desk(BUSY, GOOD, retries=Patience().retries) as at:
        await at.calls.ask(REQUEST)
    assert [facts.fault for facts in at.facts] == ["model-unavailable", None]
    assert at.facts[1].usage == USAGE
    assert [kept.text for kept in at.kept] == [ANSWER]


async def test_the_last_try_raises_what_it_met() -> None:
    async with desk(BUSY, BUSY, BUSY, GOOD, retries=Patience().retries) as at:
        with pytest.raises(ModelUnavailable):
            await at.calls.ask(REQUEST)
    assert at.calls.made == {"match": 3, "retries": 2}


async def test_without_a_budget_left_there_is_no_other_try() -> None:
    patience = Patience(RetryBudget(first=1.0))
    async with desk(BUSY, BUSY, GOOD, retries=patience.retries) as at:
        with pytest.raises(ModelUnavailable):
            await at.calls.ask(REQUEST)
    assert at.calls.made == {"match": 2, "retries": 1}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([SENT, ModelRejected("small", "bad request")], ModelRejected),
        ([SENT, end("refusal")], ReplyUnusable),
        ([SENT, end("max_tokens")], ReplyUnusable),
        ([SENT, asyncio.Event()], ModelError),
    ],
    ids=["rejected", "refused", "cut off", "late"],
)
async def test_what_no_other_try_would_mend_is_not_tried_again(
    script: Sequence[Step], expected: type[ModelError]
) -> None:
    patience = Patience()
    async with desk(script, retries=patience.retries, deadline_s=0.01) as at:
        with pytest.raises(expected):
            await at.calls.ask(REQUEST)
    assert (patience.naps, at.calls.made) == ([], {"match": 1})


async def test_a_try_that_was_never_sent_is_made_again_and_not_counted_as_a_call() -> None:
    async with desk([BUSY[1]], GOOD, retries=Patience().retries) as at:
        assert await at.calls.ask(REQUEST) == ANSWER
    assert (at.calls.made, len(at.settled)) == ({"match": 1, "retries": 1}, 1)
