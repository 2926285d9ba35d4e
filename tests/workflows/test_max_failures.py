"""Runs that go wrong: where too many registrations fail the run ends, and can be gone on with."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest

from igent.commands.options import maybe_tolerance
from igent.errors import ModelRejected, OptionError
from igent.models.halt import Halt
from igent.workflows import Pace, Rim
from igent.workflows.failures import Failures, Tolerance
from igent.workflows.settings import GRACE_S
from tests.provider.faults import Fault
from tests.provider.state import Provider
from tests.workflows.claude import igent, served
from tests.workflows.runs import SAMPLE, Setup, bytes_of, counts_of, quick, records_of, registrations, rows_of, write
from tests.workflows.test_together import scarce_setup

FEW = replace(SAMPLE, max_items=30)
PERCENT, COUNT = Tolerance(Decimal(10), percent=True), Tolerance(Decimal(3))


@dataclass
class Refused:
    """A provider that refuses every call from the n-th wait on; the grace of a run is no call."""

    after: int = 0
    waits: int = 0

    async def sleep(self, seconds: float) -> None:
        self.waits += 1
        if self.waits > self.after and seconds < GRACE_S:
            raise ModelRejected("mock", "not this")
        await quick.sleep(seconds)


def refusing(setup: Setup, *, after: int = 0) -> Setup:
    return replace(setup, rim=Rim(sleep=Refused(after=after).sleep))


@pytest.mark.parametrize(
    ("tolerance", "failed", "decided", "exceeded"),
    [
        (COUNT, 3, 3, False),
        (COUNT, 4, 1_000, True),
        (Tolerance(Decimal(0)), 0, 5, False),
        (Tolerance(Decimal(0)), 1, 5, True),
        (PERCENT, 19, 19, False),
        (PERCENT, 2, 20, False),
        (PERCENT, 3, 20, True),
        (PERCENT, 100, 1_000, False),
        (Tolerance(Decimal("0.5"), percent=True), 6, 1_000, True),
    ],
)
def test_what_may_fail_is_a_number_or_a_share_of_twenty_and_more(
    tolerance: Tolerance, failed: int, decided: int, *, exceeded: bool
) -> None:
    assert tolerance.exceeded(failed=failed, decided=decided) is exceeded


def test_outcomes_are_counted_in_their_order_and_the_first_that_is_too_many_tells_why() -> None:
    halt = Halt()
    failures = Failures(Tolerance(Decimal(1)), halt)
    counted: Callable[[str, None], None] = failures.counting(lambda outcome, _: outcome)
    told = []
    for outcome in ("failed", "rejected", "matched", "failed", "failed"):
        counted(outcome, None)
        told.append(failures.exceeded())
    assert told == [False, False, False, True, True]
    assert halt.reason == "2 of 4 registrations failed, more than the 1 that may"


@pytest.mark.parametrize("concurrency", [1, 64])
def test_a_run_ends_at_the_first_failure_too_many_and_commits_none_behind_it(tmp_path: Path, concurrency: int) -> None:
    pace = Pace(concurrency=concurrency, max_failures=COUNT)
    stopped = refusing(Setup(inputs=FEW)).run(tmp_path / "run", pace=pace, model="mock", mock_latency="haiku")
    assert (counts_of(stopped)["failed"], len(rows_of(stopped, "failed.json"))) == (4, 4)
    assert "more than the 3 that may" in str(stopped.stopped)
    assert counts_of(stopped)["registrations"] < 30


def test_without_a_limit_a_run_goes_on_whatever_fails(tmp_path: Path) -> None:
    result = refusing(Setup(inputs=FEW)).run(tmp_path / "run", model="mock", mock_latency="haiku")
    assert (result.stopped, counts_of(result)["registrations"]) == (None, 30)
    assert counts_of(result)["failed"] > 20


def test_a_run_whose_last_failure_was_too_many_is_complete(tmp_path: Path) -> None:
    setup = refusing(Setup(inputs=replace(FEW, max_items=4)))
    result = setup.run(tmp_path / "run", pace=Pace(max_failures=COUNT), model="mock", mock_latency="haiku")
    assert (result.stopped, counts_of(result)) == (None, {"registrations": 4, "failed": 4})


def test_rows_that_cannot_be_used_are_no_failures(tmp_path: Path) -> None:
    rows = write(tmp_path / "registrations.json", [{"RegistrationNumber": "R9"}, *registrations()[:9]])
    setup, pace = Setup(inputs=replace(SAMPLE, registrations=rows)), Pace(max_failures=Tolerance(Decimal(0)))
    result = setup.run(tmp_path / "run", pace=pace, model="mock")
    assert (result.stopped, counts_of(result)["rejected"]) == (None, 1)


def test_it_is_gone_on_with_by_the_same_limit_and_what_has_failed_stays(tmp_path: Path) -> None:
    setup, out, pace = Setup(inputs=FEW), tmp_path / "run", Pace(concurrency=1, max_failures=COUNT)
    stopped = refusing(setup, after=100).run(out, pace=pace, model="mock", mock_latency="haiku")
    first = counts_of(stopped)
    last = setup.resume(out, pace=pace)
    assert (last.stopped, counts_of(last)["registrations"], counts_of(last)["failed"]) == (None, 30, first["failed"])
    repaired = setup.resume(out, only=["failed"])
    assert "failed" not in counts_of(repaired)


def test_it_stops_a_further_pass_as_well(tmp_path: Path) -> None:
    setup, out = Setup(inputs=FEW), tmp_path / "run"
    refusing(setup).run(out, model="mock", mock_latency="haiku")
    stopped = refusing(setup).resume(out, only=["failed"], pace=Pace(max_failures=COUNT))
    assert "4 of 4 registrations failed" in str(stopped.stopped)
    assert setup.resume(out).stopped is None


def test_where_all_are_allocated_together_nothing_is_committed(tmp_path: Path) -> None:
    setup = scarce_setup(tmp_path)
    whole = setup.run(tmp_path / "whole", model="mock", mock_latency="haiku")
    pace = Pace(max_failures=COUNT, concurrency=1)
    stopped = refusing(setup, after=100).run(tmp_path / "run", pace=pace, model="mock", mock_latency="haiku")
    assert ("that may" in str(stopped.stopped), counts_of(stopped)) == (True, {})
    setup.resume(tmp_path / "run", pace=pace)
    assert bytes_of(tmp_path / "run") == bytes_of(whole.directory)


def test_the_command_ends_with_3_and_says_how_to_go_on(tmp_path: Path) -> None:
    with served(Provider(plan=lambda _: Fault(kind="status", status=400))) as url:
        options = ("--max-items", 30, "--max-failures", "10%", "--out", "run", "--no-cache", "--quiet")
        done = igent(tmp_path, url, "run", "p1m1_p2m2", *options)
    commits = sum(record["t"] == "commit" for record in records_of(tmp_path / "run"))
    assert (done.returncode, commits) == (3, 20)
    assert re.search(r"of 20 registrations failed, more than the 10% that may\. Nothing is lost", done.stderr)
    assert re.search(r"--resume run .*--max-failures 10%", done.stderr)


@pytest.mark.parametrize("text", ["-1", "many", "100%", "2.5", "%", "", "nan", "inf%"])
def test_what_is_no_number_of_failures_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="cannot be what may fail"):
        maybe_tolerance(text)


def test_a_limit_is_a_number_or_a_percentage() -> None:
    told = [str(maybe_tolerance(text)) for text in ("0", "12", "5%", "0.5%")]
    assert told == ["0", "12", "5%", "0.5%"]
