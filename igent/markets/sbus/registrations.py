"""A row of the registrations file as a `Registration`."""

from __future__ import annotations

import re

from igent.domain.notes import NoteTooLongError, clean_note
from igent.domain.records import Json, Registration, Want
from igent.markets.fields import FieldError, Fields

__all__ = ["PRIVATE_FIELDS", "REGISTRATION_FIELDS", "identify", "read_registration"]

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
        "CampaignName",
        "Contact_HouseholdIncome",
        "Contact_LowMediumIncome",
        "Contact_OwnerStatus",
        "Contact_Zip",
        "Notes",
        "Product_AmountOfPanels",
        "Product_CanEstimateRoofSurface",
        "Product_EstimatedRoofSizeFt",
        "Product_KnowsAmountOfPanels",
        "Proposal_OptimalAmountOfBatteries",
        "Proposal_OptimalAmountOfPanels",
        "RegistrationNumber",
        "RegistrationStatus",
    }
)

# Never shown as they stand, with or without the context filter: the note has its own section, cleaned.
PRIVATE_FIELDS = frozenset({"Notes", "RegistrationNumber", "RegistrationStatus", "Contact_HouseholdIncome"})

_ZIP = re.compile(r"(\d{1,5})(?:-\d{4})?")
# The longest value of these fields in a programme's export has 23 characters; free text does not belong in them.
_FACT_CHARS = 64
_WITHDRAWN = {"declined", "cancelled"}


def identify(row: Json) -> str | None:
    """The registration's id, where a row has one that can be read."""
    try:
        return Fields(row, "").text("RegistrationNumber") if isinstance(row, dict) else None
    except FieldError:
        return None


def read_registration(row: Json, *, pointer: str) -> Registration:
    """One row of the registrations file. Raises `FieldError`."""
    if not isinstance(row, dict):
        raise FieldError("", "is not an object")
    fields = Fields(row, pointer)
    wants = _wants(fields)
    note, note_problem = _note(fields)
    return Registration(
        id=fields.text("RegistrationNumber"),
        campaign=fields.maybe_text("CampaignName") or "",
        source=fields.pointer,
        area=_zip(fields),
        wants=wants,
        withdrawn=(fields.maybe_text("RegistrationStatus") or "").lower() in _WITHDRAWN,
        low_income=fields.maybe_flag("Contact_LowMediumIncome"),
        owner_status=(fields.maybe_text("Contact_OwnerStatus") or "").lower() or None,
        note=note,
        note_problem=note_problem,
        facts=_facts(fields),
    )


def _zip(fields: Fields) -> str:
    """Five digits: of a ZIP+4 the first five, and zeros before what a spreadsheet has shortened."""
    found = _ZIP.fullmatch(fields.text("Contact_Zip"))
    if found is None:
        raise fields.error("Contact_Zip", "is no ZIP code; five digits are needed")
    return found[1].zfill(5)


def _facts(fields: Fields) -> dict[str, Json]:
    """The facts that a prompt may show: short plain values, cleaned like a note."""
    texts = {name: fields.values[name] for name in _FACTS if isinstance(fields.values.get(name), str | int | float)}
    return {
        name: clean_note(value) if isinstance(value, str) else value
        for name, value in texts.items()
        if not isinstance(value, str) or 0 < len(value) <= _FACT_CHARS
    }


def _wants(fields: Fields) -> tuple[Want, ...]:
    own = fields.maybe_count("Product_AmountOfPanels") if fields.maybe_flag("Product_KnowsAmountOfPanels") else None
    panels = own if own is not None else fields.maybe_count("Proposal_OptimalAmountOfPanels")
    batteries = fields.maybe_count("Proposal_OptimalAmountOfBatteries")
    counts = (("Solar", panels), ("Battery", batteries))
    return tuple(Want(product_type=kind, quantity=count) for kind, count in counts if count)


def _note(fields: Fields) -> tuple[str | None, str | None]:
    text = fields.maybe_text("Notes")
    if text is None:
        return None, None
    try:
        return clean_note(text), None
    except NoteTooLongError as exc:
        return None, str(exc)
