"""What one run leaves to the next: small JSON documents by name, in a directory of their owner's alone.

Losing one costs an estimate some of its worth and nothing else, so nothing here fails a run.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from igent import codec
from igent.domain.records import Json
from igent.store.disk import make_private

__all__ = ["Memory"]

# What was seen of a dozen agents takes 5 kB; anything near this was not written here.
MAX_BYTES = 1 << 20


class Memory:
    """Documents under `directory`, which is made when the first one is kept; None remembers nothing."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def maybe(self, name: str) -> Json:
        """A document, None where there is none or it cannot be read."""
        if self._directory is None:
            return None
        with suppress(OSError, codec.DecodeError):
            path = self._directory / f"{name}.json"
            if path.stat().st_size <= MAX_BYTES:
                return codec.load(path.read_bytes())
        return None

    def keep(self, name: str, document: Json) -> None:
        """Put a document in the place of any earlier one of that name."""
        if self._directory is None:
            return
        with suppress(OSError):
            make_private(self._directory)
            path = self._directory / f"{name}.json"
            draft = path.with_name(f"{path.name}.{os.getpid()}")
            draft.touch(mode=0o600)
            draft.write_bytes(codec.dump(document))
            draft.replace(path)
