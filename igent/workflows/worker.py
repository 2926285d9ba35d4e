"""What is done with one registration: judged beside others at any time, committed in its turn in one step."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from traceback import extract_tb

from igent.accounting.calls import CallFacts
from igent.accounting.spans import Timeline, recording, span
from igent.agents.calls import CallJournal, CallSettings, Kept, Retries
from igent.domain.allocation import Wish, balanced, prescribed
from igent.domain.optimal import optimal
from igent.domain.outcomes import Outcome
from igent.domain.records import Json
from igent.errors import JournalError, leaf
from igent.models.base import ChatModel, ModelRequest
from igent.models.halt import Halt
from igent.models.retry import RetryBudget, RetryPolicy
from igent.workflows.commit import Rules, commit_record, decide, wish_for
from igent.workflows.fingerprint import Fingerprints
from igent.workflows.keeping import Keeping
from igent.workflows.passes import Again
from igent.workflows.pipeline import Judged
from igent.workflows.plan import Planned
from igent.workflows.projection import Projection
from igent.workflows.publisher import Publisher
from igent.workflows.session import Session

__all__ = ["Finished", "Worker"]


@dataclass(frozen=True, slots=True)
class Finished:
    """A judged registration with its times, waiting for its turn; `turn` is the open span of that wait.

    `wish` is where it can be placed, in a run that allocates at the end.
    """

    judged: Judged
    timeline: Timeline
    turn: int
    wish: Wish = ()

    @property
    def abandoned(self) -> bool:
        """Whether the run was stopped before it was judged."""
        return self.judged.abandoned

    @property
    def reached(self) -> bool | None:
        """Whether the model was in reach, None where it was not called."""
        return self.judged.reached


class Worker:
    """Judges and commits the registrations of a session; goes on from what `projection` has folded."""

    def __init__(
        self, session: Session, publisher: Publisher, projection: Projection, *, model: ChatModel, halt: Halt
    ) -> None:
        self._clock, self._publisher, self._projection = session.clock, publisher, projection
        self._now, self._halt, self._at_end = session.rim.now, halt, session.allocates_at_end
        self._judging = session.judging()
        self._ledger = projection.ledger.copy()
        self._keeping = Keeping(projection.since, self._ledger)
        self._again = Again(projection.passes, projection.since, self._ledger)
        self._prints = Fingerprints(session)
        self._calls = CallSettings(
            model=model,
            deadline_s=session.pace.call_deadline_s,
            early_json=session.constellation.optimization.early_json,
            clock=session.rim.monotonic,
            retries=Retries(
                policy=RetryPolicy(),
                budget=RetryBudget(),
                uniform=session.rim.uniform,
                sleep=partial(halt.rest, session.rim.sleep),
            ),
        )
        self._rules = Rules(
            allocate=balanced,
            currency=session.inputs.market.CURRENCY,
            strict_judgement=session.settings.strict_judgement,
            hold_reviews=session.settings.hold_reviews,
            simulated=session.settings.model == "mock",
        )

    async def work(self, planned: Planned) -> Finished:
        """Judge one registration. Every error becomes its failure but `JournalError`.

        Where it could not be judged because the run has to end, of a refused key for one, the run is told to.
        """
        timeline = Timeline(self._clock)
        wish: Wish = ()
        with recording(timeline), span("registration"):
            try:
                judged = await self._judge(planned)
                judged = self._keeping.judged(planned.index, judged)
                if self._at_end and not judged.abandoned:
                    wish = wish_for(planned, judged, self._rules)
            except* JournalError:
                raise
            except* Exception as group:  # noqa: BLE001  # the one boundary where a bug becomes an outcome
                judged = Judged(bug=_described(group))
        if judged.abandoned:
            self._halt.set(judged.why_abandoned)
        return Finished(judged, timeline, timeline.open("turn", "wait", parent=0), wish)

    def allot(self, judged: Collection[tuple[Planned, Finished]]) -> None:
        """Decide where all that are left go, by the allocation that no other one betters."""
        self._again.give_back(*(planned.index for planned, _ in judged))
        free = ((planned.id, one.wish) for planned, one in judged if not self._keeping.settles(planned.index))
        wishes = {name: wish for name, wish in free if name is not None}
        suppliers = optimal([*wishes.values()], self._ledger)
        found = prescribed(dict(zip(wishes, suppliers, strict=True)))
        self._rules = replace(self._rules, allocate=found)

    def commit(self, planned: Planned, finished: Finished) -> str:
        """Ledger, price, order and journal record of one registration, with no await in between; its outcome."""
        timeline = finished.timeline
        timeline.close(finished.turn)
        with recording(timeline, under=0):
            self._again.give_back(planned.index)
            rules = self._keeping.rules(planned.index, self._rules)
            record = self._decided(planned, finished.judged, rules)
            record = self._again.completed(self._keeping.completed(planned, record, rules))
        timeline.close(0)
        failed: dict[str, Json] = {"at": self._now().isoformat()} if record["outcome"] == "failed" else {}
        self._publisher.append({**record, **failed, "print": self._prints.of(planned), "spans": timeline.record()})
        return str(record["outcome"])

    def _decided(self, planned: Planned, judged: Judged, rules: Rules) -> dict[str, Json]:
        """The record of the outcome; a bug on the way to it is that registration's failure and takes no place."""
        outcome: Outcome | None = None
        try:
            outcome = decide(planned, judged, self._ledger, rules)
            with span("commit"):
                return commit_record(planned, judged, outcome, rules)
        except Exception as exc:  # noqa: BLE001  # the boundary where a bug becomes an outcome, on the way out
            if outcome is not None and outcome.taken_from is not None:
                self._ledger.release(outcome.taken_from, hold=outcome.held is not None)
            bug = replace(judged, bug=_described(exc))
            return commit_record(planned, bug, decide(planned, bug, self._ledger, rules), rules)

    async def _judge(self, planned: Planned) -> Judged:
        async def keep(kept: Kept) -> None:
            await self._publisher.append_durable(
                {
                    "t": "reply",
                    "n": planned.index,
                    "agent": kept.request.agent,
                    "request": kept.request.digest,
                    "text": kept.text,
                    "unusable": kept.unusable,
                }
            )

        def settle(request: ModelRequest, facts: CallFacts) -> None:
            about: dict[str, Json] = {"t": "call", "n": planned.index, "request": request.digest}
            self._publisher.append(about | {"prompt_chars": len(request.prompt), "facts": facts.as_record()})

        recorded = self._projection.recorded(planned.index)
        journal = CallJournal(keep=keep, settle=settle)
        return await self._judging.judge(planned, self._calls, journal, recorded=recorded)


def _described(error: BaseException) -> str:
    """The first error of a group and where it was raised, for whoever mends it."""
    first = leaf(error)
    frame = extract_tb(first.__traceback__)[-1]
    return f"{type(first).__name__} in {frame.name}, {Path(frame.filename).name}:{frame.lineno}"
