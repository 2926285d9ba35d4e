"""Whether a directory holds a run, and how far that has come: what its journal says at a glance."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import cast

from igent.domain.records import Json
from igent.errors import JournalError, OptionError
from igent.store.disk import Disk
from igent.store.journal import Recovery
from igent.store.places import disk_errors, own_place
from igent.store.scan import scan
from igent.workflows.settings import RunSettings

__all__ = ["JOURNAL", "begun", "holds_run", "require_finished", "unfinished"]

JOURNAL = "journal"


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
    if not holds_run(directory):
        return False
    ends, passes = (sum(1 for _ in scan(directory / JOURNAL, kind=kind)) for kind in ("end", "pass"))
    return ends <= passes  # each pass begins behind an end


def require_finished(directory: Path) -> RunSettings:
    """The settings of a run that another one can be held against. Raises `JournalError` or `OptionError`."""
    directory = own_place(directory)
    header = next(scan(directory / JOURNAL), {})
    if header.get("t") != "run" or unfinished(directory):
        remedy = f"Go on with it first: igent run --resume {directory}"
        raise OptionError(f"the earlier run in {str(directory)!r} is not finished", remedy=remedy)
    return RunSettings.from_record(cast("dict[str, Json]", header["settings"]))
