from __future__ import annotations

from typing import Any

from igent.story.changes import MAX_LISTED, changes_lines, passes_lines


def told(**more: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = {"why": {}, "registrations": [], "superseded": [], "cancelled": [], "removed": []}
    return {"run": "runs/one", "reallocate": False, "skipped": 3, "rerun": 0, **nothing, **more}


def order(name: str, before: str, after: str) -> dict[str, str]:
    return {"registration_id": name, "po_id": "PO-2", "supersedes": "PO-1", "from": before, "to": after}


def test_a_run_that_stands_alone_has_nothing_to_tell() -> None:
    assert changes_lines(None) == []


def test_what_was_skipped_is_told_where_nothing_has_changed() -> None:
    assert changes_lines(told()) == [
        "since     runs/one",
        "          3 skipped, 0 judged again",
        "orders    0 superseded, 0 of them moved; 0 cancelled",
    ]


def test_each_change_has_its_line() -> None:
    decision = {"action": "accept", "by": "ann"}
    lost = {"registration_id": "E", "po_id": "PO-3", "supplier_id": "S", "outcome": "review", "codes": ["place-lost"]}
    record = told(
        rerun=2,
        why={"offers": 1, "record": 1},
        registrations=[
            {"registration_id": "A", "why": ["record"]},
            {"registration_id": "B", "why": ["offers", "prompts"], "decision": decision},
        ],
        superseded=[order("C", "S", "T"), order("D", "S", "S")],
        cancelled=[lost, lost | {"registration_id": "F\x1b", "outcome": "removed", "codes": ["removed"]}],
    )
    assert changes_lines(record)[1:] == [
        "          3 skipped, 2 judged again (1 offers, 1 record)",
        "orders    2 superseded, 1 of them moved; 2 cancelled",
        "  A: record",
        "  B: offers, prompts; ann had decided it: accept",
        "  C: S -> T (PO-2 supersedes PO-1)",
        "  D: another order (PO-2 supersedes PO-1)",
        "  E: cancelled, review: place-lost (PO-3, S)",
        "  F\\x1b: cancelled, removed (PO-3, S)",
    ]


def test_many_are_counted_but_who_moves_is_always_listed() -> None:
    many = MAX_LISTED + 5
    registrations = [{"registration_id": f"R{n}", "why": ["prompts"]} for n in range(many)]
    superseded = [order(f"R{n}", "S", "T") for n in range(many)]
    lines = changes_lines(told(registrations=registrations, superseded=superseded))
    assert sum(line.endswith(": prompts") for line in lines) == MAX_LISTED
    assert "  and 5 more, in run.json" in lines
    assert sum("S -> T" in line for line in lines) == many


def test_a_pass_has_a_line_and_tells_what_is_left_of_it() -> None:
    whole: Any = {"pass": 2, "registrations": 3, "before": {"failed": 3}, "after": {"matched": 2, "review": 1}}
    part: Any = {"pass": 3, "registrations": 3, "before": {"review": 1}, "after": {"matched": 1}}
    assert passes_lines([whole, part]) == [
        "pass 2    3 failed -> 2 matched, 1 review",
        "pass 3    1 review -> 1 matched; 2 left",
    ]
    assert passes_lines(None) == []
