"""Where runs of the command line are killed, gone on with, and held against a run that was not interrupted."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from igent.store.scan import scan
from tests.models.loopback import HAIKU, SOON_S
from tests.provider.state import Provider
from tests.reliability.forks import Forks
from tests.workflows.inputs import Inputs
from tests.workflows.runs import AS_OF, OUTCOMES, SAMPLE, bytes_of, write

__all__ = ["Variation", "Whole", "Yard"]

ROWS = 80
FEW_ROWS = 20  # where calls take their time
PLACES = (8, 4, 12, 6, 4, 10, 8, 6, 4)  # in file order: too few for all, so that a place taken twice would be seen
# The files that times and repeated calls leave no mark in.
SAME = (*OUTCOMES, "audit.jsonl")


@dataclass(frozen=True, kw_only=True)
class Variation:
    """A kind of run; how many calls it makes at a time changes nothing in what it comes to."""

    constellation: str
    allocation: str = "balanced"
    hold_reviews: bool = False
    provided: bool = False
    cached: bool = False
    slow: bool = False
    concurrency: int = 64

    @property
    def rows(self) -> int:
        """How many registrations it is about."""
        return FEW_ROWS if self.provided or self.slow else ROWS


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A run that was not interrupted: what it left, its exit code, and how long it took."""

    files: dict[str, bytes]
    summary: dict[str, Any]
    code: int
    seconds: float


@dataclass
class Yard:
    """Where runs are made and killed: `kills` counts those that hit a living process."""

    forks: Forks
    folder: Path
    url: str
    provider: Provider
    kills: int = 0
    _wholes: dict[Variation, Whole] = field(default_factory=dict)
    _runs: int = 0
    _before: int = 0

    @cached_property
    def inputs(self) -> Inputs:
        document = json.loads(SAMPLE.offers.read_text())
        for supplier, places in zip(document["SupplierOffers"], PLACES, strict=True):
            supplier["Capacity"] = places
        return replace(SAMPLE, offers=write(self.folder / "offers.json", document))

    def whole(self, variation: Variation) -> Whole:
        kind = replace(variation, concurrency=64)
        if kind not in self._wholes:
            out, begun = self.directory(), time.monotonic()
            code = self.forks.wait(self.start(out, kind))
            seconds = time.monotonic() - begun
            assert code in (0, 1), self.log(out)
            files, summary = bytes_of(out, SAME), json.loads((out / "run.json").read_text())
            self._wholes[kind] = Whole(files=files, summary=summary, code=code, seconds=seconds)
        return self._wholes[kind]

    def directory(self) -> Path:
        self._runs += 1
        return self.folder / "runs" / f"{self._runs}"

    def start(self, out: Path, variation: Variation) -> int:
        """Start or go on with a run in a directory, whichever it needs; the id of the process."""
        log, cache_dir = self.folder / f"{out.name}.log", self.folder / f"{out.name}.cache"
        where: tuple[object, ...] = ("--cache-dir", cache_dir, "--base-url", self.url)
        pace = (*where, "--concurrency", variation.concurrency, "--quiet")
        if begun(out):
            return self.forks.start(["run", "--resume", out, *pace], log)
        given = self.inputs
        options: list[object] = [self.constellation(variation), *pace, "--as-of", AS_OF, "--max-items", variation.rows]
        options += ["--registrations", given.registrations, "--offers", given.offers, "--incentives", given.incentives]
        options += ["--hold-reviews"] if variation.hold_reviews else []
        mock = ["--mock", "--mock-errors", 0.2, "--mock-latency", "haiku" if variation.slow else "none"]
        cache = "--cache" if variation.cached else "--no-cache"
        options += ["--model", HAIKU, cache] if variation.provided else mock
        return self.forks.start(["run", *options, "--out", out], log)

    def constellation(self, variation: Variation) -> Path:
        text = (Path(__file__).parents[2] / f"constellations/{variation.constellation}.yaml").read_text()
        path = self.folder / f"{variation.constellation}-{variation.allocation}.yaml"
        path.write_text(text.replace("allocation: balanced", f"allocation: {variation.allocation}"))
        return path

    def calls(self) -> int:
        """What the provider was asked by the last run that was killed, once nothing is on its way to it any more."""
        assert self.provider.stats.quiet.wait(SOON_S)
        return len(self.provider.stats.arrivals_s) - self._before

    def log(self, out: Path) -> str:
        return (self.folder / f"{out.name}.log").read_text()

    def killed(self, variation: Variation, rng: random.Random) -> Path:
        """The directory of a run that was killed at least once, up to three times, and then finished."""
        whole, out, wanted, hits = self.whole(variation), self.directory(), rng.choice((1, 1, 2, 3)), 0
        self._before = len(self.provider.stats.arrivals_s)
        while hits < wanted:
            process = self.start(out, variation)
            time.sleep(rng.uniform(0, whole.seconds))  # a random instant of another process
            os.kill(process, signal.SIGKILL)
            ended = self.forks.wait(process)
            hits += ended == -signal.SIGKILL
            assert ended in (-signal.SIGKILL, whole.code), self.log(out)
            if ended == whole.code and hits:
                break
            if ended == whole.code:  # it was too late for this one
                shutil.rmtree(out)
                self._before = len(self.provider.stats.arrivals_s)
        self.kills += hits
        assert self.forks.wait(self.start(out, variation)) == whole.code, self.log(out)
        return out

    def faults(self, out: Path, variation: Variation) -> dict[str, int]:
        """What a killed run has lost, doubled or given away twice, counted in its own files."""
        whole = self.whole(variation)
        rows = {name: json.loads((out / name).read_text()) for name in OUTCOMES}
        names = [name for name in OUTCOMES if name not in ("pos.json", "capacity.json")]
        seen = Counter(row["registration_id"] for name in names for row in rows[name])
        orders = Counter(row["registration_id"] for row in rows["pos.json"])
        commits = Counter(one["n"] for one in scan(out / "journal", kind="commit"))
        given = Counter(row["supplier_id"] for row in rows["matches.json"])
        given += Counter(row["held"] for name in ("review.json", "failed.json") for row in rows[name] if "held" in row)
        expected = {str(row["RegistrationNumber"]) for row in self.inputs.rows[: variation.rows] if row is not None}
        return {
            "lost": len(expected - seen.keys()),
            "doubled": sum(sum(one.values()) - len(one) for one in (seen, orders, commits)),
            "over capacity": sum(given[one["supplier_id"]] > one["capacity"] for one in rows["capacity.json"]),
            "unlike": sum(data != whole.files[name] for name, data in bytes_of(out, SAME).items()),
            "untrue in a manifest": len(untrue(out)),
        }


def begun(out: Path) -> bool:
    """Whether a directory holds the first record of a run."""
    return (out / "journal").exists() and next(scan(out / "journal"), None) is not None


def untrue(out: Path) -> list[str]:
    """The files that are not as the manifest has them."""
    files = json.loads((out / "manifest.json").read_text())["files"]
    return [name for name, one in files.items() if sha256((out / name).read_bytes()) != one["sha256"]]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
