from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igent.audit.findings import Finding
from igent.cli import main
from igent.errors import InputError, OptionError
from igent.workflows.verify import AuditFiles, audit_files
from tests.workflows.inputs import Inputs
from tests.workflows.runs import AS_OF, MN1, SAMPLE, Setup, needs_mn1, write

Change = Callable[[Any], object]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run of the sample data; tests damage copies of it."""
    return Setup().run(tmp_path_factory.mktemp("good") / "run", model="mock").directory


@pytest.fixture
def run(good: Path, tmp_path: Path) -> Path:
    return shutil.copytree(good, tmp_path / "run")


def audited(
    directory: Path, inputs: Inputs = SAMPLE, *, as_of: date = AS_OF, market: str = "sbus"
) -> tuple[Finding, ...]:
    files = AuditFiles(
        registrations=inputs.registrations,
        offers=inputs.offers,
        incentives=inputs.incentives,
        matches=directory / "matches.json",
        orders=directory / "pos.json",
    )
    return audit_files(files, market=market, as_of=as_of).findings


def codes(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.code for finding in findings}


def damage(run: Path, name: str, change: Change) -> None:
    value = json.loads((run / name).read_text())
    change(value)
    (run / name).write_text(json.dumps(value))


@pytest.mark.parametrize(("held", "withdrawn"), [(False, False), (True, False), (True, True)])
def test_igents_own_outputs_have_no_findings(tmp_path: Path, *, held: bool, withdrawn: bool) -> None:
    inputs = replace(SAMPLE, hold_reviews=held, include_withdrawn=withdrawn)
    assert audited(Setup(inputs=inputs).run(tmp_path / "run", model="mock").directory, inputs) == ()


@needs_mn1
@pytest.mark.parametrize("incentives", [MN1.incentives, None])
def test_the_real_registrations_matched_by_igent_have_no_findings(tmp_path: Path, incentives: Path | None) -> None:
    inputs = replace(MN1, incentives=incentives)
    assert audited(Setup(inputs=inputs).run(tmp_path / "run", model="mock").directory, inputs) == ()


def test_a_failed_registration_is_not_missing(run: Path) -> None:
    failed = json.loads((run / "matches.json").read_text())[9]["registration_id"]
    for name in ("matches.json", "pos.json"):
        damage(run, name, lambda rows: rows.pop(9))
    write(run / "failed.json", [{"registration_id": failed, "codes": ["model-timeout"]}])
    assert codes(audited(run)) - {"balance"} == set()


def test_nothing_is_found_by_the_two_files_alone_but_who_is_missing(run: Path) -> None:
    others = (json.loads((run / name).read_text()) for name in ("review.json", "unmatched.json"))
    told = {row["registration_id"] for rows in others for row in rows}
    for path in run.iterdir():
        if path.name not in ("matches.json", "pos.json", "capacity.json"):
            path.unlink()
    missing = {finding.registration_id for finding in audited(run) if finding.code == "match-missing"}
    assert codes(audited(run)) == {"match-missing"}
    assert missing < told


def test_an_offers_file_may_have_another_name_now(run: Path, tmp_path: Path) -> None:
    renamed = replace(SAMPLE, offers=Path(shutil.copy(SAMPLE.offers, tmp_path / "auction.json")))
    assert audited(run, renamed) == ()


def to_nobody(matches: list[Any]) -> None:
    matches[5]["supplier_id"] = None


MATCHES: list[tuple[str, Change]] = [
    ("registration-unknown", lambda rows: rows.insert(9, rows[0] | {"registration_id": "SPUS99999"})),
    ("duplicate", lambda rows: rows.append(rows[0])),
    ("supplier-unknown", lambda rows: rows[-1].update(supplier_id=rows[-1]["supplier_id"][:-1])),
    ("product-not-offered", lambda rows: rows[0]["offer"].update(products=["Helmora"])),
    ("source-differs", lambda rows: rows[0]["offer"].update(source=["offers.json#/SupplierOffers/8/Offers/0"])),
    ("match-missing", lambda rows: rows.pop()),
    ("match-missing", to_nobody),
]


@pytest.mark.parametrize(("code", "change"), MATCHES)
def test_one_change_of_a_match_is_found_as_what_it_is(run: Path, code: str, change: Change) -> None:
    damage(run, "matches.json", change)
    # A match less, or with another supplier, changes the shares that later ones are held against.
    assert codes(audited(run)) - {"balance"} == {code}


def test_a_match_out_of_turn_breaks_the_balance(run: Path) -> None:
    damage(run, "matches.json", lambda rows: rows.insert(0, rows.pop(40)))
    assert codes(audited(run)) == {"balance"}


def test_a_match_is_not_in_a_tier_that_nobody_decided(run: Path) -> None:
    damage(run, "matches.json", lambda rows: rows[-1].update(tier=7))
    assert [(one.code, one.registration_id) for one in audited(run)] == [("balance", "SPUS10100")]


def test_places_gone_before_the_run_are_those_that_it_tells(run: Path) -> None:
    (run / "capacity.json").unlink()
    assert codes(audited(run)) == {"balance"}


def test_places_kept_for_reviews_count(tmp_path: Path) -> None:
    inputs = replace(SAMPLE, hold_reviews=True)
    run = Setup(inputs=inputs).run(tmp_path / "run", model="mock").directory
    damage(run, "review.json", lambda rows: [row.pop("held", None) for row in rows])
    assert "balance" in codes(audited(run, inputs))


def test_more_matches_than_places_are_found(run: Path, tmp_path: Path) -> None:
    document = json.loads(SAMPLE.offers.read_text())
    document["SupplierOffers"][0]["Capacity"] = 3
    fewer = replace(SAMPLE, offers=write(tmp_path / "offers.json", document))
    assert "capacity-exceeded" in codes(audited(run, fewer))


def decided(order: Any) -> Iterator[Any]:
    return (one for one in order["incentives"] if "amount" in one)


def undecided(order: Any) -> Iterator[Any]:
    return (one for one in order["incentives"] if one.get("undecided") == "performance-based")


def judged(order: Any) -> Any:
    return next(one for one in decided(order) if one["basis"] == "judged by prose")


def by_rules(order: Any) -> Any:
    return next(one for one in decided(order) if one["basis"] == "rules")


def without(order: Any) -> Iterator[Any]:
    return (one for one in order["incentives"] if "undecided" in one and "estimate" not in one)


def left_open(order: Any) -> Any:
    return next(one for one in order["incentives"] if one.get("undecided") == "prose-condition")


def capped(order: Any) -> Any:
    return next(one for one in order["incentives"] if "at_most" in one)


def estimated(order: Any) -> Any:
    return next(one for one in order["incentives"] if "estimate" in one)


def add(row: Any, field: str, more: str = "0.01") -> None:
    row[field] = str(Decimal(row[field]) + Decimal(more))


def forget(order: Any) -> None:
    order["incentives"].remove(next(one for one in decided(order) if one["basis"] == "rules"))


# What is done to an order and the code that it is to be found by; an order to which it cannot be done is left alone.
ORDERS: list[tuple[str, Change]] = [
    ("supplier-unknown", lambda o: o.update(supplier_id=o["supplier_id"].upper())),
    ("line-missing", lambda o: o["lines"].remove(o["lines"][1])),
    ("product-not-offered", lambda o: o["lines"][0].update(product_name="Helmora")),
    ("quantity-differs", lambda o: o["lines"][0].update(quantity=o["lines"][0]["quantity"] + 1)),
    ("quantity-differs", lambda o: o["lines"][0].update(quantity_wanted=o["lines"][0]["quantity"] + 1)),
    ("price-differs", lambda o: add(o["lines"][0], "price")),
    ("price-differs", lambda o: o["lines"][0].update(price=None)),
    ("source-differs", lambda o: o["lines"][0].update(source="offers.json#/SupplierOffers/0/Capacity")),
    ("payment-inconsistent", lambda o: o.update(payment_type="loan" if o["payment_type"] == "cash" else "cash")),
    ("payment-inconsistent", lambda o: o.update(financing={"instalment": "100.00"})),
    ("incentive-unknown", lambda o: o["incentives"].append({"id": "TR-99", "amount": "0.00"})),
    ("incentive-repeated", lambda o: o["incentives"].append({"id": o["incentives"][0]["id"]})),
    ("incentive-not-eligible", lambda o: next(undecided(o)).update(amount="400.00")),
    ("sum-differs", lambda o: add(next(decided(o)), "amount")),
    ("sum-differs", lambda o: next(decided(o)).update(timing="point-of-sale")),
    ("sum-differs", lambda o: add(estimated(o), "estimate")),
    ("sum-differs", lambda o: estimated(o).update(timing="after-purchase")),
    ("sum-differs", lambda o: estimated(o)["computed"].update(kwh_per_kwp=1500)),
    ("sum-differs", lambda o: estimated(o).pop("computed")),
    ("incentive-not-eligible", lambda o: next(one for one in without(o)).update(estimate="90.00")),
    ("sum-differs", lambda o: add(o, "subtotal")),
    ("sum-differs", lambda o: add(o, "incentive_total")),
    ("sum-differs", lambda o: add(o, "amount_due")),
    ("sum-differs", lambda o: add(o, "net_total")),
    ("sum-differs", lambda o: o.pop("net_total")),
    ("incentive-missing", forget),
    ("incentive-not-eligible", lambda o: judged(o).pop("cited")),
    ("incentive-not-eligible", lambda o: judged(o)["cited"].update(text="facing north")),
    ("source-differs", lambda o: judged(o)["cited"].update(start=0)),
    ("source-differs", lambda o: judged(o)["cited"].update(source="incentives.json#/incentives/0/Incentive specs")),
    ("source-differs", lambda o: judged(o)["amount_stated"].update(end=5)),
    ("source-differs", lambda o: judged(o).pop("amount_stated")),
    ("source-differs", lambda o: by_rules(o).update(cited={"text": "solar", "start": 0, "end": 5})),
    ("incentive-missing", lambda o: next(one for one in decided(o) if one["basis"] == "rules").pop("amount")),
    ("incentive-missing", lambda o: o["incentives"].remove(next(undecided(o)))),
    ("reason-differs", lambda o: next(without(o)).update(undecided="paused")),
    ("reason-differs", lambda o: next(undecided(o)).update(undecided="prose-condition")),
    ("reason-differs", lambda o: left_open(o).update(undecided="exceeds-price")),
    ("sum-differs", lambda o: add(capped(o), "at_most")),
    ("sum-differs", lambda o: capped(o).pop("at_most")),
    ("sum-differs", lambda o: next(undecided(o)).update(at_most="90.00")),
    ("source-differs", lambda o: o["incentives"][0].update(name="Sun Grant")),
    ("source-differs", lambda o: judged(o).update(basis="rules")),
    ("campaign-differs", lambda o: o.update(campaign="Another")),
    ("currency-differs", lambda o: o.update(currency="EUR")),
    ("order-id-differs", lambda o: o.update(po_id="PO-0")),
    ("order-id-differs", lambda o: o.pop("po_id")),
]


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32))
def test_each_order_changed_in_one_way_is_found_as_just_that(good: Path, seed: int) -> None:
    random = Random(seed)
    orders = json.loads((good / "pos.json").read_text())
    expected: dict[str, set[str]] = {}
    for order in orders:
        code, change = random.choice(ORDERS)
        try:
            change(order)
        except (IndexError, StopIteration):
            continue
        expected[order["registration_id"]] = {code}
    files = AuditFiles(
        registrations=SAMPLE.registrations,
        offers=SAMPLE.offers,
        incentives=SAMPLE.incentives,
        matches=good / "matches.json",
        orders=write(good.parent / "pos.json", orders),
    )
    found = defaultdict[str, set[str]](set)
    for finding in audit_files(files, market="sbus", as_of=AS_OF).findings:
        found[str(finding.registration_id)].add(finding.code)
    assert expected == found


def test_a_wrong_price_that_is_added_up_rightly_is_found_once(tmp_path: Path) -> None:
    inputs = replace(SAMPLE, incentives=None, max_items=3)
    run = Setup(inputs=inputs).run(tmp_path / "run").directory

    def dearer(orders: list[Any]) -> None:
        add(orders[0]["lines"][0], "price", "1000.00")
        for field in ("subtotal", "amount_due", "net_total"):
            add(orders[0], field, "1000.00")

    damage(run, "pos.json", dearer)
    assert [finding.code for finding in audited(run, inputs)] == ["price-differs"]


def test_an_estimate_that_follows_from_a_wrong_quantity_is_found_once(run: Path) -> None:
    def larger(orders: list[Any]) -> None:
        order = next(one for one in orders if any("estimate" in entry for entry in one["incentives"]))
        line = order["lines"][0]
        for entry in (one for one in order["incentives"] if "estimate" in one):
            by = entry["computed"]
            kwp = Decimal(by["kwp"]) / line["quantity"] * (line["quantity"] + 1)
            yearly = kwp * by["kwh_per_kwp"] * Decimal(by["rate_per_kwh"])
            entry |= {"estimate": f"{yearly:.2f}", "computed": by | {"kwp": f"{kwp.normalize():f}"}}
        line["quantity"] += 1

    damage(run, "pos.json", larger)
    assert codes(audited(run)) == {"quantity-differs"}


def test_an_order_from_another_supplier_than_the_matched_one_is_found(run: Path) -> None:
    damage(run, "pos.json", lambda rows: rows[0].update(supplier_id="Quillroof"))
    assert "order-supplier-differs" in codes(audited(run))


def test_an_order_less_is_found(run: Path) -> None:
    damage(run, "pos.json", lambda rows: rows.pop(3))
    assert codes(audited(run)) == {"order-missing"}


def test_incentives_are_held_against_the_day(run: Path) -> None:
    assert "incentive-expired" in codes(audited(run, as_of=date(2031, 1, 1)))


def test_incentives_are_unknown_where_the_file_does_not_name_them(run: Path, tmp_path: Path) -> None:
    assert codes(audited(run, replace(SAMPLE, incentives=write(tmp_path / "none.json", [])))) == {"incentive-unknown"}


def test_without_a_file_of_incentives_they_are_not_audited(run: Path) -> None:
    assert codes(audited(run, replace(SAMPLE, incentives=None))) == set()


def test_an_incentive_for_others_is_found(run: Path, tmp_path: Path) -> None:
    document = json.loads((SAMPLE.incentives or Path()).read_text())
    document["incentives"][0]["owner_status"] = ["nobody"]
    others = replace(SAMPLE, incentives=write(tmp_path / "incentives.json", document))
    assert "incentive-not-eligible" in codes(audited(run, others))


def test_a_price_that_no_input_has_is_told_with_both_places(run: Path) -> None:
    damage(run, "pos.json", lambda rows: add(rows[0]["lines"][0], "price"))
    (found,) = audited(run)
    place = "offers.json#/SupplierOffers/0/Offers/0/ProductPrices/10/CashPrice"
    assert (found.expected, found.found) == ("21435.00", "21435.01")
    assert found.source == ("pos.json#/0/lines/0/price", place)


@pytest.mark.parametrize("content", ["", "[1]", "[[[[[{}]]]]]", '[{"registration_id": "SPUS10001"'])
def test_a_file_that_holds_no_rows_cannot_be_audited(run: Path, content: str) -> None:
    (run / "pos.json").write_text(content)
    with pytest.raises(InputError, match=r"pos\.json"):
        audited(run)


def test_large_files_are_read_row_by_row(run: Path) -> None:
    damage(run, "pos.json", lambda rows: [row.update(padding=" " * 2**17) for row in rows])
    assert audited(run) == ()


def test_a_market_that_there_is_not_is_refused(run: Path) -> None:
    files = AuditFiles(
        registrations=SAMPLE.registrations, offers=SAMPLE.offers, matches=run / "matches.json", orders=run / "pos.json"
    )
    with pytest.raises(OptionError, match="nosuch"):
        audit_files(files, market="nosuch", as_of=AS_OF)


@dataclass(frozen=True)
class Ended:
    """How the command ended, and what it printed."""

    code: object
    out: str
    err: str


def verify(capture: pytest.CaptureFixture[str], run: Path, *more: object, **other: Path) -> Ended:
    files = {"registrations": SAMPLE.registrations, "offers": SAMPLE.offers, "incentives": SAMPLE.incentives}
    files |= {"matches": run / "matches.json", "orders": run / "pos.json", **other}
    given = [part for role, path in files.items() for part in (f"--{role}", str(path))]
    with pytest.raises(SystemExit) as caught:
        main(["verify", *given, "--as-of", str(AS_OF), *map(str, more)])
    told = capture.readouterr()
    return Ended(caught.value.code, told.out, told.err)


def test_the_command_exits_0_where_nothing_is_wrong(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ended = verify(capfd, run)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.strip() == "70 registrations matched, 70 orders: every fact follows from the inputs"


def test_the_command_exits_1_on_findings_and_tells_each(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    damage(run, "pos.json", lambda rows: add(rows[0]["lines"][0], "price"))
    ended = verify(capfd, run)
    assert ended.code == 1
    assert "pos.json#/0/lines/0/price <- offers.json#/SupplierOffers/0/Offers/0" in ended.out


def test_the_command_prints_json_for_scripts(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    damage(run, "pos.json", lambda rows: rows.pop(3))
    ended = verify(capfd, run, "--json")
    record = json.loads(ended.out)
    assert (ended.code, record["counts"]) == (1, {"order-missing": 1})
    assert list(record["findings"][0]) == ["registration_id", "code", "expected", "found", "source"]


def test_the_command_exits_2_on_a_file_that_cannot_be_used(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ended = verify(capfd, run, matches=run / "nothing.json")
    assert (ended.code, ended.out) == (2, "")
    assert "nothing.json" in ended.err


def test_a_loan_that_no_note_asks_for_is_found(tmp_path: Path) -> None:
    row = SAMPLE.household("SPUS10008")[1] | {"Notes": "The lowest price, with a loan"}
    asked = replace(SAMPLE, registrations=write(tmp_path / "asked.json", [row]))
    silent = replace(SAMPLE, registrations=write(tmp_path / "silent.json", [row | {"Notes": None}]))
    run = Setup(inputs=asked).run(tmp_path / "run", model="mock").directory
    assert (audited(run, asked), codes(audited(run, silent))) == ((), {"payment-inconsistent"})


@pytest.mark.parametrize("term", ["instalment", "months", "rate_percent"])
def test_the_terms_of_a_loan_are_those_that_the_supplier_quotes(run: Path, term: str) -> None:
    def change(orders: list[Any]) -> None:
        next(order for order in orders if order["payment_type"] == "loan")["financing"][term] = "1"

    damage(run, "pos.json", change)
    assert codes(audited(run)) == {"payment-inconsistent"}


def test_a_quantity_that_stands_in_for_the_wanted_one_is_right(tmp_path: Path) -> None:
    product = json.loads(SAMPLE.offers.read_text())["SupplierOffers"][0]["Offers"][0]
    most = max(int(row["Quantity"]) for row in product["ProductPrices"])
    row = SAMPLE.household("SPUS10001")[1] | {"Proposal_OptimalAmountOfPanels": most + 1}
    inputs = replace(SAMPLE, registrations=write(tmp_path / "registrations.json", [row]))
    run = Setup(inputs=inputs).run(tmp_path / "run").directory
    assert json.loads((run / "pos.json").read_text())[0]["lines"][0]["quantity_wanted"] == most + 1
    assert audited(run, inputs) == ()
    damage(run, "pos.json", lambda rows: rows[0]["lines"][0].update(quantity=most + 1))
    assert codes(audited(run, inputs)) == {"quantity-differs"}


def flat(order: Any, line: Any) -> dict[str, Any]:
    """One line of an order as a row of the flat form, its incentives by name."""
    return {
        "registration_id": order["registration_id"],
        "supplier_id": order["supplier_id"],
        "product_type": line["product_type"],
        "panel_name": line["product_name"],
        "num_panels": line.get("quantity_wanted", line["quantity"]),
        "product_price": line["price"],
        "eligible_subsidies": [one["name"] for one in decided(order)],
    }


def test_the_same_orders_in_the_flat_form_have_no_findings(run: Path) -> None:
    orders = json.loads((run / "pos.json").read_text())
    write(run / "pos.json", [[flat(order, line) for line in order["lines"]] for order in orders])
    assert audited(run) == ()


def test_the_other_market_is_audited_by_its_own_rules(tmp_path: Path) -> None:
    folder = SAMPLE.offers.parent / "enuk"
    inputs = Inputs(registrations=folder / "registrations.json", offers=folder / "offers.json")
    run = Setup(inputs=inputs).run(tmp_path / "run", model="mock", market="enuk").directory
    assert audited(run, inputs, market="enuk") == ()
    shutil.copy(run / "pos.json", tmp_path / "pos.json")
    damage(run, "pos.json", lambda rows: [line.update(source="#/0") for row in rows[:20] for line in row["lines"]])
    assert codes(audited(run, inputs, market="enuk")) == {"source-differs"}
    shutil.copy(tmp_path / "pos.json", run / "pos.json")
    damage(run, "pos.json", lambda rows: rows[0]["lines"][0]["parts"][0].update(quantity=360))
    assert codes(audited(run, inputs, market="enuk")) == {"price-differs"}
