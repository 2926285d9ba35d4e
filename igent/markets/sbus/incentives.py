"""The incentives file: entries in the public schema of the Rewiring America data and in the plain format, mixed freely.

An array of entries, or an object `{"incentives": [...]}` that may bring the tables which say where a programme applies:
`programs`, `authorities`, `zip_to_geography`, and `relationships`. Schema:
https://github.com/rewiringamerica/api.rewiringamerica.org (read 2026-08).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import get_args

from igent.domain.incentives import Amount, AmountKind, Incentive, Timing
from igent.domain.records import Json
from igent.errors import InputError
from igent.markets.dates import read_date
from igent.markets.fields import FieldError, Fields, object_at
from igent.markets.sbus.areas import Areas

__all__ = ["read_incentives"]

_ITEMS = {"rooftop_solar_installation": "Solar", "battery_storage_installation": "Battery"}
_KINDS: dict[str, AmountKind] = {kind: kind for kind in get_args(AmountKind)}
_CEILING = re.compile(r"\bup to\b|\beither\b|\bas much as\b|\bmaximum of\b", re.IGNORECASE)
_CONDITION = re.compile(
    r"\b(must|only|when|if|unless|require[sd]?|paired|provided|subject to|restrictions?|depend\w*|\w*qualif\w+"
    r"|eligib\w+|certified|per (?!ton|watt|kilowatt|household|home)|for (homes|roofs|households))\b",
    re.IGNORECASE,
)
# At most fifteen digits: more is a slip, and no amount that could be computed with.
_FIGURE = re.compile(r"\$\s?(?P<dollars>\d[\d,]{0,14}(?:\.\d{1,6})?)(?![\d,])|(?P<percent>\d{1,3}(?:\.\d{1,6})?)\s?%")
_PER_UNIT = re.compile(r"(?:\bper\b|\beach\b|\bevery\b|/)(?!\s*(?:household|home|installation|project))", re.IGNORECASE)
_PER_KWH = re.compile(r"\b(kwh|kilo\s?watt[- ]?hours?)\b", re.IGNORECASE)
_AT_SALE = re.compile(r"point[- ]of[- ]sale", re.IGNORECASE)
_WHOLE_COST = re.compile(r"\d+(?:\.\d+)?% (?:over|of|on) the total cost(?: of the installation)?\.?", re.IGNORECASE)
_FLAT = re.compile(r"\$[\d,]+(?:\.\d+)?(?: rebate| discount)?(?: per household)?\.?", re.IGNORECASE)


def read_incentives(document: Json, *, file: str) -> tuple[Incentive, ...]:
    """Every incentive that concerns a product of this market, in file order. Raises `InputError` with the place."""
    tables: Mapping[str, Json] = {}
    rows, base = document, ""
    if isinstance(document, dict):
        tables, rows, base = document, document.get("incentives"), "/incentives"
    if not isinstance(rows, list):
        remedy = 'Give an array or {"incentives": [...]}'
        raise InputError(file=file, place=base, problem="holds no incentives", remedy=remedy)
    areas = Areas.read(tables)
    entries = [object_at(row, file=file, path=f"{base}/{i}") for i, row in enumerate(rows)]
    found = tuple(_located(entry, areas, file) for entry in entries)
    _refuse_duplicates(found, file=file)
    return tuple(incentive for incentive in found if incentive.product_types)


def _located(entry: Fields, areas: Areas, file: str) -> Incentive:
    try:
        return _plain(entry) if "Incentive name" in entry.values else _public(entry, areas)
    except FieldError as exc:
        place = f"{exc.pointer.removeprefix(file + '#')}, field {exc.field!r}"
        raise InputError(file=file, place=place, problem=exc.problem, remedy="Correct the incentives file") from exc


def _public(entry: Fields, areas: Areas) -> Incentive:
    incentive_id = entry.text("id")
    texts = entry.mapping("short_description")
    description = str(texts.get("en") or "")
    amount = _public_amount(Fields(entry.mapping("amount"), f"{entry.pointer}/amount"))
    where = areas.of_program(entry.maybe_text("program"))
    owners = [str(value) for value in entry.items("owner_status")] if entry.values.get("owner_status") else None
    low_income = entry.values.get("low_income")
    methods = {str(value) for value in entry.items("payment_methods")} if "payment_methods" in entry.values else set()
    never = _never(amount, description, methods)
    return Incentive(
        id=incentive_id,
        name=areas.program_name(entry.maybe_text("program")) or incentive_id,
        source=entry.pointer,
        product_types=frozenset(_ITEMS[item] for item in map(str, entry.items("items")) if item in _ITEMS),
        timing=_timing(never, at_sale="pos_rebate" in methods),
        amount=amount,
        owner_status=frozenset(owners) if owners else None,
        low_income=low_income is not None and low_income is not False,
        starts=_date(entry, "start_date", last=False),
        ends=_date(entry, "end_date", last=True),
        paused=entry.maybe_flag("paused") is True,
        areas=where.sure if where else None,
        uncertain_areas=where.unsure if where else frozenset(),
        never_decided=never or (None if where else "fact-missing: geography"),
        prose=description if _CONDITION.search(description) else None,
        excludes=areas.excluded_by(incentive_id),
        requires=areas.required_by(incentive_id),
    )


def _public_amount(fields: Fields) -> Amount:
    kind = _KINDS.get(fields.text("type"))
    if kind is None:
        raise fields.error("type", f"has an unknown type; allowed: {', '.join(_KINDS)}")
    return Amount(
        kind=kind,
        number=fields.amount("number"),
        minimum=fields.maybe_amount("minimum"),
        maximum=fields.maybe_amount("maximum"),
        unit=fields.maybe_text("unit"),
    )


def _never(amount: Amount, description: str, methods: set[str]) -> str | None:
    """Why code never promises this amount: it is paid by yield, or it is a ceiling rather than an amount."""
    if "performance_rebate" in methods or amount.unit == "kilowatt_hour":
        return "performance-based"
    figures = _figures(description)
    if any(kind == amount.kind and figure > amount.number for kind, figure in figures if figure != amount.maximum):
        return "ceiling-unclear"
    others = {figure for _, figure in figures} - {amount.number, amount.minimum, amount.maximum}
    tiers = amount.kind == "dollar_amount" and amount.minimum is not None  # the schema's mark for "there is more to it"
    return "ceiling" if amount.number == amount.maximum or tiers or _CEILING.search(description) or others else None


def _figures(text: str) -> set[tuple[AmountKind, Decimal]]:
    """The dollar amounts and percentages (as fractions) that a text names."""
    return {
        ("dollar_amount", Decimal(m["dollars"].replace(",", "")))
        if m["dollars"]
        else ("percent", Decimal(m["percent"]) / 100)
        for m in _FIGURE.finditer(text)
    }


def _timing(never: str | None, *, at_sale: bool) -> Timing:
    if never == "performance-based":
        return "yearly-estimate"
    return "point-of-sale" if at_sale else "after-purchase"


def _plain(entry: Fields) -> Incentive:
    name, specs = entry.text("Incentive name"), entry.text("Incentive specs")
    community = entry.text("Applicable community")
    zips = frozenset(re.findall(r"\b\d{5}\b", community))
    everywhere = community.upper() == "ALL"
    settled = everywhere and (_WHOLE_COST.fullmatch(specs) or _FLAT.fullmatch(specs))
    never = _plain_never(specs)
    prose = f"{specs} (community: {community})"
    return Incentive(
        id=name,
        name=name,
        source=entry.pointer,
        product_types=_mentioned(specs),
        timing=_timing(never, at_sale=_AT_SALE.search(specs) is not None),
        amount=_plain_amount(specs),
        low_income_unclear=entry.maybe_flag("LMI") is True,
        starts=_date(entry, "Start date", last=False),
        ends=_date(entry, "End date", last=True),
        areas=zips or None,
        never_decided=never or (None if everywhere or zips else "fact-missing: geography"),
        prose=None if settled else prose,
    )


def _plain_amount(specs: str) -> Amount | None:
    """The one figure of the text; None where it names none or several, or one for each of something."""
    figures = list(_FIGURE.finditer(specs))
    if len(figures) != 1 or _PER_KWH.search(specs) or _PER_UNIT.search(specs):
        return None
    if dollars := figures[0]["dollars"]:
        return Amount(kind="dollar_amount", number=Decimal(dollars.replace(",", "")))
    return Amount(kind="percent", number=Decimal(figures[0]["percent"]) / 100)


def _plain_never(specs: str) -> str | None:
    if _PER_KWH.search(specs):
        return "performance-based"
    return "ceiling" if _CEILING.search(specs) else None


def _mentioned(specs: str) -> frozenset[str]:
    """The product types that a text is about; both where it names neither."""
    solar = re.search(r"\bsolar|\bpanels?\b", specs, re.IGNORECASE)
    battery = re.search(r"\bbatter", specs, re.IGNORECASE)
    named = {kind for kind, found in (("Solar", solar), ("Battery", battery)) if found}
    return frozenset(named or {"Solar", "Battery"})


def _date(entry: Fields, field: str, *, last: bool) -> date | None:
    try:
        return read_date(entry.maybe_text(field), last=last)
    except ValueError as exc:
        raise entry.error(field, str(exc)) from exc


def _refuse_duplicates(found: tuple[Incentive, ...], *, file: str) -> None:
    seen: dict[str, str] = {}
    for incentive in found:
        if incentive.id in seen:
            place = incentive.source.removeprefix(f"{file}#")
            problem = f"incentive {incentive.id!r} stands there again, first at {seen[incentive.id]}"
            raise InputError(file=file, place=place, problem=problem, remedy="Give each incentive its own id or name")
        seen[incentive.id] = incentive.source
