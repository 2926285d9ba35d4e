"""What a market module provides. A module that has these names is a market: there is nothing to subclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from igent.domain.incentives import Incentive
from igent.domain.notes import Mask
from igent.domain.records import Json, Offer, Registration, Supplier

__all__ = ["Facts", "Market", "Shown"]

Facts = Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one prompt shows, read back from its text: all that a stand-in for a model may decide by.

    `offers` are `offer_facts` with their ids, `incentives` have `id`, `name`, `text`
    and, where there are several to pick from, `amounts`, `proposal` is what a critic
    is asked about. `task` is `match` or `order`.
    """

    task: str
    offers: tuple[Facts, ...]
    household: Facts
    note: str | None = None
    incentives: tuple[Facts, ...] = ()
    proposal: Facts | None = None


class Market(Protocol):
    """The functions of a market; all are pure. Prompt files lie in the module's folder `prompts`."""

    __name__: str
    AREA: str  # what prompts call a household's area
    CURRENCY: str
    MASKS: tuple[Mask, ...]  # what identifies somebody here, besides what does everywhere
    REGISTRATION_FIELDS: frozenset[str]
    PRIVATE_FIELDS: frozenset[str]

    def identify(self, row: Json) -> str | None:
        """The registration's id, where a row has one that can be read."""
        ...

    def read_registration(self, row: Json, *, pointer: str, brief: bool = False) -> Registration:
        """One row of the registrations file. Raises `FieldError`; to see whether it does, a `brief` one has no note
        and no facts."""
        ...

    def read_suppliers(self, document: Json, *, file: str) -> tuple[Supplier, ...]:
        """The offers file. Raises `InputError` with the place."""
        ...

    def read_incentives(self, document: Json, *, file: str) -> tuple[Incentive, ...]:
        """The incentives file. Raises `InputError` with the place."""
        ...

    def offer_facts(self, offer: Offer) -> dict[str, Json]:
        """What a prompt shows of an offer: the same for every household, no price and no capacity."""
        ...

    def keyword_match(self, shown: Shown) -> dict[str, Json]:
        """A stand-in's phase-1 reply by keywords of the note, for simulations."""
        ...

    def keyword_order(self, shown: Shown) -> dict[str, Json]:
        """A stand-in's phase-2 decision by keywords of the note and the incentives, for simulations."""
        ...
