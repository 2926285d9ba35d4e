"""Inputs of a certain kind, made from the sample market: one large candidate set, many small ones, mostly notes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from data.generate import registration
from data.offers import offers
from igent.store.bundled import sample_data
from igent.workflows import Inputs

__all__ = ["free_text", "one_large_set", "small_sets"]

_SEED: Final = 7
_BY_SET: Final = 8  # households of a small set
_Row = Mapping[str, object]

# Nothing that would tell two of them apart by rule: what is asked about is their offers alone.
_PLAIN: Final[_Row] = {
    "RegistrationStatus": "Accepted",
    "Product_KnowsAmountOfPanels": "0",
    "Product_AmountOfPanels": None,
    "Proposal_OptimalAmountOfPanels": 18,
    "Proposal_OptimalAmountOfBatteries": "0",
    "Contact_LowMediumIncome": 0,
    "Contact_OwnerStatus": "homeowner",
    "Contact_HouseholdIncome": 92000,
    "Notes": None,
}


def one_large_set(directory: Path, suppliers: int) -> Inputs:
    """Households of one ZIP code that so many suppliers serve, half as many again."""
    households = [_plain(number, "53000") for number in range(suppliers * 3 // 2)]
    return _written(directory, households, [_supplier(number, ["53000"]) for number in range(suppliers)])


def small_sets(directory: Path, sets: int) -> Inputs:
    """So many ZIP codes with two suppliers of their own and eight households each, in turn."""
    households = [_plain(number, f"{53000 + number % sets}") for number in range(sets * _BY_SET)]
    own = [_supplier(number, [f"{53000 + number // 2}"]) for number in range(2 * sets)]
    return _written(directory, households, own)


def free_text(directory: Path, count: int) -> Inputs:
    """So many households of the sample market, three of four with a note."""
    every = [registration(index, seed=_SEED) for index in range(20 * count)]
    noted, others = ([row for row in every if bool(row.get("Notes")) is with_one] for with_one in (True, False))
    households = [(others if number % 4 == 3 else noted)[number] for number in range(count)]
    return _written(directory, households, _suppliers(count))


def _plain(number: int, code: str) -> _Row:
    return {**registration(number, seed=_SEED), **_PLAIN, "Contact_Zip": code}


def _supplier(number: int, codes: Sequence[str]) -> _Row:
    """A supplier of panels with a name, places and room of its own."""
    panels = [one for one in _suppliers(1) if "Solar" in json.dumps(one["Offers"])]
    own = {"SupplierID": f"Supplier {number + 1}", "Capacity": 1_000, "Used": 0, "ServiceAreas": [*codes]}
    return {**panels[number % len(panels)], **own}


def _suppliers(count: int) -> list[_Row]:
    """Those of the sample market, with room for so many households."""
    return cast("list[_Row]", offers(count)["SupplierOffers"])


def _written(directory: Path, households: Sequence[_Row], suppliers: Sequence[_Row]) -> Inputs:
    directory.mkdir()
    files = {"registrations": households, "offers": {"CampaignID": "TR1", "SupplierOffers": suppliers}}
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    sample = sample_data()
    assert sample.incentives is not None
    return {
        "registrations": directory / "registrations.json",
        "offers": directory / "offers.json",
        "incentives": sample.incentives,
    }
