"""Reading what an audit is about: the inputs, somebody's matches and orders, and what igent leaves beside its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from igent.audit.case import Case, Household
from igent.audit.claims import Found, rows_in
from igent.audit.findings import Finding
from igent.audit.holds import Hold, Told, holds, holds_of
from igent.audit.matches import MatchAudit
from igent.audit.orders import OrderAudit, missing
from igent.audit.report import Audit
from igent.errors import InputError, OptionError
from igent.markets import MARKETS
from igent.markets.fields import FieldError
from igent.store.places import own_place
from igent.store.source import BadRow, RowFile, read_document, read_documents

__all__ = ["AuditFiles", "audit_files"]

WHOLE_BYTES = 8 << 20  # what is parsed in one go takes fifteen times its size in memory

# What a run writes beside its matches about those that have none.
_OTHERS = ("unmatched.json", "review.json", "failed.json", "rejects.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFiles:
    """The files of an audit; where `incentives` is None, nobody knows which there are, and none is called unknown.

    A file of more than 4 GiB is read only with `allow_large`.
    """

    registrations: Path
    offers: Path
    matches: Path
    orders: Path
    incentives: Path | None = None
    allow_large: bool = False


def audit_files(files: AuditFiles, *, market: str, as_of: date) -> Audit:
    """Audit matches and orders against the inputs, as on a day. Raises `InputError` for a file that cannot be used.

    Where igent's own `unmatched.json`, `review.json`, `failed.json`, `rejects.json`, `capacity.json` or `audit.jsonl`
    stand beside the matches, they say who is accounted for, which places are kept or were gone, and the tiers. Places
    that were kept of an earlier run come before all others, a further pass of the run behind the one before.
    """
    return asyncio.run(_audit(_at_once(files), market=market, as_of=as_of))


def _at_once(files: AuditFiles) -> AuditFiles:
    """The files where they are now, so that a link such as `latest` leads to one run for all of them."""
    places = {path.parent: own_place(path.parent) for path in (files.matches, files.orders)}
    matches, orders = (places[path.parent] / path.name for path in (files.matches, files.orders))
    return replace(files, matches=matches, orders=orders)


async def _audit(files: AuditFiles, *, market: str, as_of: date) -> Audit:
    told = await _maybe_told(files.matches.with_name("audit.jsonl"))
    case = await _case(files, market=market, as_of=as_of)
    accounted, held = await _others(files.matches.parent, case)
    async for row in _rows(files.matches, large=files.allow_large):
        held += holds_of(row, case, decided=True) if row.get("judgement").value == "reviewed" else ()
    used = await _used_before(files.matches.with_name("capacity.json"))
    tiers, kept = (told.tiers, told.kept) if told else (None, {})
    matches = MatchAudit(case, used=used, held=holds(held, told, case), tiers=tiers, kept=kept)
    findings = [one async for row in _rows(files.matches, large=files.allow_large) for one in matches.audit(row)]
    orders = OrderAudit(case, matches.matched)
    findings += [one async for row in _rows(files.orders, large=files.allow_large) for one in orders.audit(row)]
    findings += missing(case, matches, orders, accounted=accounted)
    if files.incentives is None:
        findings = [finding for finding in findings if finding.code != "incentive-unknown"]
    return Audit(
        findings=tuple(sorted(findings, key=lambda one: _place(one, case))),
        matched=len(matches.matched),
        orders=len(orders.ordered),
    )


def _place(finding: Finding, case: Case) -> tuple[bool, int]:
    """Where a finding is told: by the order of the registrations, those of nobody last."""
    household = case.households.get(finding.registration_id or "")
    return household is None, household.index if household else 0


async def _case(files: AuditFiles, *, market: str, as_of: date) -> Case:
    if market not in MARKETS:
        raise OptionError(f"there is no market {market!r}", remedy=f"Choose one of: {', '.join(MARKETS)}")
    rules = MARKETS[market]
    offers, incentives = await read_documents(files.offers, files.incentives)
    assert offers is not None
    case = Case(
        rules.read_suppliers(offers.value, file=offers.name),
        rules.read_incentives(incentives.value, file=incentives.name) if incentives else (),
        as_of=as_of,
        currency=rules.CURRENCY,
    )
    rows = RowFile(files.registrations, allow_large=files.allow_large)
    async for batch in rows.batches():
        for index, row in enumerate(batch.rows, start=batch.first_row):
            if isinstance(row, BadRow):
                continue
            try:
                found = rules.read_registration(row, pointer=f"{rows.name}#{batch.base}/{index}")
            except FieldError as exc:
                case.unusable[rules.identify(row) or ""] = f"cannot be read: {exc}"
            else:
                case.add(Household(index, found))
    return case


async def _others(folder: Path, case: Case) -> tuple[set[str], list[tuple[str, Hold]]]:
    """The registrations that a run has told to have no match, and the places that it keeps for some of them."""
    accounted, held = set[str](), list[tuple[str, Hold]]()
    for path in (folder / name for name in _OTHERS):
        async for row in _maybe_rows(path):
            accounted.add(row.get("registration_id").text or "")
            # A registration without a match keeps its place for good, unless a person has decided against one.
            held += holds_of(row, case, decided=path.name == "unmatched.json")
    return accounted, held


async def _used_before(path: Path) -> dict[str, int]:
    """The places that were gone before a run."""
    found = dict[str, int]()
    async for row in _maybe_rows(path):
        used = row.get("used_before").value
        if isinstance(used, int):
            found[row.get("supplier_id").text or ""] = used
    return found


async def _maybe_told(path: Path) -> Told | None:
    """What a run's audit has, where there is one."""
    if _maybe_bytes(path) is None:
        return None
    told = Told()
    async for batch in RowFile(path, allow_large=True).batches():
        for line in batch.rows:
            if isinstance(line, dict):
                told.add(line)
    return told


async def _maybe_rows(path: Path) -> AsyncIterator[Found]:
    if _maybe_bytes(path) is not None:
        async for row in _rows(path):
            yield row


async def _rows(path: Path, *, large: bool = True) -> AsyncIterator[Found]:
    """The rows of a file of matches or orders. One of more than `WHOLE_BYTES` holds an array or JSON Lines."""
    if (_maybe_bytes(path) or 0) <= WHOLE_BYTES:
        document = await read_document(path)
        for row in rows_in(Found(document.value, f"{document.name}#")):
            yield row
        return
    file = RowFile(path, allow_large=large)
    async for batch in file.batches():
        for index, value in enumerate(batch.rows, start=batch.first_row):
            if isinstance(value, BadRow):
                remedy = "Correct the file or export it again"
                raise InputError(file=file.name, place=f"line {value.line}", problem=value.problem, remedy=remedy)
            for row in rows_in(Found(value, f"{file.name}#{batch.base}/{index}")):
                yield row


def _maybe_bytes(path: Path) -> int | None:
    """How large a file is; None where there is none."""
    return path.stat().st_size if path.is_file() else None
