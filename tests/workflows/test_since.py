"""Runs against an earlier one: what is unchanged costs nothing and keeps its place, the rest says why."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igent.domain.reviews import Choice
from igent.errors import JournalError, ModelUnavailable, OptionError
from igent.store.journal import Recovery
from igent.story.lines import story_lines
from igent.workflows import Pace, Rim, RunResult
from igent.workflows.explain import explain
from igent.workflows.review import Deciding
from tests.workflows.inputs import Inputs
from tests.workflows.runs import (
    OUTCOMES,
    SAMPLE,
    Setup,
    bytes_of,
    counts_of,
    quick,
    records_of,
    registrations,
    review,
    rewritten,
    rows_of,
    write,
)
from tests.workflows.test_together import CAPACITIES, offering, scarce_setup
from tests.workflows.test_verify import audited

FEW = replace(SAMPLE, max_items=30)
UNDECIDED = "SPUS10018"  # in review on the mock, without a proposal
PLAIN = ("SPUS10002", "SPUS10004")  # in review where judgements go to a person, with one


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The earlier run."""
    return Setup(inputs=FEW).run(tmp_path_factory.mktemp("first") / "run", model="mock")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "run"


def since(result: RunResult) -> Any:
    return result.summary["since"]


def calls_of(result: RunResult) -> tuple[int, int]:
    calls: Any = result.summary["calls"]
    return calls["matcher"], calls["critic"]


def why_of(result: RunResult) -> dict[str, list[str]]:
    return {row["registration_id"]: row["why"] for row in since(result)["registrations"]}


def by_id(result: RunResult, name: str) -> dict[str, dict[str, Any]]:
    return {row["registration_id"]: row for row in rows_of(result, name)}


def changed(folder: Path, change: Any) -> Inputs:
    """The first of the sample with something changed."""
    rows = [dict(row) for row in registrations(FEW)]
    change(rows)
    return replace(SAMPLE, registrations=write(folder / "registrations.json", rows))


def offers(folder: Path, change: Any) -> Inputs:
    """The sample with its suppliers changed."""
    document = json.loads(SAMPLE.offers.read_text())
    change(document["SupplierOffers"])
    return replace(FEW, offers=write(folder / "offers.json", document))


def others_stay(before: RunResult, after: RunResult, *but: str) -> bool:
    """Whether all matches and orders are what they were, except of these registrations."""
    kept = [
        {key: row for key, row in by_id(one, name).items() if key not in but}
        for one in (before, after)
        for name in ("matches.json", "pos.json")
    ]
    return kept[:2] == kept[2:]


@pytest.mark.parametrize("reallocate", [False, True])
def test_without_a_change_nothing_is_asked_and_every_byte_stays(
    out: Path, first: RunResult, *, reallocate: bool
) -> None:
    again = Setup(inputs=FEW).run(out, model="mock", since=first.directory, reallocate=reallocate)
    assert (calls_of(again), since(again)["skipped"], since(again)["rerun"]) == ((0, 0), 30, 0)
    assert bytes_of(out) == bytes_of(first.directory)
    usage: Any = again.summary["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], again.summary["critic"]) == (0, 0, None)
    assert audited(out) == ()


@pytest.mark.parametrize("constellation", ["p1m1_p2m2", "p1m1c1_p2m2c2", "p1m1c1m2c2", "p1r_p2r"])
def test_so_it_is_with_every_constellation(tmp_path: Path, constellation: str) -> None:
    setup = Setup(inputs=replace(SAMPLE, max_items=10), constellation=constellation)
    options: Any = {"model": "mock", "mock_errors": 0.1, "switches": {"context_filter": False}}
    before = setup.run(tmp_path / "before", **options)
    again = setup.run(tmp_path / "again", since=before.directory, **options)
    assert (calls_of(again), why_of(again)) == ((0, 0), {})
    assert bytes_of(again.directory) == bytes_of(before.directory)


def test_so_it_is_with_another_market_where_a_rate_concerns_its_region(tmp_path: Path) -> None:
    root = Path(__file__).parents[2] / "data/enuk"
    inputs = Inputs(registrations=root / "registrations.json", offers=root / "offers.json", max_items=20)
    before = Setup(inputs=inputs).run(tmp_path / "before", market="enuk", model="mock")
    same = Setup(inputs=inputs).run(tmp_path / "same", market="enuk", model="mock", since=before.directory)
    assert (calls_of(same), bytes_of(same.directory)) == ((0, 0), bytes_of(before.directory))
    text = inputs.offers.read_text()
    document = json.loads(text)
    row = document["SupplierOffers"][0]["Offers"][0]["ProductPrices"][0]
    row["FixedFee"] = row["FixedFee"] * 1.5
    dearer = replace(inputs, offers=write(tmp_path / "offers.json", document))
    again = Setup(inputs=dearer).run(tmp_path / "again", market="enuk", model="mock", since=before.directory)
    lines = by_id(before, "audit.jsonl")
    having = [name for name, line in lines.items() if "#/SupplierOffers/0/Offers/0" in json.dumps(line["candidates"])]
    assert {*why_of(again)} <= {*having}
    with pytest.raises(OptionError, match="market 'enuk'"):
        Setup(inputs=FEW).run(tmp_path / "other", model="mock", since=before.directory)


def test_a_run_against_a_run_against_a_run_stays_the_same_without_the_earlier_ones(
    tmp_path: Path, out: Path, first: RunResult
) -> None:
    setup = Setup(inputs=FEW)
    second = setup.run(tmp_path / "second", model="mock", since=first.directory)
    third = setup.run(tmp_path / "third", model="mock", since=second.directory)
    shutil.rmtree(second.directory)
    fourth = setup.run(out, model="mock", since=third.directory)
    assert (calls_of(third), calls_of(fourth)) == ((0, 0), (0, 0))
    assert bytes_of(fourth.directory) == bytes_of(first.directory)


@pytest.mark.parametrize("row", [0, 3, 7, 17])
def test_one_changed_registration_is_asked_about_alone(tmp_path: Path, out: Path, first: RunResult, row: int) -> None:
    inputs = changed(tmp_path, lambda rows: rows[row].update(Proposal_OptimalAmountOfPanels=11))
    name = registrations()[row]["RegistrationNumber"]
    again = Setup(inputs=inputs).run(out, model="mock", since=first.directory)
    assert why_of(again).keys() <= {name}
    assert since(again)["skipped"] + since(again)["rerun"] == 30
    assert {reply["request"] for line in rows_of(again, "audit.jsonl") for reply in line["replies"]} - {
        reply["request"] for line in rows_of(first, "audit.jsonl") for reply in line["replies"]
    } <= {reply["request"] for reply in by_id(again, "audit.jsonl")[name]["replies"]}
    assert sum(calls_of(again)) <= len(by_id(again, "audit.jsonl")[name]["replies"])
    assert others_stay(first, again, name)
    assert audited(out, inputs) == ()


rows_of_few = st.frozensets(st.integers(0, 29), max_size=6)


@settings(max_examples=4, deadline=None)
@given(touched=rows_of_few, noted=rows_of_few, gone=rows_of_few)
def test_whatever_changes_only_that_is_asked_about_and_all_anew_is_as_afresh(
    first: RunResult, touched: frozenset[int], noted: frozenset[int], gone: frozenset[int]
) -> None:
    def change(rows: list[Any]) -> None:
        for row in touched:
            rows[row]["Proposal_OptimalAmountOfPanels"] = int(rows[row]["Proposal_OptimalAmountOfPanels"] or 0) + 1
        for row in noted:
            rows[row]["Notes"] = "No loan please, and an American make."
        for row in sorted(gone, reverse=True):
            del rows[row]

    names = [row["RegistrationNumber"] for row in registrations(FEW)]
    with TemporaryDirectory() as folder:
        setup = Setup(inputs=changed(Path(folder), change))
        again = setup.run(Path(folder) / "again", model="mock", since=first.directory)
        anew = setup.run(Path(folder) / "anew", model="mock", since=first.directory, reallocate=True)
        fresh = setup.run(Path(folder) / "fresh", model="mock")
        assert {*why_of(again)} <= {names[row] for row in (touched | noted) - gone}
        assert {*since(again)["removed"]} == {names[row] for row in gone}
        assert others_stay(first, again, *(names[row] for row in touched | noted | gone))
        assert audited(again.directory, setup.inputs) == ()
        assert calls_of(anew) == calls_of(again)
        assert bytes_of(anew.directory, ["matches.json"]) == bytes_of(fresh.directory, ["matches.json"])


def test_what_igent_does_not_read_of_a_registration_changes_nothing(
    tmp_path: Path, out: Path, first: RunResult
) -> None:
    inputs = changed(tmp_path, lambda rows: rows[3].update(Telephone="0800"))
    assert why_of(Setup(inputs=inputs).run(out, model="mock", since=first.directory)) == {}


def test_a_new_registration_comes_behind_all_that_keep_their_places(
    tmp_path: Path, out: Path, first: RunResult
) -> None:
    def put_in_front(rows: list[Any]) -> None:
        rows.insert(0, {key: value for key, value in rows[0].items() if key != "Notes"} | {"RegistrationNumber": "NEW"})

    inputs = changed(tmp_path, put_in_front)
    again = Setup(inputs=inputs).run(out, model="mock", since=first.directory)
    assert why_of(again) == {"NEW": ["new"]}
    assert since(again)["superseded"] == since(again)["cancelled"] == []
    assert others_stay(first, again, "NEW")
    assert audited(out, inputs) == ()
    # A fresh run would have served it first, and somebody else would have gone without.
    fresh = Setup(inputs=inputs).run(tmp_path / "fresh", model="mock")
    assert not others_stay(first, fresh, "NEW")


def test_a_changed_offer_concerns_those_who_could_have_it_and_nobody_else(
    tmp_path: Path, out: Path, first: RunResult
) -> None:
    def dearer(suppliers: list[Any]) -> None:
        for offer in suppliers[2]["Offers"]:
            for price in offer["ProductPrices"]:
                price["CashPrice"] += 1
                price["LMICashPrice"] += 1

    inputs = offers(tmp_path, dearer)
    again = Setup(inputs=inputs).run(out, model="mock", since=first.directory)
    lines = rows_of(first, "audit.jsonl")
    having = {
        line["registration_id"]
        for line in lines
        if any(offer["supplier_id"] == "Tamarrow Energy" for offer in line["candidates"])
    }
    assert 0 < len(having) < 30
    assert why_of(again) == {name: ["offers"] for name in having}
    assert others_stay(first, again, *having)
    assert audited(out, inputs) == ()


def test_a_supplier_in_another_place_of_the_file_keeps_every_order_and_moves_its_pointers(
    tmp_path: Path, out: Path, first: RunResult
) -> None:
    def elsewhere(suppliers: list[Any]) -> None:
        suppliers.insert(0, {**suppliers[0], "SupplierID": "Nowhere", "ServiceAreas": ["00001"]})

    inputs = offers(tmp_path, elsewhere)
    again = Setup(inputs=inputs).run(out, model="mock", since=first.directory)
    orders, before = by_id(again, "pos.json"), by_id(first, "pos.json")
    assert (why_of(again), since(again)["superseded"]) == ({}, [])
    assert [order["po_id"] for order in orders.values()] == [order["po_id"] for order in before.values()]
    assert orders != before
    assert audited(out, inputs) == ()


def test_places_that_are_added_or_taken_are_no_change_of_an_offer(tmp_path: Path, out: Path, first: RunResult) -> None:
    inputs = offers(tmp_path, lambda suppliers: suppliers[4].update(Capacity=500))
    again = Setup(inputs=inputs).run(out, model="mock", since=first.directory)
    assert (why_of(again), calls_of(again)) == ({}, (0, 0))
    assert others_stay(first, again)


def test_an_incentive_concerns_those_that_it_is_for(tmp_path: Path, out: Path, first: RunResult) -> None:
    document = json.loads(SAMPLE.incentives.read_text())  # type: ignore[union-attr]
    document["incentives"][0]["end_date"] = "2026-02-01"
    inputs = replace(FEW, incentives=write(tmp_path / "incentives.json", document))
    again = Setup(inputs=inputs).run(out, model="mock", since=first.directory)
    granted = {order["registration_id"] for order in rows_of(first, "pos.json") if has(order, "TR-1")}
    assert granted <= why_of(again).keys()
    assert {reason for why in why_of(again).values() for reason in why} == {"incentives"}
    assert not any(has(order, "TR-1") for order in rows_of(again, "pos.json"))
    assert audited(out, inputs) == ()


def has(order: dict[str, Any], incentive_id: str) -> bool:
    return any(one["id"] == incentive_id for one in order["incentives"])


def test_an_incentive_that_has_expired_meanwhile_is_told_as_the_days_doing(out: Path, first: RunResult) -> None:
    later = date(2030, 1, 1)
    again = Setup(inputs=FEW, as_of=later).run(out, model="mock", since=first.directory)
    assert {reason for why in why_of(again).values() for reason in why} == {"as-of"}
    expired = {order["registration_id"] for order in rows_of(first, "pos.json") if has(order, "TR-1")}
    assert expired
    assert expired <= why_of(again).keys()
    assert audited(out, as_of=later) == ()


def test_another_model_or_seed_concerns_everybody(out: Path, first: RunResult) -> None:
    again = Setup(inputs=FEW).run(out, model="mock", seed=1, since=first.directory)
    assert (since(again)["why"], since(again)["skipped"]) == ({"model": 30}, 0)
    assert calls_of(again) == calls_of(first)


def test_another_constellation_concerns_everybody_and_allocates_like_a_fresh_run(
    tmp_path: Path, out: Path, first: RunResult
) -> None:
    setup = Setup(inputs=FEW, constellation="p1m1_p2m2")
    again = setup.run(out, model="mock", since=first.directory)
    fresh = setup.run(tmp_path / "fresh", model="mock")
    assert {"constellation"} <= since(again)["why"].keys() <= {"constellation", "prompts"}
    assert (calls_of(again), counts_of(again)) == (calls_of(fresh), counts_of(fresh))
    assert bytes_of(out, ["matches.json"]) == bytes_of(fresh.directory, ["matches.json"])


def test_a_changed_prompt_concerns_everybody(tmp_path: Path, out: Path) -> None:
    root, prompt = Path(__file__).parents[2], tmp_path / "own.md"
    text = (root / "constellations/p1m1m2c.yaml").read_text()
    (tmp_path / "own.yaml").write_text(text.replace("prompt: matcher\n", "prompt: own.md\n", 1))
    prompt.write_text((root / "igent/markets/sbus/prompts/matcher.md").read_text())
    setup = Setup(inputs=replace(SAMPLE, max_items=12), constellation=str(tmp_path / "own.yaml"))
    before = setup.run(tmp_path / "before", model="mock")
    prompt.write_text(prompt.read_text() + "Be brief.\n")
    again = setup.run(out, model="mock", since=before.directory)
    assert since(again)["why"] == {"prompts": 12}
    assert calls_of(again) == calls_of(before)


@dataclass
class Blip:
    """A provider that is out of reach for a while: too short for an outage, too long for one registration."""

    waits: int = field(default=0)

    async def sleep(self, seconds: float) -> None:
        self.waits += 1
        if 20 < self.waits < 40:
            raise ModelUnavailable("mock", "out of reach")
        await quick.sleep(seconds)


def test_what_has_failed_is_judged_again(tmp_path: Path, out: Path) -> None:
    setup = Setup(inputs=replace(SAMPLE, max_items=12))
    blip = replace(setup, rim=Rim(sleep=Blip().sleep))
    before = blip.run(tmp_path / "before", pace=Pace(concurrency=1), model="mock", mock_latency="haiku")
    again = setup.run(out, model="mock", since=before.directory)
    failed = by_id(before, "failed.json").keys()
    assert 0 < len(failed) < 10
    assert why_of(again) == {name: ["failed"] for name in failed}
    assert counts_of(again) == counts_of(setup.run(tmp_path / "fresh", model="mock"))


def test_a_registration_that_is_gone_or_withdrawn_has_its_order_cancelled(
    tmp_path: Path, out: Path, first: RunResult
) -> None:
    gone, withdrawn = [row["registration_id"] for row in rows_of(first, "matches.json")][3:5]

    def change(rows: list[Any]) -> None:
        rows[:] = [row for row in rows if row["RegistrationNumber"] != gone]
        next(row for row in rows if row["RegistrationNumber"] == withdrawn).update(RegistrationStatus="Cancelled")

    again = Setup(inputs=changed(tmp_path, change)).run(out, model="mock", since=first.directory)
    before = by_id(first, "pos.json")
    assert [(one["registration_id"], one["po_id"], one["outcome"]) for one in since(again)["cancelled"]] == [
        (withdrawn, before[withdrawn]["po_id"], "unmatched"),
        (gone, before[gone]["po_id"], "removed"),
    ]
    assert since(again)["removed"] == [gone]
    assert others_stay(first, again, gone, withdrawn)


def test_an_order_names_the_one_that_it_supersedes_for_good(tmp_path: Path, out: Path, first: RunResult) -> None:
    name = next(row["registration_id"] for row in rows_of(first, "matches.json") if row["judgement"] == "proven")

    def more(rows: list[Any]) -> None:
        row = next(row for row in rows if row["RegistrationNumber"] == name)
        row["Proposal_OptimalAmountOfPanels"] = 16 if row["Proposal_OptimalAmountOfPanels"] == 15 else 15

    inputs = changed(tmp_path, more)
    second = Setup(inputs=inputs).run(tmp_path / "second", model="mock", since=first.directory)
    order, before = by_id(second, "pos.json")[name], by_id(first, "pos.json")[name]
    assert order["supersedes"] == before["po_id"] != order["po_id"]
    assert since(second)["superseded"] == [
        {
            "registration_id": name,
            "po_id": order["po_id"],
            "supersedes": before["po_id"],
            "from": before["supplier_id"],
            "to": order["supplier_id"],
        }
    ]
    third = Setup(inputs=inputs).run(out, model="mock", since=second.directory)
    assert (by_id(third, "pos.json")[name], since(third)["superseded"]) == (order, [])


def test_who_no_longer_fits_goes_to_a_person_by_name(tmp_path: Path, out: Path, first: RunResult) -> None:
    inputs = offers(tmp_path, lambda suppliers: suppliers[4].update(Capacity=1))
    again = Setup(inputs=inputs).run(out, model="mock", since=first.directory)
    there = [row["registration_id"] for row in rows_of(first, "matches.json") if "Nine Oaks" in row["supplier_id"]]
    lost = {name: row for name, row in by_id(again, "review.json").items() if row["codes"] == ["place-lost"]}
    assert [*lost] == there[1:]
    assert {one["registration_id"] for one in since(again)["cancelled"]} == {*lost}
    assert calls_of(again) == (0, 0)
    assert others_stay(first, again, *lost)
    assert audited(out, inputs) == ()


def test_a_person_who_takes_the_proposal_has_the_lost_order_superseded(
    tmp_path: Path, out: Path, first: RunResult
) -> None:
    inputs = offers(tmp_path, lambda suppliers: suppliers[4].update(Capacity=2))
    Setup(inputs=inputs).run(out, model="mock", since=first.directory)
    result = RunResult(directory=out, summary={})
    (name,) = [key for key, row in by_id(result, "review.json").items() if row["codes"] == ["place-lost"]]
    decide(out, Choice(registration_id=name, action="accept", by="ann"))
    order, before = by_id(result, "pos.json")[name], by_id(first, "pos.json")[name]
    told = json.loads((out / "run.json").read_text())["since"]
    assert order["supersedes"] == before["po_id"]
    assert (order["supplier_id"] != before["supplier_id"], len(told["superseded"]), told["cancelled"]) == (True, 1, [])
    assert audited(out, inputs) == ()


def test_who_went_without_a_place_stands_in_line_again_only_where_all_do(tmp_path: Path) -> None:
    few = [places // 2 for places in CAPACITIES]
    scarce = Setup(inputs=replace(offering(tmp_path, few), max_items=60))
    before = scarce.run(tmp_path / "before", model="mock")
    more = tmp_path / "more"
    more.mkdir()
    roomy = Setup(inputs=replace(offering(more, [places + 3 for places in few]), max_items=60))
    again = roomy.run(tmp_path / "again", model="mock", since=before.directory)
    anew = roomy.run(tmp_path / "anew", model="mock", since=before.directory, reallocate=True)
    fresh = roomy.run(tmp_path / "fresh", model="mock")
    assert any(row["codes"] == ["capacity-exhausted"] for row in rows_of(before, "unmatched.json"))
    assert bytes_of(again.directory, ["matches.json"]) == bytes_of(before.directory, ["matches.json"])
    assert bytes_of(anew.directory, ["matches.json"]) == bytes_of(fresh.directory, ["matches.json"])
    assert (calls_of(again), calls_of(anew)) == ((0, 0), (0, 0))
    orders, moved = by_id(before, "pos.json"), {one["registration_id"]: one for one in since(anew)["superseded"]}
    assert {name: (one["from"], one["to"]) for name, one in moved.items() if one["from"] != one["to"]} == {
        name: (orders[name]["supplier_id"], row["supplier_id"])
        for name, row in by_id(fresh, "matches.json").items()
        if name in orders and orders[name]["supplier_id"] != row["supplier_id"]
    }
    assert moved


def decide(directory: Path, *choices: Choice) -> None:
    on_the_day = replace(quick, now=lambda: datetime(2026, 4, 1, 12, tzinfo=UTC))
    review(directory, Deciding(choices=lambda _: choices, told=lambda *_: None), rim=on_the_day)


@pytest.mark.parametrize("held", [False, True])
def test_what_people_have_decided_stays_decided_by_them(tmp_path: Path, out: Path, *, held: bool) -> None:
    setup = Setup(inputs=replace(SAMPLE, hold_reviews=held))
    before = setup.run(tmp_path / "before", model="mock", strict_judgement=True, max_items=20)
    chosen = by_id(before, "review.json")[UNDECIDED]["candidates"][3]["id"]
    decide(
        before.directory,
        Choice(registration_id=UNDECIDED, action="choose", offer=chosen, by="ann", comment="asked them"),
        Choice(registration_id=PLAIN[1], action="reject", by="bob"),
        Choice(registration_id=PLAIN[0], action="accept", by="ann"),
    )
    again = setup.run(out, model="mock", strict_judgement=True, max_items=20, since=before.directory)
    assert calls_of(again) == (0, 0)
    assert bytes_of(out) == bytes_of(before.directory)
    assert by_id(again, "matches.json")[UNDECIDED]["by"] == "ann"
    reviews = [record for record in records_of(out) if record["t"] == "review"]
    assert [(one["by"], one["at"]) for one in reviews] == [
        (who, "2026-04-01T12:00:00+00:00") for who in ("ann", "bob", "ann")
    ]
    assert audited(out, replace(SAMPLE, max_items=20)) == ()


def test_a_decision_about_what_has_changed_is_made_again_and_that_is_told(tmp_path: Path, out: Path) -> None:
    before = Setup().run(tmp_path / "before", model="mock", max_items=20)
    decide(before.directory, Choice(registration_id=UNDECIDED, action="reject", by="bob", comment="no"))

    def note(rows: list[Any]) -> None:
        next(row for row in rows if row["RegistrationNumber"] == UNDECIDED)["Notes"] = "Whichever."

    inputs = replace(changed(tmp_path, note), max_items=20)
    again = Setup(inputs=inputs).run(out, model="mock", since=before.directory)
    (row,) = since(again)["registrations"]
    assert (row["registration_id"], row["why"], row["decision"]["by"]) == (UNDECIDED, ["record"], "bob")
    assert UNDECIDED not in by_id(again, "unmatched.json")


def test_a_kept_decision_comes_before_a_new_registration(tmp_path: Path, out: Path) -> None:
    before = Setup().run(tmp_path / "before", model="mock", max_items=20)
    candidate = by_id(before, "review.json")[UNDECIDED]["candidates"][0]
    decide(before.directory, Choice(registration_id=UNDECIDED, action="choose", offer=candidate["id"], by="ann"))
    used = {row["supplier_id"]: row["used"] for row in json.loads((before.directory / "capacity.json").read_text())}
    document = json.loads(SAMPLE.offers.read_text())
    for supplier in document["SupplierOffers"]:
        supplier["Capacity"] = used[supplier["SupplierID"]]
    inputs = replace(SAMPLE, offers=write(tmp_path / "offers.json", document))
    again = Setup(inputs=inputs).run(out, model="mock", max_items=60, since=before.directory)
    assert by_id(again, "matches.json")[UNDECIDED]["supplier_id"] == candidate["supplier_id"]
    assert {row["supplier_id"]: row["used"] for row in json.loads((out / "capacity.json").read_text())} == used
    assert audited(out, replace(inputs, max_items=60)) == ()
    # Killed when the decision was committed, and before it stood on its own again: its place is not given to others.
    cut = tmp_path / "cut"
    cut.mkdir()
    after = next(
        entry for entry in Recovery(out / "journal") if entry.record.get("n") == 25 and "outcome" in entry.record
    )
    (cut / "journal").write_bytes((out / "journal").read_bytes()[: after.offset_bytes])
    Setup(inputs=inputs).resume(cut)
    assert bytes_of(cut) == bytes_of(out)


def mixed(folder: Path) -> Inputs:
    """Some registrations changed, one gone, one new in front, and less room at one supplier."""

    def change(rows: list[Any]) -> None:
        for row in rows[5:30:8]:
            row["Proposal_OptimalAmountOfPanels"] = 9
        del rows[20]
        rows.insert(0, rows[0] | {"RegistrationNumber": "NEW"})

    inputs = offers(folder, lambda suppliers: suppliers[4].update(Capacity=1))
    return replace(inputs, registrations=changed(folder, change).registrations)


@pytest.fixture(scope="module")
def mix(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return mixed(tmp_path_factory.mktemp("mix"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, mix: Inputs, decided: Path) -> RunResult:
    out = tmp_path_factory.mktemp("whole") / "run"
    return Setup(inputs=mix).run(out, model="mock", hold_reviews=True, since=decided)


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An earlier run with decisions of people."""
    out = tmp_path_factory.mktemp("decided") / "run"
    result = Setup(inputs=FEW).run(out, model="mock", hold_reviews=True)
    chosen = by_id(result, "review.json")[UNDECIDED]["candidates"][1]["id"]
    decide(
        out,
        Choice(registration_id=UNDECIDED, action="choose", offer=chosen, by="ann"),
        Choice(registration_id="SPUS10020", action="reject", by="bob"),
    )
    return out


def test_a_mixed_change_leaves_nothing_to_find(whole: RunResult, mix: Inputs) -> None:
    assert since(whole)["why"] == {"new": 1, "record": 4}
    assert {one["outcome"] for one in since(whole)["cancelled"]} == {"removed", "review"}
    assert audited(whole.directory, replace(mix, hold_reviews=True)) == ()


@pytest.mark.parametrize("concurrency", [1, 64])
def test_the_pace_changes_nothing(
    tmp_path: Path, mix: Inputs, whole: RunResult, decided: Path, concurrency: int
) -> None:
    pace = Pace(concurrency=concurrency, flush_every=50)
    again = Setup(inputs=mix).run(tmp_path / "run", pace=pace, model="mock", hold_reviews=True, since=decided)
    assert (bytes_of(again.directory), since(again)) == (bytes_of(whole.directory), since(whole))


@pytest.mark.parametrize("part", range(1, 8))
def test_cut_short_anywhere_it_goes_on_to_the_same_end(
    tmp_path: Path, mix: Inputs, whole: RunResult, part: int
) -> None:
    out = Path(shutil.copytree(whole.directory, tmp_path / "run"))
    journal = (out / "journal").read_bytes()
    header = 4_000
    (out / "journal").write_bytes(journal[: header + (len(journal) - header) * part // 8])
    last = Setup(inputs=mix).resume(out)
    assert (bytes_of(out), since(last)) == (bytes_of(whole.directory), since(whole))


def test_once_compared_the_earlier_run_is_not_needed(tmp_path: Path, mix: Inputs, decided: Path) -> None:
    setup, earlier = Setup(inputs=mix), Path(shutil.copytree(decided, tmp_path / "earlier"))
    whole = setup.run(tmp_path / "whole", model="mock", hold_reviews=True, since=earlier)
    compared = rewritten(whole.directory, tmp_path / "compared", kinds={"run", "since", "reply", "call", "compared"})
    comparing = rewritten(whole.directory, tmp_path / "comparing", kinds={"run", "since", "reply"})
    setup.resume(comparing)
    shutil.rmtree(earlier)
    last = setup.resume(compared)
    files = [*OUTCOMES, "audit.jsonl"]
    assert bytes_of(comparing, files) == bytes_of(compared, files) == bytes_of(whole.directory, files)
    assert since(last) == since(whole)


def test_with_the_optimal_allocation_kept_places_are_taken_first_and_the_rest_is_solved(tmp_path: Path) -> None:
    setup = scarce_setup(tmp_path)
    setup = replace(setup, inputs=replace(setup.inputs, max_items=30))
    before = setup.run(tmp_path / "before", model="mock")
    same = setup.run(tmp_path / "same", model="mock", since=before.directory)
    assert bytes_of(same.directory) == bytes_of(before.directory)

    def change(rows: list[Any]) -> None:
        rows[7]["Proposal_OptimalAmountOfPanels"] = 9
        rows.append(rows[0] | {"RegistrationNumber": "NEW"})

    used: Any = before.summary["capacity"]
    folder = tmp_path / "full"
    folder.mkdir()
    full = offering(folder, [row["used"] + 1 for row in used])
    inputs = replace(full, registrations=changed(tmp_path, change).registrations)
    again = replace(setup, inputs=inputs).run(tmp_path / "again", model="mock", since=before.directory)
    name = registrations()[7]["RegistrationNumber"]
    assert why_of(again).keys() <= {"NEW", name}
    assert "NEW" in by_id(again, "matches.json")
    assert others_stay(before, again, "NEW", name)
    assert audited(again.directory, inputs) == ()


def test_the_story_of_a_kept_match_is_whole(out: Path, first: RunResult) -> None:
    Setup(inputs=FEW).run(out, model="mock", since=first.directory)
    shown = rows_of(first, "matches.json")[5]
    story: Any = explain(out, shown["registration_id"], rim=quick)
    assert (story["inputs"]["unchanged"], story["unplaced_replies"], story["match"]) == (True, [], shown)
    assert all(turn["as_asked"] for phase in story["phases"] for turn in phase["turns"])
    assert any("chosen in an earlier run, and kept" in line for line in story_lines(story))


def test_what_is_not_finished_or_no_run_is_refused(tmp_path: Path, out: Path, first: RunResult) -> None:
    stopped = rewritten(first.directory, tmp_path / "stopped", kinds={"run", "commit"})
    with pytest.raises(OptionError, match="not finished"):
        Setup().run(out, model="mock", since=stopped)
    with pytest.raises(JournalError, match="cannot be read"):
        Setup().run(out, model="mock", since=tmp_path)
    assert not out.exists()


def test_nothing_is_taken_over_of_a_run_that_has_begun_another_pass_meanwhile(tmp_path: Path, first: RunResult) -> None:
    earlier = Path(shutil.copytree(first.directory, tmp_path / "earlier"))
    Setup(inputs=FEW).run(tmp_path / "whole", model="mock", since=earlier)
    killed = rewritten(tmp_path / "whole", tmp_path / "killed", kinds={"run"})
    rewritten(earlier, tmp_path / "other", kinds={"run", "commit"}).joinpath("journal").replace(earlier / "journal")
    with pytest.raises(OptionError, match="not finished"):
        Setup().resume(killed)


def test_what_there_are_no_replies_for_is_asked_again_and_keeps_its_place(
    tmp_path: Path, out: Path, first: RunResult
) -> None:
    without = rewritten(first.directory, tmp_path / "without", kinds={"run", "commit", "end"})
    again = Setup(inputs=FEW).run(out, model="mock", since=without)
    asked = {name: ["replies"] for name, line in by_id(first, "audit.jsonl").items() if line["replies"]}
    assert (why_of(again), calls_of(again)) == (asked, calls_of(first))
    assert bytes_of(out) == bytes_of(first.directory)


def test_there_is_nothing_to_reallocate_without_an_earlier_run(out: Path) -> None:
    with pytest.raises(OptionError, match="--since RUN_DIR"):
        Setup().run(out, model="mock", reallocate=True)


def test_no_file_but_the_journal_is_needed_of_the_earlier_run(tmp_path: Path, out: Path, first: RunResult) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(first.directory / "journal", alone)
    Setup(inputs=FEW).run(out, model="mock", since=alone)
    assert bytes_of(out, OUTCOMES) == bytes_of(first.directory, OUTCOMES)
