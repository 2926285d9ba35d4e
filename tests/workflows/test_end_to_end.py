from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from igent.errors import InputError, OptionError
from igent.workflows import Control, Pace, Rim, RunResult, make_settings, run_workflow, start
from tests.workflows.checker import check
from tests.workflows.inputs import Inputs
from tests.workflows.runs import (
    AS_OF,
    MN1,
    SAMPLE,
    STABLE,
    Setup,
    bytes_of,
    counts_of,
    needs_mn1,
    registrations,
    rows_of,
    write,
)

CONSTELLATIONS = ["p1m1_p2m2", "p1m1m2c", "p1m1c1_p2m2c2", "p1m1c1m2c2", "p1r_p2r"]
TWO_CRITICS = Setup(constellation="p1m1c1_p2m2c2")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The sample data by the rules; read only."""
    return Setup().run(tmp_path_factory.mktemp("ruled") / "run")


@pytest.fixture(scope="module")
def mocked(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The sample data by the mock; read only."""
    return Setup().run(tmp_path_factory.mktemp("mocked") / "run", model="mock")


def with_rows(folder: Path, rows: Iterable[object], name: str = "registrations.json") -> Inputs:
    return replace(SAMPLE, registrations=write(folder / name, [*rows]))


def violated_and_repaired(audit: list[dict[str, Any]]) -> tuple[int, int]:
    """How many first answers broke a rule, and how many of those were mended by the next one."""
    violated = repaired = 0
    for line in audit:
        for phase in line["phases"]:
            verdicts = [turn["verdict"] for turn in phase.get("turns", []) if turn["speaker"] == "matcher"]
            if verdicts and verdicts[0] == "violated":
                violated += 1
                repaired += verdicts[1] != "violated"
    return violated, repaired


def test_the_main_job_matches_its_five_registrations(out: Path) -> None:
    result = run_workflow("p1m1_p2m2", max_items=5, as_of=AS_OF, out=out)
    assert counts_of(result) == {"registrations": 5, "matched": 5}
    assert check(out, replace(SAMPLE, max_items=5)) == []


def test_rules_leave_every_note_to_a_person(out: Path) -> None:
    result = Setup(constellation="p1m1_p2m2").run(out)
    notes = {row["RegistrationNumber"] for row in registrations() if str(row.get("Notes") or "").strip()}
    matched = {row["registration_id"] for row in rows_of(result, "matches.json")}
    unmatched = {row["registration_id"] for row in rows_of(result, "unmatched.json")}
    review = {row["registration_id"] for row in rows_of(result, "review.json")}
    assert notes & matched == set()
    assert notes - unmatched <= review
    assert check(out, SAMPLE) == []


def test_matches_of_rules_are_all_proven_and_not_simulated(ruled: RunResult) -> None:
    assert {row["judgement"] for row in rows_of(ruled, "matches.json")} == {"proven"}
    assert not any("simulated" in order for order in rows_of(ruled, "pos.json"))


@pytest.mark.parametrize("constellation", CONSTELLATIONS)
def test_every_constellation_gives_a_run_without_findings(out: Path, constellation: str) -> None:
    result = Setup(constellation=constellation).run(out, model="mock")
    assert check(out, SAMPLE) == []
    assert counts_of(result)["matched"] > 60
    assert all(order["simulated"] is True for order in rows_of(result, "pos.json"))


@needs_mn1
@pytest.mark.parametrize("constellation", CONSTELLATIONS)
def test_all_hundred_of_a_real_programme_are_matched(out: Path, constellation: str) -> None:
    result = Setup(constellation=constellation, inputs=MN1).run(out, model="mock")
    assert counts_of(result) == {"registrations": 100, "matched": 100}
    assert check(out, MN1) == []


@pytest.fixture(scope="module")
def at_concurrency(tmp_path_factory: pytest.TempPathFactory) -> list[RunResult]:
    """The same faulty mock at 1, 8 and 64 calls at a time, and at as many as prove possible."""
    folder = tmp_path_factory.mktemp("concurrency")
    return [
        Setup().run(folder / str(n), pace=Pace(concurrency=n), model="mock", mock_latency="haiku", mock_errors=0.2)
        for n in (1, 8, 64, None)
    ]


def test_outcomes_are_the_same_bytes_at_any_concurrency(at_concurrency: list[RunResult]) -> None:
    one, eight, many, found = (bytes_of(result.directory, STABLE) for result in at_concurrency)
    assert one == eight == many == found


def test_the_audit_is_the_same_bytes_at_any_concurrency(at_concurrency: list[RunResult]) -> None:
    one, eight, many, found = ((result.directory / "audit.jsonl").read_bytes() for result in at_concurrency)
    assert one == eight == many == found


def test_a_reply_that_was_cut_off_is_read_for_no_answer(at_concurrency: list[RunResult]) -> None:
    lines = rows_of(at_concurrency[0], "audit.jsonl")
    spoken = [(line["registration_id"], reply) for line in lines for reply in line["replies"]]
    cut_off = {one for one, reply in spoken if reply["unusable"] == "max_tokens" and reply["agent"] != "critic"}
    review = {row["registration_id"]: row["codes"] for row in rows_of(at_concurrency[0], "review.json")}
    told = {one for one, codes in review.items() if codes == ["reply-cut-off"]}
    assert len(told) > 5
    assert told <= cut_off <= review.keys()


def test_most_broken_answers_are_repaired_and_none_gets_through(out: Path) -> None:
    result = TWO_CRITICS.run(out, model="mock", mock_errors=0.3)
    violated, repaired = violated_and_repaired(rows_of(result, "audit.jsonl"))
    assert violated > 20
    assert repaired > violated / 2
    assert check(out, SAMPLE) == []


def test_a_seed_decides_which_answers_are_broken(tmp_path: Path) -> None:
    runs = [Setup().run(tmp_path / str(n), model="mock", mock_errors=0.3, seed=n // 2, max_items=30) for n in range(4)]
    audits = [(run.directory / "review.json").read_bytes() for run in runs]
    assert audits[0] == audits[1] != audits[2] == audits[3]


def test_a_critic_is_skipped_where_rules_have_proven_the_answer(tmp_path: Path) -> None:
    always = TWO_CRITICS.run(tmp_path / "always", model="mock", critic="always")
    unproven = TWO_CRITICS.run(tmp_path / "unproven", model="mock", critic="when-unproven")
    calls: list[Any] = [always.summary["calls"], unproven.summary["calls"]]
    assert (calls[0]["critic_skipped"], calls[1]["critic_skipped"] > 50) == (0, True)
    assert calls[0]["critic"] == calls[1]["critic"] + calls[1]["critic_skipped"]
    assert bytes_of(always.directory) == bytes_of(unproven.directory)


def test_a_critic_that_is_never_asked_makes_no_calls(out: Path) -> None:
    calls: Any = TWO_CRITICS.run(out, model="mock", critic="never").summary["calls"]
    assert calls["critic"] == 0


@pytest.mark.parametrize("switch", ["parallel_phases", "early_json", "context_filter", "critic_skip"])
def test_no_optimization_changes_an_outcome(tmp_path: Path, switch: str) -> None:
    found = []
    for value in (True, False):
        out = tmp_path / str(value)
        TWO_CRITICS.run(out, model="mock", mock_latency="haiku", max_items=40, switches={switch: value})
        found.append(bytes_of(out))
    assert found[0] == found[1]


def test_capacity_is_in_no_prompt(tmp_path: Path, ruled: RunResult) -> None:
    document = json.loads(SAMPLE.offers.read_text())
    for supplier in document["SupplierOffers"]:
        supplier |= {"Capacity": 3, "Used": 1}
    tight = replace(SAMPLE, offers=write(tmp_path / "offers.json", document))
    runs = [ruled, Setup(inputs=tight).run(tmp_path / "tight")]
    wide, narrow = (
        [[(reply["agent"], reply["request"]) for reply in line["replies"]] for line in rows_of(run, "audit.jsonl")]
        for run in runs
    )
    assert counts_of(runs[0]) != counts_of(runs[1])
    assert wide == narrow


def test_a_suppliers_cheapest_bundle_wins_wherever_it_stands(tmp_path: Path, out: Path) -> None:
    document = json.loads(SAMPLE.offers.read_text())
    for supplier in document["SupplierOffers"]:
        supplier["Offers"].reverse()
    reversed_offers = replace(SAMPLE, offers=write(tmp_path / "offers.json", document))
    Setup(inputs=reversed_offers).run(out)
    assert check(out, reversed_offers) == []


def test_reviews_can_keep_their_places(out: Path) -> None:
    held = replace(SAMPLE, hold_reviews=True)
    result = Setup(inputs=held).run(out)
    accounts = rows_of(result, "capacity.json")
    assert sum(one.get("held", 0) for one in accounts) > 0
    used = sum(one["used"] - one["used_before"] - one.get("held", 0) for one in accounts)
    assert used == counts_of(result)["matched"]
    assert check(out, held) == []


def test_reviews_hold_no_places_unless_asked(ruled: RunResult) -> None:
    used = sum(one["used"] - one["used_before"] for one in rows_of(ruled, "capacity.json"))
    assert used == counts_of(ruled)["matched"]


def test_strict_judgement_sends_the_plausible_to_review(out: Path, mocked: RunResult) -> None:
    strict = Setup().run(out, model="mock", strict_judgement=True)
    plausible = {m["registration_id"] for m in rows_of(mocked, "matches.json") if m["judgement"] == "plausible"}
    sent = {r["registration_id"] for r in rows_of(strict, "review.json") if r["codes"] == ["judgement-plausible"]}
    assert plausible
    assert plausible == sent
    assert check(out, SAMPLE) == []


def test_a_plausible_match_quotes_the_note_it_relies_on(mocked: RunResult) -> None:
    reasons = {row["registration_id"]: row["reason"] for row in rows_of(mocked, "matches.json")}
    assert "lowest price" in reasons["SPUS10008"]


def test_capacity_goes_on_from_an_earlier_run(tmp_path: Path) -> None:
    first = Setup(inputs=replace(SAMPLE, max_items=50)).run(tmp_path / "first")
    rest = with_rows(tmp_path, registrations()[50:])
    second = replace(rest, capacity=first.directory / "capacity.json")
    result = Setup(inputs=second).run(tmp_path / "second")
    ended, begun = rows_of(first, "capacity.json"), rows_of(result, "capacity.json")
    assert [one["used"] for one in ended] == [one["used_before"] for one in begun]
    assert check(result.directory, second) == []


def test_two_runs_in_a_row_give_what_one_would(tmp_path: Path, ruled: RunResult) -> None:
    first = Setup(inputs=replace(SAMPLE, max_items=50)).run(tmp_path / "first")
    rest = replace(with_rows(tmp_path, registrations()[50:]), capacity=first.directory / "capacity.json")
    second = Setup(inputs=rest).run(tmp_path / "second")
    assert rows_of(ruled, "matches.json") == rows_of(first, "matches.json") + rows_of(second, "matches.json")


def test_every_row_of_a_repeated_id_is_rejected(tmp_path: Path, out: Path) -> None:
    rows = registrations()[:6]
    inputs = with_rows(tmp_path, [*rows, rows[0] | {"Contact_Zip": "52902"}, rows[0]])
    result = Setup(inputs=inputs).run(out)
    assert [row["row"] for row in rows_of(result, "rejects.json")] == [0, 6, 7]
    assert counts_of(result) == {"registrations": 8, "matched": 5, "rejected": 3}
    assert check(out, inputs) == []


def test_a_bad_row_is_rejected_by_file_row_and_field_and_the_run_goes_on(tmp_path: Path, out: Path) -> None:
    rows = registrations()[:5]
    bad = [{**rows[1], "Contact_Zip": None}, {**rows[2], "Proposal_OptimalAmountOfPanels": "many"}, 7]
    inputs = with_rows(tmp_path, [rows[0], *bad, rows[4]])
    result = Setup(inputs=inputs).run(out)
    places = [(row["file"], row["row"], row["field"]) for row in rows_of(result, "rejects.json")]
    name = "registrations.json"
    assert places == [(name, 1, "Contact_Zip"), (name, 2, "Proposal_OptimalAmountOfPanels"), (name, 3, "")]
    assert counts_of(result) == {"registrations": 5, "matched": 2, "rejected": 3}
    assert check(out, inputs) == []


@pytest.mark.parametrize("role", ["offers", "incentives", "registrations", "capacity"])
@pytest.mark.parametrize("content", ["", "[", "7", "[7]", None])
def test_a_bad_file_stops_the_run_before_anything_is_written(
    tmp_path: Path, out: Path, role: str, content: str | None
) -> None:
    path = tmp_path / f"{role}-bad.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=f"{role}-bad.json") as caught:
        Setup(inputs=replace(SAMPLE, **{role: path})).run(out)  # type: ignore[arg-type]
    assert caught.value.remedy
    assert not out.exists()


@pytest.mark.parametrize("field", ["SupplierID", "Capacity", "ServiceAreas", "Offers"])
def test_a_bad_offer_is_named_with_its_place(tmp_path: Path, out: Path, field: str) -> None:
    document = json.loads(SAMPLE.offers.read_text())
    del document["SupplierOffers"][2][field]
    inputs = replace(SAMPLE, offers=write(tmp_path / "offers.json", document))
    with pytest.raises(InputError, match=rf"/SupplierOffers/2.*{field}"):
        Setup(inputs=inputs).run(out)
    assert not out.exists()


def test_json_lines_give_the_same_outcomes_as_an_array(tmp_path: Path, out: Path, ruled: RunResult) -> None:
    lines = with_rows(tmp_path, registrations(), "registrations.jsonl")
    result = Setup(inputs=lines).run(out)
    same = ("matches.json", "pos.json", "capacity.json")
    assert bytes_of(out, same) == bytes_of(ruled.directory, same)
    assert counts_of(result) == counts_of(ruled)
    assert check(out, lines) == []


def test_a_line_that_is_no_json_is_that_rows_rejection(tmp_path: Path, out: Path) -> None:
    lines = [json.dumps(row) for row in registrations()[:3]]
    (tmp_path / "r.jsonl").write_text("\n".join([lines[0], "{broken", lines[2]]))
    inputs = replace(SAMPLE, registrations=tmp_path / "r.jsonl")
    result = Setup(inputs=inputs).run(out)
    assert counts_of(result) == {"registrations": 3, "matched": 2, "rejected": 1}
    assert check(out, inputs) == []


def test_no_more_than_max_items_are_read(out: Path) -> None:
    inputs = replace(SAMPLE, max_items=7)
    assert counts_of(Setup(inputs=inputs).run(out))["registrations"] == 7
    assert check(out, inputs) == []


def test_an_empty_list_of_registrations_is_a_complete_run(tmp_path: Path, out: Path) -> None:
    result = Setup(inputs=with_rows(tmp_path, [])).run(out)
    assert (counts_of(result), result.stopped) == ({}, None)


def test_unknown_fields_are_ignored_and_listed_once(tmp_path: Path, out: Path) -> None:
    inputs = with_rows(tmp_path, [row | {"Shoe_Size": 44} for row in registrations()[:3]])
    result = Setup(inputs=inputs).run(out)
    assert result.summary["unknown_fields"] == ["Shoe_Size"]
    assert counts_of(result)["matched"] == 3


def test_a_call_past_its_deadline_is_that_registrations_failure(out: Path) -> None:
    async def never(_seconds: float) -> None:
        await asyncio.Event().wait()

    setup = Setup(rim=Rim(sleep=never))
    result = setup.run(out, pace=Pace(call_deadline_s=0.01), model="mock", mock_latency="haiku", max_items=3)
    assert (counts_of(result), result.stopped) == ({"registrations": 3, "failed": 3}, None)
    assert {tuple(row["codes"]) for row in rows_of(result, "failed.json")} == {("model-timeout",)}
    assert check(out, replace(SAMPLE, max_items=3)) == []


def test_a_directory_that_holds_a_run_is_left_alone(out: Path) -> None:
    Setup().run(out, max_items=2)
    before = bytes_of(out)
    with pytest.raises(OptionError, match="holds a run already"):
        Setup().run(out, max_items=3)
    assert bytes_of(out) == before


def test_the_log_names_no_household_that_did_not_fail(mocked: RunResult) -> None:
    log = (mocked.directory / "run.log").read_text()
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert [one for one in events if one != "warning"] == ["started", "finished"]  # a busy machine is warned of
    assert "SPUS" not in log


def test_an_input_that_changes_under_a_run_stops_it(out: Path, tmp_path: Path) -> None:
    # More than are read in one piece and more than are admitted at a time: the file is read while the run goes on.
    rows = [
        row | {"RegistrationNumber": f"R{n}", "Product_HomeSize": "x" * 2_000}
        for n in range(40)
        for row in registrations()
    ]
    rows = [row | {"RegistrationNumber": f"R{n}"} for n, row in enumerate(rows)]
    inputs = with_rows(tmp_path, rows, "registrations.jsonl")
    size = inputs.registrations.stat().st_size

    def shrink(counts: dict[str, Any], _total: int) -> None:
        if counts["registrations"] and inputs.registrations.stat().st_size == size:
            os.truncate(inputs.registrations, size // 2)

    control = Control(progress=shrink)
    settings = make_settings("p1r_p2r", {"registrations": inputs.registrations, "offers": inputs.offers}, as_of=AS_OF)
    result = asyncio.run(start(settings, Pace(), out, control=control, rim=Rim()))
    # Which byte depends on how far it was read ahead when the first were through.
    assert re.search(r"registrations\.jsonl, byte [1-9][0-9]*: changed while it was read", str(result.stopped))
    assert counts_of(result)["registrations"] < len(rows)
    with pytest.raises(OptionError, match="have changed: registrations"):
        Setup(inputs=inputs).resume(out)


def test_a_households_words_are_in_no_file_that_others_read(out: Path, tmp_path: Path) -> None:
    canary = {
        "Notes": "CANARY please",
        "CampaignName": "Spring",
        "Contact_Name": "CANARY",
        "Product_HomeSize": ["CANARY"],
    }
    rows = [
        registrations()[0] | canary,
        registrations()[1] | {"Product_AmountOfPanels": "CANARY", "Product_KnowsAmountOfPanels": 1},
    ]
    Setup(inputs=with_rows(tmp_path, rows)).run(out, model="mock")
    assert {path.name for path in out.iterdir() if b"CANARY" in path.read_bytes()} == set()
