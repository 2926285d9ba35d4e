"""Whole runs through the SDK and a loopback provider: the naive arm, each optimization alone, and all together.

All arms are the same program on the same registrations. The naive one is `naive.yaml`, one call at a time, its files
written for every registration, before a model that says more than it is asked: one that is held to a form ends with
its object, so the replies of igent's default are terse.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final, Literal, cast

from igent.constellation import CriticPolicy
from igent.store.bundled import sample_data
from igent.workflows import Control, Inputs, Pace, Rim, RunResult, make_settings, start
from profiles.measure import Measurement, Size
from profiles.runs import AS_OF, counted, run, timed
from profiles.served import served

__all__ = ["end_to_end"]

_MN1 = Path(__file__).parents[2] / "shared" / "data" / "mn1"
_NAIVE, _DEFAULT = str(Path(__file__).with_name("naive.yaml")), "p1m1c1_p2m2c2"
_MODEL, _SEED, _MANY = "claude-haiku-5-5", 11, 32
# What a million tokens of a prompt cost by how a cache was used, in those that are read afresh (`prices.json`).
_WEIGHTS: Final = {"input": 1.0, "cache_read": 0.1, "cache_write": 1.25, "cache_write_1h": 2.0}
_PLACES = ("registrations", "offers", "incentives")


@dataclass(frozen=True, slots=True, kw_only=True)
class _OneAtATime(Pace):
    """One registration in flight and no other: with both of its phases, or call by call."""

    concurrency: int | None = 2

    @property
    def window(self) -> int:
        return 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arm:
    """One way of running; `way` is how its model speaks."""

    name: str
    constellation: str = _NAIVE
    pace: Pace = field(default_factory=lambda: _OneAtATime(concurrency=1, flush_every=1))
    critic: CriticPolicy | None = None
    switches: Mapping[str, bool] = field(default_factory=dict)
    way: Literal["verbose", "terse"] = "verbose"


_ALONE = (
    _Arm(name="terse replies", way="terse"),
    _Arm(name="early_json", switches={"early_json": True}),
    _Arm(name="critic_skip", switches={"critic_skip": True}, critic="when-unproven"),
    _Arm(name="context_filter", switches={"context_filter": True}),
    _Arm(name="prompt_caching", switches={"prompt_caching": True}),
    _Arm(name="parallel_phases", switches={"parallel_phases": True}, pace=_OneAtATime(flush_every=1)),
    _Arm(name=f"concurrency {_MANY}", pace=Pace(concurrency=_MANY, flush_every=1)),
)
_TOGETHER = partial(_Arm, constellation=_DEFAULT, way="terse")
# The first is what all are compared with. These run side by side, as each nearly always waits; the others alone.
_AT_ONCE = (_Arm(name="naive"), *_ALONE)
_BY_ITSELF = (
    _TOGETHER(name="default", pace=_OneAtATime()),
    _TOGETHER(name="default, verbose replies", pace=_OneAtATime(), way="verbose"),
    _TOGETHER(name=f"default at {_MANY}", pace=Pace(concurrency=_MANY)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What a run of an arm came to; `limit_s` is what its model's own time came to, of what overlaps the longest."""

    arm: _Arm
    result: RunResult
    limit_s: float = 0.0

    @property
    def wall_s(self) -> float:
        """Seconds per registration."""
        return timed(self.result, "wall") / counted(self.result, "counts")["registrations"]

    @property
    def calls(self) -> int:
        made = counted(self.result, "calls")
        return made["matcher"] + made["critic"]

    @property
    def usd(self) -> float:
        return float(str(self.result.summary["cost_usd"]))

    def tokens(self, kind: str) -> int:
        return counted(self.result, "usage")[f"{kind}_tokens"]

    @property
    def prompts(self) -> int:
        """All tokens of all prompts."""
        return sum(self.tokens(kind) for kind in _WEIGHTS)

    @property
    def paid(self) -> float:
        """The tokens of prompts by what they cost."""
        return sum(self.tokens(kind) * weight for kind, weight in _WEIGHTS.items())

    def proven(self) -> dict[str, list[object]]:
        """The match and the order of each registration that the rules have proven."""
        matches, orders = (json.loads((self.result.directory / name).read_bytes()) for name in _OUTCOMES)
        order_of = {row["registration_id"]: row for row in orders}
        return {
            row["registration_id"]: [row, order_of[row["registration_id"]]]
            for row in matches
            if row["judgement"] == "proven"
        }


_OUTCOMES = ("matches.json", "pos.json")


def end_to_end(size: Size, scratch: Path) -> list[Measurement]:
    """Every arm on the same registrations, by figures of its own and against the naive one."""
    import_module("igent.models.anthropic")  # no arm is to pay for the imports of all
    inputs = _asked(size.served, scratch)
    arms = [*_AT_ONCE, *_BY_ITSELF]
    with served([arm.way for arm in arms], seed=_SEED, wait=size.wait) as providers:
        results = asyncio.run(_all(inputs, scratch, dict(zip([arm.name for arm in arms], providers.urls, strict=True))))
    found = [
        _Found(arm=arm, result=results[arm.name], limit_s=limit_s)
        for arm, limit_s in zip(arms, providers.limits_s, strict=True)
    ]
    naive, default, verbose, many = found[0], *found[-len(_BY_ITSELF) :]
    return [
        *(one for each in found for one in _figures(each)),
        *_against(naive, default),
        *_against(naive, many),
        _ratio("wall per registration, naive / default, verbose replies", naive.wall_s / verbose.wall_s),
        *(_over_limit(each) for each in (naive, default)),
        *(one for each in found[1 : len(_AT_ONCE)] for one in _gains(naive, each)),
        _row(what="outcomes unlike the naive arm's", value=_unlike(naive, found[1:]), unit="faults"),
    ]


async def _all(inputs: Inputs, scratch: Path, urls: Mapping[str, str]) -> dict[str, RunResult]:
    async def one(arm: _Arm) -> RunResult:
        options = partial(make_settings, critic=arm.critic, switches=arm.switches, include_withdrawn=True)
        settings = options(arm.constellation, inputs, as_of=AS_OF, model=_MODEL)
        rim = Rim(api_key="none", base_url=urls[arm.name])
        return await start(settings, arm.pace, scratch / arm.name.replace(" ", "-"), control=Control(), rim=rim)

    async with asyncio.TaskGroup() as group:
        tasks = {arm.name: group.create_task(one(arm)) for arm in _AT_ONCE}
    return {name: task.result() for name, task in tasks.items()} | {arm.name: await one(arm) for arm in _BY_ITSELF}


def _asked(count: int, scratch: Path) -> Inputs:
    """The first `count` registrations that a run has proven, so that each makes its calls; of mn1 where that is."""
    files: dict[str, Path] = {name: _MN1 / f"{name}.json" for name in _PLACES}
    if not _MN1.is_dir():
        sys.stderr.write("bench: mn1 is not beside this checkout: the sample data is asked about instead\n")
        sample = sample_data()
        assert sample.incentives is not None
        files = dict(zip(_PLACES, (sample.registrations, sample.offers, sample.incentives), strict=True))
    inputs = cast("Inputs", files)
    rehearsal = run(_DEFAULT, scratch / "rehearsal", inputs=inputs, include_withdrawn=True).directory
    matches = json.loads((rehearsal / "matches.json").read_bytes())
    proven = {row["registration_id"] for row in matches if row["judgement"] == "proven"}
    rows = [row for row in json.loads(files["registrations"].read_bytes()) if row["RegistrationNumber"] in proven]
    path = scratch / "registrations.json"
    path.write_text(json.dumps(rows[:count]), encoding="utf-8")
    return {**inputs, "registrations": path}


_row = partial(Measurement, suite="end to end")


def _ratio(what: str, value: float) -> Measurement:
    return _row(what=what, value=value, unit="x", better="more")


def _figures(found: _Found) -> list[Measurement]:
    row, name = _row, found.arm.name
    return [
        row(what=f"{name}: wall per registration", value=found.wall_s, unit="s"),
        row(what=f"{name}: p50", value=timed(found.result, "p50"), unit="s"),
        row(what=f"{name}: p95", value=timed(found.result, "p95"), unit="s"),
        row(what=f"{name}: api_calls", value=found.calls, unit="calls"),
        row(what=f"{name}: tokens_input", value=found.prompts, unit="tokens"),
        row(what=f"{name}: tokens_cached", value=found.tokens("cache_read"), unit="tokens"),
        row(what=f"{name}: tokens_output", value=found.tokens("output"), unit="tokens"),
        row(what=f"{name}: cost", value=found.usd, unit="USD"),
        row(what=f"{name}: cache_hit_rate", value=100 * found.tokens("cache_read") / found.prompts, unit="%"),
    ]


def _against(naive: _Found, other: _Found) -> list[Measurement]:
    return [
        _ratio(f"wall per registration, naive / {other.arm.name}", naive.wall_s / other.wall_s),
        _ratio(f"calls, naive / {other.arm.name}", naive.calls / other.calls),
        _ratio(f"paid input tokens, naive / {other.arm.name}", naive.paid / other.paid),
        _ratio(f"output tokens, naive / {other.arm.name}", naive.tokens("output") / other.tokens("output")),
        _ratio(f"cost, naive / {other.arm.name}", naive.usd / other.usd),
    ]


def _over_limit(found: _Found) -> Measurement:
    over = timed(found.result, "wall") / found.limit_s
    return _row(what=f"{found.arm.name}: wall / limit of its calls", value=over, unit="x")


def _gains(naive: _Found, alone: _Found) -> list[Measurement]:
    name = alone.arm.name
    return [
        _ratio(f"wall per registration, naive / {name} alone", naive.wall_s / alone.wall_s),
        _ratio(f"cost, naive / {name} alone", naive.usd / alone.usd),
    ]


def _unlike(naive: _Found, others: Sequence[_Found]) -> int:
    """How many proven registrations ended another way, or were proven by one alone."""
    expected = naive.proven()
    actual = [other.proven() for other in others]
    return sum(expected.get(key) != one.get(key) for one in actual for key in expected.keys() | one.keys())
