"""What may be said to a run that is gone on with, or held against an earlier one, on the command line."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from pathlib import Path

import pytest

from igent.commands import stated
from igent.constellation_spec import SWITCHES
from igent.workflows import RunSettings
from tests.test_cli import Command, files, igent
from tests.workflows.runs import AS_OF, SAMPLE, bytes_of, registrations, rewritten, write

__all__ = ["igent"]


def begun(directory: Path) -> None:
    """Leave of the run in `run` what a process killed in its midst might have left."""
    left = rewritten(directory / "run", directory / "left", kinds={"run", "reply", "call"})
    shutil.rmtree(directory / "run")
    left.rename(directory / "run")


SAID = ("--mock", "--seed", 3, "--max-items", 4, "--critic", "never", "--no-early-json", "--hold-reviews")


def test_a_resumed_run_may_be_told_again_what_it_was_begun_with(igent: Command) -> None:
    igent.run(*SAID)
    told = ("p1m1_p2m2", "--as-of", AS_OF, "--out", "run", "--market", "sbus", "--no-cache", *files(), *SAID)
    ended = igent("run", *told, "--resume", "run", "--quiet")
    assert (ended.code, ended.err) == (0, "")


def test_every_difference_is_shown(igent: Command) -> None:
    igent.run(*SAID)
    other = ("--seed", 4, "--mock", "--max-items", 9, "--early-json", "--critic", "always", "--strict-judgement")
    ended = igent("run", "p1m1m2c", *other, "--resume", "run")
    assert ended.code == 2
    for difference in (
        "--seed 4 instead of 3",
        "--max-items 9 instead of 4",
        "--early-json instead of --no-early-json",
        "--critic always instead of never",
        "--strict-judgement yes instead of no",
        "p1m1m2c.yaml instead of",
    ):
        assert difference in ended.err


def test_a_resumed_run_has_the_batches_that_it_was_begun_with(igent: Command) -> None:
    batches = ("--max-batch-size", 8, "--max-batch-tokens", 1_000)
    assert igent.run(*SAID, *batches).code == 0
    for said in ((), batches, batches[:2]):
        assert igent("run", "--resume", "run", *said, "--quiet").code == 0
    ended = igent("run", "--resume", "run", "--max-batch-size", 4, "--max-batch-tokens", 500)
    assert ended.code == 2
    assert "--max-batch-size 4 instead of 8" in ended.err
    assert "--max-batch-tokens 500 instead of 1000" in ended.err


def test_a_run_without_batches_may_be_told_that_it_has_none(igent: Command) -> None:
    igent.run(*SAID)
    assert igent("run", "--resume", "run", "--max-batch-size", 1, "--max-batch-tokens", 4_096, "--quiet").code == 0
    ended = igent("run", "--resume", "run", "--max-batch-size", 2)
    assert (ended.code, "--max-batch-size 2 instead of 1" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--max-batch-size", 65, "max_items cannot be 65"),
        ("--max-batch-size", 0, "--max-batch-size"),
        ("--max-batch-tokens", 8_193, "max_tokens cannot be 8193"),
    ],
)
def test_batches_that_cannot_be_are_refused_before_anything_is_written(
    igent: Command, tmp_path: Path, option: str, value: int, words: str
) -> None:
    ended = igent.run("--mock", option, value)
    assert (ended.code, words in " ".join(ended.err.split())) == (2, True)
    assert not (tmp_path / "run").exists()


def test_batches_of_the_command_line_are_those_of_the_run(igent: Command, tmp_path: Path) -> None:
    igent.run("--mock", "--max-batch-size", 4, "--concurrency", 1, "--quiet")
    told = json.loads((tmp_path / "run/run.json").read_text())
    assert 0 < told["calls"]["batched"] <= 3 * sum(one["batches"] for one in told["providers"]["batches"].values())


def test_an_input_may_have_moved_but_not_changed(igent: Command, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    rows = write(here / "r.json", registrations()[:3])
    igent.run(*files(registrations=rows))
    shutil.move(rows, there / "r.json")
    assert igent("run", "--resume", "run", "--registrations", there / "r.json", "--quiet").code == 0
    write(there / "r.json", registrations()[:2])
    ended = igent("run", "--resume", "run", "--registrations", there / "r.json")
    assert (ended.code, "there/r.json instead of" in ended.err) == (2, True)


def test_a_finished_run_resumes_to_its_own_exit_code(igent: Command, tmp_path: Path) -> None:
    rows = [*registrations()[:2], {"RegistrationNumber": "R9"}]
    assert igent.run(*files(registrations=write(tmp_path / "r.json", rows))).code == 1
    assert igent("run", "--resume", "run", "--quiet").code == 1


def test_an_output_directory_with_an_unfinished_run_is_gone_on_with(igent: Command, tmp_path: Path) -> None:
    igent.run(*SAID)
    whole = bytes_of(tmp_path / "run")
    begun(tmp_path)
    ended = igent.run(*SAID, "--quiet", "--concurrency", 3)
    assert (ended.code, "which is gone on with" in ended.err) == (0, True)
    assert bytes_of(tmp_path / "run") == whole
    assert '"resume"' in (tmp_path / "run/journal").read_text(errors="replace")


def test_it_is_refused_where_the_settings_are_others_and_left_as_it_is(igent: Command, tmp_path: Path) -> None:
    igent.run(*SAID)
    begun(tmp_path)
    journal = (tmp_path / "run/journal").read_bytes()
    ended = igent.run(*SAID[:-2])
    assert (ended.code, (tmp_path / "run/journal").read_bytes()) == (2, journal)
    assert "--hold-reviews no instead of yes" in ended.err
    assert "--no-early-json" not in ended.err or "instead of --no-early-json" in ended.err


def test_the_day_counts_only_where_it_is_said(igent: Command, tmp_path: Path) -> None:
    igent.run(*SAID)
    begun(tmp_path)
    assert igent("run", "p1m1_p2m2", *SAID, "--out", "run", "--as-of", "2031-01-01").code == 2
    assert igent("run", "p1m1_p2m2", *SAID, "--out", "run", "--quiet").code == 0


def test_a_finished_run_in_the_output_directory_is_not_begun_again(igent: Command) -> None:
    igent.run("--max-items", 1)
    ended = igent.run("--max-items", 1)
    assert (ended.code, "holds a run already" in ended.err) == (2, True)


@pytest.mark.parametrize("beside", [(), ("--dry-run",)])
def test_a_run_since_an_unfinished_one_is_refused_before_anything_is_made(
    igent: Command, tmp_path: Path, beside: tuple[str, ...]
) -> None:
    igent.run(*SAID)
    begun(tmp_path)
    ended = igent("run", "--since", "run", "--out", "new", *beside)
    assert (ended.code, "is not finished" in ended.err, "igent run --resume" in ended.err) == (2, True, True)
    assert not (tmp_path / "new").exists()


def test_every_setting_of_a_run_can_be_stated() -> None:
    assert {one.name for one in fields(RunSettings)} == {
        *stated._FILES,
        *stated._PLAIN,
        "constellation",
        "as_of",
        "switches",
    }
    assert {*SWITCHES} == {*stated._SWITCHES.values()}


def test_a_run_since_another_is_as_there_and_tells_what_was_skipped_and_why(igent: Command, tmp_path: Path) -> None:
    rows = registrations()[:6]
    given = files(registrations=write(tmp_path / "r.json", rows))
    igent.run(*given, "--mock")
    write(tmp_path / "r.json", [rows[0] | {"Notes": "Black panels, please."}, *rows[1:5]])
    ended = igent("run", "--since", "run", "--as-of", AS_OF, "--out", "again")
    assert ended.code == 0
    assert "4 skipped, 1 judged again (1 record)" in ended.out
    assert f"{rows[0]['RegistrationNumber']}: record" in ended.out
    assert f"{rows[5]['RegistrationNumber']}: cancelled, removed" in ended.out
    told = json.loads((tmp_path / "again/run.json").read_text())
    assert (told["model"], told["since"]["skipped"]) == ("mock", 4)


def test_what_would_move_is_listed(igent: Command, tmp_path: Path) -> None:
    igent.run("--max-items", 12)
    document = json.loads(SAMPLE.offers.read_text())
    document["SupplierOffers"][1]["Capacity"] = 100
    offers = write(tmp_path / "offers.json", document)
    ended = igent("run", "--since", "run", "--offers", offers, "--reallocate", "--as-of", AS_OF, "--out", "again")
    moved = json.loads((tmp_path / "again/run.json").read_text())["since"]["superseded"]
    assert moved
    for one in moved:
        assert f"{one['registration_id']}: {one['from']} -> {one['to']}" in ended.out


def test_a_forecast_counts_only_what_is_to_be_asked(igent: Command, tmp_path: Path) -> None:
    igent.run("--max-items", 4, "--mock")
    rows = registrations()[:4]
    rows[2] = rows[2] | {"Proposal_OptimalAmountOfPanels": 13, "Notes": "Soon, please."}
    given = ("--registrations", write(tmp_path / "r.json", rows), "--as-of", AS_OF, "--cache-dir", "cache")
    told = json.loads(igent("run", "--since", "run", *given, "--dry-run", "--json").out)
    assert told["estimate"]["calls"] == {"matcher": 1, "matcher2": 1}


@pytest.mark.parametrize("arguments", [("--since", "nowhere"), ("p1m1_p2m2", "--reallocate")])
def test_what_cannot_be_compared_is_refused(igent: Command, arguments: tuple[str, ...]) -> None:
    assert igent("run", *arguments, "--out", "again").code in (2, 3)


def test_a_further_pass_needs_a_run_and_somebody_to_judge(igent: Command) -> None:
    ended = igent("run", "p1m1_p2m2", "--only", "failed")
    assert (ended.code, "--resume RUN_DIR with --only" in ended.err) == (2, True)
    igent.run("--mock", "--max-items", 20)
    ended = igent("run", "--resume", "run", "--only", "failed", "--quiet")
    assert (ended.code, ended.err) == (0, "igent: warning: nothing is failed, so nothing is judged again\n")
    ended = igent("run", "--resume", "run", "--only", "SPUS10001,X", "--only", "failed")
    assert ended.code == 2
    assert "'SPUS10001' is matched already; 'X' is not in this run" in ended.err


def test_a_further_pass_says_what_has_become_of_whom(igent: Command) -> None:
    igent.run("--mock", "--max-items", 20)
    ended = igent("run", "--resume", "run", "--only", "review")
    assert ended.code == 0
    assert "pass 2    " in ended.out
