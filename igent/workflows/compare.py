"""What has changed since an earlier run: for each registration why it is judged again, or what is taken over of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from igent.domain.ledger import Ledger
from igent.domain.records import Json
from igent.errors import OptionError
from igent.store.scan import Record, scan
from igent.workflows.begun import JOURNAL, require_finished, settings_at
from igent.workflows.fingerprint import PARTS, Fingerprints
from igent.workflows.passes import kept_replies
from igent.workflows.plan import Planned, plan_rows
from igent.workflows.projection import Projection
from igent.workflows.publisher import Publisher
from igent.workflows.session import Session
from igent.workflows.settings import RunSettings

__all__ = ["compare"]

_RECORDS = 256  # between two waits for the disk


async def compare(session: Session, publisher: Publisher, projection: Projection) -> None:
    """Write down what a run against an earlier one takes over, unless its journal has all of it.

    Raises `OptionError` where the earlier run is not one of this market and version, `JournalError` where it is gone,
    `RunStopped` where the registrations change meanwhile.
    """
    if projection.since.compared:
        return
    assert session.settings.since is not None, "there is an earlier run"
    comparison = _Comparison(session, _read(session.settings.since, session))
    written = 0
    async with aclosing(comparison.records()) as records:
        async for record in records:
            publisher.append(record)
            written += 1
            if written % _RECORDS == 0:
                await publisher.settle()
    await publisher.append_durable({"t": "compared", "removed": [*comparison.removed()]})
    await publisher.settle()


@dataclass(slots=True, kw_only=True)
class _Earlier:
    """The commits of a run by key, with the replies that they rest on and what people have decided since."""

    settings: RunSettings
    commits: dict[str, Record] = field(default_factory=dict)
    replies: dict[str, list[Record]] = field(default_factory=dict)
    reviews: dict[str, Record] = field(default_factory=dict)


def _read(directory: Path, session: Session) -> _Earlier:
    """Read an earlier run; what a later pass over it has decided counts."""
    earlier = _Earlier(settings=settings_at(directory))
    if earlier.settings.market != session.settings.market:
        problem = f"the earlier run is one of the market {earlier.settings.market!r}"
        raise OptionError(problem, remedy="Compare with a run of the same market")
    keys = dict[Json, str]()
    said: defaultdict[Json, list[Record]] = defaultdict(list)
    for record in scan(directory / JOURNAL):
        match record["t"]:
            case "reply":
                said[record["n"]].append(record)
            case "commit":
                key = keys[record["n"]] = _key(record["id"], _print(record, directory))
                replies = said.pop(record["n"], [])
                earlier.commits[key], earlier.replies[key] = _slim(record), replies
                said[record["n"]] += kept_replies(replies, record["outcome"])
            case "review":
                earlier.reviews[keys[record["n"]]] = record
    require_finished(directory)  # behind it all: a pass may have begun meanwhile
    return earlier


def _print(commit: Record, directory: Path) -> Record:
    found = commit.get("print")
    if not isinstance(found, dict):
        problem = f"the run in {str(directory)!r} does not say what its judgements rest on"
        raise OptionError(problem, remedy="Compare with a run of this version of igent")
    return found


def _key(name: Json, fingerprint: Record) -> str:
    """What a registration is found again by: its id or, of a row without one, what it says."""
    return str(name) if name is not None else f"row {fingerprint['record']}"


def _slim(commit: Record) -> Record:
    """What a later run needs of a commit."""
    row, order = cast("Record", commit.get("row") or {}), cast("Record", commit.get("order") or {})
    slim: Record = {key: commit[key] for key in ("id", "outcome", "print", "supplier", "held") if key in commit}
    slim["codes"], slim["allocation"] = row.get("codes"), cast("Record", commit["audit"])["allocation"]
    slim |= {"proposal": row["proposal"]} if "proposal" in row else {}
    return slim | {"order": _order(order) if order else None, "waiting_for": commit.get("supersedes")}


def _order(order: Record) -> Record:
    return {key: order[key] for key in ("po_id", "supplier_id", "supersedes") if key in order}


class _Comparison:
    """The registrations of a run beside those of an earlier one; the places that are kept are taken in their order."""

    def __init__(self, session: Session, earlier: _Earlier) -> None:
        self._session, self._earlier = session, earlier
        self._prints = Fingerprints(session)
        self._ledger: Ledger = session.inputs.ledger()
        self._line = {key: place for place, key in enumerate(earlier.reviews)}
        self._seen = set[str]()

    async def records(self) -> AsyncGenerator[Record, None]:
        """One record per registration; behind it the replies that its judgement is taken from."""
        session = self._session
        async with aclosing(plan_rows(session.inputs, session.survey, session.settings)) as rows:
            async for planned in rows:
                fingerprint = self._prints.of(planned)
                key = _key(planned.id, fingerprint)
                self._seen.add(key)
                record = self._record(planned, key, why=[*self._why(planned, key, fingerprint)])
                yield record
                if not record["why"]:
                    for reply in self._earlier.replies.get(key, ()):
                        yield {**reply, "n": planned.index, "earlier": True}

    def removed(self) -> Iterator[Json]:
        """The registrations that the earlier run alone had, with the order that each had there."""
        for key, was in self._earlier.commits.items():
            if key not in self._seen and was["id"] is not None:
                order = self._last_order(key) or {}
                about = {one: order.get(one) for one in ("po_id", "supplier_id")}
                yield {"registration_id": was["id"], **about, "outcome": "removed", "codes": ["removed"]}

    def _why(self, planned: Planned, key: str, fingerprint: Record) -> Iterator[str]:
        """What has changed of what a judgement rests on; nothing where it still stands.

        Where its own record has, what it could be given may differ for that alone, and is not told besides.
        """
        was = self._earlier.commits.get(key)
        if was is None:
            yield "new"
            return
        before = cast("Record", was["print"])
        parts = [part for part in PARTS if fingerprint[part] != before.get(part)]
        for part in parts:
            if "record" in parts and part in ("offers", "incentives"):
                continue
            then = self._earlier.settings.as_of
            expired = part == "incentives" and self._prints.incentives(planned, then) == before.get(part)
            yield "as-of" if expired else part
        if was["outcome"] == "failed":
            yield "failed"

    def _record(self, planned: Planned, key: str, *, why: list[str]) -> Record:
        was, review = self._earlier.commits.get(key), self._earlier.reviews.get(key)
        record: Record = {"t": "since", "n": planned.index, "id": planned.id, "why": [*why]}
        record |= {"was_order": self._last_order(key), "was": None}
        if was is not None and review is not None and why:
            record["decision"] = {name: review[name] for name in ("action", "by", "at", "comment")}
        if was is None or why:
            return record
        record["was"] = {name: was[name] for name in ("outcome", "codes", "allocation")}
        record |= {name: was[name] for name in ("proposal",) if name in was}
        if review is not None:
            record |= {"review": _slim_review(review), "place_in_line": self._line[key]}
        return record | self._kept(was, review)

    def _kept(self, was: Record, review: Record | None) -> Record:
        """The place that is taken before any other is given; `lost` where a match's supplier has none left for it."""
        reallocate, holds = self._session.settings.reallocate, self._session.settings.hold_reviews
        if review is not None:
            supplier, hold = review.get("supplier"), False
        else:
            supplier, hold = None if reallocate else was.get("supplier"), bool(was.get("held"))
        if supplier is None or (hold and not holds):
            left_out = was["codes"] == ["capacity-exhausted"] and review is None and not reallocate
            return {"place": None, "left_out": left_out}
        if self._ledger[str(supplier)].room <= 0:
            return {"place": None, "lost": not hold}
        self._ledger.take(str(supplier), hold=hold)
        return {"place": supplier, "hold": hold}

    def _last_order(self, key: str) -> Record | None:
        """The order that stands from the earlier run, or that one there was to be replaced once a person decides."""
        was, review = self._earlier.commits.get(key), self._earlier.reviews.get(key)
        if was is None:
            return None
        found = cast("Record", (review or {}).get("order") or was["order"] or {})
        if found:
            return _order(found)
        return cast("Record | None", was["waiting_for"]) if review is None else None


def _slim_review(review: Record) -> Record:
    """What a person has decided, and what it came to."""
    match = cast("Record", review.get("match") or {})
    keys = ("action", "by", "at", "comment", "outcome", "held", "payment")
    offer = cast("Record", match.get("offer") or {}).get("id")
    return {key: review.get(key) for key in keys} | {"offer": offer}
