"""What a run is asked to do: the settings that make it the same run when it is resumed, and those that may change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import TypeAlias

from igent.constellation import CriticPolicy
from igent.domain.records import Json
from igent.errors import OptionError
from igent.markets import MARKETS
from igent.models.simulated import LATENCIES

__all__ = ["ModelName", "OFFLINE", "Pace", "RunSettings"]

ModelName: TypeAlias = str
OFFLINE = ("rules", "mock")
_CLAUDE = re.compile(r"claude-[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Everything that an outcome depends on. Paths are resolved; `as_of` decides which incentives are current."""

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
    strict_judgement: bool = False
    hold_reviews: bool = False
    critic: CriticPolicy | None = None
    switches: Mapping[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require(self.market in MARKETS, f"there is no market {self.market!r}", ", ".join(MARKETS))
        known = self.model in OFFLINE or _CLAUDE.fullmatch(self.model) is not None
        _require(known, f"there is no model {self.model!r}", "rules, mock, or a name such as claude-haiku-5-5")
        _require(self.mock_latency in LATENCIES, f"there is no latency {self.mock_latency!r}", ", ".join(LATENCIES))
        _require(0 <= self.mock_errors <= 1, f"mock errors cannot be {self.mock_errors:g}", "a rate from 0 to 1")
        _require(self.max_items is None or self.max_items > 0, "max items cannot be below 1", "a number from 1")

    def as_record(self) -> dict[str, Json]:
        """The settings for the journal."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def from_record(cls, record: Mapping[str, Json]) -> RunSettings:
        """The settings that a journal holds."""
        paths = ("constellation", "registrations", "offers", "incentives", "capacity")
        values = {name: Path(str(value)) if name in paths and value else value for name, value in record.items()}
        return cls(**{**values, "as_of": date.fromisoformat(str(record["as_of"]))})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a run goes about it, without effect on any outcome: each may differ when the run is resumed."""

    concurrency: int = 8
    call_deadline_s: float = 60.0
    flush_every: int = 5

    def __post_init__(self) -> None:
        _require(1 <= self.concurrency <= 10_000, f"concurrency cannot be {self.concurrency}", "1 to 10000")
        _require(self.call_deadline_s > 0, "a call's deadline cannot be 0", "a number of seconds above 0")
        _require(self.flush_every > 0, "outcomes cannot be flushed every 0", "a number from 1")

    @property
    def window(self) -> int:
        """How many registrations are admitted and uncommitted: enough that one slow call stalls nobody else's."""
        return max(256, 16 * self.concurrency)


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
