"""What calls cost: a table of prices, read from a document and looked up by model, and the exact cost of each call.

A price may depend on how long the call's prompt is, so usages are priced call by call and added up as `Bill`s: the
price of a sum of usages is the cost of nothing.

Money is `Decimal`. Nothing here rounds but `usd_text`: a price has at most six decimals and four digits before them, so
a cost fits the 28 digits of `Decimal` for as many as 10^15 tokens of each class.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Self

from igent.accounting.usage import Usage
from igent.domain.records import Json
from igent.errors import InputError

__all__ = [
    "Amounts",
    "Bill",
    "LongPrompt",
    "Price",
    "PriceTable",
    "cost_usd",
    "prompt_tokens",
    "saved_by_cache_usd",
    "usd_text",
]

_PER_MILLION = -6  # the power of ten by which a price times tokens becomes dollars
_MICRO_USD = Decimal("0.000001")

_AMOUNTS = ("input", "output", "cache_read", "cache_write", "cache_write_1h")
_OPTIONAL = ("source", "long_prompt", "cacheable_prefix_tokens", "retires")
_TABLE = ("source", "date", "usd_per_million_tokens")

_AMOUNT = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,6})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SOURCE = re.compile(r"\S.*")

# A snapshot of a model is named for its day: claude-haiku-4-5-20251001, gpt-6-luna-2026-09-22.
_DATED_NAME = re.compile(r"(.+)-[0-9]{4}(-?)[0-9]{2}\2[0-9]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """Dollars per million tokens of each class of `Usage`."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    cache_write_1h: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LongPrompt(Amounts):
    """What a call costs, output included, whose prompt is longer than `above_tokens`, cached or not."""

    above_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Price(Amounts):
    """What a model charges, and what else its vendor says of it.

    `cacheable_prefix_tokens` is the shortest prefix that its prompt cache keeps, None where that is not known. `source`
    is where the price was read, and its date. Before the day it `retires` the vendor promises not to withdraw it.
    """

    source: str
    long_prompt: LongPrompt | None = None
    cacheable_prefix_tokens: int | None = None
    retires: date | None = None

    def amounts(self, prompt_tokens: int) -> Amounts:
        """What applies to a call whose prompt has so many tokens, cached ones included."""
        long = self.long_prompt
        return long if long is not None and prompt_tokens > long.above_tokens else self


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """Prices by model name."""

    prices: Mapping[str, Price]

    @classmethod
    def read(cls, document: Json, *, file: str) -> PriceTable:
        """The table of a document like `prices.json` beside this module; `file` only names it in errors.

        Raises `InputError` with the JSON pointer of the first mistake: anything missing, unknown or not of its form.
        """
        table = _Node(value=document, file=file, place="").fields(*_TABLE)
        source, read = _source(table["source"]), table["date"].text(_DATE, 'the date of the prices, "2026-11-20"')
        models = table["usd_per_million_tokens"].members()
        return cls(prices={name: _price(node, source=source, read=read) for name, node in models.items()})

    def merged(self, other: PriceTable) -> PriceTable:
        """Both tables as one; where both name a model, `other` has the say."""
        return PriceTable(prices={**self.prices, **other.prices})

    def maybe(self, model: str) -> Price | None:
        """The price under a model's name, else under its name without the date at its end, else None.

        `openai:NAME`, a model at an endpoint, has a price of its own before that of the NAME.
        """
        for name in dict.fromkeys((model, model.removeprefix("openai:"))):
            if price := self.prices.get(name):
                return price
            if (dated := _DATED_NAME.fullmatch(name)) and (price := self.prices.get(dated[1])):
                return price
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What calls took and what they cost, to the last digit; `usd` is None once a call among them has no price."""

    usage: Usage = field(default_factory=Usage)
    usd: Decimal | None = Decimal(0)

    @classmethod
    def of(cls, call: Usage, price: Price | None) -> Self:
        """The bill of one call."""
        return cls(usage=call, usd=None if price is None else cost_usd(call, price))

    def __add__(self, other: Bill) -> Bill:
        usd = None if self.usd is None or other.usd is None else self.usd + other.usd
        return Bill(usage=self.usage + other.usage, usd=usd)


def cost_usd(call: Usage, price: Price) -> Decimal:
    """What the usage of one call costs, in dollars, to the last digit; an estimate where the usage is one."""
    rates = price.amounts(prompt_tokens(call))
    millionths = (
        call.input_tokens * rates.input
        + call.output_tokens * rates.output
        + call.cache_read_tokens * rates.cache_read
        + call.cache_write_tokens * rates.cache_write
        + call.cache_write_1h_tokens * rates.cache_write_1h
    )
    return millionths.scaleb(_PER_MILLION)


def prompt_tokens(call: Usage) -> int:
    """How long the prompt was: what was sent, and what was read from or written to the cache."""
    cached = call.cache_read_tokens + call.cache_write_tokens + call.cache_write_1h_tokens
    return call.input_tokens + cached


def saved_by_cache_usd(call: Usage, price: Price) -> Decimal:
    """How many dollars less one call cost than without a prompt cache; below 0 where it wrote more than it read."""
    rates = price.amounts(prompt_tokens(call))
    millionths = (
        call.cache_read_tokens * (rates.input - rates.cache_read)
        + call.cache_write_tokens * (rates.input - rates.cache_write)
        + call.cache_write_1h_tokens * (rates.input - rates.cache_write_1h)
    )
    return millionths.scaleb(_PER_MILLION)


def usd_text(usd: Decimal | None) -> str | None:
    """Dollars as they are written down: six decimals, half to even; None stays None."""
    return None if usd is None else f"{usd.quantize(_MICRO_USD) + 0:f}"  # + 0: there is no minus nought


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    """A value of the document and `place`, the JSON pointer to it."""

    value: Json
    file: str
    place: str

    def error(self, problem: str, remedy: str) -> InputError:
        return InputError(file=self.file, place=self.place, problem=problem, remedy=remedy)

    def members(self) -> dict[str, _Node]:
        """The members of an object, whatever their names."""
        if not isinstance(self.value, dict):
            raise self.error("is not an object", "Write it as the bundled prices.json does")
        return {name: self._member(name, value) for name, value in self.value.items()}

    def fields(self, *required: str, optional: tuple[str, ...] = ()) -> dict[str, _Node]:
        """The members of an object that has all the required ones and none but those and the optional ones."""
        nodes, allowed = self.members(), (*required, *optional)
        for name, node in nodes.items():
            if name not in allowed:
                raise node.error("is an unknown field", f"Allowed here: {', '.join(allowed)}")
        for name in required:
            if name not in nodes:
                raise self.error(f"lacks {name!r}", f"Needed here: {', '.join(required)}")
        return nodes

    def text(self, form: re.Pattern[str], needed: str) -> str:
        """A string of a form; `needed` says which, for whoever wrote another."""
        if not isinstance(self.value, str) or not form.fullmatch(self.value):
            raise self.error(f"is {reprlib.repr(self.value)}", f"Write {needed}")
        return self.value

    def count(self) -> int:
        """A whole number above 0."""
        if not isinstance(self.value, int) or isinstance(self.value, bool) or self.value < 1:
            raise self.error(f"is {reprlib.repr(self.value)}", "Write a whole number above 0")
        return self.value

    def day(self) -> date:
        """A day of the calendar."""
        try:
            return date.fromisoformat(self.text(_DAY, needed := 'a date, "2027-10-07"'))
        except ValueError:
            raise self.error(f"is {reprlib.repr(self.value)}", f"Write {needed}") from None

    def _member(self, name: str, value: Json) -> _Node:
        step = name.replace("~", "~0").replace("/", "~1")
        return _Node(value=value, file=self.file, place=f"{self.place}/{step}")


def _price(node: _Node, *, source: str, read: str) -> Price:
    fields = node.fields(*_AMOUNTS, optional=_OPTIONAL)
    own, long, prefix, day = (fields.get(name) for name in _OPTIONAL)
    return Price(
        **_amounts(fields),
        source=f"{_source(own) if own else source}, {read}",
        long_prompt=_long_prompt(long) if long else None,
        cacheable_prefix_tokens=prefix.count() if prefix else None,
        retires=day.day() if day else None,
    )


def _long_prompt(node: _Node) -> LongPrompt:
    fields = node.fields("above_tokens", *_AMOUNTS)
    return LongPrompt(**_amounts(fields), above_tokens=fields["above_tokens"].count())


def _amounts(fields: Mapping[str, _Node]) -> dict[str, Decimal]:
    needed = 'dollars per million tokens in quotes, "0.125", with at most six decimals'
    return {name: Decimal(fields[name].text(_AMOUNT, needed)) for name in _AMOUNTS}


def _source(node: _Node) -> str:
    return node.text(_SOURCE, "the address or name of a price list")
