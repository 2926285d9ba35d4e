"""A run of a few households at which each kind of outcome occurs, begun or gone on with in this process, and judged."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from igent.errors import IgentError, leaf
from igent.store.disk import Disk
from igent.store.frames import FrameScanner
from igent.store.journal import Recovery
from igent.workflows import Control, Pace, Rim, RunResult, make_settings, resume, start
from tests.reliability.disks import Quick
from tests.reliability.recorder import Change, Event, Recorder
from tests.workflows.inputs import Inputs
from tests.workflows.runs import AS_OF, OUTCOMES, SAMPLE, bytes_of, registrations, write

__all__ = ["Resume", "Seen", "Tiny", "at_once"]


class Resume(Protocol):
    """As `igent.workflows.resume`."""

    async def __call__(self, directory: Path, pace: Pace, *, control: Control, rim: Rim) -> RunResult: ...


# A match, notes that are judged, one that stays undecided, a withdrawn household, unknown quantities.
_ROWS = (0, 8, 19, 24, 11, 22)

_QUANTITIES = (1, 16, 18, 21)

# Those of the project's own take most of a small run to parse.
_CONSTELLATION = """
name: tiny
description: One matcher in each phase.
conversation: separate
critic: never
max_rounds: 1
optimization: {parallel_phases: true, early_json: true, context_filter: true, prompt_caching: true,
  response_cache: true, critic_skip: true, batch: {max_items: 1, max_tokens: 4096}}
phases:
  - {name: phase1, task: match, agents: [{role: matcher, name: matcher, prompt: matcher}]}
  - {name: phase2, task: order, agents: [{role: matcher, name: matcher2, prompt: matcher2}]}
"""
_ARRAYS = tuple(name for name in OUTCOMES if name != "capacity.json")
_LINES = ("timings.csv", "costs.csv", "audit.jsonl", "run.log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was promised to the outside before a failure: outcomes that were told, processes that made calls."""

    acknowledged: int = 0
    callers: int = 0

    def after(self, change: Change) -> Seen:
        match change:
            case Event("acknowledged", number):
                return replace(self, acknowledged=max(self.acknowledged, number))
            case Event("called", number):
                return replace(self, callers=max(self.callers, number))
            case _:
                return self


class Tiny:
    """The inputs, what an uninterrupted run makes of them, and how another one is held against that."""

    def __init__(
        self, folder: Path, *, allocation: str = "balanced", hold_reviews: bool = False, seed: int = 0
    ) -> None:
        offers = json.loads(SAMPLE.offers.read_text())
        places = {"Brackwater Solar": 2, "Lumenfield Co-op": 1}
        chosen = [one for one in offers["SupplierOffers"] if one["SupplierID"] in places]
        for supplier in chosen:
            supplier["Capacity"] = places[supplier["SupplierID"]]
            for product in supplier["Offers"]:
                product["ProductPrices"] = [row for row in product["ProductPrices"] if row["Quantity"] in _QUANTITIES]
        rows = [registrations()[number] for number in _ROWS]
        self.inputs = Inputs(
            registrations=write(folder / "registrations.json", [*rows, {"RegistrationNumber": "bad"}]),
            offers=write(folder / "offers.json", {"SupplierOffers": chosen}),
        )
        self.total = len(_ROWS) + 1
        constellation = folder / "tiny.yaml"
        constellation.write_text(f"{_CONSTELLATION}allocation: {allocation}\n")
        self.settings = make_settings(
            str(constellation),
            {"registrations": self.inputs.registrations, "offers": self.inputs.offers},
            as_of=AS_OF,
            model="mock",
            mock_latency="haiku",
            mock_errors=0.5,
            seed=seed,
            hold_reviews=hold_reviews,
        )
        self.directory = self.go_on(folder / "whole", rim=Rim(disk=Quick(), sleep=at_once)).directory
        self.whole = bytes_of(self.directory)

    def go_on(self, out: Path, *, rim: Rim, control: Control | None = None, resuming: Resume = resume) -> RunResult:
        """Go on with what is in `out`, or begin where it holds no run, as its user would; raises what a run raises."""
        pace, control = Pace(concurrency=2, flush_every=3), control or Control()

        async def either() -> RunResult:
            if self.begun(out):
                return await resuming(out, pace, control=control, rim=rim)
            return await start(self.settings, pace, out, control=control, rim=rim)

        try:
            return asyncio.run(either())
        except BaseExceptionGroup as group:
            raise leaf(group) from None

    def recorded(self, out: Path, recorder: Recorder, *, through: Disk, resuming: Resume = resume) -> RunResult:
        """The same, with what it does, `through` another layer of disk, and what it promises on record."""
        process = 1 + self.processes(out)

        def progress(counts: Any, _total: int) -> None:
            recorder.note(Event("acknowledged", counts["registrations"]))

        async def sleep(_seconds: float) -> None:
            recorder.note(Event("called", process))
            await asyncio.sleep(0)

        rim, control = Rim(disk=through, sleep=sleep), Control(progress=progress)
        return self.go_on(out, rim=rim, control=control, resuming=resuming)

    @staticmethod
    def processes(out: Path) -> int:
        """How many processes the journal knows of."""
        return sum(json.loads(payload)["t"] in ("run", "resume") for payload in _payloads(out))

    @staticmethod
    def begun(out: Path) -> bool:
        """Whether there is a run to go on with: whether the journal has its first record."""
        return bool(_payloads(out))

    def problems(self, out: Path, seen: Seen) -> Iterator[str]:
        """What is wrong with what a failure has left, and with what becomes of it."""
        yield from self.broken_files(out)
        yield from self._forgotten(out, seen)
        try:
            self.go_on(out, rim=Rim(disk=Quick(), sleep=at_once))
        except IgentError as exc:
            yield f"cannot be gone on with: {exc}"
            return
        yield from self.unlike_whole(out)

    def unlike_whole(self, out: Path) -> Iterator[str]:
        """How a finished run differs from one that nothing has interrupted."""
        yield from (f"{name} is another" for name, data in bytes_of(out).items() if data != self.whole[name])
        commits = [entry.record["n"] for entry in Recovery(out / "journal", Quick()) if entry.record["t"] == "commit"]
        if commits != [*range(self.total)]:
            yield f"committed were {commits}"
        described = json.loads((out / "manifest.json").read_bytes())["files"]
        for name, entry in described.items():
            data = (out / name).read_bytes()
            if entry != {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}:
                yield f"{name} is not as its manifest says"

    def broken_files(self, out: Path) -> Iterator[str]:
        """What was published and is not whole, or says more than the journal."""
        records = [json.loads(payload) for payload in _payloads(out)]
        committed = {one["id"] for one in records if one["t"] == "commit"}
        for name in _ARRAYS:
            if (out / name).exists():
                yield from self._broken_array(name, (out / name).read_bytes(), committed)
        for name in ("capacity.json", "run.json", "trace.json"):
            if (out / name).exists() and not _is_json((out / name).read_bytes()):
                yield f"{name} is not whole"
        if (out / "manifest.json").exists():
            yield from self._behind_manifest(out)

    def _broken_array(self, name: str, data: bytes, committed: set[object]) -> Iterator[str]:
        if not _is_json(data):
            yield f"{name} is not whole"
        elif not self.whole[name].startswith(_body(data)):
            yield f"{name} has other rows"
        elif not {row["registration_id"] for row in json.loads(data)} <= committed:
            yield f"{name} is ahead of the journal"

    @staticmethod
    def _behind_manifest(out: Path) -> Iterator[str]:
        """Files may be further than their manifest, never behind it."""
        data = (out / "manifest.json").read_bytes()
        if not _is_json(data):
            yield "manifest.json is not whole"
            return
        manifest = json.loads(data)
        if manifest["journal_bytes"] > (out / "journal").stat().st_size:
            yield "manifest.json is ahead of the journal"
        for name, entry in manifest["files"].items():
            if not (out / name).exists():
                yield f"{name} is gone"
            elif name in (*_ARRAYS, *_LINES) and not _contains(name, (out / name).read_bytes(), entry):
                yield f"{name} is behind its manifest"

    def _forgotten(self, out: Path, seen: Seen) -> Iterator[str]:
        records = [json.loads(payload) for payload in _payloads(out)]
        if sum(one["t"] == "commit" for one in records) < seen.acknowledged:
            yield f"fewer than {seen.acknowledged} outcomes are left"
        if self.processes(out) < seen.callers:
            yield f"unknown process: number {seen.callers} made calls and has no record"


async def at_once(_seconds: float) -> None:
    """A wait that takes no time."""
    await asyncio.sleep(0)


def _payloads(out: Path) -> list[bytes]:
    path = out / "journal"
    return [frame.payload for frame in FrameScanner().feed(path.read_bytes())] if path.exists() else []


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def _body(data: bytes) -> bytes:
    """An array without its end: what every later one begins with."""
    return data.removesuffix(b"]\n").removesuffix(b"\n")


def _contains(name: str, data: bytes, entry: dict[str, Any]) -> bool:
    """Whether a file begins with what a manifest knows of it."""
    length: int = entry["bytes"]
    ends = (b"",) if name in _LINES else (b"]\n", b"\n]\n")
    found = {hashlib.sha256(data[: length - len(end)] + end).hexdigest() for end in ends}
    return entry["sha256"] in found
