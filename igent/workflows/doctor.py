"""Whether a run would work here: key, model, price, prompts, disk and versions, each with what to do about it.

Nothing is written but one small file that is removed again, and at most one small call is made per model.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from igent import __version__
from igent.accounting.prices import cost_usd, usd_text
from igent.accounting.usage import estimate_tokens
from igent.dialogue.prompts import shared_chars
from igent.errors import IgentError, ModelError
from igent.models.base import ChatModel, Message, ModelRequest, ReplyEnd
from igent.models.halt import Halt
from igent.workflows.plan import plan_rows
from igent.workflows.providers import open_providers
from igent.workflows.session import Rim, Session, prepare
from igent.workflows.settings import ModelName, Pace, RunSettings, provider_of

__all__ = ["Finding", "examine"]

# A run of 100,000 registrations writes about 2 GB, journal and files together.
_LOW_BYTES = 4 * 2**30
_SAMPLED = 50  # registrations whose prompts are measured: candidate sets repeat, so more would say the same
_PACKAGES = ("anthropic", "autogen-agentchat", "aiohttp", "openai")
_OPTIONAL = {
    "aiohttp": "Only for hundreds of streams at once: pip install 'igent[aiohttp]'",
    "openai": "Only for openai: models: pip install 'igent[openai]'",
}
_REMEDIES = {
    "model-unavailable": "Try again later; if it stays so, look at the network, a proxy and the base URL",
    "model-rejected": "Look at the model's name and at the base URL",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at; `remedy` is what to do about it, empty where nothing need be done."""

    level: Literal["ok", "warn", "fail"]
    what: str
    remedy: str = ""


async def examine(settings: RunSettings, rim: Rim, directory: Path) -> AsyncIterator[Finding]:
    """Look at everything that a run of these settings needs, in the order in which it would need it."""
    for finding in [*_versions(), *_disk(directory), *(_disk(rim.cache_dir) if rim.cache_dir else ())]:
        yield finding
    try:
        session = await prepare(settings, Pace(), rim)
    except IgentError as exc:
        yield _failure(exc)
        return
    for model in session.models:
        if (key := _key(session, model)) is not None:
            yield key
        for finding in _price(session, model):
            yield finding
    async for finding in _prompts(session):
        yield finding
    async for finding in _calls(session):
        yield finding


def _versions() -> Iterator[Finding]:
    yield Finding(level="ok", what=f"igent {__version__} on Python {sys.version.split()[0]}")
    for package in _PACKAGES:
        try:
            yield Finding(level="ok", what=f"{package} {version(package)}")
        except PackageNotFoundError:
            yield Finding(level="warn", what=f"{package} is not installed", remedy=_OPTIONAL.get(package, ""))


def _disk(directory: Path) -> Iterator[Finding]:
    place = next(path for path in (directory, *directory.resolve().parents) if path.is_dir())
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"igent")
    except OSError as exc:
        yield Finding(level="fail", what=f"{place} cannot be written to: {exc.strerror}", remedy="Give another place")
        return
    free = shutil.disk_usage(place).free
    low = free < _LOW_BYTES
    remedy = "Make room: 100,000 registrations take about 2 GB" if low else ""
    yield Finding(level="warn" if low else "ok", what=f"{place} has {free / 2**30:.1f} GB free", remedy=remedy)


def _key(session: Session, model: ModelName) -> Finding | None:
    """Whether there is a key; only an endpoint of one's own may do without."""
    match provider_of(model):
        case "anthropic":
            return Finding(level="ok", what="ANTHROPIC_API_KEY is set")
        case "openai" if session.rim.openai_key:
            return Finding(level="ok", what="OPENAI_API_KEY is set")
        case "openai":
            return Finding(
                level="ok", what="OPENAI_API_KEY is not set", remedy="Set it where the endpoint asks for one"
            )
        case _:
            return None


def _price(session: Session, model: ModelName) -> Iterator[Finding]:
    price = session.prices.maybe(model)
    if price is None:
        remedy = "Give it with --prices FILE: until then cost is unknown and --max-cost is refused"
        yield Finding(level="warn", what=f"the price of {model} is not known", remedy=remedy)
        return
    if provider_of(model) != "offline":
        told = f"{model}: {price.input} in, {price.output} out, {price.cache_read} cached, in $/MTok ({price.source})"
        yield Finding(level="ok", what=told)
    if price.retires is not None and price.retires <= session.started.date():
        what = f"{model} may be withdrawn at any time since {price.retires}"
        yield Finding(level="warn", what=what, remedy="Choose a newer model")


async def _prompts(session: Session) -> AsyncIterator[Finding]:
    """How long prompts are, and whether what they share is long enough for the model's cache."""
    sizes: dict[tuple[str, str], list[tuple[int, int]]] = {}
    judging = session.judging()
    async with aclosing(plan_rows(session.inputs, session.survey, session.settings)) as rows:
        count = 0
        async for planned in rows:
            for _, request in judging.openings(planned):
                prefix = request.system + request.messages[0].text[: shared_chars(request.messages[0].text)]
                found = sizes.setdefault((request.agent, request.model or ""), [])
                found.append((estimate_tokens(request.prompt), estimate_tokens(prefix)))
            count += 1
            if count == _SAMPLED:
                break
    for (agent, model), found in sizes.items():
        yield _size(session, agent, model, *map(max, zip(*found, strict=True)))


def _size(session: Session, agent: str, model: ModelName, prompt: int, prefix: int) -> Finding:
    what = f"{agent}: prompts of about {prompt} tokens, of which {prefix} are shared"
    minimum = session.cacheable_prefix(model)
    if minimum is None or not session.caches_prompts:
        return Finding(level="ok", what=what)
    if prefix >= minimum:
        return Finding(level="ok", what=f"{what}: {model} caches from {minimum} on")
    remedy = "Nothing to do: they are too short to cache, and cheap"
    return Finding(level="ok", what=f"{what}: {model} caches only from {minimum} on", remedy=remedy)


async def _calls(session: Session) -> AsyncIterator[Finding]:
    """One small call of each model that is not offline."""
    asked = [model for model in session.models if provider_of(model) != "offline"]
    if not asked:
        return
    try:
        async with open_providers(session, None, Halt()) as providers:
            for model in asked:
                yield await _call(session, providers.model, model)
    except IgentError as exc:
        yield _failure(exc)


def _failure(error: IgentError) -> Finding:
    problem, _, remedy = str(error).partition(". ")
    return Finding(level="fail", what=problem, remedy=remedy)


async def _call(session: Session, asked: ChatModel, model: ModelName) -> Finding:
    begun_s, usage = session.rim.monotonic(), None
    try:
        async with aclosing(asked.stream(_request(model))) as events, asyncio.timeout(session.pace.call_deadline_s):
            async for event in events:
                usage = event.usage if isinstance(event, ReplyEnd) else usage
    except ModelError as exc:
        return Finding(level="fail", what=str(exc), remedy=_REMEDIES.get(exc.code, ""))
    except TimeoutError:
        return Finding(level="fail", what=f"{model} does not answer", remedy=_REMEDIES["model-unavailable"])
    seconds, price = session.rim.monotonic() - begun_s, session.prices.maybe(model)
    cost = f", {usd_text(cost_usd(usage, price))} USD" if usage and price else ""
    return Finding(level="ok", what=f"{model} answered a small call in {seconds:.1f} s{cost}")


def _request(model: ModelName) -> ModelRequest:
    said = (Message(author="user", text='Answer {"verdict":"approve","codes":[],"why":"test"} and nothing else.'),)
    return ModelRequest(agent="doctor", kind="critique", system="", messages=said, max_tokens=64, model=model)
