from __future__ import annotations

import json
import tracemalloc
from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal
from typing import Any

import pytest

from igent.accounting.calls import CallFacts
from igent.accounting.prices import PriceTable
from igent.accounting.seen import Sums, kind
from igent.accounting.usage import Usage
from igent.agents.calls import Recorded
from igent.domain.ledger import Ledger
from igent.domain.records import Json, Supplier
from igent.workflows.projection import ARRAYS, LINES, Projection

SUPPLIER = Supplier(id="A", capacity=4, used=1, areas=frozenset(), products=(), source="")
PRICE: dict[str, Json] = {
    "input": "1", "output": "5", "cache_read": "0.1", "cache_write": "1.25", "cache_write_1h": "2",
}  # fmt: skip
PRICES = PriceTable.read({"source": "here", "date": "2026-11", "usd_per_million_tokens": {"m": PRICE}}, file="p.json")
KINDS = {"unmatched": "unmatched.json", "review": "review.json", "failed": "failed.json", "rejected": "rejects.json"}


class Folded:
    """A projection with the rows that it has emitted, by file."""

    def __init__(self, *records: dict[str, Json], reviewed: Collection[Json] = ()) -> None:
        self.rows: defaultdict[str, list[bytes]] = defaultdict(list)
        ledger = Ledger.opening([SUPPLIER])
        self.projection = Projection(
            ledger, lambda name, row: self.rows[name].append(row), prices=PRICES, reviewed=reviewed
        )
        for record in records:
            self.projection.fold(record)

    def parsed(self, name: str) -> list[Any]:
        return [json.loads(row) for row in self.rows[name]]


def reply(number: int, request: str, *, unusable: str | None = None) -> dict[str, Json]:
    said: dict[str, Json] = {"agent": "matcher", "request": request, "text": "{}", "unusable": unusable}
    return {"t": "reply", "n": number, **said}


def call(number: int, request: str = "aa", *, agent: str = "matcher", **facts: Any) -> dict[str, Json]:
    """A call of 1,000 tokens in and 100 out, which is 0.0015 dollars."""
    usage = facts.pop("usage", Usage(input_tokens=1_000, output_tokens=100))
    made = CallFacts(agent=agent, kind="match", model=facts.pop("model", "m"), usage=usage, **facts)
    return {"t": "call", "n": number, "request": request, "prompt_chars": 4_000, "facts": made.as_record()}


def commit(number: int, outcome: str, **more: Json) -> dict[str, Json]:
    registration_id = f"R{number}"
    record: dict[str, Json] = {
        "t": "commit",
        "n": number,
        "id": registration_id,
        "outcome": outcome,
        "noted": False,
        "calls": {"match": 1, "critique": 2},
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


def test_a_reply_is_recorded_with_how_it_ended() -> None:
    projection = Folded(reply(5, "aa"), reply(5, "bb", unusable="refusal"), reply(6, "cc")).projection
    assert projection.recorded(5) == {
        "aa": Recorded(text="{}", unusable=None, settled=False),
        "bb": Recorded(text="{}", unusable="refusal", settled=False),
    }
    assert projection.recorded(7) == {}


@pytest.mark.parametrize(
    ("calls", "settled"),
    [
        ([], False),
        ([call(0, "aa")], True),
        ([call(0, "bb")], False),
        ([call(1, "aa")], False),
        ([call(0, "aa", fault="model-unavailable")], False),
        ([call(0, "aa", fault="model-unavailable"), call(0, "aa")], True),
    ],
)
def test_a_reply_is_settled_by_a_call_of_its_own_that_has_no_fault(calls: list[dict[str, Json]], settled: bool) -> None:
    assert Folded(*calls, reply(0, "aa")).projection.recorded(0)["aa"].settled is settled


def test_replies_of_a_committed_registration_are_let_go_into_the_audit() -> None:
    folded = Folded(reply(0, "aa"), commit(0, "matched"))
    assert folded.projection.recorded(0) == {}
    assert [one["request"] for one in folded.parsed("audit.jsonl")[0]["replies"]] == ["aa"]


def test_calls_are_summed_by_role() -> None:
    summary: Any = Folded(commit(0, "matched"), commit(1, "review")).projection.summary()
    assert (summary["calls"]["matcher"], summary["calls"]["critic"]) == (2, 4)
    assert {"critic_skipped", "cache_hits", "retries"} <= summary["calls"].keys()


def test_a_call_is_accounted_when_it_is_settled_and_not_at_the_commit() -> None:
    before, after = Folded(call(0)), Folded(call(0), commit(0, "matched"))
    assert before.projection.summary()["cost_usd"] == after.projection.summary()["cost_usd"] == "0.001500"


def test_usage_and_cost_are_told_by_agent() -> None:
    summary: Any = Folded(call(0), call(0, agent="critic"), call(1), commit(0, "matched")).projection.summary()
    told = [(one["agent"], one["calls"], one["cost_usd"]) for one in summary["agents"]]
    assert told == [("critic", 1, "0.001500"), ("matcher", 2, "0.003000")]
    assert (summary["usage"]["input_tokens"], summary["cost_usd"]) == (3_000, "0.004500")


def test_a_model_without_a_price_leaves_the_cost_unknown_and_is_named() -> None:
    summary: Any = Folded(call(0), call(0, model="x")).projection.summary()
    assert (summary["cost_usd"], summary["unpriced_models"]) == (None, ["x"])


def test_a_call_that_a_kill_left_open_counts_as_the_most_and_is_told() -> None:
    def reserve(request: str) -> dict[str, Json]:
        return {"t": "reserve", "request": request, "model": "m", "most": [2_000, 500]}

    settle: dict[str, Json] = {"t": "settle", "request": "aa", "usage": Usage(output_tokens=100).as_record()}
    projection = Folded(reserve("aa"), reserve("bb"), settle).projection
    summary: Any = projection.summary()
    assert summary["unsettled"] == {"calls": 1, "at_most_usd": "0.005000"}
    assert summary["usage"]["estimated"]
    assert [bill.usd for bill in (projection.booked.spent, *projection.booked.open)] == [
        Decimal("0.0005"),
        Decimal("0.005"),
    ]


def test_every_registration_has_a_row_of_costs() -> None:
    hit: dict[str, Any] = {"usage": Usage(), "saved": Usage(input_tokens=1_000, output_tokens=100)}
    folded = Folded(call(0), call(1), call(0, "bb", **hit), commit(0, "matched"), commit(1, "rejected", id=None))
    assert folded.rows["costs.csv"] == [
        b"R0,1,1,1000,100,0,0,0,false,0.001500",
        b"row 1,1,0,1000,100,0,0,0,false,0.001500",
    ]
    assert len(folded.rows["costs.csv"][0].split(b",")) == len(LINES["costs.csv"].split(b","))


def test_calls_of_a_committed_registration_are_let_go() -> None:
    folded = Folded(call(0), commit(0, "matched"), reply(0, "aa"))
    assert folded.projection.recorded(0)["aa"].settled is False


def test_what_calls_were_like_is_told_by_whether_there_was_a_note() -> None:
    folded = Folded(call(0), commit(0, "matched", noted=True), call(1), call(1, "bb"), commit(1, "matched"))
    seen = folded.projection.observed
    assert [seen.calls("matcher", kind("matcher", noted=noted)) for noted in (True, False)] == [
        Sums(1, 1, 1),
        Sums(1, 2, 4),
    ]
    assert seen.of("matcher", "m", "output tokens").count == 3


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
        call(0),
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
    document = json.loads(b"".join(Folded(commit(0, "matched"), commit(1, "review")).projection.trace()))
    shown = {event["args"]["registration_id"] for event in document["traceEvents"] if event["ph"] == "X"}
    assert shown == {"R0", "R1"}


def test_of_a_committed_registration_less_than_a_kilobyte_stays_in_memory() -> None:
    projection = Projection(Ledger.opening([SUPPLIER]), lambda _name, _row: None, prices=PRICES)
    tracemalloc.start()
    for number in range(101):
        if number == 1:
            before, _ = tracemalloc.get_traced_memory()
        for record in (
            reply(number, "aa"),
            call(number),
            commit(number, "review", audit={"said": f"{number}" * 5_000}),
        ):
            projection.fold(record | {"text": f"{number}" * 5_000})
    grown_bytes = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown_bytes < 100 * 1024


def review(number: int, outcome: str, *, held: str | None = None) -> dict[str, Json]:
    who: dict[str, Json] = {"action": "x", "by": "ann", "at": "z", "comment": ""}
    record: dict[str, Json] = {"t": "review", "n": number, "id": f"R{number}", "outcome": outcome, "held": held, **who}
    if outcome == "matched":
        match: dict[str, Json] = {"registration_id": f"R{number}", "judgement": "reviewed"}
        return record | {"supplier": "A", "match": match, "order": {"po_id": number}}
    return record | {"row": {"registration_id": f"R{number}", "codes": ["review-rejected"]}}


@pytest.mark.parametrize(("outcome", "name"), [("matched", "matches.json"), ("unmatched", "unmatched.json")])
def test_what_was_decided_is_no_more_among_those_that_wait(outcome: str, name: str) -> None:
    journal = [commit(0, "review"), commit(1, "review"), review(0, outcome)]
    folded = Folded(*journal, reviewed={0})
    assert [row["registration_id"] for row in folded.parsed("review.json")] == ["R1"]
    assert [row["registration_id"] for row in folded.parsed(name)] == ["R0"]
    counts: Any = folded.projection.counts()
    assert (counts["registrations"], counts["review"], counts[outcome]) == (2, 1, 1)


@pytest.mark.parametrize(("outcome", "used"), [("matched", 2), ("unmatched", 1)])
def test_a_place_that_was_kept_is_used_or_given_back(outcome: str, used: int) -> None:
    kept = commit(0, "review", supplier="A", held=True)
    account = Folded(kept, review(0, outcome, held="A"), reviewed={0}).projection.ledger["A"]
    assert (account.used, account.held) == (used, 0)


def test_a_decision_has_its_line_in_the_audit_and_in_the_log() -> None:
    folded = Folded(commit(0, "review"), review(0, "matched"), reviewed={0})
    assert folded.parsed("audit.jsonl")[-1]["review"] == {"action": "x", "by": "ann", "at": "z", "comment": ""}
    assert folded.parsed("run.log")[-1]["event"] == "reviewed"
