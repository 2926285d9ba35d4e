"""Runs whose true distributions are known: what they come to, and what a pilot of them shows."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from heapq import heapreplace
from statistics import median

from igent.accounting.calls import CallFacts
from igent.accounting.planned import PlannedPhase, PlannedRegistration, Seat
from igent.accounting.seen import Seen, kind
from igent.accounting.usage import Usage

__all__ = ["MODEL", "PROMPT_CHARS", "PROMPT_TOKENS", "SYSTEM_CHARS", "WORKLOADS", "Workload", "seat"]

MODEL = "priced"
PROMPT_CHARS, PROMPT_TOKENS, SYSTEM_CHARS = 3_300, 1_000, 1_000
INPUT_USD, OUTPUT_USD = 1e-6, 5e-6  # per token

Course = Callable[[random.Random, bool], Mapping[str, int]]


def seat(agent: str, *, model: str = MODEL) -> Seat:
    """An agent with instructions of 1,000 characters, said to take a second and a hundredth for each token."""
    return Seat(agent=agent, model=model, system_chars=SYSTEM_CHARS, told_tokens=36, told_s=_told_s)


def _told_s(_prompt: float, reply: float) -> float:
    return 1 + reply / 100


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What a run's calls are truly like: the course of a registration, the tokens of a reply and its seconds."""

    course: Course
    output: Callable[[random.Random, str], float]
    seconds: Callable[[random.Random, float], float]
    noted: float = 0.4
    size: int = 120
    slots: int = 8

    def registration(self, draws: random.Random, *, noted: bool) -> list[list[CallFacts]]:
        """The calls of one registration, phase by phase."""
        course = self.course(draws, noted)
        phases = (("matcher", "critic"), ("matcher2", "critic2"))
        return [[self._call(draws, agent) for agent in names for _ in range(course.get(agent, 0))] for names in phases]

    def truth(self, *, runs: int = 9) -> tuple[float, float]:
        """Dollars and seconds of a run, the middle of several."""
        draws = random.Random(0)
        found = [self._run(draws) for _ in range(runs)]
        return median(usd for usd, _ in found), median(seconds for _, seconds in found)

    def pilot(self, count: int, *, seed: int = 0) -> Seen:
        """What a run of so many registrations shows."""
        seen, draws = Seen(), random.Random(seed)
        for index in range(count):
            noted = index < round(count * self.noted)
            calls = [call for talk in self.registration(draws, noted=noted) for call in talk]
            for call in calls:
                seen.add(call, prompt_chars=PROMPT_CHARS)
            seen.close(calls, noted=noted)
        return seen

    def plan(self, size: int | None = None) -> list[PlannedRegistration]:
        """The registrations as they are known before."""
        names = (("matcher", "critic"), ("matcher2", "critic2"))
        phases = tuple(
            PlannedPhase(matcher=seat(matcher), critic=seat(critic), text_chars=PROMPT_CHARS - SYSTEM_CHARS)
            for matcher, critic in names
        )
        kinds = (kind("matcher", noted=noted) for noted in self._notes(size or self.size))
        return [PlannedRegistration(kind=one, phases=phases) for one in kinds]

    def _notes(self, size: int) -> list[bool]:
        draws = random.Random(7)
        notes = [index < round(size * self.noted) for index in range(size)]
        draws.shuffle(notes)
        return notes

    def _call(self, draws: random.Random, agent: str) -> CallFacts:
        output = round(self.output(draws, agent))
        usage = Usage(input_tokens=PROMPT_TOKENS, output_tokens=output)
        seconds = self.seconds(draws, output)
        task = "critique" if "critic" in agent else "order" if agent == "matcher2" else "match"
        return CallFacts(agent=agent, kind=task, model=MODEL, usage=usage, seconds=seconds)

    def _run(self, draws: random.Random) -> tuple[float, float]:
        """One run, its phases at once, each chain of calls to whichever slot is free first."""
        talks = [t for noted in self._notes(self.size) for t in self.registration(draws, noted=noted)]
        calls = [call for talk in talks for call in talk]
        usd = sum(call.usage.input_tokens * INPUT_USD + call.usage.output_tokens * OUTPUT_USD for call in calls)
        free_s = [0.0] * self.slots
        for talk in talks:
            heapreplace(free_s, free_s[0] + sum(call.seconds for call in talk))
        return usd, max(free_s)


def _once(_draws: random.Random, _noted: bool) -> Mapping[str, int]:
    return {"matcher": 1, "matcher2": 1}


def _critics_of_notes(draws: random.Random, noted: bool) -> Mapping[str, int]:
    return {"matcher": 1, "matcher2": 1, "critic": int(noted), "critic2": int(draws.random() < 0.5)}


def _repairs(draws: random.Random, noted: bool) -> Mapping[str, int]:
    again, disputed = draws.random() < 0.2, noted and draws.random() < 0.3
    return {"matcher": 1 + again + disputed, "matcher2": 1 + (draws.random() < 0.1), "critic": noted * (1 + disputed)}


def _even(draws: random.Random, _agent: str) -> float:
    return draws.uniform(30, 50)


def _long_tailed(draws: random.Random, _agent: str) -> float:
    return 60 * draws.lognormvariate(0, 0.8)


def _two_kinds(draws: random.Random, agent: str) -> float:
    return draws.gauss(300, 20) if agent == "matcher2" and draws.random() < 0.5 else draws.uniform(20, 40)


def _steady(draws: random.Random, output: float) -> float:
    return 0.7 * draws.lognormvariate(0, 0.35) + output / 100


def _erratic(draws: random.Random, output: float) -> float:
    return 0.7 * draws.lognormvariate(0, 0.7) + output / 100


WORKLOADS = {
    "one call each": Workload(course=_once, output=_even, seconds=_steady),
    "critics of notes": Workload(course=_critics_of_notes, output=_even, seconds=_steady, slots=32),
    "repairs and second rounds": Workload(course=_repairs, output=_even, seconds=_steady),
    "long tails": Workload(course=_once, output=_long_tailed, seconds=_erratic),
    "two kinds of replies": Workload(course=_repairs, output=_two_kinds, seconds=_steady, noted=0.8, slots=2),
}
