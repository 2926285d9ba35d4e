"""What igent prints about hostile data: nothing of it acts on a terminal, through the real command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from igent.cli import main
from igent.console import listing
from igent.domain.ledger import Ledger
from igent.report import closing
from igent.workflows.projection import Projection
from igent.workflows.session import price_table
from tests.models.loopback import HAIKU
from tests.provider.faults import ERRORS
from tests.provider.script import refusal
from tests.provider.state import Played, Provider
from tests.security.hostile import ACTS, hostile
from tests.workflows.claude import on_claude, served
from tests.workflows.inputs import Inputs
from tests.workflows.runs import Setup


class Said:
    """The command line in this process; `lines` are what it has printed, split where a terminal would."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *arguments: object) -> list[str]:
        """Both streams of a command, which may end as it likes, but for a bug."""
        with pytest.raises(SystemExit) as caught:
            main([str(one) for one in arguments])
        assert caught.value.code in (0, 1, 2, 3)
        out, err = self._capture.readouterr()
        return [*out.split("\n"), *err.split("\n")]


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Said:
    return Said(capfd)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return hostile(tmp_path_factory.mktemp("inputs"))


def options(inputs: Inputs, *roles: str) -> list[object]:
    named = {"registrations": inputs.registrations, "offers": inputs.offers, "incentives": inputs.incentives}
    return [part for role in roles or named for part in (f"--{role}", named[role])]


def acting(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.isprintable()]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, inputs: Inputs) -> Path:
    return Setup(inputs=inputs).run(tmp_path_factory.mktemp("run") / "run", model="mock", max_items=20).directory


def test_a_run_prints_nothing_that_acts(tmp_path: Path, said: Said, inputs: Inputs) -> None:
    shown = said("run", "p1m1_p2m2", *options(inputs), "--mock", "--max-items", 20, "--out", tmp_path / "run")
    assert acting(shown) == []
    assert any("[red]x[/red]" in line and r"\x1b]0;owned\x07" in line for line in shown)
    assert not any(line.startswith("igent: all is well") for line in shown)


def test_a_command_about_a_run_prints_nothing_that_acts(run: Path, said: Said, inputs: Inputs) -> None:
    audited = ("--matches", run / "matches.json", "--orders", run / "pos.json")
    for arguments in (
        ("review", run),
        ("explain", run, "SPUS10008"),
        ("explain", run, "row 8", "--json"),
        ("explain", run, ACTS, "--json"),
        ("what-if", run, "--capacity", f"{ACTS}=0"),
        ("review", run, "--accept", ACTS),
        ("run", "p1m1m2c", "--mock", "--dry-run", *options(inputs)),
        ("verify", *options(inputs, "registrations", "offers"), *audited),
        ("run", "--resume", run),
    ):
        assert acting(said(*arguments)) == [], arguments


def test_json_on_a_terminal_is_the_same_value(run: Path, said: Said) -> None:
    shown = said("run", "--resume", run, "--json")
    told = "\n".join(shown).partition("igent: ignored unknown fields")[0]
    assert json.loads(told) == json.loads((run / "run.json").read_text())


def test_an_input_that_cannot_be_used_is_told_without_what_acts(tmp_path: Path, said: Said, inputs: Inputs) -> None:
    offers = json.loads(inputs.offers.read_text())
    offers["SupplierOffers"][0][ACTS] = {"Currency": "EUR"}
    (tmp_path / "offers.json").write_text(json.dumps(offers))
    given = ("--registrations", inputs.registrations, "--offers", tmp_path / "offers.json")
    shown = said("run", "p1m1_p2m2", *given, "--out", tmp_path / "run")
    assert acting(shown) == []
    assert any(r"\x1b]0;owned" in line for line in shown)


def test_the_log_of_a_run_holds_nothing_that_acts() -> None:
    emitted = list[tuple[str, bytes]]()
    projection = Projection(Ledger([]), lambda name, row: emitted.append((name, row)), prices=price_table())
    projection.fold({"t": "stop", "at": "2026-03-31T12:00:00+00:00", "why": ACTS})
    [(name, line)] = emitted
    assert (name, acting([line.decode()])) == ("run.log", [])
    assert json.loads(line)["why"] == ACTS


class Loud(Provider):
    """A provider that refuses every request with commands for a terminal."""

    def message(self, body: bytes, *, keyed: bool) -> Played:
        """The refusal."""
        return Played(script=refusal(400, ERRORS[400], ACTS))


def test_a_provider_that_refuses_cannot_act_either(tmp_path: Path, said: Said) -> None:
    with served(Loud()) as url:
        result = on_claude(url).run(tmp_path / "run", model=HAIKU, max_items=2)
    shown = closing(result.summary, listing(result)).split("\n")
    assert any("model-rejected" in line and r"\x1b]0;owned" in line for line in shown)
    assert acting([*shown, *said("explain", tmp_path / "run", "SPUS10001")]) == []
    assert acting((tmp_path / "run/run.log").read_text().split("\n")) == []
