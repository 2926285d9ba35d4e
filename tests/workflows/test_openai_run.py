"""The main job on a model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from igent.accounting.usage import Usage
from tests.models.loopback_openai import USAGE
from tests.workflows.checker import check
from tests.workflows.claude import KEY, outcomes_of
from tests.workflows.endpoint import Endpoint
from tests.workflows.runs import SAMPLE, Setup, quick

MODEL = "openai:test"
FEW = replace(SAMPLE, max_items=40)


async def test_outcomes_are_those_of_the_mock_and_every_token_is_counted_exactly(tmp_path: Path) -> None:
    async with Endpoint([]) as server:
        rim = replace(quick, openai_key=KEY, openai_url=server.url)
        result = await asyncio.to_thread(Setup(inputs=FEW, rim=rim).run, tmp_path / "run", model=MODEL)
    mock = await asyncio.to_thread(Setup(inputs=FEW).run, tmp_path / "mock", model="mock")
    bodies: list[dict[str, Any]] = [json.loads(asked.body) for asked in server.asked]
    assert outcomes_of(result.directory) == outcomes_of(mock.directory)
    assert check(result.directory, FEW) == []
    assert result.summary["usage"] == sum([USAGE] * len(bodies), Usage()).as_record()
    assert {body["model"] for body in bodies} == {"test"}
    assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {KEY}"}
    assert len({asked.connection for asked in server.asked}) <= 16 < len(bodies) / 2
