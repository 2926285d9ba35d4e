from __future__ import annotations

import getpass
import json
import os
import pstats
import subprocess
import sys
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import pytest

from igent import __version__
from igent.cli import main
from igent.store.frames import MAGIC
from tests.workflows.runs import AS_OF, SAMPLE, STABLE, but_lateness, bytes_of, registrations, write

KEY = "sk-canary-0123456789"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def igent(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    return Command(capfd, tmp_path)


@dataclass(frozen=True)
class Command:
    """The command line in this process, in a directory of its own; neither stdout nor stderr is a terminal."""

    capture: pytest.CaptureFixture[str]
    directory: Path

    def __call__(self, *arguments: object) -> Ended:
        with chdir(self.directory), pytest.raises(SystemExit) as caught:
            main([str(one) for one in arguments])
        told = self.capture.readouterr()
        assert isinstance(caught.value.code, int)
        return Ended(caught.value.code, told.out, but_lateness(told.err))

    def run(self, *arguments: object) -> Ended:
        """A run of the sample data pinned to a day, into `run`, with a cache of its own."""
        return self("run", "p1m1_p2m2", "--as-of", AS_OF, "--out", "run", "--cache-dir", "cache", *arguments)


def files(**changed: Path) -> list[object]:
    paths = {"registrations": SAMPLE.registrations, "offers": SAMPLE.offers, "incentives": SAMPLE.incentives, **changed}
    return [part for role, path in paths.items() for part in (f"--{role}", path)]


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "ANTHROPIC_API_KEY"}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=inherited | environment, timeout=100, check=False
    )


def test_the_main_job_ends_with_0_and_lists_its_five_matches(igent: Command) -> None:
    ended = igent.run("--max-items", 5)
    assert ended.code == 0
    assert "5 matched, 0 unmatched, 0 review, 0 failed, 0 rejected" in ended.out
    assert all(row["RegistrationNumber"] in ended.out for row in registrations()[:5])


def test_a_run_of_rules_says_so_in_one_line_that_names_the_key(igent: Command) -> None:
    ended = igent.run("--max-items", 1)
    (line,) = ended.err.splitlines()
    assert "rules" in line
    assert "ANTHROPIC_API_KEY" in line


def test_the_mock_needs_no_such_line(igent: Command) -> None:
    assert igent.run("--max-items", 1, "--mock").err == ""


def test_json_prints_run_json_and_nothing_else(igent: Command, tmp_path: Path) -> None:
    ended = igent.run("--max-items", 2, "--json")
    assert ended.out == (tmp_path / "run/run.json").read_text()
    assert json.loads(ended.out)["counts"]["matched"] == 2


def test_quiet_prints_nothing(igent: Command) -> None:
    assert igent.run("--max-items", 2, "--quiet", "--mock") == Ended(0, "", "")


def test_what_is_no_terminal_gets_no_progress_and_no_colours(igent: Command) -> None:
    ended = igent.run("--max-items", 5)
    assert not any(code in ended.out + ended.err for code in ("\x1b", "\r"))


def test_a_rejected_row_ends_with_1_and_is_named(igent: Command, tmp_path: Path) -> None:
    rows = [*registrations()[:2], {"RegistrationNumber": "R9"}]
    ended = igent.run(*files(registrations=write(tmp_path / "r.json", rows)))
    assert ended.code == 1
    assert "R9" in ended.out


def test_a_review_ends_with_1_only_where_that_is_asked_for(igent: Command, tmp_path: Path) -> None:
    given = files(registrations=write(tmp_path / "r.json", [registrations()[14]]))
    assert igent.run(*given).code == 0
    assert igent("run", "p1m1_p2m2", *given, "--strict", "--out", "strict").code == 1


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["run", "p1m1m2x"], ["'p1m1m2x'", "Did you mean 'p1m1m2c'?"]),
        (["run"], ["igent constellations"]),
        (["run", "p1m1_p2m2", "--offers", SAMPLE.offers], ["registrations", "--registrations FILE"]),
        (["run", "p1m1_p2m2", "--market", "moon"], ["'moon'", "sbus"]),
        (["run", "p1m1_p2m2", *files(offers=Path("none.json"))], ["none.json", "Check the path"]),
        (["run", "p1m1_p2m2", *files(capacity=SAMPLE.offers)], ["offers.json", "capacity.json of an earlier run"]),
        (["run", "p1m1_p2m2", "--max-items", "0"], ["--max-items"]),
        (["run", "p1m1_p2m2", "--model", "gpt"], ["'gpt'", "openai:NAME"]),
        (["run", "p1m1_p2m2", "--concurrency", "abc"], ["'abc'", "a number of calls in flight, or auto"]),
        (["run", "p1m1_p2m2", "--concurrency", "0"], ["1 to 10000, or auto"]),
        (["run", "p1m1_p2m2", "--deadline", "0"], ["the run's deadline", "above 0"]),
        (["run", "p1m1_p2m2", "--idle-timeout", "0"], ["the silence of a call", "above 0"]),
        (["run", "p1m1_p2m2", "--max-cost", "abc"], ["'abc'", "such as 2.50"]),
        (["run", "p1m1_p2m2", "--max-cost", "nan"], ["cannot be NaN", "above 0"]),
        (["run", "p1m1_p2m2", "--max-tokens", "0"], ["--max-tokens"]),
        (["run", "p1m1_p2m2", "--prices", "none.json"], ["none.json", "prices.json"]),
        (["run", "p1m1_p2m2", "--model", "claude-haiku-5-5"], ["needs a key", "ANTHROPIC_API_KEY"]),
        (["run", "p1m1_p2m2", "--model", "openai:unheard-of", "--max-cost", "1"], ["'openai:unheard-of'", "--prices"]),
        (["doctor", "nope"], ["'nope'", "p1m1_p2m2"]),
        (["run", "p1m1_p2m2", "--nope"], ["--nope"]),
        (["constellations", "nope"], ["'nope'", "p1m1_p2m2"]),
        (["frobnicate"], ["frobnicate"]),
    ],
)
def test_what_cannot_be_used_ends_with_2_and_says_what_to_do(
    igent: Command, tmp_path: Path, arguments: list[object], parts: list[str]
) -> None:
    ended = igent(*arguments)
    assert (ended.code, ended.out, "Traceback" in ended.err) == (2, "", False), ended.err
    assert all(part in ended.err for part in parts), ended.err
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("role", ["registrations", "offers", "incentives"])
def test_a_file_that_is_no_json_is_named_with_its_place(igent: Command, tmp_path: Path, role: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text('[\n{"a": }]')
    ended = igent.run(*files(**{role: path}))
    assert (ended.code, "Traceback" in ended.err) == (2, False), ended.err
    assert f"{path}, line 2, column 7" in ended.err


def test_a_mistake_in_a_constellation_is_named_with_its_line(igent: Command, tmp_path: Path) -> None:
    bundled = Path(__file__).parents[1] / "constellations/p1m1_p2m2.yaml"
    (tmp_path / "own.yaml").write_text(bundled.read_text().replace("max_rounds: 2", "max_round: 2"))
    ended = igent("run", "./own.yaml", "--out", "run")
    line = 1 + bundled.read_text().split("max_rounds")[0].count("\n")
    assert ended.code == 2, ended.err
    assert f"own.yaml, line {line}" in ended.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["file", "run"])
def test_an_out_directory_that_cannot_be_used_ends_with_2(igent: Command, tmp_path: Path, kind: str) -> None:
    if kind == "file":
        (tmp_path / "run").write_text("mine")
    else:
        igent.run("--max-items", 1)
    ended = igent.run("--max-items", 1)
    assert (ended.code, "Traceback" in ended.err) == (2, False), ended.err
    assert "run" in ended.err


def test_a_damaged_journal_ends_with_3(igent: Command, tmp_path: Path) -> None:
    igent.run("--max-items", 5)
    journal = bytearray((tmp_path / "run/journal").read_bytes())
    journal[len(journal) // 3] ^= 1
    (tmp_path / "run/journal").write_bytes(journal)
    ended = igent("run", "--resume", "run")
    assert (ended.code, "Traceback" in ended.err) == (3, False), ended.err
    assert "restore it from a copy" in ended.err


def test_a_finished_run_can_be_resumed_and_stays_what_it_is(igent: Command, tmp_path: Path) -> None:
    igent.run("--max-items", 5)
    before = (tmp_path / "run/pos.json").read_bytes()
    assert igent("run", "--resume", "run").code == 0
    assert (tmp_path / "run/pos.json").read_bytes() == before


def test_changed_inputs_end_a_resume_with_2(igent: Command, tmp_path: Path) -> None:
    path = write(tmp_path / "r.json", registrations()[:2])
    igent.run(*files(registrations=path))
    write(path, registrations()[:1])
    ended = igent("run", "--resume", "run")
    assert (ended.code, "registrations" in ended.err, "Traceback" in ended.err) == (2, True, False), ended.err


def test_without_a_directory_runs_are_kept_by_time_and_name_and_the_latest_is_linked(
    igent: Command, tmp_path: Path
) -> None:
    igent("run", "p1m1_p2m2", "--max-items", 1)
    (made,) = [path for path in (tmp_path / "runs").iterdir() if path.name != "latest"]
    assert made.name.endswith("Z-p1m1_p2m2")
    assert (tmp_path / "runs/latest").resolve() == made.resolve()


def test_without_incentives_a_run_says_that_there_are_none(igent: Command, tmp_path: Path) -> None:
    given = ["--registrations", write(tmp_path / "r.json", registrations()[:2]), "--offers", SAMPLE.offers]
    ended = igent.run(*given)
    assert "no --incentives" in ended.err
    orders = json.loads((tmp_path / "run/pos.json").read_text())
    assert [order["incentives"] for order in orders] == [[], []]


def test_constellations_are_listed_and_explained(igent: Command) -> None:
    every = igent("constellations")
    assert every.code == 0
    for name in ("p1m1_p2m2", "p1m1m2c", "p1m1c1_p2m2c2", "p1m1c1m2c2", "p1r_p2r"):
        assert name in every.out
    one = igent("constellations", "p1m1m2c").out
    assert one in every.out
    assert "p1r_p2r" not in one


def test_a_profile_is_written_that_can_be_read(igent: Command, tmp_path: Path) -> None:
    assert igent.run("--max-items", 1, "--profile").code == 0
    (path,) = (tmp_path / "profiles").iterdir()
    assert path.suffix == ".prof"
    assert pstats.Stats(str(path)).get_stats_profile().total_tt > 0


def test_the_version_is_printed(igent: Command) -> None:
    assert igent("--version") == Ended(0, f"{__version__}\n", "")


def test_the_workflows_module_is_the_run_command(tmp_path: Path) -> None:
    arguments = ["p1m1_p2m2", "--max-items", "5", "--as-of", str(AS_OF), "--json", "--model", "rules"]
    ended = python("-m", "igent.workflows", *arguments, "--out", str(tmp_path / "run"), ANTHROPIC_API_KEY="set")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["counts"]["matched"] == 5
    assert "ANTHROPIC_API_KEY" in ended.stderr


@pytest.mark.parametrize(
    "beside",
    [
        ("p1m1m2c",),
        ("--seed", 9),
        ("--max-items", 99),
        ("--strict-judgement",),
        ("--out", "other"),
        ("--cache",),
        ("--no-prompt-caching",),
        ("--dry-run",),
        ("--pilot", 3),
    ],
)
def test_a_resumed_run_takes_no_other_settings(igent: Command, beside: tuple[object, ...]) -> None:
    igent.run("--max-items", 1)
    ended = igent("run", *beside, "--resume", "run")
    assert (ended.code, "resumed run keeps its settings" in ended.err) == (2, True)


def test_a_resumed_run_takes_another_pace(igent: Command) -> None:
    igent.run("--max-items", 1)
    pace = ("--concurrency", "auto", "--call-deadline", 9, "--idle-timeout", 3, "--deadline", 3600, "--grace", 3)
    caps = (
        "--flush-every",
        9,
        "--max-cost",
        "2.50",
        "--max-tokens",
        10_000_000,
        "--cache-dir",
        "other",
        "--base-url",
        "http://127.0.0.1",
    )
    assert igent("run", "--resume", "run", *pace, *caps, "--quiet") == Ended(0, "", "")


def test_a_journal_that_a_crash_left_empty_is_no_run(igent: Command, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "journal").write_bytes(MAGIC)
    assert igent("run", "--resume", "run").code == 3
    assert igent.run("--max-items", 1).code == 0


def test_a_model_that_a_constellation_names_needs_its_key(igent: Command, tmp_path: Path) -> None:
    text = (SAMPLE.registrations.parents[1] / "constellations" / "p1m1_p2m2.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(
        text.replace("prompt: matcher\n", "prompt: matcher\n        model: claude-haiku-4-5\n", 1)
    )
    ended = igent("run", "mine.yaml", "--max-items", 1, "--out", "run")
    assert (ended.code, "model 'claude-haiku-4-5' needs a key" in ended.err) == (2, True)
    assert not (tmp_path / "run").exists()


def test_a_deadline_ends_with_3_and_the_run_can_be_resumed(igent: Command, tmp_path: Path) -> None:
    ended = igent.run("--mock", "--quiet", "--deadline", "0.000001")
    assert (ended.code, ended.out) == (3, "")
    assert "deadline of 1e-06 s has passed" in ended.err
    assert "igent run --resume run" in ended.err
    assert igent("run", "--resume", "run", "--quiet") == Ended(0, "", "")
    assert json.loads((tmp_path / "run/run.json").read_text())["stopped"] is None


def test_a_cap_ends_with_3_and_says_how_to_go_on(igent: Command) -> None:
    ended = igent.run("--mock", "--quiet", "--max-tokens", 20_000)
    assert (ended.code, "raise --max-tokens" in ended.err) == (3, True)
    assert igent("run", "--resume", "run", "--quiet", "--max-tokens", 10_000_000).code == 0


def test_the_command_that_goes_on_says_again_what_a_run_does_not_keep_but_no_password(igent: Command) -> None:
    options = ("--max-tokens", 20_000, "--quiet", "--base-url", "http://me:hunter2@127.0.0.1")
    told = igent.run("--mock", *options).err
    assert " run --resume run --cache-dir cache --max-tokens 20000 --quiet --base-url http://me:PASSWORD@127" in told
    assert "hunter2" not in told


def test_a_concurrency_can_be_left_to_be_found(igent: Command) -> None:
    ended = igent.run("--max-items", 5, "--concurrency", "auto", "--json")
    assert (ended.code, json.loads(ended.out)["timing"]["concurrency"]) == (0, None)


def test_a_second_run_with_a_cache_makes_no_calls_and_gives_the_same_bytes(igent: Command, tmp_path: Path) -> None:
    first = json.loads(igent.run("--mock", "--cache", "--json").out)["calls"]
    again = json.loads(igent.run("--mock", "--cache", "--json", "--out", "again").out)["calls"]
    assert (first["cache_hits"], again["matcher"], again["cache_hits"]) == (0, 0, first["matcher"])
    assert bytes_of(tmp_path / "again", STABLE) == bytes_of(tmp_path / "run", STABLE)


def test_a_doctor_finds_nothing_wrong_offline_and_tells_no_key() -> None:
    ended = python("-m", "igent", "doctor", "--model", "rules", ANTHROPIC_API_KEY=KEY, OPENAI_API_KEY=KEY)
    assert ended.returncode == 0, ended.stderr
    assert f"igent {__version__} on Python" in ended.stdout
    assert "GB free" in ended.stdout
    assert "matcher2: prompts of about" in ended.stdout
    assert KEY not in ended.stdout + ended.stderr


def test_a_doctor_says_what_is_missing(igent: Command, tmp_path: Path) -> None:
    ended = igent("doctor", "--model", "claude-haiku-5-5")
    assert (ended.code, ended.err) == (1, "")
    assert "fail  model 'claude-haiku-5-5' needs a key\n      Set ANTHROPIC_API_KEY" in ended.out
    assert [*tmp_path.iterdir()] == []


def test_a_dry_run_calls_nothing_and_leaves_no_run(igent: Command, tmp_path: Path) -> None:
    ended = igent.run("--mock", "--dry-run")
    assert (ended.code, "asked     88 of 100 registrations" in ended.out) == (0, True)
    assert not (tmp_path / "run").exists()


def test_explain_tells_the_story_of_a_registration_or_gives_it_as_json(igent: Command) -> None:
    igent.run("--max-items", 2, "--quiet", "--mock")
    told = igent("explain", "run", "SPUS10002")
    assert (told.code, told.err, told.out.startswith("SPUS10002: matched")) == (0, "", True)
    story = json.loads(igent("explain", "run", "SPUS10002", "--json").out)
    assert story["order"]["po_id"] in told.out


def test_explain_refuses_what_the_run_does_not_know(igent: Command) -> None:
    igent.run("--max-items", 1, "--quiet", "--mock")
    assert igent("explain", "run", "R9").code == 2
    assert igent("explain", "nowhere", "R9").code == 3


@pytest.fixture
def queue(igent: Command) -> Command:
    """A finished run in `run`, of which SPUS10002, 4 and 6 are in review."""
    igent.run("--max-items", 7, "--quiet", "--mock", "--strict-judgement")
    return igent


def matched(directory: Path) -> dict[str, str]:
    rows = json.loads((directory / "run/matches.json").read_text())
    return {row["registration_id"]: row.get("by", "") for row in rows if row["judgement"] == "reviewed"}


def test_review_lists_what_waits(queue: Command) -> None:
    ended = queue("review", "run")
    assert [line.split(":")[0] for line in ended.out.splitlines()] == ["SPUS10002", "SPUS10004", "SPUS10006"]
    assert [row["registration_id"] for row in json.loads(queue("review", "run", "--json").out)] == [
        "SPUS10002",
        "SPUS10004",
        "SPUS10006",
    ]


def test_review_applies_decisions_given_as_options(queue: Command, tmp_path: Path) -> None:
    options = ("--accept", "SPUS10002", "--choose", "SPUS10004=o2", "--reject", "SPUS10006", "--by", "ann")
    ended = queue("review", "run", *options)
    assert ended == Ended(
        0,
        "SPUS10006: unmatched\nSPUS10002: matched, o1 of Quillroof\nSPUS10004: matched, o2 of Hearthvolt Storage\n",
        "",
    )
    assert matched(tmp_path) == {"SPUS10002": "ann", "SPUS10004": "ann"}


def test_review_applies_a_file_of_decisions_and_ends_with_1_where_one_is_refused(
    queue: Command, tmp_path: Path
) -> None:
    rows = [{"registration_id": f"SPUS1000{n}", "action": "accept", "by": "bob"} for n in (1, 2)]
    ended = queue("review", "run", "--decisions", write(tmp_path / "d.json", rows))
    assert (ended.code, ended.out.splitlines()[0]) == (1, "SPUS10001: not applied: it is not in review")
    assert matched(tmp_path) == {"SPUS10002": "bob"}


def test_who_decides_is_by_default_who_is_logged_in(queue: Command, tmp_path: Path) -> None:
    queue("review", "run", "--accept", "SPUS10002")
    assert matched(tmp_path) == {"SPUS10002": getpass.getuser()}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--choose", "SPUS10002"), "REGISTRATION=OFFER"),
        (("--decisions", "none.csv"), "none.csv"),
        (("--accept", "SPUS10002", "--comment", "x" * 501), "501 characters"),
    ],
)
def test_decisions_that_cannot_be_read_end_with_2(queue: Command, arguments: tuple[str, ...], part: str) -> None:
    ended = queue("review", "run", *arguments)
    assert (ended.code, part in ended.err) == (2, True)


def test_review_asks_on_a_terminal_one_by_one(queue: Command, tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    os.write(ours, b"what?\no9\na; fine\n\nr\n")
    command = [sys.executable, "-m", "igent", "review", "run", "--by", "ann"]
    ended = subprocess.run(
        command, cwd=tmp_path, stdin=theirs, capture_output=True, text=True, timeout=100, check=False
    )
    os.close(ours)
    os.close(theirs)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [line for line in ended.stdout.splitlines() if line.startswith("[")] == ["[1 of 3]", "[2 of 3]", "[3 of 3]"]
    assert matched(tmp_path) == {"SPUS10002": "ann"}
    assert [row["registration_id"] for row in json.loads((tmp_path / "run/review.json").read_text())] == ["SPUS10004"]
