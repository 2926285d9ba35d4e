"""A provider that only sends: streams of the Messages API, each with an event every 10 ms, every event a packet.

`python -m profiles.feeder STREAMS EVENTS CORE` tells its port and, once so many streams were asked for, when the first
event is due, in seconds of the monotonic clock. A text is the time of its sending, in microseconds of that clock.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Sequence

__all__ = ["RATE", "TIME_CHARS", "cores", "main", "pin"]

# Events per second of each stream: what a small model says.
RATE = 100
TIME_CHARS = 14
# Objects of no form that is asked for stand before the answer, so that every event is inside of one.
_OPENING, _BETWEEN, _ANSWER = '{"at":"', '"} {"at":"', '"} {"verdict":"approve"}'
_OBJECT_EVENTS = 100
# What opening a stream leaves to be done takes part of the one; a shorter sleep than the other wakes up too late.
_REST_S, _NAP_S = 2e-3, 50e-6
# What it takes to be told when the first event is due.
_TOLD_S = 0.05
# Nobody asks any more: whoever started this has failed.
_ASK_S = 30.0

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_MARK = "@" * TIME_CHARS


def main(streams: int, events: int, core: int) -> None:
    """Take the requests, send the events evenly over time, end the streams."""
    pin(core)
    with socket.create_server(("127.0.0.1", 0), backlog=streams) as server:
        server.settimeout(_ASK_S)
        _tell(server.getsockname()[1])
        clients = [_asked(server) for _ in range(streams)]
    begin_s = time.monotonic() + _TOLD_S + streams * _REST_S
    _tell(begin_s)
    _send(clients, events, begin_s)
    end = _chunk(_delta(_ANSWER)) + _chunk(_END) + _chunk(b"")
    for client in clients:
        client.sendall(end)
    sys.stdin.read()  # a socket that is closed with its last bytes unread may take them back


def _tell(value: float) -> None:
    sys.stdout.write(f"{value}\n")
    sys.stdout.flush()


def cores() -> list[int]:
    """The cores that this process may run on; one of no meaning where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else [0]


def pin(core: int) -> None:
    """Keep this process on a core, where the system can do that; processes that it starts begin there too."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {core})


def _send(clients: Sequence[socket.socket], events: int, begin_s: float) -> None:
    before, after = _chunk(_delta(_MARK)).split(_MARK.encode())
    opening, between = _chunk(_delta(_OPENING)), _chunk(_delta(_BETWEEN))
    for number in range(events):
        other = opening if number == 0 else between if number % _OBJECT_EVENTS == 0 else None
        for place, client in enumerate(clients):
            due_s = begin_s + (number + place / len(clients)) / RATE
            if (early_s := due_s - time.monotonic()) > _NAP_S:
                time.sleep(early_s)
            client.sendall(other or before + b"%*d" % (TIME_CHARS, time.monotonic_ns() // 1_000) + after)


def _asked(server: socket.socket) -> socket.socket:
    """A client whose request was read and whose reply has begun."""
    client, _ = server.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with client.makefile("rb") as request:
        headers = dict(line.lower().split(b":", 1) for line in iter(request.readline, b"\r\n") if b":" in line)
        request.read(int(headers[b"content-length"]))
    client.sendall(_HEAD + _chunk(_START))
    return client


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _sse(event: dict[str, object]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event, separators=(',', ':'))}\n\n".encode()


def _delta(text: str) -> bytes:
    return _sse({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})


_USAGE = {"input_tokens": 1_000, "output_tokens": 1}
_START = _sse({"type": "message_start", "message": {"type": "message", "role": "assistant", "usage": _USAGE}})
_STOP = _sse({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}})
_END = _sse({"type": "content_block_stop", "index": 0}) + _STOP + _sse({"type": "message_stop"})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
