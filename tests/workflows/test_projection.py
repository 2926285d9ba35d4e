from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from igent.accounting.usage import Usage
from igent.domain.ledger import Ledger
from igent.domain.records import Json, Supplier
from igent.workflows.projection import ARRAYS, LINES, Projection

SUPPLIER = Supplier(id="A", capacity=4, used=1, areas=frozenset(), products=(), source="")
KINDS = {"unmatched": "unmatched.json", "review": "review.json", "failed": "failed.json", "rejected": "rejects.json"}


class Folded:
    """A projection with the rows that it has emitted, by file."""

    def __init__(self, *records: dict[str, Json]) -> None:
        self.rows: defaultdict[str, list[bytes]] = defaultdict(list)
        self.projection = Projection(Ledger.opening([SUPPLIER]), lambda name, row: self.rows[name].append(row))
        for record in records:
            self.projection.fold(record)

    def parsed(self, name: str) -> list[Any]:
        return [json.loads(row) for row in self.rows[name]]


def reply(number: int, request: str, *, accepted: bool = True) -> dict[str, Json]:
    said: dict[str, Json] = {"agent": "matcher", "request": request, "text": "{}", "accepted": accepted}
    return {"t": "reply", "n": number, **said}


def commit(number: int, outcome: str, **more: Json) -> dict[str, Json]:
    registration_id = f"R{number}"
    record: dict[str, Json] = {
        "t": "commit",
        "n": number,
        "id": registration_id,
        "outcome": outcome,
        "calls": {"match": 1, "critique": 2},
        "usage": Usage(input_tokens=10, output_tokens=3).as_record(),
        "audit": {"candidates": []},
        "spans": [["registration", 0, 0, 2_000_000, -1], ["model", 1, 0, 1_500_000, 0]],
    }
    if outcome == "matched":
        match: dict[str, Json] = {"registration_id": registration_id, "judgement": "plausible"}
        return record | {"supplier": "A", "held": False, "match": match, "order": {"po_id": number}} | more
    return record | {"row": {"registration_id": registration_id, "codes": ["c"]}} | more


STARTED: dict[str, Json] = {"t": "run", "at": "2026-01-01T00:00:00+00:00", "settings": {}}


def test_a_match_becomes_a_row_of_matches_and_one_of_orders() -> None:
    folded = Folded(commit(0, "matched"))
    assert folded.parsed("matches.json")[0]["registration_id"] == "R0"
    assert folded.parsed("pos.json") == [{"po_id": 0}]


@pytest.mark.parametrize("outcome", KINDS)
def test_every_other_outcome_has_its_file(outcome: str) -> None:
    folded = Folded(commit(0, outcome))
    assert folded.parsed(KINDS[outcome]) == [{"registration_id": "R0", "codes": ["c"]}]
    assert not folded.rows["matches.json"]


def test_counts_add_up() -> None:
    kinds = ["matched", *KINDS, "review"]
    counts = Folded(*(commit(n, kind) for n, kind in enumerate(kinds))).projection.counts()
    expected = {"registrations": 6, "matched": 1, "unmatched": 1, "review": 2, "failed": 1, "rejected": 1}
    assert counts == expected


def test_matches_and_held_places_use_capacity() -> None:
    projection = Folded(commit(0, "matched"), commit(1, "review", supplier="A", held=True)).projection
    (account,) = json.loads(projection.capacity())
    assert account == {
        "supplier_id": "A", "capacity": 4, "used_before": 1, "used": 3, "used_pct": 75.0, "held": 1,
    }  # fmt: skip


def test_a_reply_that_was_no_answer_is_recorded_as_silence() -> None:
    projection = Folded(reply(5, "aa"), reply(5, "bb", accepted=False), reply(6, "cc")).projection
    assert projection.recorded(5) == {"aa": "{}", "bb": ""}
    assert projection.recorded(7) == {}


def test_replies_of_a_committed_registration_are_let_go_into_the_audit() -> None:
    folded = Folded(reply(0, "aa"), commit(0, "matched"))
    assert folded.projection.recorded(0) == {}
    assert [one["request"] for one in folded.parsed("audit.jsonl")[0]["replies"]] == ["aa"]


def test_calls_and_usage_are_summed_by_role() -> None:
    summary: Any = Folded(commit(0, "matched"), commit(1, "review")).projection.summary()
    assert (summary["calls"]["matcher"], summary["calls"]["critic"]) == (2, 4)
    assert (summary["usage"]["input_tokens"], summary["usage"]["output_tokens"]) == (20, 6)
    assert {"critic_skipped", "cache_hits", "retries"} <= summary["calls"].keys()


def test_latency_is_of_registrations_that_made_calls() -> None:
    assert _timing(commit(0, "matched")) == [1.5, 1.5, 1.5]
    assert _timing(commit(0, "unmatched", calls={"critic_skipped": 1}, spans=[])) == [None, None, None]


def _timing(record: dict[str, Json]) -> list[Any]:
    timing: Any = Folded(record).projection.summary()["timing"]
    return [timing[name] for name in ("p50_seconds", "p95_seconds", "max_seconds")]


def test_every_registration_has_a_row_of_times() -> None:
    rows = Folded(commit(0, "matched"), commit(1, "rejected")).rows["timings.csv"]
    assert [row.split(b",")[0] for row in rows] == [b"R0", b"R1"]
    assert Decimal(rows[0].split(b",")[-1].decode()) == Decimal("1.5")
    assert len(rows[0].split(b",")) == len(LINES["timings.csv"].split(b","))


def test_folding_the_same_journal_gives_the_same_files() -> None:
    journal: list[dict[str, Json]] = [
        STARTED,
        reply(0, "aa"),
        commit(0, "matched"),
        commit(1, "failed"),
        {"t": "end", "at": "x"},
    ]
    assert Folded(*journal).rows == Folded(*journal).rows
    assert Folded(*journal).projection.summary() == Folded(*journal).projection.summary()


def test_the_log_tells_events_and_names_only_failures() -> None:
    folded = Folded(
        STARTED, commit(0, "matched"), commit(1, "failed"), {"t": "resume", "at": "y"}, {"t": "end", "at": "x"}
    )
    log = folded.parsed("run.log")
    assert [line["event"] for line in log] == ["started", "failed", "resumed", "finished"]
    assert log[1]["registration_id"] == "R1"
    assert "R0" not in str(log)


def test_a_run_is_finished_by_its_end_record_alone() -> None:
    end: dict[str, Json] = {"t": "end", "at": "x"}
    assert Folded(STARTED, commit(0, "matched")).projection.ending is None
    assert Folded(STARTED, end).projection.ending == end


def test_every_row_is_of_a_declared_file() -> None:
    kinds = ["matched", *KINDS]
    assert Folded(STARTED, *(commit(n, k) for n, k in enumerate(kinds))).rows.keys() <= {*ARRAYS, *LINES}


def test_the_trace_shows_each_registration() -> None:
    document = json.loads(Folded(commit(0, "matched"), commit(1, "review")).projection.trace())
    shown = {event["args"]["registration_id"] for event in document["traceEvents"] if event["ph"] == "X"}
    assert shown == {"R0", "R1"}
