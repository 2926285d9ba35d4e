"""A row of the registrations file as a `Registration`."""

from __future__ import annotations

import re

from igent.domain.notes import Mask
from igent.domain.records import Json, Registration, Want
from igent.markets.enuk.names import (
    FUELS,
    METERS,
    NIGHT,
    PAYMENTS,
    REGIONS,
    SINGLE_RATE,
    TWO_RATE,
    USE,
    choice,
    variant,
)
from igent.markets.fields import Fields
from igent.markets.rows import PRIVATE, SHARED, check_note, facts_of, fields_of, note_of, withdrawn

__all__ = ["MASKS", "PRIVATE_FIELDS", "REGISTRATION_FIELDS", "read_registration"]

# What a prompt may show of a household: what a wish can be about, nothing that identifies it.
_FACTS = (
    "Contact_HomeType",
    "Product_CurrentSupplier",
    "Product_Meter",
    "Product_PaymentMethod",
    "Product_SmartMeter",
)

REGISTRATION_FIELDS = frozenset({*_FACTS, *SHARED, *USE.values(), NIGHT, "Contact_ServiceArea", "Product_Fuel"})
PRIVATE_FIELDS = PRIVATE

# Telephone numbers as Britain groups them, meter point numbers and account numbers: ten digits or more, however they
# are spaced; and postcodes, which are a street.
MASKS: tuple[Mask, ...] = (
    (re.compile(r"(?<![\w£])\(?\d(?:[\s().-]{0,2}\d){9,}(?!\w)"), "[number]"),
    (re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b", re.IGNORECASE), "[postcode]"),
)


def read_registration(row: Json, *, pointer: str, brief: bool = False) -> Registration:
    """One row of the registrations file, a `brief` one without note and facts. Raises `FieldError`."""
    fields = fields_of(row, pointer=pointer)
    payment = choice(fields, "Product_PaymentMethod", PAYMENTS)
    if brief:
        check_note(fields)
    note, note_problem = (None, None) if brief else note_of(fields, MASKS)
    return Registration(
        id=fields.identifier("RegistrationNumber"),
        campaign=fields.maybe_text("CampaignName") or "",
        source=fields.pointer,
        area=choice(fields, "Contact_ServiceArea", REGIONS),
        wants=_wants(fields, payment),
        withdrawn=withdrawn(fields),
        payment_method=payment,
        note=note,
        note_problem=note_problem,
        facts={} if brief else facts_of(fields, _FACTS, MASKS),
    )


def _wants(fields: Fields, payment: str) -> tuple[Want, ...]:
    """What it wants of each fuel; nothing where any of its use is unknown, since half of a home is nobody's wish."""
    fuel = choice(fields, "Product_Fuel", FUELS)
    wants = [_want(fields, one, payment) for one in USE if fuel in (one, "Dual Fuel")]
    known = tuple(want for want in wants if want is not None)
    return known if len(known) == len(wants) else ()


def _want(fields: Fields, fuel: str, payment: str) -> Want | None:
    """A year's kWh of a fuel; None where they are not known, or not what of them is at night. 0 is not known."""
    meter = choice(fields, "Product_Meter", METERS) if fuel == "Electricity" else SINGLE_RATE
    used, night = fields.maybe_count(USE[fuel]), fields.maybe_count(NIGHT) if meter == TWO_RATE else 0
    if not used or night is None:
        return None
    if night > used:
        raise fields.error(NIGHT, f"is {night}, more than the {used} of the whole year")
    parts = {"night": night} if meter == TWO_RATE else {}
    return Want(product_type=fuel, quantity=used, variant=variant(meter, payment), parts=parts)
