"""A link is followed once, on the way to a run; inside a run there is none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from igent.errors import IgentError, JournalError, OptionError
from igent.store.places import own_place
from igent.store.scan import scan
from igent.workflows import RunOptions
from igent.workflows.begun import require_finished
from igent.workflows.explain import explain
from igent.workflows.review import Deciding
from igent.workflows.verify import AuditFiles, audit_files
from igent.workflows.whatif import what_if
from tests.workflows.runs import AS_OF, SAMPLE, Setup, bytes_of, quick, review


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Setup().run(tmp_path_factory.mktemp("whole") / "run", model="mock", max_items=3).directory


@pytest.fixture
def run(tmp_path: Path, whole: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "run")


def reviewed(run: Path) -> None:
    review(run, Deciding(choices=lambda _: (), told=lambda *_: None), rim=quick)


def audited(run: Path) -> None:
    files = AuditFiles(
        registrations=SAMPLE.registrations,
        offers=SAMPLE.offers,
        matches=run / "matches.json",
        orders=run / "pos.json",
    )
    audit_files(files, market="sbus", as_of=AS_OF)


READERS: dict[str, Callable[[Path], object]] = {
    "resume": Setup().resume,
    "review": reviewed,
    "explain": lambda run: explain(run, "SPUS10001", rim=quick),
    "what-if": lambda run: what_if(run, []),
    "since": require_finished,
    "verify": audited,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", ["journal", "manifest.json", "matches.json", "audit.jsonl", "run.log"])
def test_a_run_with_a_link_among_its_files_is_refused_by_name(run: Path, name: str, reader: str) -> None:
    elsewhere = (run / name).rename(run.parent / "elsewhere")
    (run / name).symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    with pytest.raises(OptionError, match=f"{name}' is a symbolic link.*remove the link"):
        READERS[reader](run)
    assert elsewhere.read_bytes() == before


def test_a_link_that_comes_later_is_not_followed_either(run: Path) -> None:
    (run / "journal").rename(run.parent / "elsewhere")
    (run / "journal").symlink_to(run.parent / "elsewhere")
    with pytest.raises(JournalError, match="it is a symbolic link"):
        next(scan(run / "journal"))


@pytest.mark.parametrize("reader", [name for name in READERS if name != "verify"])
def test_a_link_that_leads_to_a_run_is_followed(run: Path, reader: str) -> None:
    (run.parent / "latest").symlink_to(run.name)
    READERS[reader](run.parent / "latest")


def test_a_link_is_followed_once_however_soon_it_leads_elsewhere(tmp_path: Path, run: Path) -> None:
    latest, other = tmp_path / "latest", tmp_path / "other"
    latest.symlink_to(run.name)
    place = own_place(latest)
    latest.unlink()
    latest.symlink_to(other.name)
    assert place == run


def test_a_resumed_run_stays_where_its_link_led_when_it_began(tmp_path: Path) -> None:
    setup, options = Setup(), RunOptions(model="mock", mock_latency="haiku", max_items=4)
    runs = [setup.run(tmp_path / name, stop_at_wait=1, **options).directory for name in ("a", "b")]
    other = bytes_of(runs[1], ["journal"])
    (tmp_path / "latest").symlink_to("a")
    ended = Setup().resume(tmp_path / "latest")
    assert (ended.directory, ended.stopped) == (runs[0], None)
    assert bytes_of(runs[1], ["journal"]) == other


def test_a_directory_without_a_link_keeps_the_name_that_it_was_given(run: Path) -> None:
    assert own_place(run) == run


def test_links_beside_files_that_are_no_run_are_nobodys_business(tmp_path: Path) -> None:
    (tmp_path / "mine").symlink_to(SAMPLE.offers)
    assert own_place(tmp_path) == tmp_path


def test_what_is_not_there_is_for_its_reader_to_say(tmp_path: Path) -> None:
    with pytest.raises(IgentError, match="no run"):
        Setup().resume(tmp_path / "nowhere")
