from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from igent.codec import dump
from profiles.bench import SUITES, measure, record
from profiles.facts import facts
from profiles.measure import ROUND_TRIP, Measurement, Size, alternately, effort
from profiles.outputs import faults
from profiles.report import Facts, document, tables
from profiles.runs import launched

NOW_AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOW: Facts = {"date": "2026-11-20", "cores": 2}
RATIO = Measurement(suite="load", what="one / other", value=2.5, unit="x")
README = Path(__file__).parents[2] / "profiles" / "README.md"
TINY = Size(
    registrations=10,
    engine=3,
    households=2,
    served=2,
    busy=4,
    grid=((1, 2), (16, 2)),
    sets=2,
    rows=20,
    starts=1,
    seconds=0,
    wait=0.001,
)

AGAINST = ["wall per registration", "calls", "paid input tokens", "output tokens", "cost"]
ALONE = [
    *("terse replies", "early_json", "critic_skip", "context_filter", "prompt_caching", "parallel_phases"),
    "concurrency 32",
]

OF_THIS_MACHINE = [
    str(Path(__file__).parents[2]),
    sys.prefix,
    sys.base_prefix,
    tempfile.gettempdir(),
    "site-packages",
    " at 0x",
]

# What each suite promises to compare: the figures that are judged, since those in seconds are the machine's.
RATIOS = {
    "extractor": ["200-byte reply: prefix / extractor", "4,000-byte reply: prefix / extractor"],
    "turn": ["RoundRobinGroupChat / crew", "crew / stream alone"],
    "critic": ["critic calls, when unproven / always", "all calls, when unproven / always"],
    "phases": [f"{figure} of 4 at a time, one after the other / at once" for figure in ("p50", "wall")],
    "journal": [
        "durable appends / syncs, 256 waiting",
        f"CPU of 1,000 durable appends, 256 waiting / {ROUND_TRIP}",
        "publishing 20 rows in growing steps: bytes written / bytes of the rows",
        f"publishing 20 rows in growing steps: CPU / {ROUND_TRIP}",
    ],
    "startup": [
        "igent --help / bare interpreter",
        "the main command, --max-items 1 / bare interpreter",
        "first call at the provider / bare interpreter",
    ],
    "batches": [
        f"{figure}, alone at {places} / in batches at {places}"
        for places in (1, 32)
        for figure in ("calls", "paid input tokens", "cost", "wall per registration")
    ],
    "latency": [f"{model} at {places}: throughput / ideal" for places in (1, 16) for model in ("haiku", "sonnet")],
    "throughput": [
        "as drawn: throughput / ideal",
        "0.5% of the calls 30 s longer: throughput / ideal",
    ],
    "workloads": [
        f"{figure}, before / after" for gain in ("paid input tokens", "calls", "duration") for figure in (gain, "cost")
    ],
    "end_to_end": [
        *(f"{figure}, naive / {arm}" for arm in ("default", "default at 32") for figure in AGAINST),
        "wall per registration, naive / default, verbose replies",
        "naive: wall / limit of its calls",
        "default: wall / limit of its calls",
        *(f"{figure}, naive / {alone} alone" for alone in ALONE for figure in ("wall per registration", "cost")),
    ],
    "engine": [f"CPU per registration / {ROUND_TRIP}, in its midst"],
    "allocation": [
        f"CPU of 1,000 registrations, optimal / {ROUND_TRIP}",
        f"CPU of 1,000 registrations, balanced / {ROUND_TRIP}",
        "CPU of one registration, optimal at N / at N/10",
        "placed, optimal / balanced",
    ],
    "streams": [
        "CPU per event, model / aiohttp + SSE + orjson",
        "CPU per event, model + calls / aiohttp + SSE + orjson",
    ],
    "load": [
        "time per registration, at N / at N/10",
        "CPU per registration, at N / at N/10",
        "peak memory, at N / at N/10",
    ],
}


# They start several processes for each figure; `make soak` has them.
SLOW = {"batches", "latency", "startup", "streams", "throughput", "workloads"}


@pytest.mark.timeout(300)  # processes of their own, which take their time where the machine is taken
@pytest.mark.parametrize("suite", [pytest.param(one, marks=pytest.mark.soak if one in SLOW else ()) for one in SUITES])
def test_a_suite_compares_what_it_promises_and_tells_nothing_of_whose_machine_it_was(
    suite: str, tmp_path: Path
) -> None:
    measured = measure([suite], TINY, tmp_path)
    assert [one.what for one in measured if one.unit == "x"] == RATIOS[suite]
    # What no cache had is the only other figure that can be nothing.
    zero = [one for one in measured if one.value == 0 and "cache" not in one.what]
    assert zero == [one for one in measured if one.unit == "faults"]
    text = document(NOW, measured)
    assert [words for words in OF_THIS_MACHINE if words in text] == []


def test_asking_the_critic_only_when_unproven_saves_calls(tmp_path: Path) -> None:
    always, unproven = (one.value for one in measure(["critic"], TINY, tmp_path) if one.unit == "calls")
    assert 0 < unproven < always


def test_the_engine_names_the_ten_functions_with_the_most_own_time(tmp_path: Path) -> None:
    shares = [one.value for one in measure(["engine"], TINY, tmp_path) if one.what.startswith("own time: ")]
    assert len(shares) == 10
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 100


def test_facts_name_the_versions_and_no_machine() -> None:
    packages = {"igent", "autogen-agentchat", "autogen-core", "orjson", "ijson", "aiofiles", "pydantic"}
    packages |= {"anthropic", "httpx2", "aiohttp"}
    assert facts(NOW_AT).keys() == {"date", "cores", "load", "system", "python", *packages}


def test_a_recorded_bench_is_a_results_file_and_the_readmes_tables(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(README.read_text(encoding="utf-8"), encoding="utf-8")
    record(tmp_path, NOW, [RATIO])
    results = json.loads((tmp_path / "results" / "2026-11-20.json").read_bytes())
    assert results == {
        **NOW,
        "measurements": [{"suite": "load", "what": "one / other", "value": 2.5, "unit": "x", "better": "less"}],
    }
    assert tables([RATIO]) in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_what_is_compared_takes_turns_and_has_three_at_least() -> None:
    calls: list[str] = []
    alternately([lambda: calls.append("a"), lambda: calls.append("b")], seconds=0)
    assert calls == ["a", "b"] * 3


def test_the_best_call_counts() -> None:
    waits = iter([30_000, 0, 30_000])
    (best,) = alternately([lambda: sum(range(next(waits) * 10))], seconds=0)
    assert best < 0.001


def test_the_round_trips_that_are_made_in_the_midst_of_a_work_are_not_its_own() -> None:
    assert effort(lambda: None).cpu_s < 0.007  # of ten milliseconds or more; a tick of the kernel's takes four


def test_work_is_told_for_one_time_of_several() -> None:
    calls: list[str] = []
    once, often = (effort(lambda: calls.append(str(sum(range(600_000)))), times=times) for times in (1, 10))
    assert len(calls) == 5 * 11
    assert often.round_trips < 5 * once.round_trips


def test_work_that_fails_leaves_no_round_trips_behind() -> None:
    former = signal.getsignal(signal.SIGPROF)
    with pytest.raises(ZeroDivisionError):
        effort(lambda: 1 // 0)
    assert signal.getsignal(signal.SIGPROF) == former
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """The output of a run over three registrations: two matched, one in review."""
    kinds = {"registrations": 3, "matched": 2, "unmatched": 0, "review": 1, "failed": 0, "rejected": 0}
    (tmp_path / "run.json").write_bytes(dump({"counts": kinds}))
    ids = {"matches": ["a", "b"], "pos": ["a", "b"], "review": ["c"], "unmatched": [], "failed": [], "rejects": []}
    for name, found in ids.items():
        put(tmp_path, name, *found)
    return tmp_path


def put(directory: Path, name: str, *ids: str) -> None:
    (directory / f"{name}.json").write_bytes(dump([{"registration_id": one, "codes": ["x"]} for one in ids]))


def cut(directory: Path) -> None:
    (directory / "review.json").write_bytes(b'[{"registration_id":"c"}')


def test_whole_output_has_no_faults(outputs: Path) -> None:
    assert faults(outputs, 3) == []


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (cut, "an array does not parse"),
        (lambda at: put(at, "review"), "review.json: 0 rows"),
        (lambda at: put(at, "pos", "a", "c"), "pos.json and matches.json"),
        (lambda at: put(at, "review", "a"), "more than one outcome"),
        (lambda at: put(at, "unmatched", "d"), "4 outcomes for 3"),
    ],
)
def test_broken_output_is_found_at_fault(spoil: Callable[[Path], None], fault: str, outputs: Path) -> None:
    spoil(outputs)
    assert any(fault in one for one in faults(outputs, 3))


def test_a_process_is_measured_apart_from_the_memory_of_this_one() -> None:
    ballast = bytearray(200_000_000)
    spent = launched(["-c", "bytearray(50_000_000)"])
    assert 50_000_000 < spent.peak_bytes < len(ballast)


def test_a_process_that_fails_has_no_figures() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        launched(["-c", "raise SystemExit(3)"])
