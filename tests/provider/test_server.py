"""The provider over its sockets: what it refuses, what it counts, when it speaks, and as a process."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from igent.models.simulated import LATENCIES
from tests.models.loopback import HAIKU, SOON_S
from tests.provider.bodies import LONG, asking, block
from tests.provider.faults import PASSING, Fault, drawn
from tests.provider.limits import Limit, Rates
from tests.provider.prompt import tokens_of
from tests.provider.serving import serving
from tests.provider.state import Provider, Settings

ANSWER = '{"fit":[["o1"]],"why":"because"}'
KEY = {"x-api-key": "sk-test"}


@asynccontextmanager
async def asked_over(provider: Provider) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a provider that serves."""
    with serving(provider) as url:
        async with httpx2.AsyncClient(base_url=url, headers=KEY) as client:
            yield client


def answering(**settings: Any) -> Provider:
    return Provider(Settings(answer=lambda _: ANSWER, **settings))


async def test_a_reply_is_what_the_sdk_takes_for_one() -> None:
    with serving(answering()) as url:
        async with anthropic.AsyncAnthropic(api_key="sk-test", base_url=url) as client:
            body = json.loads(asking())
            async with client.messages.stream(**{k: v for k, v in body.items() if k != "stream"}) as stream:
                message = await stream.get_final_message()
            counted = await client.messages.count_tokens(**{k: body[k] for k in ("model", "messages", "system")})
            model = await client.models.retrieve(HAIKU)
    assert [part.text for part in message.content if part.type == "text"] == [ANSWER]
    assert (message.usage.output_tokens, message.stop_reason) == (tokens_of(ANSWER), "end_turn")
    assert (message.usage.input_tokens, model.id) == (counted.input_tokens, HAIKU)


UNREADABLE = {
    "no JSON": b"{",
    "no object": b"[]",
    "nothing": b"{}",
    "a temperature": asking(temperature=0),
    "a field of its own": asking({**block("x"), "weight": 1}),
    "no stream": asking(stream=False),
    "an empty text": asking(block("")),
    "no room to answer": asking(max_tokens=0),
    "five breakpoints": asking(*[block("x", "5m")] * 5),
    "a longer life behind a shorter one": asking(block("x", "1h"), system=[block("x", "5m")]),
    "a prefilled answer": asking(messages=[{"role": "assistant", "content": "{"}]),
}


async def test_what_is_no_request_is_refused_and_counted() -> None:
    async with asked_over(provider := answering()) as client:
        found = {name: await client.post("/v1/messages", content=body) for name, body in UNREADABLE.items()}
    assert {name: response.status_code for name, response in found.items()} == dict.fromkeys(UNREADABLE, 400)
    assert {response.json()["error"]["type"] for response in found.values()} == {"invalid_request_error"}
    assert len(provider.stats.problems) == len(UNREADABLE)


async def test_texts_may_stand_where_blocks_can() -> None:
    body = asking(system="Match.", messages=[{"role": "user", "content": "Go."}])
    async with asked_over(answering()) as client:
        assert (await client.post("/v1/messages", content=body)).status_code == 200


async def test_without_a_key_there_is_no_reply() -> None:
    async with asked_over(answering()) as client:
        assert (await client.post("/v1/messages", content=asking(), headers={"x-api-key": ""})).status_code == 200
        del client.headers["x-api-key"]
        assert (await client.post("/v1/messages", content=asking())).status_code == 401


async def test_a_provider_that_breaks_goes_on_counting() -> None:
    async with asked_over(provider := Provider()) as client:
        client.headers["connection"] = (
            "close"  # a server that breaks may close a connection that it has offered to keep
        )
        statuses = [
            (await client.post("/v1/messages", content=asking(block(text)))).status_code for text in ("TASK\n", "x")
        ]
        assert await asyncio.to_thread(provider.stats.quiet.wait, SOON_S)
    assert (statuses, dict(provider.stats.statuses)) == ([500, 200], {500: 1, 200: 1})


async def test_an_unknown_model_is_not_found() -> None:
    async with asked_over(answering()) as client:
        assert (await client.get("/v1/models/gpt-1")).status_code == 404


async def test_a_rate_limit_is_told_on_every_response() -> None:
    rates = Rates(requests=Limit(amount=60, burst=1))
    async with asked_over(answering(rates=rates, clock=lambda: 1_000.0)) as client:
        first, second = [await client.post("/v1/messages", content=asking()) for _ in range(2)]
    assert [first.status_code, second.status_code] == [200, 429]
    assert {response.headers["anthropic-ratelimit-requests-remaining"] for response in (first, second)} == {"59"}
    assert ("retry-after" in first.headers, second.headers["retry-after"]) == (False, "1")


async def test_a_plan_and_its_outcome_can_be_had_over_http() -> None:
    plan: dict[str, Any] = {"faults": [{"kind": "status", "status": 529}, None]}
    async with asked_over(answering()) as client:
        assert (await client.post("/_plan", json=plan)).status_code == 200
        for _ in range(2):
            await client.post("/v1/messages", content=asking())
        stats = (await client.get("/_stats")).json()
    assert (stats["statuses"], stats["connections"], len(stats["repeats_s"])) == ({"200": 1, "529": 1}, 1, 1)


@pytest.mark.parametrize("plan", [{"faults": [{"kind": "later"}]}, {"faults": [{"kind": "cut", "byte": 1}]}, {"a": 1}])
async def test_a_plan_that_is_none_is_refused(plan: dict[str, Any]) -> None:
    async with asked_over(answering()) as client:
        assert (await client.post("/_plan", json=plan)).status_code == 400


async def waits(body: bytes, **settings: Any) -> list[float]:
    """The waits of a response, in seconds."""
    script = answering(latency=LATENCIES["haiku"], **settings).message(body, keyed=True).script
    return [part.after_s for part in script.parts if part.after_s]


async def test_latency_is_drawn_by_the_body_and_the_seed() -> None:
    first, other = asking(block("Please go.")), asking(block("Kindly go."))
    drawn_s = [await waits(first), await waits(first), await waits(other), await waits(first, seed=1)]
    assert drawn_s[0] == drawn_s[1]
    assert len({waited[0] for waited in drawn_s}) == 3
    assert all(waited[1:] == [0.04] * (len(ANSWER) // 14) and 0.1 < waited[0] < 3 for waited in drawn_s)


async def test_a_prompt_that_is_kept_takes_no_reading() -> None:
    provider = answering(latency=LATENCIES["haiku"], prompt_cache=True)
    body = asking(system=[block(LONG * 20, "5m")])
    played = provider.message(body, keyed=True)
    provider.begin(played)
    again = provider.message(body, keyed=True)
    saved_s = played.script.parts[0].after_s - again.script.parts[0].after_s
    assert saved_s == pytest.approx(tokens_of("null" + LONG * 20) / 20_000)


async def test_a_reply_is_sent_when_it_is_said() -> None:
    naps: list[float] = []

    async def nap(seconds: float) -> None:
        naps.append(seconds)

    async with asked_over(answering(latency=LATENCIES["haiku"], sleep=nap)) as client:
        await client.post("/v1/messages", content=asking())
    assert naps == await waits(asking())


async def test_a_client_that_leaves_is_noticed_and_its_moment_known() -> None:
    provider = answering()
    provider.plan = lambda body: Fault(kind="silence", at=1 if b"Early" in body else 6)
    async with asked_over(provider) as client:
        for text, until in (("Early.", "message_start"), ("Late.", 'se\\"}')):
            async with client.stream("POST", "/v1/messages", content=asking(block(text))) as response:
                async for line in response.aiter_lines():
                    if until in line:
                        break
            assert await asyncio.to_thread(provider.stats.quiet.wait, SOON_S)
    early, late = provider.stats.left_s
    assert early is None
    assert late is not None
    assert 0 <= late < SOON_S


async def test_a_whole_reply_is_nobodys_leaving() -> None:
    async with asked_over(provider := answering()) as client:
        async with asyncio.TaskGroup() as group:
            for number in range(8):
                group.create_task(client.post("/v1/messages", content=asking(block(f"Number {number}."))))
        assert await asyncio.to_thread(provider.stats.quiet.wait, SOON_S)
    stats = provider.stats
    assert (len(stats.arrivals_s), stats.left_s, stats.repeats_s, stats.in_flight) == (8, [], [], 0)
    assert 1 <= stats.highest <= 8


def test_faults_at_random_are_the_same_whatever_the_order() -> None:
    bodies = [asking(block(f"Number {number}.")) for number in range(500)]
    first, second = drawn(0.2, 1), drawn(0.2, 1)
    found = {body: [first(body), first(body)] for body in bodies}
    assert found == {body: [second(body), second(body)] for body in reversed(bodies)}
    kinds = [fault.kind for pair in found.values() for fault in pair if fault is not None]
    assert 150 < len(kinds) < 250
    assert any(once != again for once, again in found.values())
    assert {*kinds} == {fault.kind for fault in PASSING}


async def test_as_a_process_it_says_where_it_is_and_at_last_what_it_saw() -> None:
    command = ["-m", "tests.provider", "--latency", "haiku", "--speed", "1000", "--rate", "0.1", "--prompt-cache"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=Path(__file__).parents[2], stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(6 * SOON_S):
        url = (await process.stdout.readline()).decode().strip()
        async with httpx2.AsyncClient(base_url=url, headers=KEY) as client:
            statuses = [(await client.post("/v1/messages", content=asking())).status_code for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        stats = json.loads(await process.stdout.read())
        assert await process.wait() == 0
    assert (stats["requests"], stats["invalid"], statuses) == (2, 0, [200, 429])
