"""Ways of running the same registrations before a provider, what came of each, and whether it came to the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from igent.accounting.prices import prompt_tokens
from igent.accounting.usage import Usage
from igent.accounting.worth import paid_tokens
from igent.constellation import CriticPolicy
from igent.errors import RunStopped
from igent.workflows import Control, Inputs, Pace, Rim, RunResult, make_settings, start
from profiles.measure import Measurement
from profiles.plays import Play, limit_s
from profiles.runs import AS_OF, MODEL, counted, timed
from profiles.served import Manner

__all__ = ["Arm", "DEFAULT", "Found", "NAIVE", "OneAtATime", "Row", "begun", "figures", "unlike", "unlike_where_proven"]

NAIVE, DEFAULT = str(Path(__file__).with_name("naive.yaml")), "p1m1c1_p2m2c2"
_OUTCOMES = ("matches.json", "pos.json")

Row = partial[Measurement]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneAtATime(Pace):
    """One registration in flight and no other: with both of its phases, or call by call."""

    concurrency: int | None = 2

    @property
    def window(self) -> int:
        return 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way of running, before a provider of one `manner`; `batch` is the most households of a call."""

    name: str
    constellation: str = DEFAULT
    pace: Pace = field(default_factory=Pace)
    critic: CriticPolicy | None = None
    switches: Mapping[str, bool] = field(default_factory=dict)
    batch: int | None = None
    manner: Manner = field(default_factory=Manner)


async def begun(arm: Arm, inputs: Inputs, url: str, out: Path) -> RunResult:
    """A run of an arm to its end, through the SDK; no arm keeps replies of another. Raises `RunStopped` short of it."""
    settings = make_settings(
        arm.constellation,
        inputs,
        as_of=AS_OF,
        model=MODEL,
        include_withdrawn=True,
        critic=arm.critic,
        switches=arm.switches,
        max_batch_size=arm.batch,
    )
    result = await start(settings, arm.pace, out, control=Control(), rim=Rim(api_key="none", base_url=url))
    if result.stopped is not None:
        raise RunStopped(result.stopped)
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a run of an arm came to, and what its provider has played for it."""

    arm: Arm
    result: RunResult
    plays: Sequence[Play] = ()

    @property
    def wall_s(self) -> float:
        """Seconds per registration."""
        return timed(self.result, "wall") / counted(self.result, "counts")["registrations"]

    @property
    def over_limit(self) -> float:
        """How often as long it took as its calls had to take, as they followed each other."""
        return timed(self.result, "wall") / limit_s(self.plays)

    @property
    def calls(self) -> int:
        made = counted(self.result, "calls")
        return made["matcher"] + made["critic"]

    @property
    def usd(self) -> float:
        return float(str(self.result.summary["cost_usd"]))

    def tokens(self, kind: str) -> int:
        """Tokens of a kind, as `run.json` names them."""
        return counted(self.result, "usage")[f"{kind}_tokens"]

    @property
    def prompts(self) -> int:
        """All tokens of all prompts."""
        return prompt_tokens(self._usage)

    @property
    def paid(self) -> float:
        """The tokens of prompts by what they cost."""
        return paid_tokens(self._usage)

    @property
    def hit_rate(self) -> float:
        """How much of all prompts was read from the provider's cache."""
        return self._usage.cache_read_tokens / self.prompts

    @property
    def _usage(self) -> Usage:
        return Usage.from_record(self.result.summary["usage"])

    def proven(self) -> dict[str, list[object]]:
        """The match and the order of each registration that the rules have proven."""
        matches, orders = (json.loads((self.result.directory / name).read_bytes()) for name in _OUTCOMES)
        order_of = {row["registration_id"]: row for row in orders}
        return {
            row["registration_id"]: [row, order_of[row["registration_id"]]]
            for row in matches
            if row["judgement"] == "proven"
        }


def figures(found: Found, row: Row) -> list[Measurement]:
    """What all arms are compared by."""
    name = found.arm.name
    return [
        row(what=f"{name}: api_calls", value=found.calls, unit="calls"),
        row(what=f"{name}: tokens_input", value=found.prompts, unit="tokens"),
        row(what=f"{name}: tokens_cached", value=found.tokens("cache_read"), unit="tokens"),
        row(what=f"{name}: tokens_output", value=found.tokens("output"), unit="tokens"),
        row(what=f"{name}: cost", value=found.usd, unit="USD"),
        row(what=f"{name}: cache_hit_rate", value=100 * found.hit_rate, unit="%"),
    ]


def unlike(expected: Found, others: Sequence[Found]) -> int:
    """How many proven registrations ended another way, or were proven by one alone."""
    before, after = expected.proven(), [other.proven() for other in others]
    return sum(before.get(key) != one.get(key) for one in after for key in before.keys() | one.keys())


def unlike_where_proven(expected: Found, others: Sequence[Found]) -> int:
    """How many of the registrations that both have proven ended another way."""
    before, after = expected.proven(), [other.proven() for other in others]
    return sum(before[key] != one[key] for one in after for key in before.keys() & one.keys())
