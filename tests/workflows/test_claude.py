"""The main job on Claude: the real SDK over real sockets, against a provider on loopback that answers by keywords."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from igent import codec
from igent.dialogue.prompts import read_shown
from igent.markets import MARKETS
from igent.models.base import Message, ModelRequest
from igent.models.rules import RulesModel, keyword_judgement
from igent.workflows import Pace, Rim, RunResult, make_settings, start
from tests.models.loopback import HAIKU, Loopback, Play, failure, good_stream
from tests.workflows.runs import AS_OF, SAMPLE, Setup, control, counts_of, rows_of

KEY = "sk-canary-0123456789"
# What `good_stream` says of each call: 25 tokens in, of which none cached, and 15 out.
Answer = Callable[["Provider"], Play]


@dataclass
class Provider(Loopback):
    """A loopback provider that answers what it is asked, after what is planned for its first calls."""

    first: list[Play] = field(default_factory=list)


def answering(server: Provider) -> None:
    """Make the server answer each request as the mock's rules would."""

    class Answers(list[Play]):
        def __bool__(self) -> bool:
            return True

        def pop(self, _index: Any = -1) -> Play:
            return (
                server.first.pop(0) if server.first else Play(parts=[good_stream([answer_to(server.asked[-1].body)])])
            )

    server.plays = Answers()


def answer_to(body: bytes) -> str:
    """The reply that the keyword rules give to the body of a request."""
    asked: Any = json.loads(body)
    texts = [block["text"] for message in asked["messages"] for block in message["content"]]
    shown = read_shown(next(text for text in reversed(texts) if text.startswith("TASK\n")))
    request = ModelRequest(
        agent="provider",
        kind="critique" if shown.proposal is not None else "match" if shown.task == "match" else "order",
        system="",
        messages=tuple(Message(author="user", text=text) for text in texts),
        max_tokens=512,
    )
    return codec.dump(RulesModel(keyword_judgement(MARKETS["sbus"]))._reply(request)).decode()


def on_claude(
    out: Path, server: Provider, *, max_items: int, sleep: Callable[[float], Awaitable[None]]
) -> Awaitable[RunResult]:
    files = {"registrations": SAMPLE.registrations, "offers": SAMPLE.offers, "incentives": str(SAMPLE.incentives)}
    settings = make_settings("p1m1m2c", files, as_of=AS_OF, model=HAIKU, max_items=max_items)  # type: ignore[arg-type]
    rim = Rim(sleep=sleep, uniform=lambda: 0.5, api_key=KEY, base_url=server.url)
    return start(settings, Pace(), out, control=control(), rim=rim)


async def test_outcomes_are_those_of_the_mock_and_the_cost_is_exact(tmp_path: Path) -> None:
    async with Provider([]) as server:
        answering(server)
        result = await on_claude(tmp_path / "run", server, max_items=40, sleep=asyncio.sleep)
    mock = await asyncio.to_thread(Setup().run, tmp_path / "mock", model="mock", max_items=40)
    assert counts_of(result) == counts_of(mock)
    assert rows_of(result, "matches.json") == rows_of(mock, "matches.json")
    without = [{k: v for k, v in order.items() if k != "simulated"} for order in rows_of(mock, "pos.json")]
    assert rows_of(result, "pos.json") == without
    usage: Any = result.summary["usage"]
    price = Decimal("0.10") * usage["input_tokens"] + Decimal("0.50") * usage["output_tokens"]
    cached = Decimal("0.01") * usage["cache_read_tokens"] + Decimal("0.125") * usage["cache_write_tokens"]
    hour = Decimal("0.20") * usage["cache_write_1h_tokens"]
    assert Decimal(str(result.summary["cost_usd"])) == ((price + cached + hour) / 1_000_000).quantize(
        Decimal("0.000001")
    )
    assert not usage["estimated"]
    connections = {asked.connection for asked in server.asked}
    assert len(connections) < len(server.asked) / 2


async def test_passing_faults_are_tried_again_and_counted(tmp_path: Path) -> None:
    waits: list[float] = []

    async def noted(seconds: float) -> None:
        waits.append(seconds)

    overloaded = failure(529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    async with Provider([], first=[overloaded] * 3) as server:
        answering(server)
        result = await on_claude(tmp_path / "run", server, max_items=3, sleep=noted)
    calls: Any = result.summary["calls"]
    assert counts_of(result) == {"registrations": 3, "matched": 3}
    assert (calls["retries"], len(waits), len(server.asked)) == (3, 3, 9)
    assert all(0 < wait <= 20 for wait in waits)


async def test_a_key_that_is_refused_stops_the_run_and_is_written_nowhere(tmp_path: Path) -> None:
    refused = failure(401, {"type": "error", "error": {"type": "authentication_error", "message": f"invalid {KEY}"}})
    async with Provider([], first=[refused] * 20) as server:
        answering(server)
        result = await on_claude(tmp_path / "run", server, max_items=10, sleep=asyncio.sleep)
    assert counts_of(result) == {"registrations": 0} or counts_of(result).get("failed") is None
    assert result.stopped is not None
    assert KEY not in result.stopped
    written = await asyncio.to_thread(
        lambda: [p.name for p in (tmp_path / "run").iterdir() if KEY.encode() in p.read_bytes()]
    )
    assert written == []
