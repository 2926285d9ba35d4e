"""A simulator of a real model around the rules: chunked stream, latency and errors, all seeded.

What is drawn depends on (seed, role, prompt, attempt) alone, never on timing, so a run's outcomes are the same at any
concurrency. Latency is that of published models: time to first token log-normal, prefill and decoding at fixed rates.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import exp
from statistics import NormalDist
from types import MappingProxyType
from typing import Literal

from igent.accounting.usage import Usage, estimate_tokens
from igent.dialogue.batch import batch_reply
from igent.models.base import ModelEvent, ModelRequest, ReplyEnd, Sent, StopReason, chunks, singles
from igent.models.rules import RulesModel

__all__ = ["LATENCIES", "Latency", "SimulatedModel"]

Fault = Literal["wrong-id", "wrong-json", "prose", "truncated"]
_FAULTS: tuple[Fault, ...] = ("wrong-id", "wrong-json", "prose", "truncated")
CHUNK_TOKENS = 4
_CHUNK_CHARS = 4 * CHUNK_TOKENS
_SENT = Sent()
_UNDRAWN = [1.0] * 4  # of no fault, whatever their rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Time to first token (median in seconds, log-normal sigma) and tokens per second while decoding and reading."""

    first_token_s: float
    sigma: float
    decode_per_s: float
    prefill_per_s: float

    def scaled(self, factor: float) -> Latency:
        """The same model on a clock that runs `factor` times as long: for tests that cannot wait."""
        return Latency(
            first_token_s=self.first_token_s * factor,
            sigma=self.sigma,
            decode_per_s=self.decode_per_s / factor,
            prefill_per_s=self.prefill_per_s / factor,
        )

    def until_first_token_s(self, uniform: float, prompt_tokens: int) -> float:
        """Seconds from the request to its first token, for a draw in (0, 1)."""
        return self.first_token_s * exp(self.sigma * NormalDist().inv_cdf(uniform)) + prompt_tokens / self.prefill_per_s


# Medians of late 2026: time to first token and rates of a Haiku, a Sonnet and an Opus.
LATENCIES: Mapping[str, Latency | None] = MappingProxyType(
    {
        "none": None,
        "haiku": Latency(first_token_s=0.70, sigma=0.35, decode_per_s=100, prefill_per_s=20_000),
        "sonnet": Latency(first_token_s=1.3, sigma=0.35, decode_per_s=63, prefill_per_s=15_000),
        "opus": Latency(first_token_s=2.0, sigma=0.35, decode_per_s=45, prefill_per_s=10_000),
    }
)


class SimulatedModel:
    """The replies of the rules as a real model would stream them, some of them faulty."""

    def __init__(
        self,
        inner: RulesModel,
        *,
        sleep: Callable[[float], Awaitable[None]],
        seed: int = 0,
        latency: Latency | None = None,
        error_rate: float = 0.0,
    ) -> None:
        self._inner, self._sleep, self._seed = inner, sleep, seed
        self._latency, self._error_rate = latency, error_rate
        # Neither late nor faulty: nothing hangs on a draw, and nobody sees in how many pieces a reply comes.
        self._at_once = latency is None and not error_rate

    @property
    def name(self) -> str:
        """The name that a run records."""
        return "mock"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream the reply, late and perhaps faulty."""
        yield _SENT
        draws = self._drawn(request)
        text, stop_reason = self._said(request, draws)
        prompt_tokens = estimate_tokens(request.prompt)
        if self._latency is not None:
            await self._sleep(self._latency.until_first_token_s(draws[2], prompt_tokens))
        for number, chunk in enumerate([text] if self._at_once else chunks(text, _CHUNK_CHARS)):
            if number and self._latency is not None:
                await self._sleep(CHUNK_TOKENS / self._latency.decode_per_s)
            yield chunk
        usage = Usage(input_tokens=prompt_tokens, output_tokens=estimate_tokens(text))
        yield ReplyEnd(stop_reason=stop_reason, usage=usage)

    def _said(self, request: ModelRequest, draws: list[float]) -> tuple[str, StopReason]:
        """What is replied; in a batch a household's answer is as faulty as it is by itself."""
        if not request.many:
            return self._spoiled(self._inner.reply(request), request, draws)
        said = [self._said(one, self._drawn(one)) for one in singles(request)]
        return batch_reply([text for text, _ in said]), "end_turn"

    def _drawn(self, request: ModelRequest) -> list[float]:
        return _UNDRAWN if self._at_once else _draws(self._seed, request)

    def _spoiled(self, text: str, request: ModelRequest, draws: list[float]) -> tuple[str, StopReason]:
        if draws[0] >= self._error_rate:
            return text, "end_turn"
        fault = _FAULTS[int(draws[1] * len(_FAULTS))]
        spoiled = _SPOILERS[fault](text, request.kind)
        return spoiled, "max_tokens" if fault == "truncated" else "end_turn"


def _draws(seed: int, request: ModelRequest) -> list[float]:
    """Four independent numbers in (0, 1)."""
    key = f"{seed}|{request.kind}|{request.attempt}|{request.prompt}".encode()
    drawn = hashlib.sha256(key).digest()
    return [(int.from_bytes(drawn[i : i + 6], "big") + 0.5) / 2**48 for i in range(0, 24, 6)]


def _wrong_id(text: str, kind: str) -> str:
    """Name an offer or an incentive that is not among the candidates: always a broken rule, never a matter of taste."""
    if kind == "match":
        return text.replace('"fit":[[', '"fit":[["o0",', 1).replace('"fit":null', '"fit":[["o0"]]', 1)
    if kind == "order":
        spoiled = text.replace('"no":[', '"no":["i0",', 1)
        return spoiled if spoiled != text else text.replace("{", '{"no":["i0"],', 1)
    return text.replace('"verdict":"', '"verdict":"maybe-', 1)


def _wrong_json(text: str, _kind: str) -> str:
    return text.replace('":', '" ', 1)


def _prose(text: str, _kind: str) -> str:
    return f"Let me look at {{each}} offer's terms first.\n```json\n{text}\n```\nThat is my answer. APPROVE"


def _truncated(text: str, _kind: str) -> str:
    return text[: len(text) // 2]


_SPOILERS: Mapping[Fault, Callable[[str, str], str]] = MappingProxyType(
    {"wrong-id": _wrong_id, "wrong-json": _wrong_json, "prose": _prose, "truncated": _truncated}
)
