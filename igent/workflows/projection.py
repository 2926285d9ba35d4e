"""The fold over the journal: each record becomes rows of the output files and a part of the run's summary.

A live run folds what it has just made durable, a resumed one folds the file from its start: the same code, so that what
is on disk never depends on whether the run was interrupted.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import cast

from igent import codec
from igent.accounting.budget import Booked, Most
from igent.accounting.calls import CallFacts
from igent.accounting.costs import COSTS_HEADER, Costs, costs_line
from igent.accounting.prices import Bill, PriceTable, usd_text
from igent.accounting.seen import Seen
from igent.accounting.spans import spans_from_record
from igent.accounting.timing import CSV_HEADER, csv_line, percentile, timing_row
from igent.accounting.trace import TraceSelection, trace_document
from igent.accounting.usage import Usage
from igent.agents.calls import Recorded
from igent.domain.ledger import Ledger
from igent.domain.records import Json
from igent.models.base import Unusable

__all__ = ["ARRAYS", "LINES", "Projection", "take_place"]

_FILES = {"unmatched": "unmatched.json", "review": "review.json", "failed": "failed.json", "rejected": "rejects.json"}
ARRAYS = ("matches.json", "pos.json", *_FILES.values())
LINES: Mapping[str, bytes] = {
    "timings.csv": CSV_HEADER.rstrip(b"\n"),
    "costs.csv": COSTS_HEADER.rstrip(b"\n"),
    "audit.jsonl": b"",
    "run.log": b"",
}

_CALLS = {"match": "matcher", "order": "matcher", "critique": "critic", "critic_skipped": "critic_skipped"}


class Projection:
    """What a journal amounts to so far; `emit` takes each row for its file, `prices` are what its calls cost.

    `reviewed` are the indices of the registrations of which the journal has a person's decision further on: their rows
    go to the file of that decision, when it comes, and not to those that wait.
    """

    def __init__(
        self,
        ledger: Ledger,
        emit: Callable[[str, bytes], None],
        *,
        prices: PriceTable,
        reviewed: Collection[Json] = (),
    ) -> None:
        self.ledger, self._emit, self._prices, self._reviewed = ledger, emit, prices, reviewed
        self.committed = 0
        self.ending: dict[str, Json] | None = None
        self.replies: defaultdict[int, list[dict[str, Json]]] = defaultdict(list)
        self._outcomes: Counter[str] = Counter()
        self._judgements: Counter[str] = Counter()
        self._calls: Counter[str] = Counter()
        self.costs, self.booked = Costs(prices), Booked(prices)
        self.observed = Seen()
        self._open_calls: defaultdict[int, dict[str, list[CallFacts]]] = defaultdict(lambda: defaultdict(list))
        self._seconds = array("d")
        self._trace = TraceSelection()

    def fold(self, record: dict[str, Json]) -> None:
        """Add one record, in the order of the journal."""
        match record["t"]:
            case "reply":
                self.replies[_int(record["n"])].append(record)
            case "reserve" | "settle":
                self._book(record)
            case "call":
                self._call(record)
            case "commit":
                self._commit(record)
            case "review":
                self._review(record)
            case "run":
                self._log(record, event="started")
            case "resume":
                self._log(record, event="resumed", skipped=self.committed)
            case "stop":
                self._log(record, event="stopped", why=record["why"])
            case "end":
                self.ending = record
                self._log(record, event="finished", counts=self.counts())

    def recorded(self, index: int) -> dict[str, Recorded]:
        """The replies that were paid for a registration which is not committed, by request digest."""
        calls = self._open_calls.get(index, {})
        return {str(reply["request"]): _recorded(reply, calls) for reply in self.replies.get(index, ())}

    def counts(self) -> dict[str, Json]:
        """Registrations by outcome; the six numbers that add up."""
        kinds = ("matched", "unmatched", "review", "failed", "rejected")
        return {"registrations": self.committed, **{kind: self._outcomes[kind] for kind in kinds}}

    def summary(self) -> dict[str, Json]:
        """The part of `run.json` that follows from the journal."""
        calls: dict[str, Json] = dict.fromkeys(("matcher", "critic", "critic_skipped", "cache_hits", "retries"), 0)
        seconds = sorted(self._seconds)
        return {
            "counts": self.counts(),
            "judgements": {kind: self._judgements[kind] for kind in ("proven", "plausible")} | self._by_people(),
            "calls": calls | {name: self._calls[name] for name in sorted(self._calls)},
            **self._costs(),
            "observed": self.observed.as_record(),
            "timing": {
                f"{name}_seconds": round(percentile(seconds, p), 6) if seconds else None
                for name, p in (("p50", 50), ("p95", 95), ("max", 100))
            },
            "capacity": [*self.ledger.as_records()],
        }

    def trace(self) -> bytes:
        """The content of `trace.json`: the first registrations and the slowest."""
        return trace_document(self._trace.chosen())

    def capacity(self) -> bytes:
        """The content of `capacity.json`."""
        return codec.dump_pretty(self.ledger.as_records())

    def _costs(self) -> dict[str, Json]:
        """What calls took; of those `unsettled`, on their way when their process was killed, only the most is known."""
        costs, bills = self.costs.as_record(), self.booked.open
        usage = cast("dict[str, Json]", costs["usage"])
        usage["estimated"] = bool(usage["estimated"] or bills)
        return costs | {"unsettled": {"calls": len(bills), "at_most_usd": usd_text(sum(bills, start=Bill()).usd)}}

    def _book(self, record: dict[str, Json]) -> None:
        request = str(record["request"])
        if record["t"] == "reserve":
            prompt, output = cast("list[int]", record["most"])
            self.booked.reserve(request, str(record["model"]), Most(prompt_tokens=prompt, output_tokens=output))
        else:
            usage = record["usage"]
            self.booked.settle(request, None if usage is None else Usage.from_record(usage))

    def _call(self, record: dict[str, Json]) -> None:
        facts = CallFacts.from_record(record["facts"])
        self.costs.add(facts)
        self.observed.add(facts, prompt_chars=_int(record["prompt_chars"]))
        self._open_calls[_int(record["n"])][str(record["request"])].append(facts)

    def _commit(self, record: dict[str, Json]) -> None:
        outcome = str(record["outcome"])
        self.committed += 1
        self._outcomes[outcome] += 1
        take_place(record, self.ledger)
        if outcome == "matched":
            match = cast("dict[str, Json]", record["match"])
            self._judgements[str(match["judgement"])] += 1
            self._emit("matches.json", codec.dump(match))
            self._emit("pos.json", codec.dump(record["order"]))
        elif record["n"] not in self._reviewed:
            self._emit(_FILES[outcome], codec.dump(record["row"]))
        if outcome == "failed":
            self._log(record, event="failed", registration_id=record["id"])
        self._account(record)

    def _review(self, record: dict[str, Json]) -> None:
        """What a person has decided takes the place of what waited for it; a place that was kept is used or free."""
        outcome = str(record["outcome"])
        self._outcomes["review"] -= 1
        self._outcomes[outcome] += 1
        take_place(record, self.ledger)
        if outcome == "matched":
            self._judgements["reviewed"] += 1
            self._emit("matches.json", codec.dump(record["match"]))
            self._emit("pos.json", codec.dump(record["order"]))
        else:
            self._emit(_FILES[outcome], codec.dump(record["row"]))
        who: dict[str, Json] = {key: record[key] for key in ("action", "by", "at", "comment")}
        line = {"registration_id": record["id"], "outcome": outcome, "review": who}
        self._emit("audit.jsonl", codec.dump(line))
        self._log(record, event="reviewed", registration_id=record["id"], action=record["action"], by=record["by"])

    def _by_people(self) -> dict[str, Json]:
        return {"reviewed": self._judgements["reviewed"]} if self._judgements["reviewed"] else {}

    def _log(self, record: dict[str, Json], **event: Json) -> None:
        """One line of `run.log`: what happened and when, without personal data."""
        self._emit("run.log", codec.dump({"at": record.get("at"), **event}))

    def _account(self, record: dict[str, Json]) -> None:
        """Times, calls, usage and the audit line of one registration."""
        name = str(record["id"] or f"row {record['n']}")
        for kind, count in cast("dict[str, int]", record["calls"]).items():
            self._calls[_CALLS.get(kind, kind)] += count
        self.costs.skipped(cast("dict[str, int]", record["calls"]).get("critic_skipped", 0))
        calls = self._open_calls.pop(_int(record["n"]), {})
        facts = [one for made in calls.values() for one in made]
        self.observed.close(facts, noted=bool(record["noted"]))
        self._emit("costs.csv", costs_line(name, facts, self._prices).rstrip(b"\n"))
        spans = spans_from_record(cast("list[Json]", record["spans"]))
        row = timing_row(name, spans)
        if row.total_seconds:
            self._seconds.append(row.total_seconds)
        self._trace.add(name, row.total_seconds, spans=spans)
        self._emit("timings.csv", csv_line(row).rstrip(b"\n"))
        # An agent's replies are in their order already; whose came first depends on timing.
        replies = sorted(map(_said, self.replies.pop(_int(record["n"]), [])), key=lambda reply: str(reply["agent"]))
        audit = cast("dict[str, Json]", record["audit"])
        line = {"registration_id": record["id"], "outcome": record["outcome"], **audit, "replies": replies}
        self._emit("audit.jsonl", codec.dump(line))


def take_place(record: Mapping[str, Json], ledger: Ledger) -> None:
    """What a commit or a person's decision does to the places: a decision first gives back the one that was held."""
    review = record["t"] == "review"
    if review and record["held"] is not None:
        ledger.release(str(record["held"]), hold=True)
    if "supplier" in record:
        ledger.take(str(record["supplier"]), hold=not review and bool(record["held"]))


def _recorded(reply: dict[str, Json], calls: Mapping[str, list[CallFacts]]) -> Recorded:
    """A reply to answer with again; the call that it came from is settled where its last attempt has no fault."""
    facts = calls.get(str(reply["request"]), [])
    unusable = cast("Unusable | None", reply["unusable"])
    return Recorded(text=str(reply["text"]), unusable=unusable, settled=any(one.fault is None for one in facts))


def _said(reply: dict[str, Json]) -> dict[str, Json]:
    return {key: reply[key] for key in ("agent", "request", "text", "unusable")}


def _int(value: Json) -> int:
    assert isinstance(value, int)
    return value
