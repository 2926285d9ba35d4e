"""Any sequence of calls, commits, publications, crashes and resumptions, on the real objects and against a model."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.reliability.host import Host
from tests.reliability.process import PLACES, Process, Record, is_good, poison, question
from tests.reliability.record import record

CLAIM = "any sequence of reserve, commit, release, publish, crash, resume and retry keeps every promise"
FILES = {"matched": "matches.json", "review": "review.json", "failed": "failed.json"}
WISHES = st.lists(st.lists(st.sampled_from(sorted(PLACES)), min_size=1, unique=True).map(tuple), max_size=2).map(tuple)


class Promises(RuleBasedStateMachine):
    """A run's life, with its promises as invariants."""

    crashes: ClassVar[list[float]] = []  # the share of what was not durable that each of them has left

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="igent-state-"))
        self.host = Host(self.folder)
        self.process = self.host.open()
        self.said: set[tuple[str, str]] = set()
        # Calls of processes that are gone, kept so that nobody ends them before.
        self.open_calls: list[asyncio.Task[str]] = []

    def teardown(self) -> None:
        self.host.leave()
        self.host.runner.close()
        shutil.rmtree(self.folder)

    @rule(ahead=st.integers(0, 2), text=st.sampled_from(["good", "good too", "bad"]))
    def ask(self, ahead: int, text: str) -> None:
        """A registration is asked about; again, as after a crash, it is answered from the journal."""
        number, provider = self.process.committed + ahead, self.host.provider
        request, before = question(number).digest, provider.calls.total()
        known = {one["text"] for one in self.process.appended if one["t"] == "reply" and one["n"] == number}
        provider.text = text
        said: list[str] = []

        async def work(process: Process) -> None:
            said.append(await process.ask(number))

        self.host.do(work)
        called = provider.calls.total() - before
        if known:
            assert ({*said}, called) == (known, 0)
        elif called:
            assert (said, called) == ([text], 1)
        else:  # the cache
            assert is_good(said[0])
            assert (request, said[0]) in self.said
        self.said.add((request, said[0]))

    @rule(wish=WISHES, held=st.booleans())
    def commit(self, wish: Any, held: bool) -> None:
        self.process.commit(wish, held=held)

    @rule(wish=WISHES)
    def commit_a_failure(self, wish: Any) -> None:
        self.process.commit_failure(wish)

    @rule()
    def settle(self) -> None:
        self.host.do(Process.settle)

    @rule()
    def publish(self) -> None:
        async def work(process: Process) -> None:
            await process.settle()
            await process.publisher.publish()

        self.host.do(work)

    @rule()
    def poison_the_cache(self) -> None:
        async def work(process: Process) -> None:
            poison(process.replies)

        self.host.do(work)

    @rule(kept=st.floats(0, 1), on_its_way=st.booleans())
    def crash_and_resume(self, kept: float, on_its_way: bool) -> None:
        """The process is gone, perhaps in the middle of a call; another one goes on."""
        if on_its_way:
            self._leave_a_call_open()
        gone, durable = self.process, self.process.journal.durable_sequence + 1
        assert durable >= gone.durable
        self.host.crash(gone, kept=kept)
        self.process = self.host.open()
        found = self.process.appended
        assert found == gone.appended[: len(found)]
        assert len(found) >= durable

        async def work(process: Process) -> None:
            await process.append_durable({"t": "resume", "at": "now"})

        self.host.do(work)
        Promises.crashes.append(kept)

    def _leave_a_call_open(self) -> None:
        """Let the provider be asked something, as nobody has asked yet, and say nothing."""
        provider, number = self.host.provider, self.process.committed
        known = {one["n"] for one in self.process.appended if one["t"] == "reply"}
        if number in known:
            return
        provider.silent = True
        provider.asked.clear()

        async def work(process: Process) -> None:
            asking = asyncio.get_running_loop().create_task(process.ask(number))
            asking.add_done_callback(lambda _: provider.asked.set())  # it may be answered from the cache
            await provider.asked.wait()
            self.open_calls.append(asking)

        self.host.do(work)
        provider.silent = False

    @invariant()
    def capacity_is_exact(self) -> None:
        taken = Counter(one["supplier"] for one in self.process.appended if one.get("supplier"))
        ledger = self.process.ledger
        assert {name: ledger[name].used for name in PLACES} == {name: taken[name] for name in PLACES}
        assert all(ledger[name].used <= places for name, places in PLACES.items())

    @invariant()
    def commits_are_exactly_once(self) -> None:
        numbers = [one["n"] for one in self.process.appended if one["t"] == "commit"]
        assert numbers == [*range(len(numbers))]

    @invariant()
    def calls_are_counted(self) -> None:
        """Whoever was asked stands in the journal, once for each time, and what nobody settled is known as open."""
        reserved = Counter(one["request"] for one in self.process.appended if one["t"] == "reserve")
        assert all(reserved[name] >= calls for name, calls in self.host.provider.calls.items())
        folded = Counter(one["t"] for one in self.process.appended[: self.process.durable])
        assert len(self.process.projection.booked.open) == folded["reserve"] - folded["settle"]

    @invariant()
    def what_is_published_is_a_prefix_of_the_journal(self) -> None:
        manifest = self.host.directory / "manifest.json"
        if not manifest.exists():
            return
        shown = {kind: json.loads((self.host.directory / name).read_text()) for kind, name in FILES.items()}
        commits = [one for one in self.process.appended[: self.process.durable] if one["t"] == "commit"]
        first = commits[: sum(map(len, shown.values()))]
        assert shown == {kind: [row_of(one) for one in first if one["outcome"] == kind] for kind in FILES}
        places = {one["supplier_id"]: one["used"] for one in json.loads(self.capacity())}
        taken = Counter(one.get("supplier") for one in first)
        assert places == {name: taken[name] for name in PLACES}
        assert json.loads(manifest.read_text())["journal_bytes"] <= self.process.journal.position_bytes

    def capacity(self) -> str:
        return (self.host.directory / "capacity.json").read_text()


def row_of(commit: Record) -> Any:
    """The row that a commit becomes."""
    return commit["match"] if commit["outcome"] == "matched" else commit["row"]


def lives(*, examples: int, steps: int, seeded: bool) -> None:
    run_state_machine_as_test(
        Promises,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            phases=[Phase.generate],  # a sequence that fails is short enough; to find a shorter one takes minutes
            derandomize=seeded,
            deadline=None,
            database=None,
            suppress_health_check=[*HealthCheck],
        ),
    )


def test_any_sequence_of_steps_keeps_the_promises() -> None:
    lives(examples=8, steps=20, seeded=True)


@pytest.mark.soak
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("part", range(4))
def test_many_long_sequences_of_steps_keep_the_promises(part: int) -> None:
    Promises.crashes.clear()
    lives(examples=250, steps=50, seeded=False)
    record(CLAIM, sequences=250, crashes=len(Promises.crashes), broken=0)
