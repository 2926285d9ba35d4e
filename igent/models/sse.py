"""Server-sent events: bytes in, the data of events out; comments and all other fields say nothing.

https://html.spec.whatwg.org/multipage/server-sent-events.html, less line ends of a lone CR, which no provider sends.
An event counts at the empty line behind it: one that was cut off is none.
"""

from __future__ import annotations

from collections import deque

__all__ = ["MAX_EVENT_BYTES", "SseDecoder"]

# A whole reply of 8,192 tokens in one event, every character escaped, takes a fifth of it.
MAX_EVENT_BYTES = 1 << 20

_NOTHING = (b"", b"\r")


class SseDecoder:
    """Fed with the bytes of a body in pieces of any size."""

    def __init__(self) -> None:
        self._line = b""
        self._data: list[bytes] = []
        self._size_bytes = 0
        self._events = deque[bytes]()

    def feed(self, piece: bytes) -> None:
        """Add what was read. Raises `ValueError` for an event of more than `MAX_EVENT_BYTES`."""
        *lines, self._line = (self._line + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].removesuffix(b"\r").removeprefix(b" "))
                self._size_bytes += len(line)
            elif self._data and line in _NOTHING:
                self._events.append(b"\n".join(self._data))
                self._data, self._size_bytes = [], 0
        if self._size_bytes + len(self._line) > MAX_EVENT_BYTES:
            raise ValueError(f"an event of more than {MAX_EVENT_BYTES} bytes")

    def maybe_event(self) -> bytes | None:
        """The data of the next whole event, None where more has to be fed first."""
        return self._events.popleft() if self._events else None
