from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from igent.errors import InputError, JournalCorrupt, JournalError, ModelUnavailable, OptionError
from igent.store.places import locked
from igent.workflows import Control, Pace, Rim, RunResult, make_settings, start
from tests.workflows.checker import check
from tests.workflows.inputs import Inputs
from tests.workflows.runs import AS_OF, OUTCOMES, SAMPLE, Setup, bytes_of, counts_of, many, quick, rows_of, write

FEW = replace(SAMPLE, max_items=12)
# Hundreds of times what it takes to make a reply durable and commit its registration.
_WRITTEN_DOWN_S = 0.5


@dataclass
class Outage:
    """A provider that is out of reach after `after` waits."""

    after: int
    waits: int = field(default=0)

    async def sleep(self, seconds: float) -> None:
        self.waits += 1
        if self.waits == self.after + 1:  # what was answered before is written down before anything fails
            await asyncio.sleep(_WRITTEN_DOWN_S)
        if self.waits > self.after:
            raise ModelUnavailable("mock", "out of reach")
        await quick.sleep(seconds)


@pytest.fixture(scope="module")
def plenty(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """More registrations than are admitted at a time."""
    return many(tmp_path_factory.mktemp("plenty"), times=3)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, plenty: Inputs) -> RunResult:
    """Them in one go."""
    out = tmp_path_factory.mktemp("whole") / "run"
    return Setup(inputs=plenty).run(out, model="mock", mock_errors=0.2)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The sample data in one go."""
    out = tmp_path_factory.mktemp("sample") / "run"
    return Setup().run(out, model="mock", mock_latency="haiku", mock_errors=0.2)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "run"


def cut_off(out: Path, *, after: int) -> RunResult:
    """A run that an outage stops after that many waits: one call at a time, so that none ends after it."""
    setup = Setup(rim=replace(quick, sleep=Outage(after=after).sleep))
    return setup.run(out, pace=Pace(concurrency=1), model="mock", mock_latency="haiku", mock_errors=0.2)


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The sample data after an outage when most was answered, gone on with to the end; read only."""
    out = tmp_path_factory.mktemp("late") / "run"
    cut_off(out, after=256)
    return Setup().resume(out)


@pytest.fixture(scope="module")
def dozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of twelve in one go; read only."""
    return Setup(inputs=FEW).run(tmp_path_factory.mktemp("dozen") / "run", model="mock", mock_errors=0.2).directory


def test_a_stopped_and_resumed_run_ends_in_the_same_bytes(out: Path, plenty: Inputs, whole: RunResult) -> None:
    setup = Setup(inputs=plenty)
    first = setup.run(out, model="mock", mock_latency="haiku", mock_errors=0.2, stop_at_wait=2_000)
    assert (first.stopped, 0 < counts_of(first)["registrations"] < 300) == ("interrupted", True)
    last = setup.resume(out)
    assert (last.stopped, counts_of(last)) == (None, counts_of(whole))
    assert bytes_of(out) == bytes_of(whole.directory)
    assert check(out, plenty) == []


def test_a_stop_takes_effect_before_everything_admitted_has_been_asked(out: Path) -> None:
    result = Setup().run(out, model="mock", mock_latency="haiku", stop_at_wait=100)
    assert (result.stopped, counts_of(result).get("registrations", 0) < 50) == ("interrupted", True)


@pytest.mark.parametrize("after", [0, 100])
def test_an_outage_stops_the_run_and_leaves_nothing_wrong_behind(out: Path, sample: RunResult, after: int) -> None:
    first = cut_off(out, after=after)
    assert "10 transient failures in a row" in str(first.stopped)
    assert not {"failed", "rejected"} & counts_of(first).keys()
    assert Setup().resume(out).stopped is None
    assert bytes_of(out) == bytes_of(sample.directory)


def test_a_resumed_run_may_go_at_another_pace(out: Path, sample: RunResult) -> None:
    cut_off(out, after=150)
    Setup().resume(out, pace=Pace(concurrency=64, flush_every=50))
    assert bytes_of(out) == bytes_of(sample.directory)


def test_a_run_can_be_stopped_and_resumed_again_and_again(out: Path, plenty: Inputs, whole: RunResult) -> None:
    setup = Setup(inputs=plenty)
    last, processes = setup.run(out, model="mock", mock_latency="haiku", mock_errors=0.2, stop_at_wait=1), 1
    while last.stopped is not None:
        last, processes = setup.resume(out, stop_at_wait=800), processes + 1
    assert processes > 3
    assert bytes_of(out) == bytes_of(whole.directory)


def test_replayed_replies_are_no_sign_that_an_outage_is_over(out: Path) -> None:
    setup = Setup(rim=Rim(sleep=Outage(after=200).sleep))
    first = setup.run(out, model="mock", mock_latency="haiku", mock_errors=0.2)
    resumed = Setup(rim=Rim(sleep=Outage(after=0).sleep)).resume(out)
    assert "10 transient failures in a row" in str(resumed.stopped)
    assert counts_of(resumed).get("failed") == counts_of(first).get("failed")


def test_a_cancelled_run_loses_nothing(out: Path, plenty: Inputs, whole: RunResult) -> None:
    async def cancelled() -> None:
        settings = make_settings(
            "p1m1m2c",
            {"registrations": plenty.registrations, "offers": plenty.offers, "incentives": str(plenty.incentives)},
            as_of=AS_OF,
            model="mock",
            mock_errors=0.2,
        )

        def cancel(_counts: object, _total: int) -> None:
            task.cancel()

        control = Control(progress=cancel)
        task = asyncio.ensure_future(start(settings, Pace(), out, control=control, rim=quick))
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    Setup(inputs=plenty).resume(out)
    assert bytes_of(out) == bytes_of(whole.directory)


def test_no_paid_reply_is_asked_for_again(late: RunResult, sample: RunResult) -> None:
    calls: Any = late.summary["calls"]
    once: Any = sample.summary["calls"]
    assert calls["replayed"] > 0
    assert (calls["matcher"], calls["critic"]) == (once["matcher"], once["critic"])
    asked = [[reply["request"] for reply in line["replies"]] for line in rows_of(late, "audit.jsonl")]
    assert all(len(requests) == len({*requests}) for requests in asked)


def test_every_paid_call_is_counted_by_the_end(late: RunResult, sample: RunResult) -> None:
    paid: Any = late.summary["usage"]
    once: Any = sample.summary["usage"]
    assert paid["input_tokens"] >= once["input_tokens"]
    assert paid["output_tokens"] >= once["output_tokens"]


def test_a_finished_run_resumed_stays_as_it_is(out: Path, sample: RunResult) -> None:
    shutil.copytree(sample.directory, out)
    again = Setup().resume(out)
    assert (again.stopped, again.summary) == (None, sample.summary)
    files = (*OUTCOMES, "timings.csv", "audit.jsonl", "trace.json", "run.json")
    assert bytes_of(out, files) == bytes_of(sample.directory, files)


def test_the_day_of_the_first_start_decides_what_is_current(out: Path) -> None:
    first = cut_off(out, after=0)
    later = Rim(sleep=quick.sleep, now=lambda: datetime(2031, 1, 1, tzinfo=UTC))
    last = Setup(rim=later).resume(out)
    assert first.summary["as_of"] == last.summary["as_of"] == AS_OF.isoformat()
    assert first.summary["started"] == last.summary["started"]


@pytest.mark.parametrize("role", ["registrations", "offers", "incentives"])
def test_changed_inputs_are_refused_by_name(tmp_path: Path, out: Path, role: str) -> None:
    path = tmp_path / f"{role}.json"
    shutil.copy(getattr(SAMPLE, role), path)
    setup = Setup(inputs=replace(SAMPLE, **{role: path}), rim=Rim(sleep=Outage(after=0).sleep))  # type: ignore[arg-type]
    setup.run(out, model="mock", mock_latency="haiku")
    before = (out / "journal").read_bytes()
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(OptionError, match=role):
        setup.resume(out)
    assert (out / "journal").read_bytes() == before


def test_a_changed_constellation_is_refused(tmp_path: Path, out: Path) -> None:
    source = Path(__file__).parents[2] / "constellations/p1m1m2c.yaml"
    path = tmp_path / "own.yaml"
    path.write_text(source.read_text())
    setup = Setup(constellation=str(path))
    setup.run(out, max_items=3)
    path.write_text(source.read_text().replace("max_rounds: 2", "max_rounds: 3"))
    with pytest.raises(OptionError, match="constellation"):
        setup.resume(out)


def test_an_input_that_is_gone_is_named(tmp_path: Path, out: Path) -> None:
    rows = write(tmp_path / "registrations.json", [*SAMPLE.rows][:3])
    setup = Setup(inputs=replace(SAMPLE, registrations=rows))
    setup.run(out)
    rows.unlink()
    with pytest.raises(InputError, match=r"registrations\.json"):
        setup.resume(out)


def test_a_run_that_another_is_at_work_on_is_left_alone(out: Path) -> None:
    cut_off(out, after=0)
    before = bytes_of(out, ["journal", "run.json"])
    with locked(out), pytest.raises(OptionError, match="another igent is at work"):
        Setup().resume(out)
    assert bytes_of(out, ["journal", "run.json"]) == before


def test_a_directory_without_a_run_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be read"):
        Setup().resume(tmp_path)


@pytest.mark.parametrize("part", range(1, 11))
def test_a_journal_cut_short_anywhere_is_gone_on_from(dozen: Path, out: Path, part: int) -> None:
    shutil.copytree(dozen, out)
    journal = (out / "journal").read_bytes()
    header = 3_000  # a crash that early leaves no run to go on with
    (out / "journal").write_bytes(journal[: header + (len(journal) - header) * part // 11])
    last = Setup(inputs=FEW).resume(out)
    assert last.stopped is None
    assert bytes_of(out) == bytes_of(dozen)
    assert check(out, FEW) == []


def test_a_journal_changed_in_its_middle_is_refused(out: Path) -> None:
    Setup().run(out, model="mock", max_items=12)
    journal = bytearray((out / "journal").read_bytes())
    journal[len(journal) // 3] ^= 1
    (out / "journal").write_bytes(journal)
    with pytest.raises(JournalCorrupt):
        Setup().resume(out)
