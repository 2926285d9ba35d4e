"""Reading what an audit is about: the inputs, somebody's matches and orders, and what igent leaves beside its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from igent.audit.case import Case, Household
from igent.audit.claims import Found, Tiers, maybe_tiers, rows_in
from igent.audit.findings import Finding
from igent.audit.matches import Hold, MatchAudit
from igent.audit.orders import OrderAudit, missing
from igent.audit.report import Audit
from igent.errors import InputError, OptionError
from igent.markets import MARKETS
from igent.markets.fields import FieldError
from igent.store.source import LARGE_BYTES, BadRow, RowFile, read_document, read_documents

__all__ = ["AuditFiles", "audit_files"]

# What a run writes beside its matches about those that have none.
_OTHERS = ("unmatched.json", "review.json", "failed.json", "rejects.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFiles:
    """The files of an audit; where `incentives` is None, nobody knows which there are, and none is called unknown."""

    registrations: Path
    offers: Path
    matches: Path
    orders: Path
    incentives: Path | None = None


def audit_files(files: AuditFiles, *, market: str, as_of: date) -> Audit:
    """Audit matches and orders against the inputs, as on a day. Raises `InputError` for a file that cannot be used.

    Where igent's own `unmatched.json`, `review.json`, `failed.json`, `rejects.json`, `capacity.json` or `audit.jsonl`
    stand beside the matches, they say who is accounted for, which places are kept or were gone, and the tiers.
    """
    return asyncio.run(_audit(files, market=market, as_of=as_of))


async def _audit(files: AuditFiles, *, market: str, as_of: date) -> Audit:
    tiers = await _maybe_tiers(files.matches.with_name("audit.jsonl"))
    case = await _case(files, market=market, as_of=as_of)
    accounted, held = await _others(files.matches.parent, case)
    held += [hold async for row in _rows(files.matches) if (hold := _maybe_decided(row, case))]
    used = await _used_before(files.matches.with_name("capacity.json"))
    matches = MatchAudit(case, used=used, held=held, tiers=tiers)
    findings = [one async for row in _rows(files.matches) for one in matches.audit(row)]
    orders = OrderAudit(case, matches.matched)
    findings += [one async for row in _rows(files.orders) for one in orders.audit(row)]
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
    rows = RowFile(files.registrations)
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


async def _others(folder: Path, case: Case) -> tuple[set[str], list[Hold]]:
    """The registrations that a run has told to have no match, and the places that it keeps for some of them."""
    accounted, held = set[str](), list[Hold]()
    for path in (folder / name for name in _OTHERS):
        async for row in _maybe_rows(path):
            name, supplier = row.get("registration_id").text or "", row.get("held").text
            accounted.add(name)
            if supplier in case.suppliers and name in case.households:
                # A registration without a match keeps its place for good, unless a person has decided against one.
                decided = path.name == "unmatched.json"
                held.append(Hold(index=case.households[name].index, supplier_id=supplier or "", decided=decided))
    return accounted, held


def _maybe_decided(row: Found, case: Case) -> Hold | None:
    """The place that was kept for a match until a person decided it; None where there was no such place."""
    name, supplier = row.get("registration_id").text or "", row.get("held").text or ""
    if row.get("judgement").value != "reviewed" or name not in case.households or supplier not in case.suppliers:
        return None
    return Hold(index=case.households[name].index, supplier_id=supplier, decided=True)


async def _used_before(path: Path) -> dict[str, int]:
    """The places that were gone before a run."""
    found = dict[str, int]()
    async for row in _maybe_rows(path):
        used = row.get("used_before").value
        if isinstance(used, int):
            found[row.get("supplier_id").text or ""] = used
    return found


async def _maybe_tiers(path: Path) -> dict[str, Tiers] | None:
    """The tiers that a run's audit has, where there is one."""
    if not _is_file(path):
        return None
    found = dict[str, Tiers]()
    async for batch in RowFile(path).batches():
        for line in batch.rows:
            if not isinstance(line, BadRow) and (tiers := maybe_tiers(line)):
                found[tiers[0]] = tiers[1]
    return found


async def _maybe_rows(path: Path) -> AsyncIterator[Found]:
    if _is_file(path):
        async for row in _rows(path):
            yield row


async def _rows(path: Path) -> AsyncIterator[Found]:
    """The rows of a file of matches or orders. One of more than `LARGE_BYTES` holds an array or JSON Lines."""
    if not _is_large(path):
        document = await read_document(path)
        for row in rows_in(Found(document.value, f"{document.name}#")):
            yield row
        return
    file = RowFile(path)
    async for batch in file.batches():
        for index, value in enumerate(batch.rows, start=batch.first_row):
            if isinstance(value, BadRow):
                remedy = "Correct the file or export it again"
                raise InputError(file=file.name, place=f"line {value.line}", problem=value.problem, remedy=remedy)
            for row in rows_in(Found(value, f"{file.name}#{batch.base}/{index}")):
                yield row


def _is_file(path: Path) -> bool:
    return path.is_file()


def _is_large(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > LARGE_BYTES
