from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from igent.domain.records import Json, Registration
from igent.errors import InputError, RowError
from igent.workflows import RunSettings, make_settings
from igent.workflows.plan import Planned, load, plan_rows, survey
from tests.workflows.runs import AS_OF, SAMPLE, registrations, write


@dataclass(frozen=True)
class Plans:
    """Plans what a file of rows holds, against the sample's offers and incentives."""

    folder: Path

    def settings(self, rows: object, **options: Any) -> RunSettings:
        path = write(self.folder / "registrations.json", rows)
        files = {"registrations": path, "offers": SAMPLE.offers, "incentives": SAMPLE.incentives}
        capacity = options.pop("capacity", None)
        given: Any = files | ({"capacity": write(self.folder / "capacity.json", capacity)} if capacity else {})
        return make_settings("p1m1_p2m2", given, as_of=AS_OF, **options)

    def __call__(self, rows: object, *, first: int = 0, **options: Any) -> list[Planned]:
        settings = self.settings(rows, **options)

        async def plan() -> list[Planned]:
            inputs = await load(settings)
            found = await survey(inputs, settings)
            async with aclosing(plan_rows(inputs, found, settings, first=first)) as planned:
                return [one async for one in planned]

        return asyncio.run(plan())

    def one(self, **changed: Json) -> Planned:
        """The plan of a registration of the sample with some fields changed."""
        (planned,) = self([registrations()[0] | changed])
        return planned


@pytest.fixture
def plans(tmp_path: Path) -> Plans:
    return Plans(tmp_path)


def settled(planned: Planned) -> tuple[str | None, tuple[str, ...]]:
    return planned.outcome, planned.codes


def test_a_household_with_candidates_has_two_tasks_about_the_same_offers(plans: Plans) -> None:
    planned = plans.one()
    assert planned.match is not None
    assert planned.order is not None
    assert planned.match.offers == planned.order.offers
    assert settled(planned) == (None, ())


@pytest.mark.parametrize("status", ["Declined", "cancelled"])
def test_withdrawn_registrations_are_unmatched_unless_asked_for(plans: Plans, status: str) -> None:
    row = registrations()[0] | {"RegistrationStatus": status}
    assert settled(plans([row])[0]) == ("unmatched", ("withdrawn",))
    assert settled(plans([row], include_withdrawn=True)[0]) == (None, ())


def test_an_area_that_nobody_serves_is_a_reason(plans: Plans) -> None:
    assert settled(plans.one(Contact_Zip="00001")) == ("unmatched", ("area-not-served",))


def test_no_quantity_at_all_is_for_a_person(plans: Plans) -> None:
    planned = plans.one(Proposal_OptimalAmountOfPanels=None)
    assert settled(planned) == ("review", ("quantity-unknown",))


def test_a_quantity_far_from_every_row_is_for_a_person(plans: Plans) -> None:
    planned = plans.one(Proposal_OptimalAmountOfPanels=900)
    assert settled(planned) == ("review", ("quantity-not-offered",))


def test_a_household_that_wants_only_batteries_is_one(plans: Plans) -> None:
    planned = plans.one(Proposal_OptimalAmountOfPanels=None, Proposal_OptimalAmountOfBatteries="1")
    assert isinstance(planned.registration, Registration)
    assert [(want.product_type, want.quantity) for want in planned.registration.wants] == [("Battery", 1)]


def test_a_note_too_long_to_show_is_for_a_person(plans: Plans) -> None:
    assert settled(plans.one(Notes="x" * 2_001)) == ("review", ("note-too-long",))


def test_a_bad_row_is_a_rejection_that_names_its_file_row_and_field(plans: Plans) -> None:
    rows = registrations()[:2]
    bad = plans([rows[0], rows[1] | {"Contact_Zip": None}])[1]
    assert settled(bad) == ("rejected", ("row-invalid",))
    assert isinstance(bad.registration, RowError)
    found = bad.registration
    assert (found.file, found.row, found.field) == ("registrations.json", 1, "Contact_Zip")
    assert bad.id == rows[1]["RegistrationNumber"]


def test_an_id_that_stands_twice_is_used_nowhere_also_when_only_one_is_asked_for(plans: Plans) -> None:
    rows = registrations()[:2]
    planned = plans([*rows, rows[0]], max_items=2)
    assert [one.outcome for one in planned] == ["rejected", None]


def test_planning_goes_on_from_a_row(plans: Plans) -> None:
    assert [one.index for one in plans(registrations()[:6], first=4)] == [4, 5]


def test_planning_ends_at_max_items(plans: Plans) -> None:
    assert [one.index for one in plans(registrations()[:6], max_items=2)] == [0, 1]


def test_a_file_of_which_no_row_can_be_used_is_refused(plans: Plans) -> None:
    with pytest.raises(InputError, match=r"registrations\.json"):
        plans([{"id": 1}, {"id": 2}])


def test_an_earlier_capacity_seeds_the_ledger(plans: Plans) -> None:
    capacity = [{"supplier_id": "Quillroof", "used": 5}]
    inputs = asyncio.run(load(plans.settings([], capacity=capacity)))
    account = inputs.ledger()["Quillroof"]
    assert (account.used_before, account.used) == (5, 5)


@pytest.mark.parametrize(
    "row", [{"supplier_id": "Nobody", "used": 1}, {"supplier_id": "Quillroof", "used": -1}, {"used": 1}, 7]
)
def test_a_capacity_file_of_other_suppliers_is_refused_with_its_row(plans: Plans, row: object) -> None:
    capacity = [{"supplier_id": "Quillroof", "used": 5}, row]
    with pytest.raises(InputError, match=r"capacity\.json, /1"):
        asyncio.run(load(plans.settings([], capacity=capacity)))


async def test_a_survey_counts_hashes_and_lists_what_it_does_not_know(plans: Plans) -> None:
    rows = registrations()[:3]
    settings = plans.settings([rows[0] | {"Zebra": 1}, rows[1] | {"Apple": 2}, rows[2], rows[2]])
    found = await survey(await load(settings), settings)
    assert (found.total, found.unknown_fields) == (4, ("Apple", "Zebra"))
    assert [row["RegistrationNumber"] for row in rows if found.repeated.has(row["RegistrationNumber"])] == [
        rows[2]["RegistrationNumber"]
    ]
    assert len(found.sha256) == 64
