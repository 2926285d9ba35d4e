"""What a run works with, read and checked before anything is written or called."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from igent import __version__, codec
from igent.accounting.prices import PriceTable
from igent.accounting.spans import Clock
from igent.constellation import Constellation, parse_constellation, with_overrides
from igent.domain.records import Json
from igent.errors import InputError, OptionError
from igent.store.bundled import prompt_text
from igent.store.disk import DISK, Disk
from igent.store.plain import read_json, read_text
from igent.workflows.pipeline import Judging
from igent.workflows.plan import Inputs, Survey, load, survey
from igent.workflows.settings import ModelName, Pace, RunSettings, provider_of

__all__ = ["Rim", "Session", "prepare", "price_table"]


_BUNDLED_PRICES = files("igent.accounting")


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rim:
    """What a run gets from outside: the disk of its directory, clocks, a way to wait, draws in [0, 1), and the way to
    the providers.

    A key is never shown, written or logged. `cache_dir` holds what one run leaves to the next: replies, forecasts and
    what calls were like; without it nothing is left. `prices` are those of a user, over the bundled ones.
    """

    disk: Disk = DISK
    monotonic: Callable[[], float] = time.perf_counter
    now: Callable[[], datetime] = _utc_now
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    uniform: Callable[[], float] = random.random
    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    openai_key: str | None = field(default=None, repr=False)
    openai_url: str | None = None
    cache_dir: Path | None = None
    prices: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Everything that one process needs for its part of a run.

    `started` is when the run began, perhaps in an earlier process; `clock` counts seconds from there. Where it asks
    `afresh`, no reply of an earlier run answers.
    """

    settings: RunSettings
    pace: Pace
    rim: Rim
    constellation: Constellation
    prompts: Mapping[str, str]
    inputs: Inputs
    survey: Survey
    prices: PriceTable
    started: datetime
    clock: Clock
    afresh: bool = False

    def header(self) -> dict[str, Json]:
        """The journal's first record: the settings, and what else makes a resumed run the same run."""
        return {
            "t": "run",
            "at": self.started.isoformat(),
            "settings": self.settings.as_record(),
            "identity": self._identity(),
            "allocation": {
                "rule": self.constellation.allocation,
                "capacity": [*self.inputs.ledger().as_records()],
            },
        }

    def require_same(self, header: Mapping[str, Json]) -> None:
        """Check that inputs, prompts and constellation are still those of a journal. Raises `OptionError`."""
        then, now = header["identity"], self._identity()
        assert isinstance(then, dict)
        changed = sorted(key for key in now.keys() | then.keys() if now.get(key) != then.get(key))
        if changed:
            problem = f"since the run began these have changed: {', '.join(changed)}"
            raise OptionError(problem, remedy="Put them back as they were, or start a new run")

    @property
    def models(self) -> tuple[ModelName, ...]:
        """The models that are asked, the run's first."""
        agents = (agent for phase in self.constellation.phases for agent in phase.agents if agent.role != "rules")
        return tuple(dict.fromkeys([self.settings.model, *(agent.model for agent in agents if agent.model)]))

    @property
    def allocates_at_end(self) -> bool:
        """Whether commits wait until everything is judged."""
        return self.constellation.allocation == "optimal"

    @property
    def caches_replies(self) -> bool:
        """Whether replies are kept for later runs: of offline models only where that is asked for."""
        asked_for = self.settings.switches.get("response_cache", False)
        online = any(provider_of(model) != "offline" for model in self.models)
        on = self.constellation.optimization.response_cache and (online or asked_for)
        return on and self.rim.cache_dir is not None and not self.afresh

    @property
    def caches_prompts(self) -> bool:
        """Whether prompts are laid out for a provider's cache, which offline models have none of."""
        online = any(provider_of(model) != "offline" for model in self.models)
        return self.constellation.optimization.prompt_caching and online

    def cacheable_prefix(self, model: ModelName) -> int | None:
        """The shortest prefix, in tokens, that a model's prompt cache keeps; None where that is not known."""
        price = self.prices.maybe(model)
        return price.cacheable_prefix_tokens if price else None

    def judging(self) -> Judging:
        """What judges the registrations of this run."""
        return Judging(self.constellation, self.inputs, self.prompts, model=self.settings.model)

    def _identity(self) -> dict[str, Json]:
        return {
            "igent": __version__,
            "constellation": codec.digest(asdict(self.constellation)),
            "prompts": codec.digest(self.prompts),
            "prices": codec.digest([repr(self.prices.maybe(model)) for model in self.models]),
            "registrations": self.survey.sha256,
            **self.inputs.hashes,
        }


async def prepare(
    settings: RunSettings, pace: Pace, rim: Rim, *, started: datetime | None = None, calls: bool = True
) -> Session:
    """Read the constellation, its prompts and the inputs, and check every registration; keys only where it `calls`.

    Raises `ConstellationError`, `OptionError` or `InputError` for the first thing that cannot be used.
    """
    parsed = parse_constellation(read_text(settings.constellation), file=settings.constellation.name)
    constellation = with_overrides(parsed, critic=settings.critic, switches=settings.switches, batch=settings.batch)
    prices = price_table(rim.prices)
    inputs = await load(settings)
    begun = started or rim.now()
    offset_s = (rim.now() - begun).total_seconds() - rim.monotonic()
    session = Session(
        settings=settings,
        pace=pace,
        rim=rim,
        constellation=constellation,
        prompts=_prompts(constellation, settings.constellation, package=inputs.market.__name__),
        inputs=inputs,
        survey=await survey(inputs, settings),
        prices=prices,
        started=begun,
        clock=lambda: rim.monotonic() + offset_s,
    )
    _require_usable(session, calls=calls)
    return session


def _prompts(constellation: Constellation, file: Path, *, package: str) -> dict[str, str]:
    agents = [agent for phase in constellation.phases for agent in phase.agents if agent.prompt]
    return {agent.prompt: prompt_text(package, agent.prompt, beside=file) for agent in agents}


def price_table(extra: Path | None = None) -> PriceTable:
    """What models cost, as this version knows it and as a user's file has it. Raises `InputError` for the latter."""
    bundled = _BUNDLED_PRICES.joinpath("prices.json")
    table = PriceTable.read(codec.load(bundled.read_bytes()), file=bundled.name)
    if extra is None:
        return table
    try:
        document = read_json(extra)
    except InputError as exc:
        remedy = f"{exc.remedy}; its form is that of igent/accounting/prices.json"
        raise InputError(file=exc.file, place=exc.place, problem=exc.problem, remedy=remedy) from exc
    return table.merged(PriceTable.read(document, file=extra.name))


def _require_usable(session: Session, *, calls: bool) -> None:
    """Check that every model has its key and address, and its price where a budget is kept. Raises `OptionError`."""
    _require_address("ANTHROPIC_BASE_URL", session.rim.base_url)
    _require_address("--base-url or OPENAI_BASE_URL", session.rim.openai_url)
    for model in session.models:
        if calls and provider_of(model) == "anthropic" and not session.rim.api_key:
            remedy = "Set ANTHROPIC_API_KEY, or run on --model rules or --mock"
            raise OptionError(f"model {model!r} needs a key", remedy=remedy)
        if session.pace.max_usd is not None and session.prices.maybe(model) is None:
            remedy = "Give its price with --prices FILE, or bound the run with --max-tokens"
            raise OptionError(f"the price of {model!r} is not known, so its cost cannot be bounded", remedy=remedy)
    if session.settings.switches.get("response_cache") and session.rim.cache_dir is None:
        raise OptionError("there is no place to keep replies in", remedy="Give a cache directory, or --no-cache")


def _require_address(name: str, url: str | None) -> None:
    """Check that requests could be sent there; the address itself, which may hold a password, is not repeated."""
    try:
        parts = urlsplit(url or "http://unset")
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise OptionError(f"the address in {name} cannot be used", remedy="Give one like https://host:port/path")
