"""`python -m tests.provider`: the provider as a process, which prints its URL at first and its counts at last."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from typing import get_args

from igent.models.simulated import LATENCIES
from tests.provider.answers import Verbosity
from tests.provider.faults import drawn
from tests.provider.limits import Limit, Rates
from tests.provider.serving import listening, serve
from tests.provider.state import Provider, Settings


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.provider", description="The Messages API on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", choices=LATENCIES, default="none")
    parser.add_argument("--speed", type=float, default=1.0, help="how many times as fast as the real model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbosity", choices=get_args(Verbosity), default="terse")
    parser.add_argument("--prompt-cache", action="store_true")
    parser.add_argument("--rate", type=float, help="requests per second")
    parser.add_argument("--burst", type=float, help="requests at once (default: one second's, at least 1)")
    parser.add_argument("--window", choices=("bucket", "fixed"), default="bucket", help="fixed: anew every second")
    parser.add_argument("--input-rate", type=float, help="input tokens per minute")
    parser.add_argument("--output-rate", type=float, help="output tokens per minute")
    parser.add_argument("--no-headers", action="store_true", help="say nothing of limits but retry-after")
    parser.add_argument("--no-retry-after", action="store_true")
    parser.add_argument("--error-rate", type=float, default=0.0, help="share of requests that meet a passing fault")
    return parser.parse_args(given)


def _provider(given: argparse.Namespace) -> Provider:
    latency = LATENCIES[given.latency]
    rates = Rates(
        requests=_requests(given),
        input_tokens=None if given.input_rate is None else Limit(amount=given.input_rate),
        output_tokens=None if given.output_rate is None else Limit(amount=given.output_rate),
        told=not given.no_headers,
        retry_after=not given.no_retry_after,
    )
    settings = Settings(
        latency=latency and latency.scaled(1 / given.speed),
        seed=given.seed,
        prompt_cache=given.prompt_cache,
        rates=rates,
        verbosity=given.verbosity,
    )
    return Provider(settings, plan=drawn(given.error_rate, given.seed) if given.error_rate else None)


def _requests(given: argparse.Namespace) -> Limit | None:
    if given.rate is None:
        return None
    if given.window == "fixed":
        return Limit(amount=given.rate, period_s=1, fixed=True)
    return Limit(amount=60 * given.rate, burst=max(1.0, given.rate) if given.burst is None else given.burst)


async def _main(given: argparse.Namespace) -> None:
    provider, stop = _provider(given), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    listener, url = listening(given.port)
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()
    await serve(provider, listener, stop)
    sys.stdout.write(f"{json.dumps(provider.stats.as_record())}\n")


if __name__ == "__main__":
    asyncio.run(_main(_arguments()))
