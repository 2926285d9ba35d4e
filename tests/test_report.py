from __future__ import annotations

from igent.domain.records import Json
from igent.report import Listing, closing, progress_line

MATCH: dict[str, Json] = {
    "registration_id": "R1",
    "supplier_id": "Sunny",
    "judgement": "proven",
    "reason": "least used share of 2 with room: 0 of 8",
}
ORDER: dict[str, Json] = {
    "registration_id": "R1",
    "currency": "USD",
    "amount_due": "9500.00",
    "lines": [{"quantity": 12, "product_name": "Panel 400"}, {"quantity": 1, "product_name": "Battery 10"}],
}
OTHER: dict[str, Json] = {"registration_id": "R2", "codes": ["undecided", "vetoed"]}


def summary(**changed: Json) -> dict[str, Json]:
    return {
        "constellation": "p1m1m2c",
        "model": "rules",
        "stopped": None,
        "counts": {"registrations": 2, "matched": 1, "unmatched": 0, "review": 1, "failed": 0, "rejected": 0},
        "judgements": {"proven": 1, "plausible": 0},
        "calls": {"matcher": 4, "critic": 1, "critic_skipped": 2, "cache_hits": 0, "retries": 0},
        "critic": None,
        "usage": {"estimated": False},
        "cost_usd": "0.000000",
        "unpriced_models": [],
        "unsettled": {"calls": 0, "at_most_usd": "0.000000"},
        "savings": {"prompt_cache": {"usd": "0.000000", "estimated": False}, "early_stop": {"usd": None}},
        "timing": {"p50_seconds": 1.25, "p95_seconds": 2.5, "wall_seconds": 3.0},
        "capacity": [account("Sunny", 8, before=2, used=4)],
        **changed,
    }


def account(name: str, capacity: int, *, before: int, used: int) -> dict[str, Json]:
    return {"supplier_id": name, "capacity": capacity, "used_before": before, "used": used}


def lines_of(found: dict[str, Json], rows: Listing | None = None) -> list[str]:
    return closing(found, rows or Listing()).splitlines()


def test_the_title_says_what_ran_on_what_and_how_long() -> None:
    assert lines_of(summary())[0] == "p1m1m2c on rules: 2 registrations in 3.00 s"


def test_a_stopped_run_says_why_in_its_title() -> None:
    assert lines_of(summary(stopped="interrupted"))[0].endswith("(stopped: interrupted)")


def test_a_match_is_listed_with_its_supplier_lines_amount_and_reason() -> None:
    (row,) = [line for line in lines_of(summary(), Listing(matches=[MATCH], orders=[ORDER])) if "R1" in line]
    for part in ("Sunny", "12 x Panel 400, 1 x Battery 10", "9500.00 USD", "proven: least used share of 2"):
        assert part in row


def test_what_is_measured_is_listed_with_its_unit() -> None:
    energy = ORDER | {"lines": [{"quantity": 2900, "unit": "kWh", "product_name": "Elec - Single Rate"}]}
    assert "2900 kWh Elec - Single Rate" in closing(summary(), Listing(matches=[MATCH], orders=[energy]))


def test_a_registration_without_a_match_is_listed_with_its_codes() -> None:
    (row,) = [line for line in lines_of(summary(), Listing(others=[OTHER])) if "R2" in line]
    assert row.endswith("undecided, vetoed")


def test_a_large_run_is_counted_and_not_listed() -> None:
    assert "R1" not in closing(summary(), Listing())


def test_all_five_outcomes_are_counted_also_those_that_did_not_occur() -> None:
    counts = "outcomes  1 matched, 0 unmatched, 1 review, 0 failed, 0 rejected"
    assert counts in lines_of(summary())


def test_skipped_critic_turns_are_told() -> None:
    assert "calls     4 matcher, 1 critic (2 critic turns skipped)" in lines_of(summary())


def test_replies_from_the_cache_are_told() -> None:
    calls: dict[str, Json] = {"matcher": 0, "critic": 0, "critic_skipped": 2, "cache_hits": 5}
    assert "calls     0 matcher, 0 critic (2 critic turns skipped), 5 from the cache" in lines_of(summary(calls=calls))


def critics(vetoes: int, against: dict[str, Json], **more: Json) -> dict[str, Json]:
    turns: dict[str, Json] = {"agreed": 8, "undecided": 0, "unreadable": 0, "vetoed": vetoes}
    told: dict[str, Json] = {"turns": turns, "vetoes": {"no_effect": 1 if vetoes else 0}, "against": against}
    return summary(critic=told | {"seconds": 0.0, "cost_usd": "0.000000", **more})


def test_what_critics_were_worth_is_told_in_one_line() -> None:
    told = critics(5, {"right": 1, "wrong": 3, "unknown": 0}, seconds=3.21, cost_usd="0.012000")
    line = "critics   8 agreed, 5 vetoed: 1 proven (without effect), 1 right, 3 wrong; 3.21 s of calls, $0.0120"
    assert [one for one in lines_of(told) if one.startswith("critics")] == [line]


def test_critics_that_only_agreed_or_were_not_heard_are_told_as_such() -> None:
    nothing: dict[str, Json] = {"right": 0, "wrong": 0, "unknown": 0}
    assert "critics   8 agreed" in lines_of(critics(0, nothing, cost_usd=None))
    silent = critics(0, nothing, turns={"agreed": 0, "undecided": 0, "unreadable": 0, "vetoed": 0})
    assert not [line for one in (summary(), silent) for line in lines_of(one) if line.startswith("critics")]


def test_what_calls_cost_is_told_with_what_was_not_paid() -> None:
    savings: dict[str, Json] = {
        "prompt_cache": {"usd": "0.012000", "estimated": False},
        "response_cache": {"usd": "0.000000", "estimated": False},
        "early_stop": {"usd": None, "estimated": True},
    }
    told = summary(cost_usd="1.234560", savings=savings)
    assert "cost      $1.23; saved by prompt cache $0.0120" in lines_of(told)
    assert any(line.startswith("cost      about $1.23;") for line in lines_of(told | {"usage": {"estimated": True}}))


def test_calls_that_a_kill_left_open_are_told_with_what_they_may_have_cost() -> None:
    told = summary(cost_usd="1.000000", unsettled={"calls": 3, "at_most_usd": "0.012000"})
    assert "          and at most $0.0120 for 3 calls that were killed" in lines_of(told)


def test_a_cost_that_is_not_known_is_not_told_as_nothing() -> None:
    told = summary(cost_usd=None, unpriced_models=["unheard-of"])
    assert "cost      not known: no price for unheard-of" in lines_of(told)


def test_nothing_is_told_of_the_cost_of_what_is_free() -> None:
    assert not [line for line in lines_of(summary()) if line.startswith("cost")]


def test_latency_is_told_only_where_there_were_calls() -> None:
    assert "latency   1.25 s at p50, 2.50 s at p95 per registration" in lines_of(summary())
    silent: dict[str, Json] = {"p50_seconds": None, "p95_seconds": None, "wall_seconds": 0.1}
    assert "latency" not in closing(summary(timing=silent), Listing())


def test_a_suppliers_bar_has_twenty_cells_old_places_lighter() -> None:
    (row,) = [line for line in lines_of(summary()) if "Sunny" in line]
    assert row.split() == ["Sunny", "▒▒▒▒▒█████··········", "4", "of", "8"]


def test_a_supplier_without_capacity_or_over_it_has_a_bar_of_the_same_length() -> None:
    accounts: list[Json] = [account("None", 0, before=0, used=0), account("Over", 2, before=3, used=3)]
    rows = lines_of(summary(capacity=accounts))[-2:]
    assert [row.split()[1] for row in rows] == ["·" * 20, "▒" * 20]


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    accounts: list[Json] = [account("A", 8, before=0, used=1), account("Longer", 8, before=0, used=1)]
    rows = lines_of(summary(capacity=accounts))[-2:]
    assert rows[0].index("█") == rows[1].index("█")


def test_progress_names_only_what_has_occurred() -> None:
    counts: dict[str, Json] = {"matched": 7, "unmatched": 0, "review": 2, "failed": 0, "rejected": 0}
    assert progress_line(counts, 100) == "7 matched, 2 review"
    assert progress_line(dict.fromkeys(counts, 0), 100) == "of 100"
