from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.checker import check
from tests.workflows.inputs import Inputs, wants_of
from tests.workflows.runs import SAMPLE, Setup, write

Change = Callable[[Any], None]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run of the sample data; tests damage copies of it."""
    return Setup().run(tmp_path_factory.mktemp("good") / "run", model="mock").directory


@pytest.fixture
def run(good: Path, tmp_path: Path) -> Path:
    return shutil.copytree(good, tmp_path / "run")


def damage(run: Path, name: str, change: Change) -> set[str]:
    """The rules that the checker finds broken after `change` of one file's content."""
    path = run / name
    if name == "audit.jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        change(rows)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        value = json.loads(path.read_text())
        change(value)
        path.write_text(json.dumps(value))
    return {finding.rule for finding in check(run, SAMPLE)}


def of_two_lines(orders: list[Any]) -> Any:
    return next(order for order in orders if len(order["lines"]) == 2)


def judged(orders: list[Any]) -> Any:
    entries = (one for order in orders for one in order["incentives"])
    return next(one for one in entries if one.get("basis") == "judged by prose")


def of_low_income(orders: list[Any]) -> Any:
    line = next(line for order in orders for line in order["lines"] if "/LMICashPrice" in line["source"])
    line["source"] = line["source"].replace("/LMICashPrice", "/CashPrice")
    line["price"] = f"{SAMPLE.at(line['source'])}.00"


def to_elsewhere(matches: list[Any]) -> None:
    """Give the first match to a supplier that does not serve its ZIP code."""
    _, household = SAMPLE.household(matches[0]["registration_id"])
    serving = SAMPLE.serving(household)
    matches[0]["supplier_id"] = next(s["SupplierID"] for s in SAMPLE.suppliers if s not in serving)


def to_one_without_the_product(matches: list[Any]) -> None:
    for match in matches:
        kinds = {kind for kind, _ in wants_of(SAMPLE.household(match["registration_id"])[1])}
        for supplier in SAMPLE.suppliers:
            if kinds - {product["ProductType"] for product in supplier["Offers"]}:
                match["supplier_id"] = supplier["SupplierID"]
                return


def to_another_candidate(matches: list[Any]) -> None:
    """Give the first match to another supplier that could have it, though it is not that one's turn."""
    _, household = SAMPLE.household(matches[0]["registration_id"])
    other = next(b for b in SAMPLE.candidates(household) if b.supplier["SupplierID"] != matches[0]["supplier_id"])
    matches[0]["supplier_id"] = other.supplier["SupplierID"]
    matches[0]["offer"]["id"] = other.id


def first_with_a_decision(audit: list[Any]) -> Any:
    return next(line for line in audit if line["outcome"] == "matched")


def overlap(trace: Any) -> None:
    spans = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    parent = max(spans, key=lambda event: event["dur"])
    trace["traceEvents"].append(parent | {"ts": parent["ts"] + 1})


def test_a_good_run_has_no_findings(run: Path) -> None:
    assert check(run, SAMPLE) == []


@pytest.mark.parametrize(
    ("rule", "name", "change"),
    [
        ("outcomes", "unmatched.json", lambda rows: rows.pop()),
        ("outcomes", "review.json", lambda rows: rows.append(rows[0])),
        ("source", "review.json", lambda rows: rows[0].update(source="registrations.json#/0")),
        ("audit-order", "audit.jsonl", lambda rows: rows.insert(0, rows.pop())),
        ("counts", "run.json", lambda summary: summary["counts"].update(matched=63)),
        ("withdrawn", "unmatched.json", lambda rows: rows[0].update(codes=["area-not-served"])),
        ("area-not-served", "unmatched.json", lambda rows: rows[2].update(codes=["product-not-offered"])),
        ("quantity-unknown", "review.json", lambda rows: rows[0].update(codes=["undecided"])),
        ("plan", "review.json", lambda rows: rows[1].update(codes=["withdrawn"])),
        ("candidates", "audit.jsonl", lambda rows: rows[0]["candidates"].pop()),
        ("judgement", "matches.json", lambda rows: rows[0].update(judgement="plausible")),
        ("tiers-without-note", "audit.jsonl", lambda rows: rows[0]["phases"][0]["decision"]["fit"].append(["o1"])),
        ("words", "audit.jsonl", lambda rows: rows[7]["phases"][0]["decision"].update(words=["the best price"])),
        ("area", "matches.json", to_elsewhere),
        ("offer", "matches.json", lambda rows: rows[0]["offer"].update(products=["Helmora"])),
        ("product", "matches.json", to_one_without_the_product),
        ("balance", "matches.json", to_another_candidate),
        ("balance", "matches.json", lambda rows: rows[0].update(tier=2)),
        ("capacity", "capacity.json", lambda rows: rows[0].update(used=6)),
        ("capacity", "capacity.json", lambda rows: rows[0].update(used_pct=87.4)),
        ("capacity", "run.json", lambda summary: summary["capacity"].pop()),
        ("pairs", "pos.json", lambda rows: rows.pop()),
        ("po-id", "pos.json", lambda rows: rows[0].update(po_id=rows[1]["po_id"])),
        ("lines", "pos.json", lambda rows: of_two_lines(rows)["lines"].pop()),
        ("price", "pos.json", lambda rows: rows[0]["lines"][0].update(price="21435.01")),
        ("line-source", "pos.json", of_low_income),
        ("line-source", "pos.json", lambda rows: rows[0]["lines"][0].update(source=rows[1]["lines"][0]["source"])),
        ("line-quantity", "pos.json", lambda rows: rows[0]["lines"][0].update(quantity=19)),
        ("line-quantity_wanted", "pos.json", lambda rows: rows[0]["lines"][0].update(quantity_wanted=19)),
        ("line-product_name", "pos.json", lambda rows: rows[0]["lines"][0].update(product_name="Helmora")),
        ("subtotal", "pos.json", lambda rows: rows[0].update(subtotal="1.00")),
        ("incentive_total", "pos.json", lambda rows: rows[0].update(incentive_total="0.00")),
        ("amount_due", "pos.json", lambda rows: rows[0].update(amount_due="16976.70")),
        ("net_total", "pos.json", lambda rows: rows[0].update(net_total="16976.7")),
        ("payment", "pos.json", lambda rows: rows[0].update(payment_type="loan")),
        ("incentive-repeated", "pos.json", lambda rows: rows[0]["incentives"].append(rows[0]["incentives"][0])),
        ("incentive-uncited", "pos.json", lambda rows: judged(rows).pop("cited")),
        ("incentive-quotation", "pos.json", lambda rows: judged(rows)["cited"].update(start=0)),
        ("incentive-quotation", "pos.json", lambda rows: judged(rows)["amount_stated"].update(text="$600")),
        ("incentive-source", "pos.json", lambda rows: rows[0]["incentives"][0].update(id="TR-9")),
        ("incentive-undecided", "pos.json", lambda rows: rows[0]["incentives"][0].update(undecided="ceiling")),
        ("manifest", "run.json", lambda summary: summary.update(model="rules")),
        ("costs-sums", "run.json", lambda summary: summary["usage"].update(output_tokens=1)),
        ("costs-sums", "run.json", lambda summary: summary["agents"].pop()),
        ("costs-sums", "run.json", lambda summary: summary.update(cost_usd="1.000000")),
        ("costs-sums", "run.json", lambda summary: summary.update(cost_usd=None)),
        ("trace-registrations", "trace.json", lambda trace: trace.update(traceEvents=[])),
        ("trace-nesting", "trace.json", overlap),
    ],
)
def test_a_wrong_file_is_found(run: Path, rule: str, name: str, change: Change) -> None:
    assert rule in damage(run, name, change)


@pytest.mark.parametrize("name", ["matches.json", "trace.json", "audit.jsonl"])
def test_a_file_cut_short_is_found(run: Path, name: str) -> None:
    (run / name).write_bytes((run / name).read_bytes()[:-3])
    assert [finding.rule for finding in check(run, SAMPLE)] == ["json-invalid"]


def test_what_only_some_parsers_accept_is_found(run: Path) -> None:
    (run / "failed.json").write_text("[NaN]")
    assert [finding.rule for finding in check(run, SAMPLE)] == ["json-invalid"]


@pytest.mark.parametrize(
    ("name", "rule", "old", "new"),
    [
        ("timings.csv", "timings-columns", b"turn_wait_seconds", b"wait_seconds"),
        ("timings.csv", "timings-rows", b"SPUS10003,", b"SPUS10004,"),
        ("timings.csv", "timings-sums", b"SPUS10001,0", b"SPUS10001,1"),
        ("costs.csv", "costs-columns", b"cache_hits", b"hits"),
        ("costs.csv", "costs-rows", b"SPUS10003,", b"SPUS10004,"),
        ("costs.csv", "costs-sums", b"SPUS10001,2,0", b"SPUS10001,2,1"),
    ],
)
def test_a_wrong_table_is_found(run: Path, name: str, rule: str, old: bytes, new: bytes) -> None:
    path = run / name
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    assert rule in {finding.rule for finding in check(run, SAMPLE)}


def test_a_longer_journal_than_the_manifest_says_is_found(run: Path) -> None:
    with (run / "journal").open("ab") as journal:
        journal.write(b"x")
    assert [finding.about for finding in check(run, SAMPLE)] == ["journal"]


def test_a_match_of_a_withdrawn_registration_is_found(tmp_path: Path) -> None:
    result = Setup(inputs=replace(SAMPLE, include_withdrawn=True)).run(tmp_path / "run")
    assert {"withdrawn-matched", "withdrawn"} <= {finding.rule for finding in check(result.directory, SAMPLE)}


def with_capacity(folder: Path, capacity: int) -> Inputs:
    document = json.loads(SAMPLE.offers.read_text())
    for supplier in document["SupplierOffers"]:
        supplier["Capacity"] = capacity
    return replace(SAMPLE, offers=write(folder / "offers.json", document))


def test_more_matches_than_capacity_are_found(run: Path, tmp_path: Path) -> None:
    assert "capacity-exceeded" in {finding.rule for finding in check(run, with_capacity(tmp_path, 2))}


def test_a_refusal_while_there_was_room_is_found(tmp_path: Path) -> None:
    result = Setup(inputs=with_capacity(tmp_path, 2)).run(tmp_path / "run")
    assert check(result.directory, with_capacity(tmp_path, 2)) == []
    assert "room-left" in {finding.rule for finding in check(result.directory, SAMPLE)}


def test_a_registration_that_stands_twice_and_is_used_is_found(run: Path, tmp_path: Path) -> None:
    rows = json.loads(SAMPLE.registrations.read_text())
    twice = replace(SAMPLE, registrations=write(tmp_path / "registrations.json", [*rows, rows[0]]))
    assert "duplicate-used" in {finding.rule for finding in check(run, twice)}


def test_a_wrong_instalment_is_found(tmp_path: Path) -> None:
    row = SAMPLE.household("SPUS10008")[1] | {"Notes": "The lowest price, with a loan"}
    inputs = replace(SAMPLE, registrations=write(tmp_path / "registrations.json", [row]))
    run = Setup(inputs=inputs).run(tmp_path / "run", model="mock").directory
    assert check(run, inputs) == []
    orders = json.loads((run / "pos.json").read_text())
    orders[0]["financing"]["instalment"] = "1.00"
    write(run / "pos.json", orders)
    assert "financing" in {finding.rule for finding in check(run, inputs)}
