"""The order of the long tests, and what several of them work with."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.tiny import Tiny


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A run of a few households."""
    return Tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """An empty directory, in memory where there is such a place: for thousands of trees, written and removed."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as directory:
        yield Path(directory)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The one that takes a fixed time comes first, so that all others are done beside it."""
    items.sort(key=lambda item: "test_flat" not in item.nodeid)
