"""Load and plan: inputs read together, every row checked before any call, and what the rules say of each household."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Literal

from igent.domain.incentives import Incentive, Programmes
from igent.domain.ledger import Ledger
from igent.domain.records import Candidates, Json, Registration
from igent.domain.rules import Catalogue
from igent.domain.verify import MatchTask, OrderTask
from igent.errors import InputError, RowError, RunStopped
from igent.markets import MARKETS, Market
from igent.markets.fields import MAX_COUNT, FieldError
from igent.markets.rows import ID_FIELD
from igent.store.source import BadRow, Batch, Document, RowFile, read_documents
from igent.workflows.ids import Ids, Repeated
from igent.workflows.settings import RunSettings

__all__ = ["Inputs", "MAX_UNKNOWN", "Planned", "Survey", "load", "plan_rows", "survey"]

MAX_UNKNOWN = 100  # so many unknown fields are named, by so many characters: more would be another file's


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One row with what the rules settle: the two tasks to judge, or an outcome without any call.

    `row` is the input as it was read; `index` its 0-based place in the file.
    """

    index: int
    row: Json
    registration: Registration | RowError
    match: MatchTask | None = None
    order: OrderTask | None = None
    outcome: Literal["unmatched", "review", "rejected"] | None = None
    codes: tuple[str, ...] = ()

    @property
    def id(self) -> str | None:
        """The registration's id, where the row has one."""
        found = self.registration
        return found.registration_id if isinstance(found, RowError) else found.id

    @property
    def noted(self) -> bool:
        """Whether the household wrote a note, so that there is more to judge."""
        return not isinstance(self.registration, RowError) and self.registration.note is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a run reads. `hashes` are SHA-256 by role; that of the registrations follows from the survey."""

    market: Market
    catalogue: Catalogue
    incentives: tuple[Incentive, ...]
    rows: RowFile
    used: dict[str, int] | None
    hashes: dict[str, str]

    def ledger(self) -> Ledger:
        """A ledger before the first match."""
        return Ledger.opening(self.catalogue.suppliers, self.used)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What the first pass over the registrations found; `total` counts the rows that the run is about."""

    total: int
    repeated: Repeated
    unknown_fields: tuple[str, ...]
    sha256: str


async def load(settings: RunSettings) -> Inputs:
    """Read offers, incentives and capacity concurrently. Raises `InputError` for what cannot be used."""
    market = MARKETS[settings.market]
    found = await read_documents(settings.offers, settings.incentives, settings.capacity)
    offers, incentives, capacity = found
    assert offers is not None
    suppliers = market.read_suppliers(offers.value, file=offers.name)
    named = {"offers": offers, "incentives": incentives, "capacity": capacity}
    return Inputs(
        market=market,
        catalogue=Catalogue(suppliers),
        incentives=market.read_incentives(incentives.value, file=incentives.name) if incentives else (),
        rows=RowFile(settings.registrations, allow_large=settings.allow_large),
        used=_used(capacity, {supplier.id for supplier in suppliers}) if capacity else None,
        hashes={role: document.sha256 for role, document in named.items() if document},
    )


async def survey(inputs: Inputs, settings: RunSettings) -> Survey:
    """Read and check every registration once: ids that stand more than once, unknown fields, the file's hash.

    Raises `InputError` where the file cannot be read to its end, and where not one of its rows can be used.
    """
    ids = Ids()
    unknown: set[str] = set()
    total = bad = 0
    async for batch in inputs.rows.batches():
        total += len(batch.rows)
        place = _Place(batch, inputs.rows.name)
        for index, row in enumerate(batch.rows, start=batch.first_row):
            if isinstance(row, dict) and len(unknown) < MAX_UNKNOWN:
                unknown |= row.keys() - inputs.market.REGISTRATION_FIELDS
            found = _read(place, index, row, inputs.market, brief=True)
            if isinstance(found, RowError):
                bad, problem = bad + 1, str(found)
            name = found.registration_id if isinstance(found, RowError) else found.id
            if name is not None:
                ids.add(name)
    if bad and bad == total:
        remedy = "Is it the registrations file of this market?"
        raise InputError(
            file=inputs.rows.name, place="", problem=f"no row can be used; the last: {problem}", remedy=remedy
        )
    sha256 = inputs.rows.sha256
    assert sha256 is not None, "a complete pass has one"
    return Survey(
        total=min(total, settings.max_items or total),
        repeated=ids.repeated(),
        unknown_fields=tuple(name[:MAX_UNKNOWN] for name in sorted(unknown)[:MAX_UNKNOWN]),
        sha256=sha256,
    )


async def plan_rows(
    inputs: Inputs, found: Survey, settings: RunSettings, *, first: int = 0
) -> AsyncGenerator[Planned, None]:
    """Plan the rows from `first` (0-based) on, in file order, as far as `max_items` goes.

    Raises `RunStopped` where the file is no longer the one that the survey read.
    """
    planner = _Planner(inputs, found, settings)
    try:
        async with aclosing(inputs.rows.batches()) as batches:
            async for batch in batches:
                place = _Place(batch, inputs.rows.name)
                for index, row in enumerate(batch.rows, start=batch.first_row):
                    if index >= found.total and settings.max_items is not None:
                        return
                    if first <= index < found.total:
                        yield planner.plan(place, index, row)
    except InputError as exc:
        raise RunStopped(str(exc)) from exc
    if inputs.rows.sha256 != found.sha256:
        raise RunStopped(f"{inputs.rows.name} was changed while the run read it")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the rows of a batch stand."""

    batch: Batch
    file: str

    def pointer(self, index: int) -> str:
        return f"{self.file}#{self.batch.base}/{index}"

    def error(self, index: int, field: str, problem: str, registration_id: str | None) -> RowError:
        return RowError(file=self.file, row=index, field=field, problem=problem, registration_id=registration_id)


def _read(
    place: _Place, index: int, row: Json | BadRow, market: Market, *, brief: bool = False
) -> Registration | RowError:
    """One row by itself: the registration, or why it is rejected."""
    if isinstance(row, BadRow):
        return place.error(index, f"line {row.line}", row.problem, None)
    try:
        return market.read_registration(row, pointer=place.pointer(index), brief=brief)
    except FieldError as exc:
        return place.error(index, exc.field, exc.problem, market.identify(row))


class _Planner:
    """Plans rows, one by one."""

    def __init__(self, inputs: Inputs, found: Survey, settings: RunSettings) -> None:
        self._market, self._catalogue = inputs.market, inputs.catalogue
        self._repeated, self._settings = found.repeated, settings
        self._programmes = Programmes(inputs.incentives, settings.as_of)

    def plan(self, place: _Place, index: int, row: Json | BadRow) -> Planned:
        """What the rules settle of one row."""
        registration = _read(place, index, row, self._market)
        if not isinstance(registration, RowError) and self._repeated.has(registration.id):
            problem = f"{registration.id!r} stands in more than one row; none of them is used"
            registration = place.error(index, ID_FIELD, problem, registration.id)
        row = None if isinstance(row, BadRow) else row
        if isinstance(registration, RowError):
            return Planned(index=index, row=row, registration=registration, outcome="rejected", codes=("row-invalid",))
        found = _candidates(registration, self._catalogue, self._settings)
        outcome, codes, offers = found.outcome, found.codes, found.offers
        if not offers:
            return Planned(index=index, row=row, registration=registration, outcome=outcome, codes=codes)
        return Planned(
            index=index,
            row=row,
            registration=registration,
            match=MatchTask(registration=registration, offers=offers),
            order=OrderTask(registration=registration, offers=offers, standings=self._programmes.of(registration)),
            outcome=outcome,
            codes=codes,
        )


def _candidates(registration: Registration, catalogue: Catalogue, settings: RunSettings) -> Candidates:
    if registration.withdrawn and not settings.include_withdrawn:
        return Candidates(outcome="unmatched", codes=("withdrawn",))
    if registration.note_problem is not None:
        return replace(catalogue.candidates(registration), outcome="review", codes=("note-too-long",))
    return catalogue.candidates(registration)


def _used(document: Document, suppliers: set[str]) -> dict[str, int]:
    """Used places by supplier from the `capacity.json` of an earlier run. Raises `InputError`."""
    remedy = "Give the capacity.json of an earlier run over the same suppliers"
    rows = document.value if isinstance(document.value, list) else []
    used: dict[str, int] = {}
    for index, row in enumerate(rows):
        match row:
            case {"supplier_id": str(supplier_id), "used": int(count)} if supplier_id in suppliers and (
                not isinstance(count, bool) and 0 <= count <= MAX_COUNT
            ):
                if supplier_id in used:
                    problem = f"supplier {supplier_id!r} stands there again"
                    raise InputError(file=document.name, place=f"/{index}", problem=problem, remedy=remedy)
                used[supplier_id] = count
            case _:
                problem = "is not the record of a supplier in the offers file"
                raise InputError(file=document.name, place=f"/{index}", problem=problem, remedy=remedy)
    if not used:
        raise InputError(file=document.name, place="", problem="holds no suppliers", remedy=remedy)
    return used
