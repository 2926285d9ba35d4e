"""A judged incentive, from its text to the order: the words and the amount that it rests on, each where it stands."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from igent.story.lines import story_lines
from igent.workflows.explain import explain
from igent.workflows.verify import AuditFiles, audit_files
from tests.adversarial.colluding import ColludingModel
from tests.adversarial.judged import broken_rules, judged
from tests.workflows.checker import check
from tests.workflows.inputs import Inputs
from tests.workflows.runs import AS_OF, SAMPLE, Setup, quick, registrations, rows_of, write

TEXT = " $500 for every household, 5% of the total cost for roofs facing South"
PLACE = "incentives.json#/0/Incentive specs"
ENTRY = {"Incentive name": "Sunny Side", "Applicable community": "ALL", "Incentive specs": TEXT}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """The sample's households without notes, half of them with a roof that faces south."""
    folder = tmp_path_factory.mktemp("inputs")
    rows = [
        row | {"Notes": None, "Product_RoofOrientation": ("South", "East")[number % 2]}
        for number, row in enumerate(registrations()[:40])
    ]
    path, incentives = write(folder / "registrations.json", rows), write(folder / "incentives.json", [ENTRY])
    return replace(SAMPLE, registrations=path, incentives=incentives)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, inputs: Inputs) -> Path:
    setup = Setup(inputs=inputs, constellation="p1m1c1_p2m2c2")
    return setup.run(tmp_path_factory.mktemp("run") / "run", model="mock").directory


def entries(run: Path) -> dict[str, Any]:
    orders = json.loads((run / "pos.json").read_text())
    return {order["registration_id"]: (order, *order["incentives"]) for order in orders}


def test_an_order_says_which_words_and_which_of_several_amounts_it_rests_on(run: Path) -> None:
    found = entries(run)
    granted = {name: (order, *rest) for name, (order, *rest) in found.items() if rest}
    assert 10 < len(granted) < len(found)  # those whose roof faces east have none
    for order, entry in granted.values():
        assert entry["amount"] == f"{Decimal(order['subtotal']) * 5 / 100:.2f}"
        assert entry["cited"] == {"text": "facing South", "start": 58, "end": 70, "source": PLACE}
        assert entry["amount_stated"] == {"text": "5%", "start": 27, "end": 29, "source": PLACE}
    assert (TEXT[58:70], TEXT[27:29]) == ("facing South", "5%")


def test_the_audit_and_the_checker_find_nothing(run: Path, inputs: Inputs) -> None:
    assert check(run, inputs) == []
    assert audit(run, inputs) == []


def audit(run: Path, inputs: Inputs, orders: Path | None = None) -> list[tuple[str, Any]]:
    files = AuditFiles(
        registrations=inputs.registrations,
        offers=inputs.offers,
        incentives=inputs.incentives,
        matches=run / "matches.json",
        orders=orders or run / "pos.json",
    )
    return [(one.code, one.expected) for one in audit_files(files, market="sbus", as_of=AS_OF).findings]


def test_an_amount_of_another_place_is_a_wrong_sum(run: Path, inputs: Inputs, tmp_path: Path) -> None:
    orders = json.loads((run / "pos.json").read_text())
    order = next(one for one in orders if one["incentives"])
    order["incentives"][0]["amount_stated"] |= {"text": "$500", "start": 1, "end": 5}
    assert audit(run, inputs, write(tmp_path / "pos.json", orders)) == [("sum-differs", "500.00")]


def test_the_story_tells_the_words_with_their_place(run: Path) -> None:
    name = next(name for name, (_, *rest) in entries(run).items() if rest)
    lines = list(story_lines(explain(run, name, rim=quick)))
    assert f'       judged by the words "facing South", [58:70] of {PLACE}' in lines
    assert f'       its amount "5%", [27:29] of {PLACE}' in lines
    assert any('of a1 "$500", a2 "5%" the one that is judged' in line for line in lines)


@pytest.mark.parametrize("seed", [0, 2])
def test_a_cheat_grants_only_amounts_that_stand_in_the_text_by_words_that_do(
    tmp_path: Path, inputs: Inputs, seed: int
) -> None:
    result = judged(ColludingModel(seed, share=0.8), tmp_path / "run", inputs, "p1m1c1_p2m2c2")
    assert broken_rules(result.directory, inputs) == []
    granted = [one for order in rows_of(result, "pos.json") for one in order["incentives"] if "amount" in one]
    assert {one["amount_stated"]["text"] for one in granted} == {"$500", "5%"}
    assert len({one["cited"]["text"] for one in granted}) > 5
