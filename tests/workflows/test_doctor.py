from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from igent import __version__
from igent.workflows import Rim, make_settings
from igent.workflows.doctor import Finding, examine
from tests.models.loopback import HAIKU, Loopback, Play, failure, good_stream
from tests.workflows.runs import AS_OF

KEY = "sk-canary-0123456789"
RIM = Rim(api_key=KEY, openai_key=KEY, now=lambda: datetime(2026, 11, 20, tzinfo=UTC))


@pytest.fixture
def dead_url() -> str:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


async def found(directory: Path, rim: Rim = RIM, **options: Any) -> list[Finding]:
    settings = make_settings("p1m1_p2m2", {}, as_of=AS_OF, **options)
    return [finding async for finding in examine(settings, rim, directory)]


def about(findings: list[Finding], words: str) -> Finding:
    (one,) = (finding for finding in findings if words in finding.what)
    return one


def test_offline_there_is_nothing_wrong_and_nothing_is_left_behind(tmp_path: Path) -> None:
    findings = asyncio.run(found(tmp_path / "runs", replace(RIM, cache_dir=tmp_path / "cache")))
    assert {finding.level for finding in findings} <= {"ok", "warn"}
    assert about(findings, f"igent {__version__} on Python").level == "ok"
    assert [finding.what.split(":")[0] for finding in findings[-2:]] == ["matcher", "matcher2"]
    assert [*tmp_path.iterdir()] == []


async def test_each_disk_that_is_written_to_is_looked_at(tmp_path: Path) -> None:
    for name in ("runs", "cache"):
        (tmp_path / name).mkdir()
    findings = await found(tmp_path / "runs", replace(RIM, cache_dir=tmp_path / "cache"))
    for name in ("runs", "cache"):
        assert "GB free" in about(findings, str(tmp_path / name)).what


async def test_a_place_that_cannot_be_written_to_is_a_failure() -> None:
    finding = about(await found(Path("/proc/igent")), "/proc cannot be written to")
    assert (finding.level, finding.remedy) == ("fail", "Give another place")


async def test_a_model_that_answers_is_told_with_its_price_and_its_cache(tmp_path: Path) -> None:
    async with Loopback([Play(parts=[good_stream(['{"verdict":"approve","codes":[],"why":"test"}'])])]) as server:
        findings = await found(tmp_path, replace(RIM, base_url=server.url), model=HAIKU)
    assert about(findings, "0.10 in, 0.50 out, 0.01 cached, in $/MTok (https://").level == "ok"
    assert about(findings, "matcher: ").what.endswith("claude-haiku-5-5 caches from 512 on")
    assert about(findings, "answered a small call in").what.endswith(", 0.000031 USD")
    assert len(server.asked) == 1
    assert KEY not in str(findings)


async def test_a_model_out_of_reach_is_a_failure_that_tells_no_key(tmp_path: Path, dead_url: str) -> None:
    *_, last = await found(tmp_path, replace(RIM, base_url=dead_url), model=HAIKU)
    assert (last.level, "claude-haiku-5-5" in last.what, "base URL" in last.remedy) == ("fail", True, True)
    assert KEY not in last.what


async def test_a_key_that_is_refused_is_a_failure_that_does_not_repeat_it(tmp_path: Path) -> None:
    refused = failure(401, {"type": "error", "error": {"type": "authentication_error", "message": f"invalid {KEY}"}})
    async with Loopback([refused]) as server:
        *_, last = await found(tmp_path, replace(RIM, base_url=server.url), model=HAIKU)
    assert (last.level, KEY in str(last)) == ("fail", False)


async def test_an_old_model_is_told_with_the_day_and_how_long_a_prefix_it_caches(tmp_path: Path, dead_url: str) -> None:
    findings = await found(tmp_path, replace(RIM, base_url=dead_url), model="claude-haiku-4-5")
    retired = about(findings, "may be withdrawn at any time since 2026-10-15")
    assert (retired.level, retired.remedy) == ("warn", "Choose a newer model")
    assert about(findings, "matcher: ").what.endswith("claude-haiku-4-5 caches only from 4096 on")


async def test_a_model_without_a_price_is_told_with_what_that_means(tmp_path: Path, dead_url: str) -> None:
    findings = await found(tmp_path, replace(RIM, openai_url=dead_url), model="openai:unheard-of")
    price = about(findings, "the price of openai:unheard-of is not known")
    assert (price.level, "--max-cost is refused" in price.remedy) == ("warn", True)


async def test_what_stands_in_the_way_of_a_run_is_the_last_thing_told(tmp_path: Path) -> None:
    *_, last = await found(tmp_path, Rim(), model=HAIKU)
    assert last == Finding(
        level="fail",
        what="model 'claude-haiku-5-5' needs a key",
        remedy="Set ANTHROPIC_API_KEY, or run on --model rules or --mock",
    )
