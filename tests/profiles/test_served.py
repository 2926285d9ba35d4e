from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from profiles.served import SLOWER_S, Manner, Recorder
from tests.provider.state import Played

OFFERS = 'OFFERS\n[{"id":"o1","supplier":"A","products":[]}]\n'
MATCH = f'TASK\n"match"\n{OFFERS}HOUSEHOLD\n{{"zip":"1"}}\nNOTE\nnull'


def body(*texts: str) -> bytes:
    """A request whose messages are the user's and the model's in turn."""
    messages = [
        {"role": "assistant" if number % 2 else "user", "content": [{"type": "text", "text": text}]}
        for number, text in enumerate(texts)
    ]
    asked = {"model": "claude-haiku-5-5", "max_tokens": 512, "stream": True, "messages": messages}
    return json.dumps(asked).encode()


async def played(provider: Recorder, bodies: Sequence[bytes]) -> list[Played]:
    """The responses, each played in a task of its own as a server does."""

    async def play(one: Played) -> None:
        for part in one.script.parts:
            await provider.settings.sleep(part.after_s)

    async def respond(one: bytes) -> Played:
        response = provider.message(one, keyed=True)
        await asyncio.create_task(play(response))
        return response

    return [await asyncio.create_task(respond(one)) for one in bodies]


def waits(response: Played) -> float:
    return sum(part.after_s for part in response.script.parts)


async def test_each_response_has_all_of_its_waits_on_an_account_of_its_own() -> None:
    provider = Recorder(Manner(wait=0.001))
    responses = await played(provider, [body(MATCH), body(MATCH.replace('"1"', '"2"'))])
    assert [one.drawn_s for one in provider.plays] == pytest.approx([waits(one) for one in responses])
    assert all(one.ended_s > one.begun_s for one in provider.plays)


async def test_a_client_that_leaves_ends_a_wait() -> None:
    provider, asked = Recorder(Manner()), asyncio.Event()

    async def respond() -> None:
        provider.message(body(MATCH), keyed=True)
        asked.set()
        await provider.settings.sleep(60)

    playing = asyncio.create_task(respond())
    await asked.wait()
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
    assert [one.drawn_s < 60 for one in provider.plays] == [True]


async def test_a_registration_is_opened_by_its_first_question_alone() -> None:
    provider = Recorder(Manner(latency="none"))
    order = MATCH.replace('"match"', '"order"').replace("HOUSEHOLD", "INCENTIVES\n[]\nHOUSEHOLD")
    again, repaired, reviewed = body(MATCH), body(MATCH, "{}", "VIOLATIONS\n[]"), body(f"{MATCH}\nPROPOSAL\n{{}}")
    await played(provider, [body(MATCH), again, repaired, reviewed, body(order)])
    assert [one.opens for one in provider.plays] == [True, False, False, False, False]


async def test_the_same_requests_are_slow_every_time() -> None:
    bodies = [body(MATCH.replace('"1"', f'"{number}"')) for number in range(40)]
    plain = Recorder(Manner(wait=1e-6))
    slow = [Recorder(Manner(wait=1e-6, slow=0.25)) for _ in range(2)]
    usual, *late = [[waits(one) for one in await played(provider, bodies)] for provider in (plain, *slow)]
    assert late[0] == late[1]
    longer = {round((after - before) / 1e-6) for before, after in zip(usual, late[0], strict=True)}
    assert longer == {0, round(SLOWER_S)}
