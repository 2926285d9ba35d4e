"""Whether a directory holds a run, how far that has come, and what to go on with it by: what its journal says."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import cast

from igent.domain.records import Json
from igent.errors import JournalError, OptionError
from igent.store.disk import Disk
from igent.store.journal import Recovery
from igent.store.places import disk_errors, own_place
from igent.store.scan import scan
from igent.workflows.same import Stated, agreed
from igent.workflows.session import Rim, Session, prepare
from igent.workflows.settings import Pace, RunSettings

__all__ = [
    "JOURNAL",
    "begun",
    "header_in",
    "holds_run",
    "require_finished",
    "session_of",
    "settings_at",
    "settings_of",
    "unfinished",
]

JOURNAL = "journal"

Record = dict[str, Json]


def begun(path: Path, disk: Disk) -> bool:
    """Whether a journal holds a run; one that a crash has left without its first record is removed."""
    if not path.exists():
        return False
    if next(iter(Recovery(path, disk)), None) is not None:
        return True
    with disk_errors(path):
        disk.remove(path)
    return False


def holds_run(directory: Path) -> bool:
    """Whether there is a run to go on with; one whose first record is not yet on disk is none."""
    with suppress(JournalError):
        return next(scan(directory / JOURNAL), None) is not None
    return False


def unfinished(directory: Path) -> bool:
    """Whether there is a run to go on with that has not come to its end. Raises `JournalError` for a damaged one."""
    return holds_run(directory) and not _through(directory)


def require_finished(directory: Path) -> None:
    """Check that another run can be held against this one. Raises `JournalError` or `OptionError`."""
    if not _through(own_place(directory)):
        remedy = f"Go on with it first: igent run --resume {directory}"
        raise OptionError(f"the earlier run in {str(directory)!r} is not finished", remedy=remedy)


def settings_at(directory: Path) -> RunSettings:
    """The settings of a run, finished or not. Raises `JournalError` or `OptionError` where there is none."""
    path = own_place(directory) / JOURNAL
    return settings_of(header_in(scan(path), path))


def header_in(records: Iterator[Record], path: Path) -> Record:
    """The first record of a journal. Raises `JournalError` where that is not a run's."""
    header = next(records, None)
    if header is None or header["t"] != "run":
        raise JournalError(path=str(path), problem="holds no run", remedy="Start the run again, also into this place")
    return header


def settings_of(header: Record) -> RunSettings:
    """The settings that a run was begun with."""
    return RunSettings.from_record(cast("Record", header["settings"]))


async def session_of(
    header: Record, pace: Pace, rim: Rim, *, stated: Stated | None = None, calls: bool = False
) -> Session:
    """A run that was begun with its inputs as they are now, unless what is `stated` of its settings differs.

    Raises as `prepare` and `agreed` do.
    """
    settings = agreed(settings_of(header), stated or {}, cast("Record", header["identity"]))
    return await prepare(settings, pace, rim, started=datetime.fromisoformat(str(header["at"])), calls=calls)


def _through(directory: Path) -> bool:
    """Whether the last pass has come to its end; each begins behind the end of the one before."""
    last = deque(scan(directory / JOURNAL, kind=("pass", "end")), maxlen=1)
    return bool(last) and last[0]["t"] == "end"
