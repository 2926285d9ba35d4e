"""An OpenAI-compatible endpoint on loopback that answers by keywords."""

from __future__ import annotations

import asyncio

from igent.models.base import chunks
from tests.models.loopback import Loopback, Play
from tests.models.loopback_openai import good_stream
from tests.provider.answers import answer_to

__all__ = ["Endpoint"]


class Endpoint(Loopback):
    """A loopback that needs no script: each request gets the answer of the keyword rules, in pieces."""

    async def _write(self, play: Play, writer: asyncio.StreamWriter) -> None:
        answer = answer_to(self.asked[-1].body)
        await super()._write(Play(parts=[good_stream(chunks(answer, 14))]), writer)
