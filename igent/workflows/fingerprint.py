"""What the judgement of a registration rests on, part by part: where two fingerprints are equal, nothing of it changed.

A part is a digest of canonical bytes without pointers into files, so that moving a row changes nothing. It holds what
the household can be given and what it would cost there, and neither other households nor capacity: where no price of
its own has changed, none has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from igent import codec
from igent.domain.incentives import standings
from igent.domain.orders import points
from igent.domain.records import Json, Offer, Product, Quote, Registration, Supplier
from igent.errors import RowError
from igent.workflows.plan import Planned
from igent.workflows.session import Session

__all__ = ["Fingerprints", "PARTS"]

PARTS = ("record", "offers", "incentives", "prompts", "constellation", "model")

# 64 bits: a fingerprint is compared with one other, of the same registration.
_DIGITS = 16

_ATOMS = frozenset({str, int, float, bool, type(None)})

# The conditions of an incentive that its standing has settled already, for this household and day.
_SETTLED = frozenset({"areas", "uncertain_areas", "starts", "ends"})
# What there is of a supplier and a product besides what any household sees.
_OTHERS = frozenset({"capacity", "used", "areas", "products"})
_PRICED = frozenset({"prices", "areas"})


class Fingerprints:
    """Takes the fingerprints of the registrations of one run; offers and incentives are read once for all of them."""

    def __init__(self, session: Session) -> None:
        self._inputs, self._as_of = session.inputs, session.settings.as_of
        self._filtered = session.constellation.optimization.context_filter
        settings = session.settings
        mocked = [settings.seed, settings.mock_errors] if "mock" in session.models else []
        self._run = {
            "prompts": _digest(dict(session.prompts)),
            "constellation": _digest(session.constellation),
            "model": _digest([*session.models, *mocked]),
        }
        # By identity: they are the inputs' own objects, which outlive this one, and hold what has no hash.
        self._known: dict[int, str] = {}

    def of(self, planned: Planned) -> dict[str, Json]:
        """The digest of each of `PARTS`."""
        return {
            "record": self._record(planned),
            "offers": self._offers(planned),
            "incentives": self.incentives(planned, self._as_of),
            **self._run,
        }

    def incentives(self, planned: Planned, as_of: date) -> str:
        """Where the incentives stand for a household on a day; those that do not concern it have no part in this."""
        if planned.order is None:
            return ""
        found = planned.order.standings
        if as_of != self._as_of:
            found = standings(self._inputs.incentives, planned.order.registration, as_of)
        return _short([[one.kind, one.reason, self._once(one.incentive, without=_SETTLED)] for one in found])

    def _record(self, planned: Planned) -> str:
        found = planned.registration
        if isinstance(found, RowError):
            return _digest([found.registration_id, found.field, found.problem, planned.row])
        row: Json = {}
        if not self._filtered and isinstance(planned.row, dict):
            market = self._inputs.market
            shown = market.REGISTRATION_FIELDS - market.PRIVATE_FIELDS
            row = {key: value for key, value in planned.row.items() if key in shown}
        return _digest([found, row])

    def _offers(self, planned: Planned) -> str:
        given: list[object] = [planned.outcome, planned.codes]
        if planned.match is None:
            return _short(given)
        household = planned.match.registration
        given += [[one.id, self._offer(one), *_quotes(one, household)] for one in planned.match.offers]
        if not self._filtered:
            given += [[one.id, self._offer(one)] for one in self._inputs.catalogue.elsewhere(household)]
        return _short(given)

    def _offer(self, offer: Offer) -> list[str]:
        """What any household sees of an offer: its supplier but for the places, its products but for the prices."""
        supplier = self._once(offer.supplier, without=_OTHERS)
        return [supplier, *[self._once(one, without=_PRICED) for one in offer.products]]

    def _once(self, value: Supplier | Product | object, *, without: frozenset[str]) -> str:
        known = self._known.get(id(value))
        if known is None:
            known = self._known[id(value)] = _digest(value, without=without)
        return known


def _quotes(offer: Offer, household: Registration) -> list[object]:
    """What each product would cost this household."""
    quotes = [one.prices.quote(want, household) for one, want in zip(offer.products, household.wants, strict=True)]
    return [_quoted(quote) for quote in quotes if quote is not None]


def _quoted(quote: Quote) -> list[object]:
    loan = None if quote.instalment is None else quote.instalment.amount
    return [quote.quantity, quote.price.amount, loan, _plain(quote.details) if quote.details else {}]


def _digest(value: object, *, without: frozenset[str] = frozenset()) -> str:
    return _short(_plain(value, without))


def _short(plain: object) -> str:
    """The digest of what is in JSON's terms already, tuples and decimals among them."""
    return codec.digest(plain)[:_DIGITS]


def _plain(value: object, without: frozenset[str] = frozenset()) -> object:
    """A value in JSON's terms; the fields `without` are left out at the top, pointers everywhere."""
    if type(value) in _ATOMS:
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    kind: type = type(value)
    if names := _names(kind):
        found = [(name, getattr(value, name)) for name in names if name not in without]
        return {name: one if type(one) in _ATOMS else _plain(one) for name, one in found}
    if isinstance(value, Mapping):
        return {
            str(key): one if type(one) in _ATOMS else _plain(one) for key, one in value.items() if not points(str(key))
        }
    if isinstance(value, (Decimal, date, Path)):
        return str(value)
    assert isinstance(value, (frozenset, set)), f"{type(value).__name__} has no fingerprint"
    return sorted(map(str, value))


@cache
def _names(kind: type) -> tuple[str, ...]:
    """The fields of a dataclass that are no pointers; none of any other type."""
    return tuple(one.name for one in fields(kind) if not points(one.name)) if is_dataclass(kind) else ()
