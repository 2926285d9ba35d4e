"""The names that registrations and offers have for the same things, and the one that igent uses."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from igent.markets.fields import Fields

__all__ = [
    "CURRENCY",
    "FUELS",
    "METERS",
    "NIGHT",
    "PAYMENTS",
    "REGIONS",
    "SINGLE_RATE",
    "TWO_RATE",
    "USE",
    "choice",
    "variant",
]

CURRENCY = "GBP"
SINGLE_RATE, TWO_RATE = "single rate", "two rate"
ELECTRICITY, GAS = "Electricity", "Gas"

# The field of a registration that holds the kWh a year of a fuel, and the one that says how many of them are at night.
USE: Mapping[str, str] = MappingProxyType({ELECTRICITY: "Consumption_Electricity", GAS: "Consumption_Gas"})
NIGHT = "Consumption_ElectricityNight"

Names = Mapping[str, str]


def _key(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _names(spellings: Mapping[str, tuple[str, ...]]) -> Names:
    return MappingProxyType({_key(one): name for name, others in spellings.items() for one in (name, *others)})


# The fourteen supply regions of Great Britain, by the number that the distributor has in meter point numbers and by the
# names of the boards that they once were, as suppliers' price lists and tables of service areas spell them.
REGIONS = _names(
    {
        "Eastern": ("10",),
        "East Midlands": ("11",),
        "London": ("12", "London Electricity"),
        "Manweb": ("13",),
        "Midlands": ("14",),
        "Northern": ("15",),
        "Norweb": ("16",),
        "Scottish Hydro": ("17", "Scottish Hydro Electric"),
        "ScottishPower": ("18",),
        "SEEBOARD": ("19",),
        "Southern": ("20", "Southern Electric"),
        "SWALEC": ("21",),
        "SWEB": ("22",),
        "Yorkshire": ("23",),
    }
)
PAYMENTS = _names(
    {
        "Direct Debit": ("Monthly Direct Debit",),
        "Cash Cheque": ("Cash/Cheque", "Cash or Cheque"),
        "Prepayment": ("Prepayment Meter",),
    }
)
METERS = _names({SINGLE_RATE: (), TWO_RATE: ("Economy 7",)})
FUELS = _names({ELECTRICITY: (), GAS: (), "Dual Fuel": ()})


def choice(fields: Fields, field: str, names: Names) -> str:
    """The one name of what a field says. Raises `FieldError` where it is missing or says something else."""
    text = fields.text(field)
    found = names.get(_key(text))
    if found is None:
        known = ", ".join(dict.fromkeys(names.values()))
        raise fields.error(field, f"is {text[:40]!r}; allowed: {known}")
    return found


def variant(meter: str, payment: str) -> str:
    """What a product has to be for, beside its fuel, so that a household can be given it."""
    return f"{meter}, {payment}"
