"""A provider on 127.0.0.1 that plays scripted HTTP/1.1 responses over real sockets and notes what it is sent.

A `Play` is one response: its parts, each written as one HTTP chunk, and how it ends. Whatever the client does meanwhile
can be waited for: `left` is set when it hangs up on a response that was not over.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from igent.domain.records import Json
from igent.errors import ModelError
from igent.models.anthropic import Access, AnthropicModel
from igent.models.base import ChatModel, Message, ModelEvent, ModelRequest
from igent.models.streams import OnHeaders

__all__ = [
    "Asked",
    "End",
    "HAIKU",
    "Loopback",
    "Play",
    "REQUEST",
    "SOON_S",
    "failure",
    "good_events",
    "good_stream",
    "heard",
    "provider",
    "sse",
]

HAIKU = "claude-haiku-5-5"
# What everything on loopback takes a small part of: only a fault makes a test wait for it.
SOON_S = 15.0

REQUEST = ModelRequest(
    agent="matcher",
    kind="match",
    system="Match.",
    messages=(Message(author="user", text="TASK"),),
    max_tokens=512,
)

# How a response ends: properly; by a close without the last chunk; by a reset; or not at all until the client leaves.
End = Literal["whole", "cut", "reset", "stall"]

PING = b'event: ping\ndata: {"type":"ping"}\n\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One scripted response, held back until `company` requests have come; a stall beats every `beat_s` seconds."""

    parts: Sequence[bytes] = ()
    end: End = "whole"
    status: int = 200
    headers: Sequence[tuple[str, str]] = (("content-type", "text/event-stream"),)
    beat: bytes = PING
    beat_s: float | None = None
    company: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it arrived; `connection` counts the sockets from 0."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass(slots=True)
class Loopback:
    """The server, as `async with`; it plays `plays` in order and then refuses everything with 599."""

    plays: list[Play]
    asked: list[Asked] = field(default_factory=list)
    beats: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    _connections: int = 0
    _open: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open.values():
            writer.transport.abort()
        await asyncio.gather(*self._open)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where the provider is."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        connection, self._connections = self._connections, self._connections + 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._exchange(reader, writer, connection):
                    pass
        finally:
            del self._open[task]
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> bool:
        """Answer one request; whether the connection can carry another."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(": ") for line in head[1:] if line)
        headers = {name.lower(): value for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.asked.append(Asked(line=head[0], headers=headers, body=body, connection=connection))
        play = self.plays.pop(0) if self.plays else Play(status=599)
        async with self._arrived:
            self._arrived.notify_all()
            await self._arrived.wait_for(lambda: len(self.asked) >= play.company)
        try:
            await self._write(play, writer)
        except ConnectionError:
            self.left.set()
            return False
        return await self._end(play, reader, writer)

    async def _write(self, play: Play, writer: asyncio.StreamWriter) -> None:
        fields = [*play.headers, ("transfer-encoding", "chunked")]
        lines = [f"HTTP/1.1 {play.status} Played", *(f"{name}: {value}" for name, value in fields)]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        for part in filter(None, play.parts):  # an empty chunk would be the last
            writer.write(_chunk(part))
            await writer.drain()

    async def _end(self, play: Play, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if play.end == "whole":
            writer.write(b"0\r\n\r\n")
            await writer.drain()
            return True
        if play.end == "reset":
            # No lingering: what the close sends is a reset, which the client cannot take for an end.
            option = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
        if play.end == "stall":
            await self._stall(play, reader, writer)
        return False

    async def _stall(self, play: Play, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while True:
                try:
                    async with asyncio.timeout(play.beat_s):
                        await reader.read(1)
                    break  # a client says nothing before its response is over: this is its hanging up
                except TimeoutError:
                    writer.write(_chunk(play.beat))
                    self.beats += 1
        self.left.set()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def sse(event: dict[str, Json]) -> bytes:
    """One event as the provider writes it."""
    return f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


def failure(status: int, body: Json | bytes, *, headers: Sequence[tuple[str, str]] = ()) -> Play:
    """A response that is no stream: JSON, or bytes as they are."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Play(status=status, parts=[data], headers=[("content-type", "application/json"), *headers])


def good_events(texts: Iterable[str], *, stop_reason: Json = "end_turn") -> list[dict[str, Json]]:
    """The events of a whole reply, thinking and a ping included, in the provider's order."""
    usage: dict[str, Json] = {
        "input_tokens": 21,
        "cache_creation_input_tokens": 5,
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 2},
        "cache_read_input_tokens": 700,
        "output_tokens": 1,
    }
    message: dict[str, Json] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": HAIKU,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    said: list[dict[str, Json]] = [_delta(1, {"type": "text_delta", "text": text}) for text in texts]
    return [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "ping"},
        _delta(0, {"type": "thinking_delta", "thinking": "hm, {"}),
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        *said,
        {"type": "content_block_stop", "index": 1},
        {
            "type": "message_delta",
            "delta": {"stop_reason": stop_reason, "stop_sequence": None},
            "usage": {"output_tokens": 42},
        },
        {"type": "message_stop"},
    ]


def _delta(index: int, delta: dict[str, Json]) -> dict[str, Json]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def good_stream(texts: Iterable[str], *, stop_reason: Json = "end_turn") -> bytes:
    """A whole reply as bytes."""
    return b"".join(sse(event) for event in good_events(texts, stop_reason=stop_reason))


@asynccontextmanager
async def provider(
    *plays: Play, idle_s: float = SOON_S, on_headers: OnHeaders | None = None, access: Access | None = None
) -> AsyncIterator[tuple[Loopback, AnthropicModel]]:
    """A provider with its script, and a model that talks to it."""
    async with Loopback([*plays]) as server:
        reached = replace(access or Access(api_key="sk-test"), base_url=server.url)
        async with AnthropicModel.open(reached, model=HAIKU, idle_s=idle_s, on_headers=on_headers) as model:
            yield server, model


async def heard(model: ChatModel, request: ModelRequest = REQUEST) -> tuple[list[ModelEvent], ModelError | None]:
    """All events of a stream, and the error that it ended with."""
    events: list[ModelEvent] = []
    try:
        async for event in model.stream(request):
            events.append(event)  # noqa: PERF401  # what came before an error counts
    except ModelError as error:
        return events, error
    return events, None
