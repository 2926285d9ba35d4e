"""What a run is asked to do: the settings that make it the same run when it is resumed, and those that may change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal, TypeAlias

from igent.constellation import CriticPolicy
from igent.domain.records import Json
from igent.errors import OptionError
from igent.markets import MARKETS
from igent.models.simulated import LATENCIES
from igent.workflows.failures import Tolerance

__all__ = ["GRACE_S", "ModelName", "OFFLINE", "Pace", "Provider", "RunSettings", "provider_of"]

ModelName: TypeAlias = str
Provider = Literal["offline", "anthropic", "openai"]
OFFLINE = ("rules", "mock")
_CLAUDE = re.compile(r"claude-[a-z0-9]+(?:-[a-z0-9]+)*")
_OPENAI = re.compile(r"openai:[A-Za-z0-9][A-Za-z0-9._/:-]*")

# With what follows it ends a container within the ten seconds that it is given as a rule before it is killed.
GRACE_S = 8.0

# A window's worth of registrations for a concurrency that is still to be found.
_AUTO_WINDOW = 1_024


def provider_of(model: ModelName) -> Provider:
    """Who answers under a model's name. Raises `OptionError` for a name that is none."""
    if model in OFFLINE:
        return "offline"
    if _CLAUDE.fullmatch(model):
        return "anthropic"
    if _OPENAI.fullmatch(model):
        return "openai"
    known = "rules, mock, a name such as claude-haiku-5-5, or openai:NAME for an OpenAI-compatible endpoint"
    raise OptionError(f"there is no model {model!r}", remedy=f"Allowed: {known}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Everything that an outcome depends on. Paths are resolved; `as_of` decides which incentives are current.

    `since` is the directory of a finished run whose judgements stand where what they rest on is unchanged; its matches
    keep their places unless it is to `reallocate`.
    """

    constellation: Path
    registrations: Path
    offers: Path
    as_of: date
    incentives: Path | None = None
    capacity: Path | None = None
    market: str = "sbus"
    model: ModelName = "rules"
    mock_latency: str = "none"
    mock_errors: float = 0.0
    seed: int = 0
    max_items: int | None = None
    include_withdrawn: bool = False
    allow_large: bool = False
    strict_judgement: bool = False
    hold_reviews: bool = False
    critic: CriticPolicy | None = None
    switches: Mapping[str, bool] = field(default_factory=dict)
    max_batch_size: int | None = None
    max_batch_tokens: int | None = None
    since: Path | None = None
    reallocate: bool = False

    def __post_init__(self) -> None:
        _require(self.market in MARKETS, f"there is no market {self.market!r}", ", ".join(MARKETS))
        provider_of(self.model)
        _require(self.mock_latency in LATENCIES, f"there is no latency {self.mock_latency!r}", ", ".join(LATENCIES))
        _require(0 <= self.mock_errors <= 1, f"mock errors cannot be {self.mock_errors:g}", "a rate from 0 to 1")
        _require(self.max_items is None or self.max_items > 0, "max items cannot be below 1", "a number from 1")
        _require(
            self.since is not None or not self.reallocate, "there is nothing to reallocate", "with --since RUN_DIR"
        )

    @property
    def batch(self) -> dict[str, int | None]:
        """What is said of batches, by the names of a constellation."""
        return {"max_items": self.max_batch_size, "max_tokens": self.max_batch_tokens}

    def as_record(self) -> dict[str, Json]:
        """The settings for the journal."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def from_record(cls, record: Mapping[str, Json]) -> RunSettings:
        """The settings that a journal holds."""
        paths = ("constellation", "registrations", "offers", "incentives", "capacity", "since")
        values = {name: Path(str(value)) if name in paths and value else value for name, value in record.items()}
        return cls(**{**values, "as_of": date.fromisoformat(str(record["as_of"]))})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a run goes about it, without effect on any outcome: each may differ when the run is resumed.

    A `concurrency` of None is found while the run goes on. `call_deadline_s` bounds a call, `idle_s` the silence within
    one, `deadline_s` this process. A run that is to end early gives the calls in flight `grace_s`. `max_usd` and
    `max_tokens` bound what the whole run may take, from its beginning; `max_failures` how many registrations this
    process may see fail.
    """

    concurrency: int | None = 8
    call_deadline_s: float = 60.0
    idle_s: float = 15.0
    flush_every: int = 5
    deadline_s: float | None = None
    grace_s: float = GRACE_S
    max_usd: Decimal | None = None
    max_tokens: int | None = None
    max_failures: Tolerance | None = None

    def __post_init__(self) -> None:
        slots = self.concurrency
        _require(slots is None or 1 <= slots <= 10_000, f"concurrency cannot be {slots}", "1 to 10000, or auto")
        _require(self.flush_every > 0, "outcomes cannot be flushed every 0", "a number from 1")
        for name, seconds in (
            ("a call's deadline", self.call_deadline_s),
            ("the silence of a call", self.idle_s),
            ("the run's deadline", self.deadline_s),
        ):
            _require(seconds is None or seconds > 0, f"{name} cannot be {seconds}", "a number of seconds above 0")
        _require(0 <= self.grace_s <= 3_600, f"a grace cannot be {self.grace_s:g} s", "0 to 3600 seconds")
        for name, most in (("cost", self.max_usd), ("tokens", self.max_tokens)):
            # Decimal refuses to compare what is not a number.
            bounded = most is None or (Decimal(most).is_finite() and most > 0)
            _require(bounded, f"the most that a run may take ({name}) cannot be {most}", "a number above 0")

    @property
    def window(self) -> int:
        """How many registrations are admitted and uncommitted: enough that one slow call stalls nobody else's."""
        return _AUTO_WINDOW if self.concurrency is None else max(256, 16 * self.concurrency)


def _require(holds: bool, problem: str, allowed: str) -> None:
    if not holds:
        raise OptionError(problem, remedy=f"Allowed: {allowed}")


def _plain(value: object) -> Json:
    if isinstance(value, Path | date):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): bool(one) for key, one in value.items()}
    assert value is None or isinstance(value, bool | int | float | str)
    return value
