from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from igent.errors import JournalCorrupt, JournalError
from igent.store.journal import Journal
from igent.store.scan import scan

RECORDS = [{"t": "run", "n": 0}, {"t": "reply", "n": 1}, {"t": "commit", "n": 2}, {"t": "reply", "n": 3}]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal whose records were each made durable before the next."""
    path = tmp_path / "journal"

    async def write() -> None:
        async with Journal.create(path) as journal:
            for record in RECORDS:
                await journal.durable(journal.append(record))

    asyncio.run(write())
    return path


def test_it_gives_the_records_in_order(path: Path) -> None:
    assert [*scan(path)] == RECORDS


def test_it_gives_those_of_one_kind(path: Path) -> None:
    assert [record["n"] for record in scan(path, kind="reply")] == [1, 3]


def test_it_gives_those_of_several_kinds_in_their_order(path: Path) -> None:
    kinds = ("reply", str(RECORDS[0]["t"]))
    assert [*scan(path, kind=kinds)] == [record for record in RECORDS if record["t"] in kinds]


def test_a_torn_tail_is_passed_over_and_left_where_it_is(path: Path) -> None:
    torn = path.read_bytes()[:-3]
    path.write_bytes(torn)
    assert [*scan(path)] == RECORDS[:-1]
    assert path.read_bytes() == torn


def test_a_file_that_may_not_be_written_can_be_read(path: Path) -> None:
    path.chmod(0o400)
    assert len([*scan(path)]) == 4


def test_a_bad_record_before_a_durable_one_is_told(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(b"reply")] ^= 1
    path.write_bytes(data)
    with pytest.raises(JournalCorrupt, match="checksum"):
        [*scan(path)]


@pytest.mark.parametrize("content", [None, b"something else entirely"])
def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes | None) -> None:
    other = tmp_path / "other"
    if content is not None:
        other.write_bytes(content)
    with pytest.raises(JournalError, match="other"):
        [*scan(other)]
