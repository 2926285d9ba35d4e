"""What a run works with, read and checked before anything is written or called."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from igent import __version__, codec
from igent.accounting.prices import Price, PriceTable
from igent.accounting.spans import Clock
from igent.constellation import Constellation, parse_constellation, with_overrides
from igent.domain.records import Json
from igent.errors import OptionError
from igent.models.base import ChatModel
from igent.models.rules import RulesModel, keyword_judgement
from igent.models.simulated import LATENCIES, SimulatedModel
from igent.store.bundled import prompt_text
from igent.workflows.plan import Inputs, Survey, load, survey
from igent.workflows.settings import OFFLINE, Pace, RunSettings

__all__ = ["Rim", "Session", "prepare"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rim:
    """What a run gets from outside: clocks, a way to wait, draws in [0, 1), and the way to the provider.

    The key is never shown, written or logged.
    """

    monotonic: Callable[[], float] = time.perf_counter
    now: Callable[[], datetime] = _utc_now
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    uniform: Callable[[], float] = random.random
    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Everything that one process needs for its part of a run.

    `started` is when the run began, perhaps in an earlier process; `clock` counts seconds from there.
    """

    settings: RunSettings
    pace: Pace
    rim: Rim
    constellation: Constellation
    prompts: Mapping[str, str]
    inputs: Inputs
    survey: Survey
    price: Price | None
    started: datetime
    clock: Clock

    def header(self) -> dict[str, Json]:
        """The journal's first record: the settings, and what else makes a resumed run the same run."""
        return {
            "t": "run",
            "at": self.started.isoformat(),
            "settings": self.settings.as_record(),
            "identity": self._identity(),
        }

    def require_same(self, header: Mapping[str, Json]) -> None:
        """Check that inputs, prompts and constellation are still those of a journal. Raises `OptionError`."""
        then, now = header["identity"], self._identity()
        assert isinstance(then, dict)
        changed = sorted(key for key in now.keys() | then.keys() if now.get(key) != then.get(key))
        if changed:
            problem = f"since the run began these have changed: {', '.join(changed)}"
            raise OptionError(problem, remedy="Put them back as they were, or start a new run")

    @asynccontextmanager
    async def model(self) -> AsyncIterator[ChatModel]:
        """The model that the settings name, open as long as it is used."""
        settings = self.settings
        if settings.model == "rules":
            yield RulesModel()
        elif settings.model == "mock":
            yield SimulatedModel(
                RulesModel(keyword_judgement(self.inputs.market)),
                sleep=self.rim.sleep,
                seed=settings.seed,
                latency=LATENCIES[settings.mock_latency],
                error_rate=settings.mock_errors,
            )
        else:
            async with self._claude() as model:
                yield model

    def _claude(self) -> AbstractAsyncContextManager[ChatModel]:
        # The SDK takes most of a second to import: only a run that calls it does.
        from igent.models.anthropic import Access, AnthropicModel

        access = Access(api_key=self.rim.api_key or "", base_url=self.rim.base_url)
        return AnthropicModel.open(access, model=self.settings.model)

    def _identity(self) -> dict[str, Json]:
        return {
            "igent": __version__,
            "constellation": codec.digest(asdict(self.constellation)),
            "prompts": codec.digest(self.prompts),
            "registrations": self.survey.sha256,
            **self.inputs.hashes,
        }


async def prepare(settings: RunSettings, pace: Pace, rim: Rim, *, started: datetime | None = None) -> Session:
    """Read the constellation, its prompts and the inputs, and check every registration.

    Raises `ConstellationError`, `OptionError` or `InputError` for the first thing that cannot be used.
    """
    text = settings.constellation.read_text(encoding="utf-8")
    parsed = parse_constellation(text, file=settings.constellation.name)
    constellation = with_overrides(parsed, critic=settings.critic, switches=settings.switches)
    _refuse_models(constellation)
    if settings.model not in OFFLINE and not rim.api_key:
        remedy = "Set ANTHROPIC_API_KEY, or run on --model rules or --mock"
        raise OptionError(f"model {settings.model!r} needs a key", remedy=remedy)
    inputs = await load(settings)
    begun = started or rim.now()
    offset_s = (rim.now() - begun).total_seconds() - rim.monotonic()
    return Session(
        settings=settings,
        pace=pace,
        rim=rim,
        constellation=constellation,
        prompts=_prompts(constellation, settings.constellation, package=inputs.market.__name__),
        inputs=inputs,
        survey=await survey(inputs, settings),
        price=_price_table().maybe(settings.model),
        started=begun,
        clock=lambda: rim.monotonic() + offset_s,
    )


def _prompts(constellation: Constellation, file: Path, *, package: str) -> dict[str, str]:
    agents = [agent for phase in constellation.phases for agent in phase.agents if agent.prompt]
    return {agent.prompt: prompt_text(package, agent.prompt, beside=file) for agent in agents}


def _price_table() -> PriceTable:
    """What models cost, as this version knows it."""
    path = files("igent.accounting") / "prices.json"
    return PriceTable.read(codec.load(path.read_bytes()), file=path.name)


def _refuse_models(constellation: Constellation) -> None:
    """Refuse a model of an agent's own: in this version all agents ask the run's."""
    for agent in (agent for phase in constellation.phases for agent in phase.agents):
        if agent.model is not None:
            problem = f"agent {agent.name!r} of {constellation.name!r} names a model of its own"
            raise OptionError(problem, remedy="Leave it out and give --model: all agents ask the same one")
