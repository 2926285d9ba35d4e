"""Pay once: what is kept, what may answer, and that equal requests at the same time make one call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent import codec
from igent.accounting.usage import Usage
from igent.errors import ModelUnavailable
from igent.models.base import Message, ModelEvent, ModelRequest, PromptRead, ReplyEnd, Sent, StopReason
from igent.models.cache import ENTRY_BYTES, CachedModel

READ = Usage(input_tokens=90, cache_read_tokens=10)
TOOK = Usage(input_tokens=90, cache_read_tokens=10, output_tokens=7)
END = ReplyEnd(stop_reason="end_turn", usage=TOOK)
WHOLE: tuple[ModelEvent, ...] = (Sent(), PromptRead(usage=READ), '{"fit"', ":null}", END)
TEXT = '{"fit":null}'
Script: TypeAlias = Sequence[ModelEvent | Exception | None]
HIT: list[ModelEvent] = [TEXT, ReplyEnd(stop_reason="end_turn", usage=Usage(), saved=TOOK)]


def is_complete(text: str) -> bool:
    return text.rstrip().endswith("}")


REQUEST = ModelRequest(
    agent="matcher",
    kind="match",
    system="Match.",
    messages=(Message(author="user", text="Which?"),),
    max_tokens=512,
    model="m",
    verified=is_complete,
)


class Memory:
    """A store in memory."""

    def __init__(self) -> None:
        self.entries: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        await asyncio.sleep(0)
        return self.entries.get(key)

    def put(self, key: str, value: bytes) -> None:
        self.entries[key] = value


class Forgetful(Memory):
    """A store that tells everything once."""

    async def get(self, key: str) -> bytes | None:
        await asyncio.sleep(0)
        return self.entries.pop(key, None)

    def put(self, key: str, value: bytes) -> None:
        """Forget it at once."""


class Scripted:
    """A model that streams one script per call, the last one again and again; at None it waits for the gate."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = scripts
        self.gate = asyncio.Event()
        self.calls = self.closed = self.open = self.most_open = 0

    @property
    def name(self) -> str:
        return "m"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        script = self.scripts[min(self.calls, len(self.scripts) - 1)]
        self.calls += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            for step in script:
                await asyncio.sleep(0)
                if isinstance(step, Exception):
                    raise step
                if step is None:
                    await self.gate.wait()
                else:
                    yield step
        finally:
            self.open -= 1
            self.closed += 1


async def events(model: CachedModel, request: ModelRequest = REQUEST) -> list[ModelEvent]:
    return [event async for event in model.stream(request)]


async def heard_until(model: CachedModel, piece: str) -> None:
    """Close the stream once a piece was heard."""
    async with aclosing(model.stream(REQUEST)) as stream:
        async for event in stream:
            if event == piece:
                return


async def settled() -> None:
    """Let everybody go as far as they can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_reply_is_passed_through_and_then_answers_without_a_call() -> None:
    inner = Scripted(WHOLE)
    model = CachedModel(inner, Memory())
    assert await events(model) == list(WHOLE)
    assert await events(model) == HIT
    assert inner.calls == 1
    assert model.name == "m"


async def test_another_try_of_the_same_request_is_the_same_request() -> None:
    model = CachedModel(Scripted(WHOLE), Memory())
    await events(model, replace(REQUEST, attempt=1, priority=7))
    assert await events(model) == HIT


@pytest.mark.parametrize("reason", ["end_turn", "stop_sequence"])
async def test_whole_replies_are_kept(reason: StopReason) -> None:
    store = Memory()
    await events(CachedModel(Scripted((TEXT, replace(END, stop_reason=reason))), store))
    assert [*store.entries] == [REQUEST.digest]


@pytest.mark.parametrize("reason", ["max_tokens", "refusal"])
async def test_a_reply_that_ended_otherwise_is_not_kept_even_where_it_verifies(reason: StopReason) -> None:
    store = Memory()
    model = CachedModel(Scripted((TEXT, replace(END, stop_reason=reason))), store)
    await events(model)
    async with aclosing(model.stream(REQUEST)) as stream:
        async for event in stream:
            if isinstance(event, ReplyEnd):
                break
    assert store.entries == {}


@pytest.mark.parametrize("script", [("I cannot say", END), (TEXT,)], ids=["not verified", "cut off"])
async def test_what_is_no_whole_verified_reply_is_not_kept(script: Script) -> None:
    store = Memory()
    await events(CachedModel(Scripted(script), store))
    assert store.entries == {}


async def test_a_request_that_cannot_verify_is_neither_kept_nor_answered_nor_held_up() -> None:
    inner = Scripted(WHOLE, (None, *WHOLE))
    model = CachedModel(inner, Memory())
    await events(model)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(events(model, replace(REQUEST, verified=None)))
        await settled()
        assert inner.open == 2
        inner.gate.set()
    assert inner.calls == 3


async def test_a_reply_closed_early_is_kept_once_it_verifies_with_its_usage_estimated() -> None:
    inner = Scripted(WHOLE)
    model = CachedModel(inner, Memory())
    await heard_until(model, ":null}")
    assert inner.closed == 1
    saved = Usage(input_tokens=90, cache_read_tokens=10, output_tokens=3, estimated=True)
    assert await events(model) == [TEXT, replace(END, usage=Usage(), saved=saved)]


async def test_a_prompt_that_nobody_counted_is_estimated_too() -> None:
    model = CachedModel(Scripted((TEXT, END)), Memory())
    await heard_until(model, TEXT)
    saved = Usage(input_tokens=4, output_tokens=3, estimated=True)
    assert await events(model) == [TEXT, replace(END, usage=Usage(), saved=saved)]


async def test_a_reader_who_gives_up_waiting_for_more_keeps_what_was_said() -> None:
    model = CachedModel(Scripted((TEXT, None)), store := Memory())
    async with aclosing(model.stream(REQUEST)) as stream:
        assert await anext(stream) == TEXT
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                await anext(stream)
    assert [*store.entries] == [REQUEST.digest]


async def test_a_reply_closed_before_it_verifies_is_not_kept() -> None:
    model = CachedModel(Scripted(WHOLE), store := Memory())
    await heard_until(model, '{"fit"')
    assert store.entries == {}


async def test_a_failure_passes_and_keeps_nothing() -> None:
    model = CachedModel(Scripted((TEXT[:-1], ModelUnavailable("m", "gone"))), store := Memory())
    with pytest.raises(ModelUnavailable, match="gone"):
        await events(model)
    assert store.entries == {}


async def test_a_kept_reply_that_verifies_no_more_is_asked_anew_and_replaced() -> None:
    newer = (TEXT.replace("null", "[]"), END)
    model = CachedModel(Scripted(WHOLE, newer), Memory())
    await events(model)
    stricter = replace(REQUEST, verified=lambda text: "[]" in text)
    assert await events(model, stricter) == list(newer)
    assert (await events(model, stricter))[0] == newer[0]


@pytest.mark.parametrize("kept", [TEXT, f"{TEXT}\n", f"{TEXT} or not"])
async def test_a_repair_is_never_answered_from_the_reply_that_it_repairs(kept: str) -> None:
    said = (*REQUEST.messages, Message(author="assistant", text=TEXT), Message(author="user", text="Wrong."))
    repair = replace(REQUEST, messages=said, verified=lambda _: True)
    model = CachedModel(inner := Scripted((kept, END)), store := Memory())
    store.put(repair.digest, codec.dump({"v": 1, "model": "m", "text": kept, "usage": TOOK.as_record()}))
    for _ in range(2):
        assert await events(model, repair) == [kept, END]
    assert inner.calls == 2


async def test_a_silent_turn_of_its_own_keeps_no_request_from_being_answered() -> None:
    silent = replace(REQUEST, messages=(*REQUEST.messages, Message(author="assistant", text="")))
    model = CachedModel(Scripted(WHOLE), Memory())
    await events(model, silent)
    assert await events(model, silent) == HIT


async def test_half_a_character_is_kept_as_what_stands_for_it() -> None:
    model = CachedModel(Scripted(('{"why":"\ud83d"}', END)), Memory())
    await events(model)
    assert (await events(model))[0] == '{"why":"?"}'


def entry(**changes: object) -> bytes:
    return codec.dump({"v": 1, "model": "m", "text": TEXT, "usage": TOOK.as_record(), **changes})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 5000,
        entry(v=2),
        entry(model="another"),
        entry(text=None),
        entry(usage=None),
        entry(usage={**TOOK.as_record(), "input_tokens": -1}),
        entry(usage={**TOOK.as_record(), "input_tokens": 2**63}),
        entry(more=1),
        entry(text=TEXT + " " * ENTRY_BYTES),
    ],
)
async def test_entries_that_were_not_written_here_are_misses(data: bytes) -> None:
    store = Memory()
    store.put(REQUEST.digest, entry())
    assert await events(CachedModel(Scripted(WHOLE), store)) == HIT
    store.put(REQUEST.digest, data)
    assert await events(CachedModel(Scripted(WHOLE), store)) == list(WHOLE)


@given(st.binary(), st.integers(0, 200))
def test_no_bytes_at_all_stop_a_request(noise: bytes, at: int) -> None:
    store = Memory()
    store.put(REQUEST.digest, entry()[:at] + noise + entry()[at + 1 :])
    *said, end = asyncio.run(events(CachedModel(Scripted(WHOLE), store)))
    assert isinstance(end, ReplyEnd)
    assert is_complete("".join(piece for piece in said if isinstance(piece, str)))


async def test_equal_requests_at_the_same_time_make_one_call() -> None:
    inner = Scripted(WHOLE)
    model = CachedModel(inner, Memory())
    async with asyncio.TaskGroup() as tasks:
        clients = [tasks.create_task(events(model)) for _ in range(50)]
    assert [client.result() for client in clients] == [list(WHOLE), *[HIT] * 49]
    assert inner.calls == 1


async def test_those_who_wait_are_answered_even_where_the_store_forgets() -> None:
    inner, store = Scripted(WHOLE), Forgetful()
    store.entries[REQUEST.digest] = entry()
    model = CachedModel(inner, store)
    for calls in range(2):
        async with asyncio.TaskGroup() as tasks:
            clients = [tasks.create_task(events(model)) for _ in range(3)]
        assert [client.result() for client in clients[1:]] == [HIT, HIT]
        assert inner.calls == calls


async def test_other_requests_do_not_wait() -> None:
    model = CachedModel(inner := Scripted((None, *WHOLE)), Memory())
    async with asyncio.TaskGroup() as tasks:
        for number in range(3):
            tasks.create_task(events(model, replace(REQUEST, system=str(number))))
        await settled()
        assert inner.open == 3
        inner.gate.set()


async def lead(model: CachedModel) -> None:
    """Read until a piece is "enough"; a failure is nobody else's."""
    with suppress(ModelUnavailable):
        await heard_until(model, "enough")


@pytest.mark.parametrize(
    ("script", "cancelled"),
    [
        ((None, "enough", END), False),
        ((None, "no answer", END), False),
        (("first", None), True),
        ((None,), True),
    ],
    ids=["closed early", "keeps nothing", "cancelled between pieces", "cancelled before any"],
)
async def test_a_leader_that_keeps_nothing_strands_nobody(script: Script, cancelled: bool) -> None:
    model = CachedModel(inner := Scripted(script, WHOLE), Memory())
    async with asyncio.TaskGroup() as tasks:
        leader = tasks.create_task(lead(model))
        await settled()
        followers = [tasks.create_task(events(model)) for _ in range(3)]
        await settled()
        assert inner.calls == 1
        if cancelled:
            leader.cancel()
        else:
            inner.gate.set()
    assert [follower.result() for follower in followers] == [list(WHOLE), HIT, HIT]


async def test_a_leader_that_fails_fails_for_all_who_wait() -> None:
    model = CachedModel(inner := Scripted((None, ModelUnavailable("m", "gone")), WHOLE), Memory())

    async def failed() -> bool:
        with suppress(ModelUnavailable):
            await events(model)
            return False
        return True

    async with asyncio.TaskGroup() as tasks:
        clients = [tasks.create_task(failed()) for _ in range(3)]
        await settled()
        inner.gate.set()
    assert [client.result() for client in clients] == [True] * 3
    assert (inner.calls, await events(model)) == (1, list(WHOLE))


async def test_what_was_said_before_a_stream_broke_off_is_kept_where_it_verifies() -> None:
    broken = ModelUnavailable("m", "gone")
    model = CachedModel(inner := Scripted((Sent(), TEXT, broken)), Memory())
    with suppress(ModelUnavailable):
        await events(model)
    assert ((await events(model))[0], inner.calls) == (TEXT, 1)


async def test_where_no_beginning_is_enough_only_whole_replies_are_kept() -> None:
    store = Memory()
    await heard_until(CachedModel(Scripted((TEXT, "enough", END)), store, early=False), TEXT)
    assert store.entries == {}


async def test_what_the_leader_has_heard_answers_those_who_wait_when_it_leaves() -> None:
    model = CachedModel(inner := Scripted((TEXT, None)), Forgetful())
    async with asyncio.TaskGroup() as tasks:
        leader = tasks.create_task(events(model))
        await settled()
        follower = tasks.create_task(events(model))
        await settled()
        leader.cancel()
    assert follower.result()[0] == TEXT
    assert inner.calls == 1


async def test_who_gives_up_waiting_disturbs_nobody() -> None:
    model = CachedModel(inner := Scripted((None, *WHOLE)), Memory())
    async with asyncio.TaskGroup() as tasks:
        leader, impatient, patient = (tasks.create_task(events(model)) for _ in range(3))
        await settled()
        impatient.cancel()
        await settled()
        assert impatient.cancelled()
        inner.gate.set()
    assert (leader.result(), patient.result()) == (list(WHOLE), HIT)


async def test_a_reply_that_satisfies_only_its_leader_is_asked_anew_by_the_others() -> None:
    newer = (TEXT.replace("null", "[]"), END)
    model = CachedModel(Scripted(WHOLE, newer), Memory())
    stricter = replace(REQUEST, verified=lambda text: "[]" in text)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(events(model))
        strict = [tasks.create_task(events(model, stricter)) for _ in range(2)]
    assert [client.result()[0] for client in strict] == [newer[0]] * 2


OUTCOMES: dict[str, Script] = {
    "keeps": WHOLE,
    "fails": (Sent(), ModelUnavailable("m", "gone")),
    "says nothing": ("", END),
    "leaves": ("{", "enough", END),
}


@given(
    outcomes=st.lists(st.sampled_from(sorted(OUTCOMES)), min_size=1, max_size=8), given_up=st.sets(st.integers(0, 7))
)
def test_calls_follow_one_another_until_a_reply_is_kept_or_one_fails(outcomes: list[str], given_up: set[int]) -> None:
    async def all_clients() -> int:
        async with asyncio.TaskGroup() as tasks:
            clients = [tasks.create_task(lead(model)) for _ in outcomes]
            await asyncio.sleep(0)
            for number in given_up & {*range(len(clients))}:
                clients[number].cancel()
        return sum(not client.cancelled() for client in clients)

    model = CachedModel(inner := Scripted(*(OUTCOMES[outcome] for outcome in outcomes)), Memory())
    patient = asyncio.run(all_clients())
    ends = [at for at, outcome in enumerate(outcomes) if outcome in ("keeps", "fails")]
    assert inner.calls == min(patient, ends[0] + 1 if ends else len(outcomes))
    assert (inner.most_open, inner.open, model._flights) == (min(1, inner.calls), 0, {})
