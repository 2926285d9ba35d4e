"""The main job on a Claude that fails: what passes is tried again and paid for, what does not is told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from igent.workflows import RunResult
from tests.models.loopback import HAIKU
from tests.provider.faults import Fault
from tests.provider.prompt import read_prompt
from tests.provider.state import Provider
from tests.provider.stats import Stats
from tests.workflows.claude import KEY, igent, on_claude, outcomes_of, served
from tests.workflows.inputs import Inputs
from tests.workflows.runs import AS_OF, SAMPLE, bytes_of, counts_of, records_of, registrations, rows_of, write

FEW = 40
# All that passes; what breaks off at 0 does so before the provider has said what the prompt takes.
UNCOUNTED = [Fault(kind=kind, at=0) for kind in ("overload", "cut", "drop")]
UNREAD = [Fault(kind="status", status=status) for status in (500, 529)] + [Fault(kind="html", status=502)]
COUNTED = [Fault(kind="overload", at=4), Fault(kind="cut", at=900), Fault(kind="drop", at=900)]
# After a refusal for the rate a run goes slower, and the slower the earlier it comes.
PASSING = [*UNREAD, *UNCOUNTED, *COUNTED, Fault(kind="status", status=429)]


@dataclass(slots=True)
class EighthFails:
    """A plan by which every eighth request meets one of these faults, in turn, while there are any."""

    left: list[Fault] = field(default_factory=lambda: [*PASSING])
    met: list[tuple[bytes, Fault]] = field(default_factory=list)
    count: int = 0

    def __call__(self, body: bytes) -> Fault | None:
        self.count += 1
        if self.count % 8 or not self.left:
            return None
        self.met.append((body, self.left.pop(0)))
        return self.met[-1][1]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run whose provider failed, and what that saw of it."""

    result: RunResult
    stats: Stats
    met: list[tuple[bytes, Fault]]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run on a provider that does not fail."""
    with served(Provider()) as url:
        return on_claude(url).run(tmp_path_factory.mktemp("clean") / "run", model=HAIKU, max_items=FEW)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Without prompt caching: where a breakpoint is set may differ when the same is asked again."""
    plan = EighthFails()
    provider = Provider(plan=plan)
    with served(provider) as url:
        out, without = tmp_path_factory.mktemp("faults") / "run", {"prompt_caching": False}
        result = on_claude(url).run(out, model=HAIKU, max_items=FEW, switches=without)
    return Job(result=result, stats=provider.stats, met=plan.met)


def test_faults_that_pass_change_no_outcome(job: Job, clean: RunResult) -> None:
    assert [fault for _, fault in job.met] == PASSING
    assert outcomes_of(job.result.directory) == outcomes_of(clean.directory)


def test_each_of_them_is_tried_again_once_and_counted(job: Job, clean: RunResult) -> None:
    calls: Any = job.result.summary["calls"]
    before: Any = clean.summary["calls"]
    assert calls["retries"] == len(job.stats.repeats_s) == len(PASSING)
    assert calls["matcher"] + calls["critic"] == before["matcher"] + before["critic"] + len(PASSING)


def test_every_attempt_is_charged_as_the_provider_counted_it_and_where_it_did_not_say_at_most_as_estimated(
    job: Job,
) -> None:
    usage: Any = job.result.summary["usage"]
    unsaid = sum(read_prompt(json.loads(body)).tokens for body, fault in job.met if fault in UNCOUNTED)
    told = job.stats.tokens["fresh"] - unsaid
    calls = [record for record in records_of(job.result.directory) if record["t"] == "call"]
    assert len(calls) == len(job.stats.arrivals_s)
    assert told <= usage["input_tokens"] <= told + 1.2 * unsaid
    assert usage["estimated"]


@pytest.mark.parametrize(("kind", "code"), [("refusal", "model-refused"), ("max_tokens", "reply-cut-off")])
def test_a_reply_that_is_no_answer_sends_its_registration_to_review(
    tmp_path: Path, clean: RunResult, kind: Any, code: str
) -> None:
    victim = rows_of(clean, "matches.json")[0]["registration_id"]
    inputs = one_of(victim, tmp_path)
    provider = Provider(plan=lambda _: Fault(kind=kind, at=10))
    with served(provider) as url:
        result = on_claude(url, inputs=inputs).run(tmp_path / "run", model=HAIKU)
    (row,) = rows_of(result, "review.json")
    calls: Any = result.summary["calls"]
    assert (row["registration_id"], row["codes"]) == (victim, [code])
    assert (calls["retries"], len(provider.stats.arrivals_s)) == (0, 2)


def one_of(name: str, folder: Path) -> Inputs:
    """The sample data with one of its registrations alone."""
    rows = [row for row in registrations() if row["RegistrationNumber"] == name]
    return Inputs(registrations=write(folder / "one.json", rows), offers=SAMPLE.offers, incentives=SAMPLE.incentives)


def test_a_key_that_is_refused_ends_the_process_with_3_and_names_what_to_set(tmp_path: Path, clean: RunResult) -> None:
    provider = Provider(plan=lambda _: Fault(kind="status", status=401))
    with served(provider) as url:
        ended = igent(tmp_path, url, "run", "p1m1m2c", "--max-items", FEW, "--as-of", AS_OF, "--out", "run")
        provider.plan = lambda _: None
        resumed = on_claude(url).resume(tmp_path / "run")
    assert (ended.returncode, "ANTHROPIC_API_KEY" in ended.stderr, "--resume run" in ended.stderr) == (3, True, True)
    assert KEY not in ended.stderr + ended.stdout
    assert 0 < provider.stats.statuses[401] < FEW
    assert (resumed.stopped, counts_of(resumed)) == (None, counts_of(clean))
    assert bytes_of(tmp_path / "run") == bytes_of(clean.directory)
