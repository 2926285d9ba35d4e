"""Files that are broken, each as registrations, offers and incentives: refused with its place before any call."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from igent.cli import main
from igent.errors import InputError
from igent.workflows import make_settings
from igent.workflows.plan import Inputs, load, survey
from igent.workflows.settings import RunSettings
from tests.malformed.files import FILES
from tests.malformed.values import VALUES
from tests.workflows.runs import SAMPLE, registrations

ROLES = ("registrations", "offers", "incentives")
EACH_ROLE = pytest.mark.parametrize("role", ROLES)
PLACED = re.compile(
    r"line \d+, column \d+|line \d+: not JSON at column \d+|byte \d+|top level|, /: is |: (empty|white space|holds no)"
)


def rows_in(role: str) -> Sequence[object]:
    """A few rows of the sample."""
    if role == "registrations":
        return registrations()[:3]
    if role == "offers":
        return cast("list[object]", json.loads(SAMPLE.offers.read_text())["SupplierOffers"][:2])
    assert SAMPLE.incentives is not None
    return [
        {"Incentive name": f"Grant {n}", "Applicable community": "ALL", "Incentive specs": f"{n}% of the total cost"}
        for n in (1, 2)
    ]


SOUND: Mapping[str, bytes] = {role: json.dumps(rows_in(role)).encode() for role in ROLES}
KEYS = {"registrations": b"registrations", "offers": b"SupplierOffers", "incentives": b"incentives"}


@dataclass(frozen=True)
class Case:
    """A file of a role, and a pattern of what its refusal says."""

    name: str
    data: bytes
    problem: str


def in_a_row(role: str, value: bytes) -> bytes:
    """A sound array with the value as a member of its first row."""
    return SOUND[role].replace(b"[{", b'[{"Extra": ' + value + b", ", 1)


def last_in_an_object(role: str, value: bytes) -> bytes:
    """A sound object of an array, over several lines, with the value in its last row."""
    rows = SOUND[role].replace(b"}, {", b"},\n {")[:-2] + b', "Extra": ' + value + b"}]"
    return b'{"' + KEYS[role] + b'":\n ' + rows + b"}\n"


def cases(role: str) -> Iterator[Case]:
    """All files of a role that are refused."""
    for name, value, problem in VALUES:
        yield Case(f"{name} in a row", in_a_row(role, value), problem)
    for name, value, problem in VALUES[::2]:
        yield Case(f"{name} in the last row", last_in_an_object(role, value), problem)
    for name, (make, problem) in FILES.items():
        yield Case(name, make(SOUND[role]), problem)


def given(role: str, path: Path) -> RunSettings:
    """A run with this file in a role, and sound ones in the others."""
    files = {"registrations": SAMPLE.registrations, "offers": SAMPLE.offers, "incentives": SAMPLE.incentives}
    return make_settings("p1m1_p2m2", {**files, role: path})  # type: ignore[dict-item]


async def verdict(settings: RunSettings, inputs: Inputs | None = None) -> str:
    """What the reading of the inputs says, without any run; the offers and incentives may have been read before."""
    try:
        await survey(inputs or await load(settings), settings)
    except InputError as exc:
        return f"{exc}" if exc.remedy and str(exc.file).endswith("broken.json") else f"NO REMEDY OR FILE: {exc}"
    return "ACCEPTED"


def verdicts(role: str, path: Path, of: Iterable[Case]) -> dict[str, str]:
    """What is wrong with the verdicts over files: nothing, where all are refused as they should be."""
    settings, wrong = given(role, path), dict[str, str]()
    with asyncio.Runner() as runner:
        path.write_bytes(SOUND[role])
        inputs = runner.run(load(settings)) if role == "registrations" else None
        for case in of:
            path.write_bytes(case.data)
            said = runner.run(verdict(settings, inputs))
            if not re.search(case.problem, said) or not PLACED.search(said):
                wrong[case.name] = said[:300]
    return wrong


def test_there_are_three_hundred_of_them() -> None:
    names = [case.name for case in cases("offers")]
    assert len(names) == len(set(names)) >= 300


@EACH_ROLE
def test_a_broken_file_is_refused_with_its_place_and_a_remedy(role: str, tmp_path: Path) -> None:
    assert verdicts(role, tmp_path / "broken.json", cases(role)) == {}


@EACH_ROLE
def test_the_command_ends_with_2_and_begins_no_run(
    role: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "broken.json", tmp_path / "run"
    for case in [*cases(role)][::40]:
        path.write_bytes(case.data)
        files = {"registrations": SAMPLE.registrations, "offers": SAMPLE.offers, role: path}
        options = [str(part) for name, file in files.items() for part in (f"--{name}", file)]
        with pytest.raises(SystemExit) as caught:
            main(["run", "p1m1_p2m2", "--mock", "--out", str(out), *options])
        told = capfd.readouterr()
        assert (caught.value.code, told.out, out.exists()) == (2, "", False), case.name
        assert "Traceback" not in told.err


@EACH_ROLE
def test_a_sound_file_is_none_of_them(role: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    for data in (in_a_row(role, b"1"), last_in_an_object(role, b"1"), b"\xef\xbb\xbf" + SOUND[role]):
        path.write_bytes(data)
        assert asyncio.run(verdict(given(role, path))) == "ACCEPTED"
