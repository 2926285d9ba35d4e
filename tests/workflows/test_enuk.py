"""The energy market end to end, and every order against a second opinion from the raw files."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Unpack, cast

import pytest

from igent.errors import InputError
from igent.store.bundled import sample_data
from igent.workflows import Inputs, Pace, RunOptions, RunResult, run_workflow
from tests.workflows.checks_energy import EnergyRun, differences
from tests.workflows.runs import AS_OF, OUTCOMES, bytes_of, counts_of, quick, rows_of

SAMPLE = sample_data("enuk")
REAL = Path(__file__).parents[2] / "../shared/data/enuk/offers.json"
CONSTELLATIONS = ["p1m1_p2m2", "p1m1m2c", "p1m1c1_p2m2c2", "p1m1c1m2c2", "p1r_p2r"]


def energy(
    out: Path,
    constellation: str = "p1m1_p2m2",
    *,
    inputs: Inputs | None = None,
    pace: Pace | None = None,
    **options: Unpack[RunOptions],
) -> RunResult:
    """A run of the energy market's sample on the mock."""
    asked: RunOptions = {"model": "mock", "market": "enuk", **options}
    return run_workflow(constellation, inputs=inputs, as_of=AS_OF, out=out, pace=pace, rim=quick, **asked)


def audited(directory: Path, offers: Path = SAMPLE.offers) -> list[str]:
    return differences(EnergyRun(directory, SAMPLE.registrations, offers))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return energy(tmp_path_factory.mktemp("enuk") / "run")


def test_every_order_is_what_a_second_opinion_makes_of_the_raw_files(run: RunResult) -> None:
    assert audited(run.directory) == []
    assert len(rows_of(run, "pos.json")) > 60


def test_the_second_opinion_shares_no_code_with_the_program() -> None:
    source = Path(cast("str", sys.modules[EnergyRun.__module__].__file__)).read_text()
    imported = {line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names} == set()


def test_the_sample_has_every_kind_of_outcome_that_rules_can_give(run: RunResult) -> None:
    rows = [*rows_of(run, "unmatched.json"), *rows_of(run, "review.json")]
    codes = {code for row in rows for code in row["codes"]}
    assert {"withdrawn", "area-not-served", "product-not-offered", "quantity-unknown"} <= codes
    assert counts_of(run)["registrations"] == 100


def test_the_sample_has_every_kind_of_contract(run: RunResult) -> None:
    orders = rows_of(run, "pos.json")
    lines = [line for order in orders for line in order["lines"]]
    assert {line["product_name"] for line in lines} == {"Elec - Single Rate", "Elec - Two Rate", "Gas - Single Rate"}
    assert {order["payment_type"] for order in orders} == {"Direct Debit", "Cash Cheque", "Prepayment"}
    assert {len(order["lines"]) for order in orders} == {1, 2}
    assert {line.get("vat_percent") for line in lines} == {None, "5"}


@pytest.mark.parametrize("constellation", CONSTELLATIONS)
def test_every_constellation_judges_the_market(tmp_path: Path, constellation: str, run: RunResult) -> None:
    result = energy(tmp_path / "run", constellation)
    assert audited(result.directory) == []
    assert bytes_of(result.directory) == bytes_of(run.directory)


def test_rules_alone_leave_every_note_to_a_person(tmp_path: Path) -> None:
    result = energy(tmp_path / "run", model="rules")
    noted = {row["registration_id"] for row in rows_of(result, "review.json") if "note" in row}
    assert audited(result.directory) == []
    assert {row["judgement"] for row in rows_of(result, "matches.json")} == {"proven"}
    assert len(noted) > 20


def test_outcomes_are_the_same_bytes_at_any_concurrency(tmp_path: Path) -> None:
    faults: RunOptions = {"mock_latency": "haiku", "mock_errors": 0.2, "max_items": 50}
    runs = [energy(tmp_path / str(n), "p1m1m2c", pace=Pace(concurrency=n), **faults) for n in (1, 8, 64)]
    one, eight, many = (bytes_of(each.directory, (*OUTCOMES, "audit.jsonl")) for each in runs)
    assert one == eight == many


@pytest.mark.skipif(not REAL.is_file(), reason=f"the real tariffs are not beside this checkout: {REAL}")
def test_a_real_suppliers_tariffs_are_used_as_they_are(tmp_path: Path) -> None:
    result = energy(tmp_path / "run", inputs={"registrations": SAMPLE.registrations, "offers": REAL})
    assert audited(result.directory, REAL) == []
    assert {order["supplier_id"] for order in rows_of(result, "pos.json")} == {"British Gas"}
    assert len(rows_of(result, "pos.json")) > 60


def test_incentives_are_refused_where_nobody_would_apply_them(tmp_path: Path) -> None:
    path = tmp_path / "incentives.json"
    path.write_text('[{"Incentive name": "A discount"}]')
    with pytest.raises(InputError, match="this market has no incentives"):
        energy(
            tmp_path / "run",
            inputs={"registrations": SAMPLE.registrations, "offers": SAMPLE.offers, "incentives": path},
        )


def _first_line(change: Callable[[dict[str, Any]], None]) -> Callable[[list[dict[str, Any]]], None]:
    return lambda orders: change(orders[0]["lines"][0])


WRONG: dict[str, Callable[[list[dict[str, Any]]], None]] = {
    "price": _first_line(lambda line: line.update(price="1.00")),
    "region": _first_line(lambda line: line.update(source=line["source"].rpartition("/")[0] + "/1")),
    "rate": _first_line(lambda line: line["parts"][1].update(rate="0.01")),
    "quantity": _first_line(lambda line: line["parts"][1].update(quantity=1)),
    "product": _first_line(lambda line: line.update(product_name="Elec - Two Rate")),
    "tax": _first_line(lambda line: line.update(vat_percent="20")),
    "sum": lambda orders: orders[0].update(net_total="1.00"),
    "supplier": lambda orders: orders[0].update(supplier_id="Wrenfield Energy"),
    "payment": lambda orders: orders[0].update(payment_type="Cash Cheque"),
    "fuel": lambda orders: orders[0]["lines"].pop(),
}


@pytest.mark.parametrize("what", WRONG)
def test_the_second_opinion_sees_what_is_wrong(tmp_path: Path, run: RunResult, what: str) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run.directory, copy)
    orders = json.loads((copy / "pos.json").read_text())
    WRONG[what](orders)
    (copy / "pos.json").write_text(json.dumps(orders))
    assert audited(copy)[0].startswith(f"{orders[0]['registration_id']}: ")
