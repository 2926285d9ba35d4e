"""The provider as an ASGI application: its routes, and the playing of scripts to clients that may leave."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.provider.faults import PASSING, Fault, Plan, drawn, listed
from tests.provider.script import Part, Script
from tests.provider.state import Played, Provider

__all__ = ["application"]


class _Plan(BaseModel):
    """Either faults for the next requests, or a share of all requests that meets one of these."""

    model_config = ConfigDict(extra="forbid")
    faults: list[Fault | None] | None = None
    rate: float = 0.0
    seed: int = 0

    def plan(self) -> Plan:
        """The plan as asked for."""
        faults = self.faults or []
        return drawn(self.rate, self.seed, [*filter(None, faults)] or PASSING) if self.rate else listed(faults)


def application(provider: Provider) -> Starlette:
    """The Messages API of a provider, and two routes of its own: `GET /_stats` and `POST /_plan`."""

    async def messages(request: Request) -> ASGIApp:
        return _Message(provider, await request.body(), request)

    async def count_tokens(request: Request) -> Response:
        return _whole(provider.count(await request.body()))

    async def model(request: Request) -> Response:
        name = request.path_params["name"]
        if not name.startswith("claude-"):
            said = {"type": "error", "error": {"type": "not_found_error", "message": f"model: {name}"}}
            return JSONResponse(said, status_code=404)
        created = "2026-01-01T00:00:00Z"
        return JSONResponse({"type": "model", "id": name, "display_name": name, "created_at": created})

    async def stats(_request: Request) -> Response:
        return JSONResponse(provider.stats.as_record())

    async def plan(request: Request) -> Response:
        try:
            asked = _Plan.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"problem": str(error)}, status_code=400)
        provider.plan = asked.plan()
        return JSONResponse({})

    post: Sequence[Literal["POST"]] = ["POST"]
    return Starlette(
        routes=[
            Route("/v1/messages", messages, methods=post),
            Route("/v1/messages/count_tokens", count_tokens, methods=post),
            Route("/v1/models/{name}", model),
            Route("/_stats", stats),
            Route("/_plan", plan, methods=post),
        ]
    )


def _whole(script: Script) -> Response:
    return Response(b"".join(part.data for part in script.parts), script.status, headers=dict(script.headers))


class _Message:
    """One exchange: it is counted from its arrival until its response is over or its client gone."""

    def __init__(self, provider: Provider, body: bytes, request: Request) -> None:
        self._provider, self._stats, self._sleep = provider, provider.stats, provider.settings.sleep
        self._body, self._request = body, request
        self._answered_at: float | None = None
        self._over = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, status = self._request.headers, 500
        self._stats.arrive(self._body, scope["client"][1])
        try:
            played = self._provider.message(self._body, keyed="x-api-key" in headers or "authorization" in headers)
            status = played.script.status
            async with asyncio.TaskGroup() as group:
                playing = group.create_task(self._play(played, send))
                watching = group.create_task(self._watch(receive, playing))
                playing.add_done_callback(lambda _: watching.cancel())
        finally:
            self._stats.depart(status)

    async def _watch(self, receive: Receive, playing: asyncio.Task[None]) -> None:
        """Stop playing to a client that has left."""
        await receive()  # the request has been read: all that can come is its client's leaving
        if not self._over:
            self._stats.leave(self._answered_at)
            playing.cancel()

    async def _play(self, played: Played, send: Send) -> None:
        script = played.script
        packets = [*_packets(script.parts)]
        await self._sleep(packets[0][0].after_s if packets else 0)
        self._provider.begin(played)
        head = [(name.encode(), value.encode()) for name, value in script.headers]
        await send({"type": "http.response.start", "status": script.status, "headers": head})
        for number, packet in enumerate(packets):
            if number:
                await self._sleep(packet[0].after_s)
            self._over = script.end == "whole" and number == len(packets) - 1
            await self._send(send, packet)
        await self._end(script, send)

    async def _send(self, send: Send, packet: Sequence[Part]) -> None:
        data = b"".join(part.data for part in packet)
        await send({"type": "http.response.body", "body": data, "more_body": not self._over})
        if any(part.answers for part in packet):
            self._answered_at = self._stats.monotonic()
        if tokens := sum(part.tokens for part in packet):
            self._provider.say(tokens)

    async def _end(self, script: Script, send: Send) -> None:
        if script.end == "whole" and not self._over:
            self._over = True
            await send({"type": "http.response.body"})
        while script.end == "stall":
            await self._sleep(script.beat_s)
            if script.beat:
                await send({"type": "http.response.body", "body": script.beat, "more_body": True})
        self._over = True  # a server that drops its connection has not been left


def _packets(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Parts that go out together: a wait begins another packet."""
    waits = 0

    def number(part: Part) -> int:
        nonlocal waits
        waits += part.after_s > 0
        return waits

    for _, packet in groupby(parts, number):
        yield [*packet]
