"""Which beginnings of prompts a provider's prompt cache holds as a run goes on, and so what it reads and writes."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Warmth"]

_CACHED_S = 300  # how long a beginning is kept that nobody uses
_UNUSED, _KEPT = (0.0, None), -1


class Warmth:
    """Follows beginnings by key, by when each was last used; forgets those that cannot be kept any more.

    One that all who have it ask with at the start is written by the first of them; any other, such as a critic's, by
    the second, since nobody knows of one when the first is sent. What nobody else has soon is not written.
    """

    def __init__(self) -> None:
        # When, and what whoever used it then has written once another comes: nothing of one that is kept already.
        self._used: dict[str, tuple[float, int]] = {}

    def use(self, shared: Iterable[tuple[str, int]], *, now_s: float, at_start: bool) -> tuple[int, int]:
        """Of one more prompt with these beginnings, each longer than the one before: characters read, and written."""
        self._forget(now_s)
        begin = read = written = 0
        for key, chars in shared:
            owed = self._used.pop(key, _UNUSED)[1]
            if owed is None:
                self._used[key] = now_s, chars - begin if at_start else 0
                begin = chars if at_start else begin
            else:
                self._used[key] = now_s, _KEPT
                written += max(owed, 0) if owed else chars - begin
                read += chars - begin if owed else 0
                begin = chars
        return read, written

    def _forget(self, now_s: float) -> None:
        # Whatever is used comes last, so those at the front have waited longest.
        while self._used and now_s - next(iter(self._used.values()))[0] > _CACHED_S:
            del self._used[next(iter(self._used))]
