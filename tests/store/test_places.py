from __future__ import annotations

import errno
from pathlib import Path

import pytest

from igent.errors import JournalError, OptionError
from igent.store.disk import Disk
from igent.store.places import locked, make_place, point_latest
from tests.reliability.disks import Faulty, Quick
from tests.reliability.recorder import FOLDER, Named, Recorder, SyncedFolder


def test_each_directory_that_is_made_is_named_durably_before_the_next(tmp_path: Path) -> None:
    disk = Recorder(Quick(), tmp_path)
    make_place(tmp_path / "runs" / "one", disk)
    runs = tmp_path / "runs"
    expected = [Named(tmp_path, {"runs": FOLDER}), SyncedFolder(tmp_path)]
    assert disk.log == [*expected, Named(runs, {"one": FOLDER}), SyncedFolder(runs)]
    assert (runs.stat().st_mode & 0o777, (runs / "one").stat().st_mode & 0o777) == (0o700, 0o700)


def test_a_directory_that_is_there_is_synced_all_the_same(tmp_path: Path) -> None:
    disk = Recorder(Quick(), tmp_path.parent, {tmp_path: FOLDER})
    make_place(tmp_path, disk)
    assert disk.log == [SyncedFolder(tmp_path.parent)]


def test_a_file_is_no_place_for_a_run(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(OptionError, match="cannot be made a directory: File exists"):
        make_place(tmp_path / "run")


def test_a_directory_is_held_by_one(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(OptionError, match="another igent"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_there_is_nothing_to_hold_where_there_is_no_directory(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="there is no run"), locked(tmp_path / "none"):
        pass


def test_a_disk_that_cannot_lock_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be locked"), locked(tmp_path, Faulty(Disk(), "EIO", at=0)):
        pass


def test_the_link_leads_to_the_latest(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        point_latest(tmp_path / name)
    assert (tmp_path / "latest").readlink() == Path("two")


def test_what_stands_in_the_place_of_the_link_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    with pytest.raises(JournalError, match="Is a directory"):
        point_latest(tmp_path / "one")


def test_a_file_that_is_a_link_is_no_file_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "journal").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link") as caught:
        Disk().open(tmp_path / "journal", 0)
    assert caught.value.errno == errno.ELOOP


def test_a_lock_that_cannot_be_given_back_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="No space left"), locked(tmp_path, Faulty(Disk(), "ENOSPC", at=1)):
        pass
