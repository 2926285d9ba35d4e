"""A provider that takes so many requests a second gets hardly more than it needs to answer, however many wait."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from igent.workflows import Pace
from tests.models.loopback import HAIKU
from tests.provider.limits import Limit, Rates
from tests.provider.state import Provider, Settings
from tests.workflows.claude import on_claude, served
from tests.workflows.runs import counts_of

REGISTRATIONS = 64
PER_SECOND = 100
LIMITS = {
    # Headers tell of a minute's worth, of which only a few are to be had at once.
    "bucket": Limit(amount=60 * PER_SECOND, burst=5),
    "window": Limit(amount=PER_SECOND, period_s=1, fixed=True),
}


@pytest.mark.parametrize(("limit", "concurrency"), [("bucket", 64), ("window", None)])
def test_all_finish_with_hardly_a_request_too_many(tmp_path: Path, limit: str, concurrency: int | None) -> None:
    provider = Provider(Settings(rates=Rates(requests=LIMITS[limit])))
    with served(provider) as url:
        setup = on_claude(url)
        setup = replace(setup, rim=replace(setup.rim, sleep=asyncio.sleep))
        pace, plain = Pace(concurrency=concurrency), {"prompt_caching": False}
        result = setup.run(tmp_path / "run", pace=pace, model=HAIKU, max_items=REGISTRATIONS, switches=plain)
    stats = provider.stats
    answered, refused = stats.statuses[200], stats.statuses[429]
    assert counts_of(result)["registrations"] == REGISTRATIONS
    assert "failed" not in counts_of(result)
    assert answered > PER_SECOND  # so that the limit has been met
    # How few exactly is held on a clock of its own: a busy machine sends in bursts.
    assert answered + refused <= 1.5 * answered
    # Whoever was refused has come back once: retries have not come all at once, to be refused together.
    assert len(stats.repeats_s) == refused
