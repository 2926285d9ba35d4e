"""The whole story of one decision: what a journal tells of it, beside what the inputs say now.

Nothing is taken on trust that can be done again. The prompts are rendered from the inputs by the code that asked them,
and held against the digests of the requests that the journal has replies to; a replay by the same agents puts each
reply behind the question that it answered. Where an input has changed or is gone, the story says so and goes on with
what the journal holds.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import cast

from igent.accounting.calls import CallFacts
from igent.domain.incentives import Standing, standing
from igent.domain.pricing import money, offer_total
from igent.domain.records import Json, Registration
from igent.errors import IgentError, OptionError
from igent.markets.rows import NOTE_FIELD
from igent.store.places import own_place
from igent.store.scan import Record, scan
from igent.workflows.begun import JOURNAL, session_of, settings_of
from igent.workflows.commit import offer_record
from igent.workflows.passes import kept_replies
from igent.workflows.plan import Planned, plan_rows
from igent.workflows.replay import replay
from igent.workflows.session import Rim, Session
from igent.workflows.settings import Pace
from igent.workflows.sources import sources

__all__ = ["explain"]

_TERMS = ("kind", "unit", "number", "minimum", "maximum")


@dataclass(slots=True, kw_only=True)
class _Told:
    """What a journal holds of one registration; `earlier` are the commits of passes before, with their replies."""

    header: Record
    commit: Record
    replies: list[Record]
    calls: list[Record]
    review: Record | None = None
    earlier: list[tuple[Record, list[Record]]] = field(default_factory=list)


def explain(directory: Path, name: str, *, rim: Rim) -> Record:
    """The story of a registration, by its id or as `row N` (0-based), in plain values for `igent.story`.

    Raises `OptionError` where the run has no outcome for it, `JournalError` where there is no run.
    """
    return asyncio.run(_explain(own_place(directory), name, rim))


async def _explain(directory: Path, name: str, rim: Rim) -> Record:
    told = _told(directory / JOURNAL, name)
    settings = settings_of(told.header)
    session, problem = await _maybe_session(told.header, rim)
    planned = await _maybe_planned(session, told.commit) if session else None
    story: Record = {
        "registration_id": told.commit["id"],
        "outcome": told.commit["outcome"],
        "run": settings.as_record() | {"directory": str(directory), **_begun(told.header)},
        "inputs": _inputs(told.header, session, problem, found=planned is not None),
    }
    if session and planned:
        story |= _household(session, planned)
    story["phases"], story["unplaced_replies"] = await _phases(told.commit, told.replies, session, planned)
    story |= {"calls": [*map(_call, told.calls)], "pass": told.commit.get("pass", 1)}
    story["earlier"] = [await _earlier(*one, session, planned) for one in told.earlier]
    story |= {key: told.commit[key] for key in ("match", "order", "row") if key in told.commit}
    audit = cast("Record", told.commit["audit"])
    story["allocation"] = audit["allocation"]
    story |= {key: audit[key] for key in ("kept", "since") if key in audit}
    story["candidates"] = story.get("candidates") or audit["candidates"]
    if told.review:
        story["review"] = told.review
    if session:
        story["sources"] = await sources(settings, story, planned)
    return story


def _begun(header: Record) -> Record:
    """When it began, and by which rule places were given."""
    allocation = header.get("allocation")
    return {"started": header["at"], "allocation": allocation["rule"] if isinstance(allocation, dict) else "balanced"}


def _told(path: Path, name: str) -> _Told:
    """One pass over the journal: replies stand before the commit that says whose they are."""
    header: Record = {}
    told: _Told | None = None
    open_of: defaultdict[int, list[Record]] = defaultdict(list)
    for record in scan(path):
        match record["t"]:
            case "run":
                header = record
            case "reply" | "call":
                open_of[cast("int", record["n"])].append(record)
            case "commit":
                said = open_of.pop(cast("int", record["n"]), [])
                replies, calls = ([one for one in said if one["t"] == kind] for kind in ("reply", "call"))
                if told is None and name in (record["id"], f"row {record['n']}"):
                    told = _Told(header=header, commit=record, replies=replies, calls=calls)
                elif told is not None and told.commit["n"] == record["n"]:
                    told.earlier.append((told.commit, told.replies))
                    told.replies = kept_replies(told.replies, told.commit["outcome"]) + replies
                    told.commit, told.calls = record, told.calls + calls
            case "review" if told is not None and record["n"] == told.commit["n"]:
                told.review = record
    if told is None:
        remedy = "Give an id of the registrations file, or 'row N' counted from 0; a stopped run can be resumed"
        raise OptionError(f"the run has no outcome for {name!r}", remedy=remedy)
    return told


async def _maybe_session(header: Record, rim: Rim) -> tuple[Session | None, str | None]:
    """The inputs as they are now, or why they cannot be read."""
    try:
        return await session_of(header, Pace(), rim), None
    except (IgentError, OSError) as exc:
        return None, str(exc)


async def _maybe_planned(session: Session, commit: Record) -> Planned | None:
    """The registration's row as it is now; None where another stands in its place."""
    first = cast("int", commit["n"])
    async with aclosing(plan_rows(session.inputs, session.survey, session.settings, first=first)) as rows:
        async for planned in rows:
            return planned if planned.id == commit["id"] else None
    return None


def _inputs(header: Record, session: Session | None, problem: str | None, *, found: bool) -> Record:
    """Whether what the run read is still what there is; `unchanged` only where all of it is."""
    if session is None:
        return {"unchanged": False, "problem": problem}
    then, now = (cast("Record", one["identity"]) for one in (header, session.header()))
    # What a model's tokens cost has no part in any decision.
    keys = (now.keys() | then.keys()) - {"prices"}
    changed: list[Json] = [key for key in sorted(keys) if now.get(key) != then.get(key)]
    told: Record = {"unchanged": not changed, "changed": changed}
    return told if found else {**told, "problem": "the registration no longer stands in its row"}


def _household(session: Session, planned: Planned) -> Record:
    """What the inputs say of a registration: as it stands, as models may see it, and what it could be given."""
    found = planned.registration
    if not isinstance(found, Registration):
        return {"registration": {"source": f"{found.file}, row {found.row}", "problem": found.problem}}
    market = session.inputs.market
    row = planned.row if isinstance(planned.row, dict) else {}
    shown = market.REGISTRATION_FIELDS - market.PRIVATE_FIELDS
    fields: Record = {key: value for key, value in row.items() if key in shown and value not in (None, "")}
    about: Record = {"source": found.source, "fields": fields}
    if found.note or found.note_problem:
        source = f"{found.source}/{NOTE_FIELD}"
        about["note"] = {"source": source, "text": found.note, "problem": found.note_problem}
    if planned.match is None or planned.order is None:
        return {"registration": about}
    wants: Record = {want.product_type: want.quantity for want in found.wants}
    about["facts"] = {market.AREA: found.area, "wants": wants, **found.facts}
    offers = planned.match.offers
    candidates: list[Json] = [{**offer_record(one), "total": money(offer_total(one, found))} for one in offers]
    return {"registration": about, "candidates": candidates, "incentives": [*_standings(session, planned)]}


def _standings(session: Session, planned: Planned) -> Iterator[Json]:
    """Where every incentive of the file stands for the household, the excluded ones too."""
    assert planned.order is not None
    registration, as_of = planned.order.registration, session.settings.as_of
    known = {one.incentive.id: one for one in planned.order.standings}
    keys = {one.incentive.id: key for key, one in planned.order.open_ids.items()}
    for incentive in session.inputs.incentives:
        yield _standing(known.get(incentive.id) or standing(incentive, registration, as_of), keys.get(incentive.id))


def _standing(found: Standing, key: str | None) -> Json:
    incentive, amount = found.incentive, found.incentive.amount
    terms = {name: getattr(amount, name) for name in _TERMS} if amount else {}
    return {
        "id": incentive.id,
        "name": incentive.name,
        "shown_as": key,
        "stands": found.kind,
        "reason": found.reason,
        "prose": incentive.prose,
        "product_types": [*sorted(incentive.product_types)],
        "terms": {name: None if value is None else str(value) for name, value in terms.items()} or None,
        "amounts": {name: figure.passage.text for name, figure in incentive.choices.items()},
        "source": incentive.source,
    }


async def _earlier(commit: Record, replies: list[Record], session: Session | None, planned: Planned | None) -> Json:
    """What an earlier pass came to, and how."""
    phases, _ = await _phases(commit, replies, session, planned)
    row = cast("Record", commit["row"])
    return {"pass": commit.get("pass", 1), "outcome": commit["outcome"], "codes": row["codes"], "phases": phases}


async def _phases(
    commit: Record, replies: list[Record], session: Session | None, planned: Planned | None
) -> tuple[list[Json], list[Json]]:
    """The phases with their turns, each with its prompt and reply where it could be played again; and other replies."""
    asked, rest = await replay(session, planned, replies) if session and planned else ([], replies)
    phases: list[Json] = []
    for index, phase in enumerate(cast("list[Record]", cast("Record", commit["audit"])["phases"])):
        names = [agent.name for agent in session.constellation.phases[index].agents] if session else []
        again = [one for one in asked if one["agent"] in names]
        pairs = zip_longest(cast("list[Record]", phase.get("turns", [])), again, fillvalue=Record())
        phases.append({**phase, "turns": [{**turn, **one} for turn, one in pairs]})
    return phases, [{key: one[key] for key in ("agent", "request", "text", "unusable")} for one in rest]


def _call(record: Record) -> Json:
    facts = CallFacts.from_record(record["facts"])
    return {
        "agent": facts.agent,
        "model": facts.model,
        "request": record["request"],
        "seconds": facts.seconds,
        "usage": facts.usage.as_record(),
        "from_cache": facts.saved is not None,
        "calls": facts.calls,
        "fault": facts.fault,
    }
