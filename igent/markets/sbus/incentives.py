"""The incentives file: entries in the public schema of the Rewiring America data and in the plain format, mixed freely.

An array of entries, or an object `{"incentives": [...]}` that may bring the tables which say where a programme applies:
`programs`, `authorities`, `zip_to_geography`, and `relationships`. Schema:
https://github.com/rewiringamerica/api.rewiringamerica.org (read 2026-08).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import get_args

from igent.domain.incentives import Amount, AmountKind, Incentive, Timing
from igent.domain.records import Json
from igent.errors import InputError
from igent.markets.dates import read_date
from igent.markets.fields import FieldError, Fields, alike, object_at, refuse_currency
from igent.markets.sbus.areas import Areas
from igent.markets.sbus.figures import by_yield, ceiling, figures_in, figures_of
from igent.markets.sbus.prices import CURRENCY
from igent.markets.sbus.rates import KWH, is_flow, rate_in, rate_of

__all__ = ["read_incentives"]

_ITEMS = {"rooftop_solar_installation": "Solar", "battery_storage_installation": "Battery"}
# Conditions on income with figures of their own, of which no registration has the household's.
_INCOME_LIMITS = ("agi_max_limit", "agi_min_limit", "ami_qualification", "filing_status")
_KINDS: dict[str, AmountKind] = {kind: kind for kind in get_args(AmountKind)}
_CEILING = re.compile(r"\bup to\b|\beither\b|\bas much as\b|\bmaximum of\b", re.IGNORECASE)
_CONDITION = re.compile(
    r"\b(must|only|when|if|unless|require[sd]?|paired|provided|subject to|restrictions?|depend\w*|\w*qualif\w+"
    r"|eligib\w+|certified|per (?!ton|watt|kilowatt|household|home)|for (homes|roofs|households))\b",
    re.IGNORECASE,
)
_AT_SALE = re.compile(r"point[- ]of[- ]sale", re.IGNORECASE)
_WHOLE_COST = re.compile(r"\d+(?:\.\d+)?% (?:over|of|on) the total cost(?: of the installation)?\.?", re.IGNORECASE)
_ZIPS = re.compile(r"(?:zip(?: ?codes?)?:?\s*)?\d{5}(?:(?:\s|[,;/&]|and\b)+\d{5})*\.?", re.IGNORECASE)
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
        refuse_currency(entry, CURRENCY)
        return _in_order(_plain(entry) if "Incentive name" in entry.values else _public(entry, areas), entry)
    except FieldError as exc:
        place = f"{exc.pointer.removeprefix(file + '#')}, field {exc.field!r}"
        raise InputError(file=file, place=place, problem=exc.problem, remedy="Correct the incentives file") from exc


def _in_order(incentive: Incentive, entry: Fields) -> Incentive:
    """Raises `FieldError` where it ends before it starts."""
    if incentive.starts and incentive.ends and incentive.ends < incentive.starts:
        field = "End date" if "End date" in entry.values else "end_date"
        raise entry.error(field, f"is {incentive.ends}, before the start on {incentive.starts}")
    return incentive


def _public(entry: Fields, areas: Areas) -> Incentive:
    incentive_id = entry.identifier("id")
    texts = entry.mapping("short_description")
    description = str(texts.get("en") or "")
    amount = _public_amount(Fields(entry.mapping("amount"), f"{entry.pointer}/amount"))
    where = areas.of_program(entry.maybe_text("program"))
    owners = [str(value) for value in entry.items("owner_status")] if entry.values.get("owner_status") else None
    low_income = entry.values.get("low_income")
    methods = {str(value) for value in entry.items("payment_methods")} if "payment_methods" in entry.values else set()
    types = frozenset(_ITEMS[item] for item in map(str, entry.items("items")) if item in _ITEMS)
    stored = types == {"Battery"} and not is_flow(description)
    yearly = "performance_rebate" in methods or (amount.unit == KWH and not stored)
    never = None if yearly else _never(amount, description)
    return Incentive(
        id=incentive_id,
        name=areas.program_name(entry.maybe_text("program")) or incentive_id,
        source=entry.pointer,
        product_types=types,
        timing="yearly-estimate" if yearly else "point-of-sale" if "pos_rebate" in methods else "after-purchase",
        amount=rate_of(amount, description, solar=types == {"Solar"}) if yearly else amount,
        owner_status=frozenset(owners) if owners else None,
        low_income=low_income is not None and low_income is not False,
        income_limit=any(entry.values.get(field) is not None for field in _INCOME_LIMITS),
        starts=_date(entry, "start_date", last=False),
        ends=_date(entry, "end_date", last=True),
        paused=entry.maybe_flag("paused") is True,
        areas=where.sure if where else None,
        uncertain_areas=where.unsure if where else frozenset(),
        never_decided=never or (None if where else "fact-missing: geography"),
        prose=description if _CONDITION.search(description) else None,
        prose_source=f"{entry.pointer}/short_description/en",
        excludes=areas.excluded_by(incentive_id),
        requires=areas.required_by(incentive_id),
    )


def _public_amount(fields: Fields) -> Amount:
    kind = _KINDS.get(fields.text("type"))
    if kind is None:
        raise fields.error("type", f"has an unknown type; allowed: {', '.join(_KINDS)}")
    number, least, most = fields.amount("number"), fields.maybe_amount("minimum"), fields.maybe_amount("maximum")
    if kind == "percent" and number > 1:
        raise fields.error("number", f"is {number}; a fraction of 1 is needed")
    if least is not None and most is not None and least > most:
        raise fields.error("minimum", f"is {least}, more than the maximum of {most}")
    return Amount(kind=kind, number=number, minimum=least, maximum=most, unit=fields.maybe_text("unit"))


def _never(amount: Amount, description: str) -> str | None:
    """Why code never promises this amount: it is a ceiling rather than an amount."""
    figures = {(figure.amount.kind, figure.amount.number) for figure in figures_in(description)}
    if any(kind == amount.kind and figure > amount.number for kind, figure in figures if figure != amount.maximum):
        return "ceiling-unclear"
    others = {figure for _, figure in figures} - {amount.number, amount.minimum, amount.maximum}
    tiers = amount.kind == "dollar_amount" and amount.minimum is not None  # the schema's mark for "there is more to it"
    return "ceiling" if amount.number == amount.maximum or tiers or _CEILING.search(description) or others else None


def _plain(entry: Fields) -> Incentive:
    name, specs = entry.text("Incentive name"), entry.text("Incentive specs")
    community = entry.text("Applicable community")
    zips = frozenset(re.findall(r"\b\d{5}\b", community))
    everywhere, listed = community.upper() == "ALL", _ZIPS.fullmatch(community) is not None
    settled = _WHOLE_COST.fullmatch(specs) or _FLAT.fullmatch(specs)
    types = _mentioned(specs)
    yearly = by_yield(specs) and types != {"Battery"}
    never = "ceiling" if ceiling(specs) and not yearly else None
    timing: Timing = "point-of-sale" if _AT_SALE.search(specs) else "after-purchase"
    text = str(entry.values["Incentive specs"])  # as it stands, so that its characters are counted as in the file
    figures = figures_of(text, types=len(types))
    return Incentive(
        id=name,
        name=name,
        source=entry.pointer,
        product_types=frozenset({"Solar"}) if yearly else types or frozenset({"Solar", "Battery"}),
        timing="yearly-estimate" if yearly else timing,
        amount=rate_in(specs) if yearly else figures[0].amount if len(figures) == 1 else None,
        low_income_unclear=entry.maybe_flag("LMI") is True,
        starts=_date(entry, "Start date", last=False),
        ends=_date(entry, "End date", last=True),
        areas=zips if listed else frozenset() if zips else None,
        uncertain_areas=frozenset() if listed else zips,
        never_decided=never or (None if everywhere or zips else "fact-missing: geography"),
        prose=None if settled else text,
        prose_source=f"{entry.pointer}/Incentive specs",
        figures=figures,
    )


def _mentioned(specs: str) -> frozenset[str]:
    """The product types that a text names."""
    solar = re.search(r"\bsolar|\bpanels?\b", specs, re.IGNORECASE)
    battery = re.search(r"\bbatter", specs, re.IGNORECASE)
    return frozenset(kind for kind, found in (("Solar", solar), ("Battery", battery)) if found)


def _date(entry: Fields, field: str, *, last: bool) -> date | None:
    try:
        return read_date(entry.maybe_text(field), last=last)
    except ValueError as exc:
        raise entry.error(field, str(exc)) from exc


def _refuse_duplicates(found: tuple[Incentive, ...], *, file: str) -> None:
    seen: dict[str, str] = {}
    for incentive in found:
        same = alike(incentive.id)
        if same in seen:
            place = incentive.source.removeprefix(f"{file}#")
            problem = f"incentive {incentive.id!r} stands there again, first at {seen[same]}"
            raise InputError(file=file, place=place, problem=problem, remedy="Give each incentive its own id or name")
        seen[same] = incentive.source
