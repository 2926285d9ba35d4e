"""The nouns of the domain as frozen values: what comes in, what is wanted, what is offered, what goes out.

Money is `Decimal`; quantities are whole units; every value that was read carries `source`, the JSON pointer
(`<file name>#/<path>`) of the place it came from, so that a written number can be followed back to its input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol, TypeAlias

__all__ = [
    "Candidates",
    "Finance",
    "Json",
    "Offer",
    "OutcomeKind",
    "Payment",
    "Price",
    "Prices",
    "Product",
    "Quote",
    "Registration",
    "Supplier",
    "Want",
    "Yield",
]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

OutcomeKind = Literal["matched", "unmatched", "review", "failed", "rejected"]
Payment = Literal["cash", "loan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """One product type that a household wants, in whole units.

    `variant` is that of its products which fits the household. `parts` are quantities within `quantity` that have a
    price of their own.
    """

    product_type: str
    quantity: int
    variant: str = ""
    parts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Yield:
    """What panels produce in a year on a household's roof, in kWh for each kWp of them.

    `facts` are those of the household that decide it, `uncertainty` is how far off it may be, `source` who says so.
    """

    kwh_per_kwp: int
    facts: Mapping[str, Json]
    uncertainty: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A household's registration as a market has read it.

    `facts` are the allow-listed fields that a prompt may show. `note` is the household's own words, already bounded
    and normalised, and still untrusted; `note_problem` is set instead where the words cannot be shown to a model.
    `payment_method` is how it pays what is not financed, where that is a choice. `solar_yield` is the name of the fact
    that is missing where the yield of its roof is not known.
    """

    id: str
    campaign: str
    source: str
    area: str
    wants: tuple[Want, ...]
    withdrawn: bool = False
    low_income: bool | None = None
    owner_status: str | None = None
    payment_method: str | None = None
    solar_yield: Yield | str = "solar_yield"
    note: str | None = None
    note_problem: str | None = None
    facts: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finance:
    """A supplier's loan: the yearly rate in percent and the term in months."""

    rate_percent: Decimal
    months: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """An amount of money as it was read, with the pointer to its place."""

    amount: Decimal
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a want costs one household: `price` is the total for `quantity`, `instalment` that of a loan for it.

    `details` is what an order's line says besides: what the price was computed from, where it was computed.
    """

    quantity: int
    price: Price
    instalment: Price | None = None
    details: Mapping[str, Json] = field(default_factory=dict)


class Prices(Protocol):
    """A product's price list, in the form that its market has for one."""

    def quote(self, want: Want, registration: Registration) -> Quote | None:
        """What a want of this product costs a household; None where the list has no price for it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One product of a supplier with its price list; `terms` are what a household's wishes can be about.

    `variant` tells products of one type apart that no household can choose between; `areas` are those where it is sold
    (None: wherever its supplier serves). `capacity` is the size of one piece in `unit` (`watt` of a panel,
    `kilowatt_hour` of a battery), where it is given.
    """

    type: str
    name: str
    prices: Prices
    source: str
    variant: str = ""
    areas: frozenset[str] | None = None
    capacity: Decimal | None = None
    unit: str | None = None
    terms: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """A supplier of the auction; one match uses one unit of `capacity`, of which `used` are already gone."""

    id: str
    capacity: int
    used: int
    areas: frozenset[str]
    products: tuple[Product, ...]
    source: str
    finance: Finance | None = None
    terms: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Offer:
    """A bundle that models see by its `id`: one supplier and one product per wanted type, in the order of the wants.

    It equals itself alone, so that what is made of a set of offers can be kept by that set.
    """

    id: str
    supplier: Supplier
    products: tuple[Product, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The offers that the rules allow a household, or the outcome and codes of having none."""

    offers: tuple[Offer, ...] = ()
    outcome: Literal["unmatched", "review"] | None = None
    codes: tuple[str, ...] = ()
