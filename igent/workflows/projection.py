"""The fold over the journal: each record becomes rows of the output files and a part of the run's summary.

A live run folds what it has just made durable, a resumed one folds the file from its start: the same code, so that what
is on disk never depends on whether the run was interrupted.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import cast

from igent import codec
from igent.accounting.budget import Booked, Most
from igent.accounting.calls import CallFacts
from igent.accounting.costs import Costs, costs_line
from igent.accounting.critics import CriticYield
from igent.accounting.prices import Bill, PriceTable, usd_text
from igent.accounting.seen import Seen
from igent.accounting.timing import csv_line, percentile, timing_row
from igent.accounting.trace import TraceSelection, trace_document
from igent.accounting.usage import Usage
from igent.accounting.vitals import Sample, samples_from_record
from igent.agents.calls import Recorded
from igent.domain.ledger import Ledger
from igent.domain.records import Json
from igent.printable import visible_json
from igent.workflows.passes import Passes, kept_replies
from igent.workflows.rows import ARRAYS, LINES, audit_line, recorded_reply, review_line, rows_of
from igent.workflows.since import Since
from igent.workflows.taking import take_place

__all__ = ["ARRAYS", "LINES", "Projection"]

_TOLD = ("matcher", "critic", "critic_skipped", "batched", "cache_hits", "retries")
_CALLS = {"match": "matcher", "order": "matcher", "critique": "critic", "critic_skipped": "critic_skipped"}


class Projection:
    """What a journal amounts to so far; `emit` takes each row for its file, `prices` are what its calls cost.

    `reviewed` are the indices of the registrations of which the journal has a person's decision further on: their rows
    go to the file of that decision, when it comes, and not to those that wait. `passes` are the indices of each pass
    behind the first, those of one that is about to begin included.
    """

    def __init__(
        self,
        ledger: Ledger,
        emit: Callable[[str, bytes], None],
        *,
        prices: PriceTable,
        reviewed: Collection[Json] = (),
        passes: Collection[Sequence[int]] = (),
    ) -> None:
        self.ledger, self._emit, self._prices, self._reviewed = ledger, emit, prices, reviewed
        self.committed = 0
        self.ending: dict[str, Json] | None = None
        self.told: Json = None
        self.replies: defaultdict[int, list[dict[str, Json]]] = defaultdict(list)
        self.since, self.passes = Since(self.replies), Passes(passes)
        self._outcomes: Counter[str] = Counter()
        self._judgements: Counter[str] = Counter()
        self._calls: Counter[str] = Counter()
        self.costs, self.booked = Costs(prices), Booked(prices)
        self.observed, self._critics = Seen(), CriticYield(prices)
        self._open_calls: defaultdict[int, dict[str, list[CallFacts]]] = defaultdict(lambda: defaultdict(list))
        self._seconds, self._trace = array("d"), TraceSelection()
        self._samples = list[Sample]()

    def fold(self, record: dict[str, Json]) -> None:
        """Add one record, in the order of the journal."""
        self.since.fold(record)
        self.passes.fold(record)
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
            case "run" | "resume" | "pass" | "stop" | "warning" | "end":
                self._happened(record)

    def _happened(self, record: dict[str, Json]) -> None:
        """What happened to the run, or to the process that was at it; one that was killed has left no samples."""
        self._samples += samples_from_record(cast("list[Json]", record.get("samples", [])))
        match record["t"]:
            case "run":
                self._log(record, event="started")
            case "resume":
                self._log(record, event="resumed", skipped=self.committed)
            case "stop":
                self._log(record, event="stopped", why=record["why"])
            case "warning":
                self._log(record, event="warning", **cast("dict[str, Json]", record["about"]))
            case "pass":
                self.told, self.ending = (self.ending or {}).get("told"), None
                self._log(record, event="pass", number=record["pass"], registrations=len(self.passes.left))
            case "end":
                self.ending = record
                self._log(record, event="finished", counts=self.counts())

    @property
    def decided(self) -> int:
        """How many outcomes have been committed, those of further passes besides."""
        return self.committed + self.passes.committed

    def left(self, total: int) -> Sequence[int]:
        """The indices of the registrations that are not committed yet, of so many in the first pass; in order."""
        return [*self.passes.left] if self.passes.number > 1 else range(self.committed, total)

    def recorded(self, index: int) -> dict[str, Recorded]:
        """The replies that were paid for a registration which is not committed, by request digest."""
        calls = self._open_calls.get(index, {})
        return {str(reply["request"]): recorded_reply(reply, calls) for reply in self.replies.get(index, ())}

    def counts(self) -> dict[str, Json]:
        """Registrations by outcome; the six numbers that add up."""
        kinds = ("matched", "unmatched", "review", "failed", "rejected")
        return {"registrations": self.committed, **{kind: self._outcomes[kind] for kind in kinds}}

    def summary(self) -> dict[str, Json]:
        """The part of `run.json` that follows from the journal."""
        calls: dict[str, Json] = dict.fromkeys(_TOLD, 0)
        seconds = sorted(self._seconds)
        return {
            "counts": self.counts(),
            "judgements": {kind: self._judgements[kind] for kind in ("proven", "plausible")} | self._by_people(),
            "calls": calls | {name: self._calls[name] for name in sorted(self._calls)},
            **self.since.summary(),
            **self.passes.summary(),
            **self._costs(),
            "critic": self._critics.as_record(),
            "observed": self.observed.as_record(),
            "timing": {
                f"{name}_seconds": round(percentile(seconds, p), 6) if seconds else None
                for name, p in (("p50", 50), ("p95", 95), ("max", 100))
            },
            "capacity": [*self.ledger.as_records()],
        }

    def trace(self) -> Iterator[bytes]:
        """The content of `trace.json`, in pieces: the first registrations and the slowest, and how processes fared."""
        return trace_document(self._trace.chosen(), self._samples)

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
        self._critics.call(facts)
        self.observed.add(facts, prompt_chars=_int(record["prompt_chars"]))
        self._open_calls[_int(record["n"])][str(record["request"])].append(facts)

    def _commit(self, record: dict[str, Json]) -> None:
        outcome = str(record["outcome"])
        self._outcomes[outcome] += 1
        self.committed += "was" not in record
        if "was" in record:
            self._outcomes[str(record["was"])] -= 1
        take_place(record, self.ledger)
        if outcome == "matched":
            self._judgements[str(cast("dict[str, Json]", record["match"])["judgement"])] += 1
        waits = outcome != "matched" and (record["n"] in self._reviewed or "decided" in record)
        rows = [] if waits else rows_of(record)
        self._write(self.passes.standing(record, rows))
        if outcome == "failed":
            self._log(record, event="failed", registration_id=record["id"])
        if not record.get("taken_over"):
            self._critics.commit(record)
        self._account(record)

    def _review(self, record: dict[str, Json]) -> None:
        """What a person has decided takes the place of what waited for it; a place that was kept is used or free."""
        outcome = str(record["outcome"])
        self._outcomes["review"] -= 1
        self._outcomes[outcome] += 1
        take_place(record, self.ledger)
        self._critics.review(record)
        self._judgements["reviewed"] += outcome == "matched"
        self._write(rows_of(record, self.passes.number))
        self._emit("audit.jsonl", review_line(record))
        self._log(record, event="reviewed", registration_id=record["id"], action=record["action"], by=record["by"])

    def close(self) -> None:
        """Write what a pass that goes no further here has left as it was."""
        self._write(self.passes.waiting())

    def _write(self, rows: Iterable[tuple[str, bytes]]) -> None:
        for name, row in rows:
            self._emit(name, row)

    def _by_people(self) -> dict[str, Json]:
        return {"reviewed": self._judgements["reviewed"]} if self._judgements["reviewed"] else {}

    def _log(self, record: dict[str, Json], **event: Json) -> None:
        """One line of `run.log`: what happened and when, without personal data."""
        line = codec.dump({"at": record.get("at"), **event}).decode()
        self._emit("run.log", visible_json(line).encode())

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
        recorded = cast("list[Json]", record["spans"])
        row = timing_row(name, recorded)
        if row.total_seconds:
            self._seconds.append(row.total_seconds)
        self._trace.add(name, row.total_seconds, spans=recorded)
        self._emit("timings.csv", csv_line(row).rstrip(b"\n"))
        said = self.replies.pop(_int(record["n"]), [])
        if self.passes.comes_again(record):
            self.replies[_int(record["n"])] += kept_replies(said, record["outcome"])
        self._emit("audit.jsonl", audit_line(record, said))


def _int(value: Json) -> int:
    assert isinstance(value, int)
    return value
