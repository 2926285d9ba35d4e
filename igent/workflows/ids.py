"""Which ids stand in a file more than once, found in 16 bytes for each: a million of them as texts take 100 MB."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Collection

__all__ = ["Ids", "Repeated"]

# 128 bits: among a hundred million ids two share a digest by chance once in 10^22 files, and nobody can make such two.
_DIGEST_BYTES = 16


class Ids:
    """The ids of a file as they come. Those that are canonically equivalent are one; upper and lower case are told
    apart, as the ids of exports may be."""

    def __init__(self) -> None:
        # By their first byte, so that to look for repeated ones takes memory for some thousands at a time.
        self._digests = [bytearray() for _ in range(256)]

    def add(self, registration_id: str) -> None:
        """Add the id of one row."""
        digest = _digest(registration_id)
        self._digests[digest[0]] += digest

    def repeated(self) -> Repeated:
        """Those that came more than once."""
        return Repeated(digest for together in self._digests for digest in _repeated(bytes(together)))


class Repeated(frozenset[bytes]):
    """The ids that stand in a file more than once, as digests."""

    __slots__ = ()

    def has(self, registration_id: str) -> bool:
        """Whether an id is one of them."""
        return bool(self) and _digest(registration_id) in self


def _repeated(digests: bytes) -> Collection[bytes]:
    counts = Counter(digests[at : at + _DIGEST_BYTES] for at in range(0, len(digests), _DIGEST_BYTES))
    return [digest for digest, count in counts.items() if count > 1]


def _digest(registration_id: str) -> bytes:
    same = registration_id if registration_id.isascii() else unicodedata.normalize("NFC", registration_id)
    return hashlib.blake2b(same.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()
