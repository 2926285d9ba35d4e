"""Applying what people decide about the registrations in review: journalled one by one, published when all are in.

A decision counts once it is on disk. Whatever ends the process between there and the publication, the next command
folds the journal again and publishes what it says; the same decision twice is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import cast

from igent import codec
from igent.domain.ledger import Ledger
from igent.domain.outcomes import Outcome
from igent.domain.records import Json, Registration
from igent.domain.reviews import Choice, Refusal, decided
from igent.errors import OptionError
from igent.store.journal import Journal, Recovery
from igent.store.places import locked, own_place
from igent.store.scan import Record
from igent.workflows.begun import header_in, session_of
from igent.workflows.cases import Case, case_of, decision_record
from igent.workflows.passes import told_of
from igent.workflows.plan import plan_rows
from igent.workflows.run import JOURNAL, Control, resume_locked
from igent.workflows.session import Rim, Session
from igent.workflows.settings import Pace
from igent.workflows.taking import take_place

__all__ = ["Case", "Deciding", "apply"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """How decisions are made: `choices` gives them, one after the other; `told` hears what came of each.

    `failed` hears before of the registrations that were not judged at all, by their rows of `failed.json`.
    `only` are the ids that decisions can be about, where that is known beforehand. A decision is on disk, and `told`,
    before the next one is asked for.
    """

    choices: Callable[[Sequence[Case]], Iterable[Choice]]
    told: Callable[[Choice, Outcome | Refusal], None]
    only: frozenset[str] | None = None
    failed: Callable[[Sequence[Record]], None] = lambda _: None


async def apply(directory: Path, deciding: Deciding, *, rim: Rim) -> None:
    """Apply decisions to a finished run and publish its files.

    Raises `OptionError` for a run that is not finished, whose inputs have changed or that another process works on.
    """
    directory = own_place(directory)
    path = directory / JOURNAL
    with locked(directory, rim.disk):
        recovery = Recovery(path, rim.disk)
        queue = await _read(recovery, path, rim)
        if not queue.finished:
            remedy = f"Go on with it first: igent run --resume {directory}"
            raise OptionError("the run has registrations left, which come before those in review", remedy=remedy)
        await queue.prepare(deciding.only)
        behind = _published_bytes(directory) != recovery.state.offset_bytes
        deciding.failed([*queue.failed.values()])
        async with Journal.resume(path, recovery.state, rim.disk) as journal:
            # Asking blocks the loop, which has nothing else to do.
            for choice in deciding.choices([*queue.waiting.values()]):
                outcome = queue.decide(choice)
                if isinstance(outcome, Outcome):
                    record = queue.record(choice, outcome, at=rim.now())
                    await journal.durable(journal.append(record))
                    queue.close(record)
                    behind = True
                deciding.told(choice, outcome)
        if behind:
            await resume_locked(directory, Pace(), control=Control(), rim=rim, calls=False)


def _published_bytes(directory: Path) -> Json:
    """As far as the files reflect the journal; None where they do not say."""
    try:
        manifest = codec.load((directory / "manifest.json").read_bytes())
    except (OSError, codec.DecodeError):
        return None
    return manifest.get("journal_bytes") if isinstance(manifest, dict) else None


@dataclass(slots=True)
class _Queue:
    """What waits for a person and what was decided, by id; the ledger has the places that are left."""

    session: Session
    ledger: Ledger
    waiting: dict[str, Case] = field(default_factory=dict)
    done: dict[str, Record] = field(default_factory=dict)
    failed: dict[str, Record] = field(default_factory=dict)
    finished: bool = False

    def fold(self, record: Record) -> None:
        """Add one record of the journal; those of calls have no part in this."""
        kind, name = record["t"], str(record.get("id"))
        if kind in ("pass", "end"):
            self.finished = kind == "end"
        if kind in ("commit", "review"):
            take_place(record, self.ledger)
            self.waiting.pop(name, None)
            self.failed.pop(name, None)
        if kind == "commit" and record["outcome"] == "review":
            self.waiting[name] = case_of(record)
        elif kind == "commit" and record["outcome"] == "failed":
            self.failed[name] = cast("Record", record["row"])
        elif kind == "review":
            self.done[name] = record

    close = fold

    async def prepare(self, only: frozenset[str] | None) -> None:
        """Plan the registrations that decisions can be about, as the run planned them."""
        wanted = {case.index: name for name, case in self.waiting.items() if only is None or name in only}
        if not wanted:
            return
        session, left = self.session, len(wanted)
        first = min(wanted)
        async with aclosing(plan_rows(session.inputs, session.survey, session.settings, first=first)) as rows:
            async for planned in rows:
                if planned.index in wanted and isinstance(planned.registration, Registration):
                    case = self.waiting[wanted[planned.index]]
                    both = replace(case.open, match_task=planned.match, order_task=planned.order)
                    self.waiting[wanted[planned.index]] = replace(case, note=planned.registration.note, open=both)
                    left -= 1
                if not left:
                    return

    def decide(self, choice: Choice) -> Outcome | Refusal:
        case, done = self.waiting.get(choice.registration_id), self.done.get(choice.registration_id)
        if done is not None:
            return Refusal(told_of(done))
        if case is None:
            return Refusal("it is not in review")
        return decided(choice, case.open, self.ledger, currency=self.session.inputs.market.CURRENCY)

    def record(self, choice: Choice, outcome: Outcome, *, at: datetime) -> Record:
        """The journal's record of a decision."""
        simulated = self.session.settings.model == "mock"
        case, when = self.waiting[choice.registration_id], at.isoformat(timespec="seconds")
        return decision_record(choice, outcome, case, at=when, simulated=simulated)


async def _read(recovery: Recovery, path: Path, rim: Rim) -> _Queue:
    """Fold a journal. Raises `OptionError` where the inputs are no longer those of the run."""
    records = (entry.record for entry in recovery)
    header = header_in(records, path)
    session = await session_of(header, Pace(), rim)
    session.require_same(header)
    queue = _Queue(session, session.inputs.ledger())
    for record in records:
        queue.fold(record)
    return queue
