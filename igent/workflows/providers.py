"""The models that a run talks to, composed of small ones: replies from the cache, batches, one of a prefix first, a
gate and a budget before each call, and the provider's own model innermost."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from igent import codec
from igent.domain.records import Json
from igent.models.base import ChatModel, ModelEvent, ModelRequest
from igent.models.budgeted import BudgetedModel, Purse
from igent.models.cache import CachedModel
from igent.models.halt import Halt
from igent.models.limits import Gate, LimitedModel
from igent.models.prefixes import PrefixModel
from igent.models.rules import RulesModel, keyword_judgement
from igent.models.simulated import LATENCIES, SimulatedModel
from igent.store.replies import Replies
from igent.workflows.session import Session
from igent.workflows.settings import ModelName, provider_of

if TYPE_CHECKING:
    from igent.models.batches import BatchModel

__all__ = ["Providers", "company_s", "look_at_cache", "open_providers", "replies_path"]

# Longer than it takes to look up a window's worth of replies on disk, and a fortieth of a call.
_COMPANY_S = 0.025
# Calls in flight that leave places for those who wait for a prefix, once it is kept.
_MANY = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """What a run asks: `model` answers every request, whichever model that names."""

    model: ChatModel
    gates: Mapping[ModelName, Gate]
    prefixes: PrefixModel | None
    batches: BatchModel | None
    replies: Replies | None

    def as_record(self) -> dict[str, Json]:
        """How the calls went, for `run.json`."""
        record: dict[str, Json] = {"gates": {name: gate.as_record() for name, gate in self.gates.items()}}
        if self.prefixes is not None:
            record["prompt_cache"] = self.prefixes.as_record()
        if self.batches is not None:
            record["batches"] = self.batches.as_record()
        if self.replies is not None and self.replies.failure is not None:
            record["response_cache_failure"] = self.replies.failure
        return record


class _Routed:
    """Each request goes to the model that it names."""

    def __init__(self, routes: Mapping[ModelName, ChatModel]) -> None:
        self._routes = routes

    @property
    def name(self) -> str:
        """The names that a run records."""
        return ", ".join(self._routes)

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """The stream of the model that is asked."""
        return self._routes[request.model or next(iter(self._routes))].stream(request)


@asynccontextmanager
async def open_providers(session: Session, purse: Purse | None, halt: Halt) -> AsyncIterator[Providers]:
    """Everything between a call and its provider, open as long as it is used."""
    async with AsyncExitStack() as stack:
        gates = {
            name: Gate(concurrency=session.pace.concurrency, halt=halt, now=session.rim.now) for name in session.models
        }
        routes: dict[ModelName, ChatModel] = {}
        for name, gate in gates.items():
            model = await stack.enter_async_context(_provided(session, name, gate))
            if purse is not None:
                model = BudgetedModel(model, purse, price_of=session.prices.maybe, halt=halt)
            routes[name] = LimitedModel(model, gate)
        model, prefixes, batches = _Routed(routes), None, None
        if session.caches_prompts:
            model = prefixes = PrefixModel(
                model,
                minimums=session.cacheable_prefix,
                clock=session.rim.monotonic,
                block=max(1, session.pace.window // 4),
                registrations=session.survey.total,
                # With few calls in flight it would be their own registrations' other calls that wait.
                ahead=(session.pace.concurrency or _MANY) >= _MANY,
                company_s=company_s(session.survey.total),
            )
        if (batch := session.constellation.optimization.batch).max_items > 1:
            from igent.models.batches import BatchModel  # no bundled constellation asks for batches

            # Half of a call's time is left for who has to be asked alone.
            patience_s = session.pace.call_deadline_s / 2
            opened = BatchModel.open(
                model, max_items=batch.max_items, max_tokens=batch.max_tokens, patience_s=patience_s
            )
            model = batches = await stack.enter_async_context(opened)
        path, replies = replies_path(session), None
        if path is not None:
            replies = await stack.enter_async_context(Replies.open(path))
            model = CachedModel(model, replies, early=session.constellation.optimization.early_json)
        yield Providers(model=model, gates=gates, prefixes=prefixes, batches=batches, replies=replies)


def company_s(registrations: int) -> float:
    """How long a call waits for others with its prefix, in seconds: of an only registration there are none."""
    return _COMPANY_S if registrations > 1 else 0.0


async def look_at_cache(session: Session) -> None:
    """Find out before a run begins whether its cache of replies can be used. Raises `InputError`."""
    if (path := replies_path(session)) is not None:
        async with Replies.open(path):
            pass


def replies_path(session: Session) -> Path | None:
    """Where the replies of a run are kept, None where they are not.

    An endpoint of one's own has a file of its own, for it may call anything by the name of a known model.
    """
    if not session.caches_replies or session.rim.cache_dir is None:
        return None
    asked = {provider_of(model) for model in session.models}
    own = [("anthropic", session.rim.base_url), ("openai", session.rim.openai_url)]
    urls = [url if provider in asked else None for provider, url in own]
    return session.rim.cache_dir / (f"replies-{codec.digest([*urls])[:8]}.sqlite3" if any(urls) else "replies.sqlite3")


def _provided(session: Session, name: ModelName, gate: Gate) -> AbstractAsyncContextManager[ChatModel]:
    match provider_of(name):
        case "offline":
            return nullcontext(_offline(session, name))
        case "anthropic":
            return _claude(session, name, gate)
        case "openai":
            return _openai(session, name, gate)


def _offline(session: Session, name: ModelName) -> ChatModel:
    if name == "rules":
        return RulesModel()
    return SimulatedModel(
        RulesModel(keyword_judgement(session.inputs.market)),
        sleep=session.rim.sleep,
        seed=session.settings.seed,
        latency=LATENCIES[session.settings.mock_latency],
        error_rate=session.settings.mock_errors,
    )


def _claude(session: Session, name: ModelName, gate: Gate) -> AbstractAsyncContextManager[ChatModel]:
    # The SDK takes most of a second to import: only a run that calls it does.
    from igent.models.anthropic import Access, AnthropicModel

    access = Access(api_key=session.rim.api_key or "", base_url=session.rim.base_url)
    return AnthropicModel.open(access, model=name, idle_s=session.pace.idle_s, on_headers=gate.observe)


def _openai(session: Session, name: ModelName, gate: Gate) -> AbstractAsyncContextManager[ChatModel]:
    from igent.models.openai import Access, OpenAIModel
    from igent.models.openai_limits import rate_limits

    def observe(headers: Mapping[str, str]) -> None:
        gate.observe(rate_limits(headers, now=session.rim.now()))

    access = Access(api_key=session.rim.openai_key or "", base_url=session.rim.openai_url)
    name = name.removeprefix("openai:")
    return OpenAIModel.open(access, model=name, idle_s=session.pace.idle_s, on_headers=observe)
