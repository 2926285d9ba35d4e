"""The offers file as suppliers with their tariffs, and what a prompt shows of an offer.

Rates are in pounds as they are charged. A supplier with `"RateUnit": "pence"` quotes pence, one with `"VATPercent"`
quotes without that tax.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from igent.domain.records import Json, Offer, Price, Product, Supplier
from igent.markets.enuk.names import CURRENCY, FUELS, PAYMENTS, REGIONS, SINGLE_RATE, TWO_RATE, USE, choice, variant
from igent.markets.enuk.tariffs import Rates, Tariff
from igent.markets.fields import Fields
from igent.markets.suppliers import facts_of_offer, suppliers_of

__all__ = ["offer_facts", "read_suppliers"]

# Pounds a day and a kWh. Beyond these a rate is in another unit than its file says: price lists have fees of 20 to 65 p
# a day, and 6 p (gas) to 26 p (electricity) a kWh.
MAX_FEE = Decimal(5)
MIN_RATE, MAX_RATE = Decimal("0.005"), Decimal(2)
# So that fee, rates, use and tax together have fewer than the 28 digits that decimal arithmetic keeps.
MAX_PLACES = 10

_RATES_NAMED = (
    (SINGLE_RATE, re.compile(r"single", re.IGNORECASE)),
    (TWO_RATE, re.compile(r"two|economy|e7", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """How a supplier quotes: the power of ten from its unit to pounds, and the tax that comes on top."""

    power: int
    vat_percent: Price | None


def read_suppliers(document: Json, *, file: str) -> tuple[Supplier, ...]:
    """The suppliers of an offers file, in file order. Raises `InputError`."""
    return suppliers_of(document, file=file, currency=CURRENCY, read=_supplier)


def offer_facts(offer: Offer) -> dict[str, Json]:
    """What a prompt shows of an offer: the same for every household, no price and no capacity."""
    return facts_of_offer(offer, [{"type": p.type, "name": p.name, **p.terms} for p in offer.products])


def _supplier(fields: Fields) -> Supplier:
    terms = _Terms(power=_power(fields), vat_percent=_vat(fields))
    products = tuple(_product(child, terms) for child in fields.children("Offers"))
    return Supplier(
        id=fields.identifier("SupplierID"),
        capacity=fields.count("Capacity"),
        used=fields.maybe_count("Used") or 0,
        areas=frozenset[str]().union(*(product.areas or () for product in products)),
        products=products,
        source=fields.pointer,
        terms=fields.mapping("Terms"),
    )


def _power(fields: Fields) -> int:
    unit = fields.maybe_text("RateUnit") or "pounds"
    powers = {"pounds": 0, "pence": -2}
    if unit not in powers:
        raise fields.error("RateUnit", f"is {unit[:40]!r}; allowed: {', '.join(powers)}")
    return powers[unit]


def _vat(fields: Fields) -> Price | None:
    percent = fields.maybe_amount("VATPercent")
    if percent is None:
        return None
    if percent > 100 or _places(percent) > 2:
        raise fields.error("VATPercent", f"is {percent}; a percentage up to 100 with two places is needed")
    return Price(amount=percent, source=f"{fields.pointer}/VATPercent")


def _product(fields: Fields, terms: _Terms) -> Product:
    fuel, contract = choice(fields, "ProductType", FUELS), fields.text("ContractType")
    if fuel not in USE:
        raise fields.error("ProductType", f"is {fuel!r}; a tariff is for one of {', '.join(USE)}")
    rates: dict[str, Rates] = {}
    for row in fields.children("ProductPrices"):
        region = choice(row, "ServiceArea", REGIONS)
        if region in rates:
            raise row.error("ServiceArea", f"is {region!r} again; one row for each region is needed")
        rates[region] = _rates(row, terms)
    return Product(
        type=fuel,
        name=fields.text("ProductName"),
        prices=Tariff(contract=contract, rates=rates, vat_percent=terms.vat_percent),
        source=fields.pointer,
        variant=variant(_meter(fields, fuel, rates), choice(fields, "PaymentMethod", PAYMENTS)),
        areas=frozenset(rates),
        terms={"contract": contract, **fields.mapping("Terms")},
    )


def _meter(fields: Fields, fuel: str, rates: dict[str, Rates]) -> str:
    """What meter a tariff is for: whether it has a second rate, which its name must not deny."""
    second = {one.secondary is not None for one in rates.values()}
    if len(second) != 1 or (fuel == "Gas" and True in second):
        raise fields.error(
            "ProductPrices", "needs rows, all with a SecondaryRate (electricity alone) or all without one"
        )
    meter = TWO_RATE if True in second else SINGLE_RATE
    named = {kind for kind, words in _RATES_NAMED if words.search(fields.text("ProductName"))}
    if named and meter not in named:
        raise fields.error("ProductName", f"says another thing than its rates, which are those of {meter}")
    return meter


def _rates(fields: Fields, terms: _Terms) -> Rates:
    primary, secondary = _pounds(fields, "PrimaryRate", terms), _pounds(fields, "SecondaryRate", terms)
    fee = _pounds(fields, "FixedFee", terms)
    if fee.amount > MAX_FEE:
        raise fields.error("FixedFee", f"is £{fee.amount} a day; at most £{MAX_FEE} is believed. Is RateUnit right?")
    for field, rate in (("PrimaryRate", primary), ("SecondaryRate", secondary)):
        absent = field == "SecondaryRate" and not rate.amount
        if not absent and not MIN_RATE <= rate.amount <= MAX_RATE:
            problem = f"is £{rate.amount} a kWh; £{MIN_RATE} to £{MAX_RATE} is believed. Is RateUnit right?"
            raise fields.error(field, problem)
    return Rates(fee=fee, primary=primary, secondary=secondary if secondary.amount else None, source=fields.pointer)


def _pounds(fields: Fields, field: str, terms: _Terms) -> Price:
    """A rate in pounds, with the digits that it was written with."""
    written = fields.amount(field)
    if _places(written) > MAX_PLACES:
        raise fields.error(field, f"is {written}; at most {MAX_PLACES} decimal places are needed")
    return Price(amount=written.scaleb(terms.power), source=f"{fields.pointer}/{field}")


def _places(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
