"""Runs of the command line that are sent signals at named points, and then go on by the command that they have told."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

import igent
from igent.models.simulated import LATENCIES
from tests.models.loopback import HAIKU
from tests.provider.faults import Fault, listed
from tests.provider.serving import serving
from tests.provider.state import Provider
from tests.reliability.forks import Forks, forking
from tests.reliability.record import record
from tests.reliability.strikes import Strike, sent_s
from tests.workflows.runs import AS_OF, STABLE, but_lateness, bytes_of, write

CLAIM = "a run that is sent signals at any point ends with 130 or 143 and can be resumed to the same bytes"
ONCE, TWICE, THRICE = (signal.SIGINT,), (signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM, signal.SIGINT)
# Longer than all signals take; the process is still there when the last one comes.
STAY_S = 0.2
# A step that does not end, as a large allocation or a disk that hangs do not.
STUCK_S = 20.0
FEW, GRACE_S = 6, 0.5
# On a busy machine the two seconds after a second signal may take longer; the soak measures them.
ALLOWED_S, PATIENCE_S = 12.0, 100.0
WHOLE = ("--max-items", 40, "--mock", "--mock-errors", 0.2)
TOLD = re.compile(r"go on with: (.*)")


@dataclass(frozen=True, kw_only=True)
class Point:
    """Where a run is struck: at the `nth` call of a function, in a kind of run; `stuck` where that lasts."""

    what: str
    at: str
    nth: int = 1
    kind: str = "mock"
    stuck: bool = False


POINTS = [
    Point(what="looking at the environment", at="commands/environment.py:rim_of"),
    Point(what="reading options", at="workflows/settings.py:__post_init__"),
    Point(what="reading a document", at="store/source.py:read_document"),
    Point(what="checking the registrations", at="workflows/plan.py:survey"),
    Point(what="creating the journal", at="store/journal.py:create"),
    Point(what="writing the first record", at="workflows/session.py:header"),
    Point(what="admitting a registration", at="workflows/scheduler.py:admit", nth=3),
    Point(what="waiting for a slot", at="models/limits.py:enter", nth=8, kind="slow"),
    Point(what="waiting for a reply", at="models/limits.py:heard", nth=3, kind="slow"),
    Point(what="reading a stream", at="agents/reading.py:take", nth=9, kind="slow"),
    Point(what="backing off", at="models/halt.py:rest", kind="faulty"),
    Point(what="lingering", at="agents/calls.py:_linger", nth=3, kind="slow"),
    Point(what="keeping a reply", at="workflows/worker.py:keep", nth=7),
    Point(what="writing the journal", at="store/journal.py:_append", nth=3, stuck=True),
    Point(what="committing", at="workflows/worker.py:commit", nth=9),
    Point(what="publishing", at="store/files.py:_publish", stuck=True),
    Point(what="allocating", at="domain/optimal.py:_fill", kind="optimal", stuck=True),
    Point(what="committing what was allocated", at="workflows/worker.py:commit", nth=20, kind="optimal"),
    Point(what="summing up", at="workflows/summary.py:summary_record"),
    Point(what="publishing for the last time", at="workflows/projection.py:trace"),
    Point(what="showing what came of it", at="report.py:closing"),
    Point(what="folding a journal", at="workflows/projection.py:fold", nth=60, kind="resumed"),
    Point(what="going on", at="workflows/worker.py:commit", nth=3, kind="resumed"),
    Point(what="committing a pilot", at="workflows/worker.py:commit", nth=2, kind="pilot"),
    Point(what="telling what a run would take", at="workflows/rehearsal.py:rehearse", kind="pilot"),
]


@dataclass
class Yard:
    """Where runs are struck. A provider is slow or faulty only while they are."""

    forks: Forks
    folder: Path
    url: str
    provider: Provider
    _wholes: dict[str, dict[str, bytes]] = field(default_factory=dict)
    runs: int = 0

    def options(self, kind: str) -> list[object]:
        """What a run of a kind is to be told."""
        pace = ["--grace", GRACE_S, "--cache-dir", self.folder / "cache", "--as-of", AS_OF]
        match kind:
            case "slow" | "faulty":
                about = ["--max-items", FEW, "--model", HAIKU, "--no-cache", "--base-url", self.url, "--concurrency", 2]
                return ["p1m1m2c", *about, *pace]
            case "optimal":
                return [self.optimal(), *WHOLE, *pace]
            case "pilot":
                return ["p1m1m2c", *WHOLE, "--dry-run", "--pilot", FEW, *pace]
            case _:
                return ["p1m1m2c", *WHOLE, *pace]

    def optimal(self) -> Path:
        text = (Path(__file__).parents[2] / "constellations/p1m1m2c.yaml").read_text()
        path = self.folder / "optimal.yaml"
        path.write_text(text.replace("allocation: balanced", "allocation: optimal"))
        return path

    def whole(self, kind: str) -> dict[str, bytes]:
        """What a run leaves that nobody has interrupted."""
        kind = {"resumed": "mock", "faulty": "slow"}.get(kind, kind)
        if kind not in self._wholes:
            options = [one for one in self.options(kind) if one not in ("--dry-run", "--pilot")]
            given = ["p1m1m2c", *WHOLE, "--max-items", FEW, "--as-of", AS_OF] if kind == "pilot" else options
            out = self.folder / kind
            assert self.ran("run", *given, "--out", out, log=self.folder / f"{kind}.log") == 0
            self._wholes[kind] = bytes_of(out, STABLE)
        return self._wholes[kind]

    def ran(self, *arguments: object, log: Path, strike: Strike | None = None) -> int:
        return self.forks.wait(self.forks.start(arguments, log, strike))

    def struck(self, point: Point, signals: Sequence[int]) -> float:
        """Strike a run, check how it ended, and go on with it; how long after the second signal it was there."""
        self.runs += 1
        out, log = self.folder / f"{self.runs}", self.folder / f"{self.runs}.log"
        words = ["run", *self.options(point.kind), "--out", out]
        if point.kind == "resumed":
            commit = Strike(at="workflows/worker.py:commit", nth=10, signals=ONCE)
            assert self.ran(*words, "--concurrency", 1, log=log, strike=commit) == 130
            words = ["run", "--resume", out, "--grace", GRACE_S]
        self.spoil(point.kind)
        log = log.with_suffix(".struck.log")
        busy_s = STUCK_S if point.stuck else STAY_S
        strike = Strike(at=point.at, nth=point.nth, signals=signals, busy_s=busy_s if len(signals) > 1 else 0)
        code, ended_s = self.ran(*words, log=log, strike=strike), time.monotonic()
        self.spoil()
        text = log.read_text()
        assert (code, "Traceback" in text) == (128 + signals[0], False), text
        assert bytes_of(self.gone_on(text, words), STABLE) == self.whole(point.kind)
        return max([ended_s - at for at in sent_s(log)[1:2]], default=0.0)

    def gone_on(self, text: str, words: Sequence[object]) -> Path:
        """The directory of a run that has gone on by the command that it told, or begun again where none was."""
        told = TOLD.search(text)
        if told is None:
            assert "before anything was made" in text or "igent: interrupted\n" in text, text
            if "--pilot" in words:
                words = [one for one in words if one not in ("--dry-run", "--pilot")]
        else:
            words = shlex.split(told[1])
            words = words[words.index("run") :]
        log = self.folder / f"{self.runs}.on.log"
        assert self.ran(*words, log=log) == 0, log.read_text()
        return Path(str(words[words.index("--out" if told is None else "--resume") + 1]))

    def spoil(self, kind: str = "") -> None:
        latency = LATENCIES["haiku"] if kind == "slow" else None
        self.provider.settings = replace(self.provider.settings, latency=latency)
        self.provider.plan = listed([Fault(kind="status", status=529)] * (3 if kind == "faulty" else 0))


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    provider = Provider()
    with forking() as forks, serving(provider) as url:
        yield Yard(forks, tmp_path_factory.mktemp("yard"), url, provider)


# Nothing made yet; waiting; in another thread; with the event loop busy; not in a run of its own.
CHOSEN = {
    "reading a document": ONCE,
    "waiting for a slot": TWICE,
    "publishing": THRICE,
    "allocating": TWICE,
    "committing a pilot": TWICE,
}


def test_every_point_is_a_function_of_igent() -> None:
    places = [(Path(igent.__file__).parent / file, name) for file, _, name in (one.at.partition(":") for one in POINTS)]
    assert [name for path, name in places if f"def {name}(" not in path.read_text()] == []


def test_signals_at_some_points_end_a_run_as_they_should(yard: Yard) -> None:
    chosen = [(point, CHOSEN[point.what]) for point in POINTS if point.what in CHOSEN]
    assert len(chosen) == len(CHOSEN)
    assert max(yard.struck(*one) for one in chosen) < ALLOWED_S


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_signals_at_every_point_end_a_run_as_they_should(yard: Yard) -> None:
    after_s = [yard.struck(point, signals) for point in POINTS for signals in (ONCE, TWICE, THRICE)]
    assert max(after_s) < ALLOWED_S
    record(CLAIM, points=len(POINTS), runs=len(after_s), unlike=0, ms_after_the_second_signal=round(1e3 * max(after_s)))


def test_a_signal_while_igent_is_being_imported_ends_it_at_once() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "igent", "run", "p1m1m2c", "--mock"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "igent.domain" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGTERM)
        told = process.stderr.read().splitlines()
    assert (process.returncode, told[-1]) == (143, "igent: interrupted")


def test_the_command_that_is_told_can_be_given_to_a_shell(yard: Yard) -> None:
    out, log = yard.folder / "it's here", yard.folder / "here.log"
    commit = Strike(at="workflows/worker.py:commit", nth=9, signals=ONCE)
    options = [*yard.options("mock"), "--quiet", "--max-tokens", 10**7]
    assert yard.ran("run", *options, "--out", out, log=log, strike=commit) == 130
    told = TOLD.search(log.read_text())
    assert told is not None
    assert {"--max-tokens", "10000000", "--cache-dir", "--grace"} < {*shlex.split(told[1])}
    done = subprocess.run(told[1], shell=True, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout, but_lateness(done.stderr)) == (0, "", "")
    assert bytes_of(out, STABLE) == yard.whole("mock")


@pytest.fixture
def queue(yard: Yard, tmp_path: Path) -> Path:
    """A finished run with registrations in review."""
    out = tmp_path / "run"
    options = [*yard.options("mock"), "--strict-judgement", "--quiet"]
    assert yard.ran("run", *options, "--out", out, log=tmp_path / "run.log") == 0
    return out


def waiting(run: Path) -> list[str]:
    return [row["registration_id"] for row in json.loads((run / "review.json").read_text())]


@pytest.mark.parametrize("signals", [ONCE, TWICE, pytest.param(THRICE, marks=pytest.mark.soak)])
def test_a_review_that_is_sent_signals_goes_on_by_the_command_that_it_told(
    yard: Yard, queue: Path, tmp_path: Path, signals: Sequence[int]
) -> None:
    rows = [{"registration_id": name, "action": "reject"} for name in waiting(queue)]
    log, decisions = tmp_path / "review.log", write(tmp_path / "decisions.jsonl", rows)
    third = Strike(at="workflows/review.py:decide", nth=3, signals=signals, busy_s=STAY_S)
    code = yard.ran("review", queue, "--decisions", decisions, "--by", "ann", log=log, strike=third)
    told = TOLD.search(log.read_text())
    assert (code, told is not None) == (128 + signals[0], True), log.read_text()
    assert len(waiting(queue)) == len(rows) - (3 if signals == ONCE else 0)
    words = shlex.split(told[1] if told else "")
    assert yard.ran(*words[words.index("review") :], log=log) == 1, log.read_text()
    assert (waiting(queue), log.read_text().count("ann has decided it at")) == ([], 2 if signals == THRICE else 3)


def undated(run: Path) -> dict[str, bytes]:
    """Output files without the times at which decisions were made."""
    return {name: re.sub(rb'"at":"[^"]*"', b"", data) for name, data in bytes_of(run).items()}


def test_a_review_killed_twice_goes_on_with_the_same_file_and_decides_nothing_twice(
    yard: Yard, queue: Path, tmp_path: Path
) -> None:
    rows = [{"registration_id": name, "action": "accept"} for name in waiting(queue)]
    log, decisions = tmp_path / "review.log", write(tmp_path / "decisions.jsonl", rows)
    copy = Path(shutil.copytree(queue, tmp_path / "copy"))
    words = ("--decisions", decisions, "--by", "ann")
    assert yard.ran("review", copy, *words, log=log) == 1, "some cannot be accepted"
    killed = Strike(at="workflows/review.py:record", nth=3, signals=(signal.SIGKILL,))
    for _ in range(2):
        assert yard.ran("review", queue, *words, log=log, strike=killed) == -signal.SIGKILL
    log.unlink()
    assert yard.ran("review", queue, *words, log=log) == 1
    assert (log.read_text().count("ann has decided it at"), undated(queue)) == (4, undated(copy))


def test_a_person_can_leave_a_review_and_what_is_decided_is_kept(queue: Path) -> None:
    ours, theirs = os.openpty()
    pipe, first = subprocess.PIPE, waiting(queue)[0]
    command = [sys.executable, "-m", "igent", "review", str(queue), "--by", "ann"]
    with subprocess.Popen(command, stdin=theirs, stdout=pipe, stderr=pipe, text=True, bufsize=1) as process:
        assert process.stdout is not None
        os.write(ours, b"r\n")
        while not process.stdout.readline().startswith("[2 of"):
            pass
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=PATIENCE_S)[1]
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, f"igent review {queue} --by ann" in told, first in waiting(queue)) == (130, True, False)
