from __future__ import annotations

from pathlib import Path

import pytest

from igent.store.memory import MAX_BYTES, Memory


def test_what_was_kept_last_under_a_name_is_found_by_whoever_comes_next(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "cache")
    memory.keep("history-1", {"calls": 1})
    memory.keep("history-1", {"calls": 2})
    memory.keep("history-2", [3])
    later = Memory(tmp_path / "cache")
    assert [later.maybe(f"history-{number}") for number in (1, 2, 3)] == [{"calls": 2}, [3], None]
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["history-1.json", "history-2.json"]


def test_it_is_for_its_owners_eyes(tmp_path: Path) -> None:
    Memory(tmp_path / "cache").keep("history", 1)
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "cache", tmp_path / "cache/history.json")]
    assert modes == [0o700, 0o600]


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000, b"1" + b" " * MAX_BYTES], ids=len)
def test_what_cannot_be_read_was_never_there_and_can_be_replaced(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "history.json").write_bytes(data)
    memory = Memory(tmp_path)
    assert memory.maybe("history") is None
    memory.keep("history", "new")
    assert memory.maybe("history") == "new"


def test_without_a_place_nothing_is_remembered() -> None:
    memory = Memory(None)
    memory.keep("history", 1)
    assert memory.maybe("history") is None


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_place_that_cannot_be_written_to_fails_nothing(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("a diary")
    memory = Memory(tmp_path / place)
    memory.keep("history", 1)
    assert (memory.maybe("history"), (tmp_path / "file").read_text()) == (None, "a diary")
