"""Who somebody is and what a key is stay where they were: canaries that nobody may find anywhere else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import anthropic  # noqa: F401  # a logger that nobody has made yet could not be listened to
import autogen_agentchat.agents  # noqa: F401
import openai  # noqa: F401
import pytest

from tests.models.loopback import HAIKU
from tests.provider.faults import ERRORS, Fault
from tests.provider.script import refusal
from tests.provider.state import Played, Provider, Settings
from tests.workflows.canaries import FIELDS, canaries, leaks
from tests.workflows.claude import KEY, Talk, on_claude, served
from tests.workflows.endpoint import Endpoint
from tests.workflows.inputs import Inputs
from tests.workflows.runs import Setup, counts_of, quick, rows_of

Said = Callable[[], str]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return canaries(tmp_path_factory.mktemp("inputs"), count=20)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Said:
    """What every library logs in this process from here on, and what is printed."""
    for name in (None, *logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, logger=name)

    def told() -> str:
        logged = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
        return "\n".join([*logged, *capfd.readouterr()])

    return told


@pytest.mark.parametrize("context_filter", [True, False])
def test_nothing_that_identifies_anybody_leaves_the_input_file(
    tmp_path: Path, inputs: Inputs, said: Said, context_filter: bool
) -> None:
    talk = Talk()
    with served(Provider(Settings(answer=talk.answer))) as url:
        setup = on_claude(url, inputs=inputs, cache_dir=tmp_path / "cache")
        setup.run(tmp_path / "run", model=HAIKU, switches={"context_filter": context_filter})
    told = said()
    assert leaks(tmp_path, talk.asked, told) == []
    assert any(b"[email] or [phone] or [phone] or [link]" in body for body in talk.asked)
    assert all(words in told for words in ("Request options", "HTTP Request", "[email]"))
    assert len([*tmp_path.glob("cache/replies-*")]) == 1


async def test_neither_does_it_on_the_way_to_an_openai_compatible_endpoint(
    tmp_path: Path, inputs: Inputs, said: Said
) -> None:
    async with Endpoint([]) as server:
        rim = replace(quick, openai_key=KEY, openai_url=server.url, cache_dir=tmp_path / "cache")
        await asyncio.to_thread(Setup(inputs=inputs, rim=rim).run, tmp_path / "run", model="openai:test")
    told = said()
    assert leaks(tmp_path, [asked.body for asked in server.asked], told) == []
    assert "Building HTTP request" in told


class Echo(Provider):
    """A provider that refuses everything and repeats what it was sent, the key and the note first."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self._status = status

    def message(self, body: bytes, *, keyed: bool) -> Played:
        """A refusal with all of the request in it."""
        text = body.decode()
        return Played(script=refusal(self._status, ERRORS[self._status], f"{KEY} {text[text.find('NOTE') :]} {text}"))


@pytest.mark.parametrize("status", [400, 401])
def test_a_refusal_that_repeats_the_key_and_the_request_betrays_nobody(
    tmp_path: Path, inputs: Inputs, said: Said, status: int
) -> None:
    with served(Echo(status)) as url:
        result = on_claude(url, inputs=inputs).run(tmp_path / "run", model=HAIKU)
    assert (result.stopped is None, "failed" in counts_of(result)) == (status == 400, status == 400)
    assert leaks(tmp_path, [], f"{said()} {result.stopped}") == []
    told = (tmp_path / "run/failed.json").read_text()
    notes = [words for row in inputs.rows if row and row.get("Notes") for words in triples(str(row["Notes"]))]
    assert not any(words in told for words in notes)


def test_a_bug_is_told_without_what_it_was_about(tmp_path: Path, inputs: Inputs, said: Said) -> None:
    def broken() -> NoReturn:
        raise RuntimeError(f"{KEY} of {FIELDS}")

    with served(Provider(plan=lambda _: Fault(kind="status", status=500))) as url:
        setup = on_claude(url, inputs=inputs)
        result = replace(setup, rim=replace(setup.rim, uniform=broken)).run(tmp_path / "run", model=HAIKU)
    (row, *_) = rows_of(result, "failed.json")
    assert (row["codes"], "RuntimeError in broken" in row["error"]) == (["internal-error"], True)
    assert leaks(tmp_path, [], said()) == []


def test_a_review_points_to_a_note_and_does_not_quote_it(tmp_path: Path, inputs: Inputs) -> None:
    with served(Provider()) as url:
        result = on_claude(url, inputs=inputs).run(tmp_path / "run", model=HAIKU)
    notes = {row["RegistrationNumber"]: row.get("Notes") for row in inputs.rows if row}
    noted = [row for row in rows_of(result, "review.json") if notes[row["registration_id"]]]
    assert [row["note"] for row in noted] == [f"{row['source']}/Notes" for row in noted] != []
    assert not any(words in str(row) for row in noted for words in triples(str(notes[row["registration_id"]])))


def triples(note: str) -> list[str]:
    """Every three words of a note that follow each other."""
    words = note.split()
    return [" ".join(words[at : at + 3]) for at in range(len(words) - 2)]
