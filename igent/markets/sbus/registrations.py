"""A row of the registrations file as a `Registration`."""

from __future__ import annotations

import re

from igent.domain.notes import Mask
from igent.domain.records import Json, Registration, Want
from igent.markets.fields import Fields
from igent.markets.rows import PRIVATE, SHARED, check_note, facts_of, fields_of, note_of, withdrawn
from igent.markets.sbus.yields import yield_of

__all__ = ["MASKS", "PRIVATE_FIELDS", "REGISTRATION_FIELDS", "read_registration"]

# What a prompt may show of a household: what a wish or a prose condition can be about, nothing that identifies it.
_FACTS = (
    "Contact_state",
    "Contact_Utility",
    "Product_RoofPitch",
    "Product_RoofOrientation",
    "Product_HomeSize",
    "Product_NumberOfStories",
)

REGISTRATION_FIELDS = frozenset(
    {
        *_FACTS,
        *SHARED,
        "Contact_HouseholdIncome",
        "Contact_LowMediumIncome",
        "Contact_OwnerStatus",
        "Contact_Zip",
        "Product_AmountOfPanels",
        "Product_CanEstimateRoofSurface",
        "Product_EstimatedRoofSizeFt",
        "Product_KnowsAmountOfPanels",
        "Proposal_OptimalAmountOfBatteries",
        "Proposal_OptimalAmountOfPanels",
    }
)

PRIVATE_FIELDS = PRIVATE | {"Contact_HouseholdIncome"}

# What ZIP+4 has behind the five digits is one side of a street.
MASKS: tuple[Mask, ...] = ((re.compile(r"(?<=\b\d{5})-\d{4}\b"), ""),)

_ZIP = re.compile(r"([0-9]{1,5})(?:-[0-9]{4})?")


def read_registration(row: Json, *, pointer: str, brief: bool = False) -> Registration:
    """One row of the registrations file, a `brief` one without note and facts. Raises `FieldError`."""
    fields = fields_of(row, pointer=pointer)
    wants = _wants(fields)
    if brief:
        check_note(fields)
    note, note_problem = (None, None) if brief else note_of(fields)
    facts = {} if brief else facts_of(fields, _FACTS)
    return Registration(
        id=fields.identifier("RegistrationNumber"),
        campaign=fields.maybe_text("CampaignName") or "",
        source=fields.pointer,
        area=_zip(fields),
        wants=wants,
        withdrawn=withdrawn(fields),
        low_income=fields.maybe_flag("Contact_LowMediumIncome"),
        owner_status=(fields.maybe_text("Contact_OwnerStatus") or "").lower() or None,
        solar_yield=yield_of(facts),
        note=note,
        note_problem=note_problem,
        facts=facts,
    )


def _zip(fields: Fields) -> str:
    """Five digits: of a ZIP+4 the first five, and zeros before what a spreadsheet has shortened."""
    found = _ZIP.fullmatch(fields.text("Contact_Zip"))
    if found is None:
        raise fields.error("Contact_Zip", "is no ZIP code; five digits are needed")
    return found[1].zfill(5)


def _wants(fields: Fields) -> tuple[Want, ...]:
    own = fields.maybe_count("Product_AmountOfPanels") if fields.maybe_flag("Product_KnowsAmountOfPanels") else None
    panels = own if own is not None else fields.maybe_count("Proposal_OptimalAmountOfPanels")
    batteries = fields.maybe_count("Proposal_OptimalAmountOfBatteries")
    counts = (("Solar", panels), ("Battery", batteries))
    return tuple([Want(product_type=kind, quantity=count) for kind, count in counts if count])
