"""A cap on what a run may take holds to the last call, and whoever raises it pays for nothing twice."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from igent.workflows import Pace, RunResult
from tests.models.loopback import HAIKU
from tests.provider.state import Provider, Settings
from tests.workflows.claude import on_claude, served
from tests.workflows.runs import STABLE, bytes_of, records_of

FEW = 40


@dataclass(frozen=True, kw_only=True)
class Whole:
    """What a run takes that nothing stops."""

    result: RunResult
    requests: int

    @property
    def usd(self) -> Decimal:
        return Decimal(str(self.result.summary["cost_usd"]))

    @property
    def tokens(self) -> int:
        return tokens_of(self.result)


def tokens_of(result: RunResult) -> int:
    """All tokens that a run has taken, of every class."""
    usage: Any = result.summary["usage"]
    return sum(count for name, count in usage.items() if name != "estimated")


def caching() -> Provider:
    return Provider(Settings(prompt_cache=True))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    provider = caching()
    with served(provider) as url:
        result = on_claude(url).run(tmp_path_factory.mktemp("whole") / "run", model=HAIKU, max_items=FEW)
    return Whole(result=result, requests=len(provider.stats.arrivals_s))


@pytest.mark.parametrize(("option", "concurrency"), [("--max-cost", 64), ("--max-tokens", 8)])
def test_a_cap_holds_at_any_concurrency_and_the_rest_is_done_when_it_is_raised(
    tmp_path: Path, whole: Whole, option: str, concurrency: int
) -> None:
    provider, most_usd, most_tokens = caching(), round(whole.usd / 3, 6), whole.tokens // 3
    capped = {"--max-cost": Pace(concurrency=concurrency, max_usd=most_usd)}
    with served(provider) as url:
        setup = on_claude(url)
        pace = capped.get(option, Pace(concurrency=concurrency, max_tokens=most_tokens))
        first = setup.run(tmp_path / "run", pace=pace, model=HAIKU, max_items=FEW)
        last = setup.resume(tmp_path / "run", pace=Pace(max_usd=2 * whole.usd, max_tokens=2 * whole.tokens))
    assert option in str(first.stopped)
    if option == "--max-cost":
        assert most_usd / 3 < Decimal(str(first.summary["cost_usd"])) <= most_usd
    else:
        assert most_tokens / 3 < tokens_of(first) <= most_tokens
    assert (last.stopped, len(provider.stats.arrivals_s)) == (None, whole.requests)
    assert bytes_of(tmp_path / "run", STABLE) == bytes_of(whole.result.directory, STABLE)
    settled = [(record["n"], record["request"]) for record in records_of(tmp_path / "run") if record["t"] == "call"]
    assert len(settled) == len({*settled}) == whole.requests
