"""Applying what people decide about the registrations in review: journalled one by one, published when all are in.

A decision counts once it is on disk. Whatever ends the process between there and the publication, the next command
folds the journal again and publishes what it says; the same decision twice is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import cast

from igent import codec
from igent.domain.ledger import Ledger
from igent.domain.outcomes import Outcome
from igent.domain.records import Json, Payment, Registration
from igent.domain.reviews import Choice, Open, Refusal, decided
from igent.domain.verify import MatchDecision, OrderDecision, Ruling
from igent.errors import JournalError, OptionError
from igent.store.files import locked
from igent.store.journal import Journal, Recovery
from igent.workflows.commit import offer_record, order_record
from igent.workflows.plan import plan_rows
from igent.workflows.projection import take_place
from igent.workflows.run import JOURNAL, Control, resume_locked
from igent.workflows.session import Rim, Session, prepare
from igent.workflows.settings import Pace, RunSettings

__all__ = ["Case", "Deciding", "review"]

Record = dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One registration in review: its 0-based `index`, its row of `review.json`, and the note as the input has it."""

    index: int
    row: Record
    note: str | None = None
    open: Open = field(default_factory=Open)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """How decisions are made: `choices` gives them, one after the other; `told` hears what came of each.

    `only` are the ids that decisions can be about, where that is known beforehand. A decision is on disk, and `told`,
    before the next one is asked for.
    """

    choices: Callable[[Sequence[Case]], Iterable[Choice]]
    told: Callable[[Choice, Outcome | Refusal], None]
    only: frozenset[str] | None = None


def review(directory: Path, deciding: Deciding, *, rim: Rim) -> None:
    """Apply decisions to a finished run and publish its files.

    Raises `OptionError` for a run that is not finished, whose inputs have changed or that another process works on.
    """
    asyncio.run(_review(directory, deciding, rim))


async def _review(directory: Path, deciding: Deciding, rim: Rim) -> None:
    path = directory / JOURNAL
    with locked(directory):
        recovery = Recovery(path)
        queue = await _read(recovery, directory, rim)
        if not queue.finished:
            remedy = f"Go on with it first: igent run --resume {directory}"
            raise OptionError("the run has registrations left, which come before those in review", remedy=remedy)
        await queue.prepare(deciding.only)
        behind = _published_bytes(directory) != recovery.state.offset_bytes
        async with Journal.resume(path, recovery.state) as journal:
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
    finished: bool = False

    def fold(self, record: Record) -> None:
        """Add one record of the journal; those of calls have no part in this."""
        kind, name = record["t"], str(record.get("id"))
        self.finished = self.finished or kind == "end"
        if kind in ("commit", "review"):
            take_place(record, self.ledger)
        if kind == "commit" and record["outcome"] == "review":
            row = cast("Record", record["row"])
            self.waiting[name] = Case(index=cast("int", record["n"]), row=row, open=_open(record))
        elif kind == "review":
            self.done[name] = record
            self.waiting.pop(name, None)

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
            return Refusal(f"{done['by']} has decided it at {done['at']}: {done['action']}")
        if case is None:
            return Refusal("it is not in review")
        return decided(choice, case.open, self.ledger, currency=self.session.inputs.market.CURRENCY)

    def record(self, choice: Choice, outcome: Outcome, *, at: datetime) -> Record:
        """The journal's record of a decision: enough to write every file again."""
        case = self.waiting[choice.registration_id]
        who: Record = {"by": choice.by, "at": at.isoformat(timespec="seconds"), "comment": choice.comment}
        held: Record = {} if case.open.held is None else {"held": case.open.held}
        name: Record = {"registration_id": choice.registration_id}
        head: Record = {"t": "review", "n": case.index, "id": choice.registration_id, "action": choice.action}
        head |= {**who, "held": case.open.held, "outcome": outcome.kind}
        if outcome.place is None:
            about: Record = {key: case.row[key] for key in ("source", "note", "unproven") if key in case.row}
            return head | {"row": {**name, "codes": [*outcome.codes], **who, **held, **about}}
        offer = outcome.place.offer
        done = "accepted" if choice.action == "accept" else "chosen"
        match: Record = {
            **name,
            "supplier_id": offer.supplier.id,
            "offer": offer_record(offer),
            "tier": outcome.place.tier or None,
            "judgement": outcome.judgement,
            "reason": f"{done} in review by {choice.by}",
        }
        simulated = self.session.settings.model == "mock"
        order = order_record(outcome, simulated=simulated)
        return head | {"supplier": offer.supplier.id, "match": {**match, **who, **held}, "order": order}


async def _read(recovery: Recovery, directory: Path, rim: Rim) -> _Queue:
    """Fold a journal. Raises `OptionError` where the inputs are no longer those of the run."""
    queue: _Queue | None = None
    for entry in recovery:
        record = entry.record
        if queue is None:
            session = await _begin(record, directory, rim)
            queue = _Queue(session, session.inputs.ledger())
        queue.fold(record)
    if queue is None:
        raise JournalError(path=str(directory / JOURNAL), problem="holds no run", remedy="Run it first")
    return queue


async def _begin(header: Record, directory: Path, rim: Rim) -> Session:
    if header["t"] != "run":
        raise JournalError(path=str(directory / JOURNAL), problem="holds no run", remedy="Run it first")
    settings = RunSettings.from_record(cast("Record", header["settings"]))
    started = datetime.fromisoformat(str(header["at"]))
    session = await prepare(settings, Pace(), rim, started=started, calls=False)
    session.require_same(header)
    return session


def _open(commit: Record) -> Open:
    """What the phases left to a person, as the commit has it."""
    row = cast("Record", commit["row"])
    match, order = cast("list[Record]", cast("Record", commit["audit"])["phases"])
    settled = match.get("verdict") in ("proven", "plausible")
    proposal, held = row.get("proposal"), row.get("held")
    return Open(
        match=_match(match.get("decision")),
        order=_order(order.get("decision")) if settled else None,
        order_settled=settled and order.get("verdict") in ("proven", "plausible"),
        proposed=str(proposal["offer"]) if isinstance(proposal, dict) else None,
        held=None if held is None else str(held),
    )


def _match(decision: Json) -> MatchDecision | None:
    if not isinstance(decision, dict):
        return None
    tiers = cast("list[list[str]] | None", decision["fit"])
    return MatchDecision(fit=None if tiers is None else tuple(map(tuple, tiers)))


def _order(decision: Json) -> OrderDecision | None:
    if not isinstance(decision, dict):
        return None
    rulings = cast("Mapping[str, Ruling | Mapping[str, Ruling]]", decision["incentives"])
    return OrderDecision(payment=cast("Payment | None", decision["payment"]), incentives=rulings)
