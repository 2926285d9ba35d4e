"""A person's decisions at the terminal: taken from a list, or asked for one by one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import takewhile
from typing import NoReturn

from igent.commands.environment import say
from igent.domain.outcomes import Outcome
from igent.domain.records import Json
from igent.domain.reviews import Choice, Refusal
from igent.errors import ExitCode
from igent.interrupts import Interrupts
from igent.story.asking import QUESTION, asked, choice_of, failed_line, listed, outcome_line
from igent.terminal import Place, show, unless
from igent.workflows import Rim
from igent.workflows.review import Case, Deciding, apply
from igent.workflows.settings import GRACE_S

__all__ = ["reviewed", "walk"]


def reviewed(place: Place, choices: Sequence[Choice] | None, *, by: str, rim: Rim, json: bool) -> NoReturn:
    """Apply `choices`, or ask for them one by one on a terminal, or else list what waits; exit 1 if any is refused."""
    refused, signals = list[Choice](), Interrupts(place.farewell)

    def told(choice: Choice, outcome: Outcome | Refusal) -> None:
        print(outcome_line(choice, outcome))
        if isinstance(outcome, Refusal):
            refused.append(choice)

    def waiting(cases: Sequence[Case]) -> Iterable[Choice]:
        if choices is not None:
            return choices
        if sys.stdin.isatty() and not json:
            return walk(cases, refused, by=by, ask=partial(signals.ask, sys.stdin))
        rows = [case.row for case in cases]
        show(rows, listed, json=json)
        return ()

    def failed(rows: Sequence[Mapping[str, Json]]) -> None:
        if choices is None and rows:
            say(f"igent: {failed_line(rows)}. A new run with --since {place.directory} asks about them again")

    def going_on(_: Choice) -> bool:
        return not signals.received

    only = None if choices is None else frozenset(choice.registration_id for choice in choices)
    given = partial(takewhile, going_on)
    deciding = Deciding(choices=lambda cases: given(waiting(cases)), told=told, only=only, failed=failed)
    with signals:
        unless(signals, lambda: signals.run(lambda _: apply(place.directory, deciding, rim=rim), patience_s=GRACE_S))
        if signals.received:
            say(place.farewell())
            sys.exit(signals.code)
    sys.exit(ExitCode.FAILED if refused else 0)


def walk(cases: Sequence[Case], refused: list[Choice], *, by: str, ask: Callable[[], str]) -> Iterator[Choice]:
    """Ask a person about one registration after the other, and again about one whose decision was `refused`."""
    for number, case in enumerate(cases, start=1):
        print(f"\n[{number} of {len(cases)}]", *asked(case.row, case.note), sep="\n")
        answer: Choice | str = ""
        while not answer:
            print(QUESTION, end="", flush=True)
            answer = choice_of(ask() or "quit", str(case.row["registration_id"]), by=by)
            if isinstance(answer, Choice):
                yield answer
            if refused:
                refused.clear()
                answer = ""
        if answer == "quit":
            return
