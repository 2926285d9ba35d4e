"""What calls cost: a table of prices, read from a document and looked up by model, and the exact cost of a usage.

Money is `Decimal`. Nothing here rounds: a price has at most six decimals and four digits before them, so a cost fits
the 28 digits of `Decimal` for as many as 10^15 tokens of each class. Whoever writes a cost down says to what digit.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from igent.accounting.usage import Usage
from igent.domain.records import Json
from igent.errors import InputError

__all__ = ["Price", "PriceTable", "cost_usd", "saved_by_cache_usd"]

_PER_MILLION = -6  # the power of ten by which a price times tokens becomes dollars

_AMOUNTS = ("input", "output", "cache_read", "cache_write", "cache_write_1h")
_PREFIX = "cacheable_prefix_tokens"
_TABLE = ("source", "date", "usd_per_million_tokens")

_AMOUNT = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,6})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?")
_SOURCE = re.compile(r"\S.*")

_DATED_NAME = re.compile(r"(.+)-[0-9]{8}")  # a snapshot of a model is named for its day: claude-haiku-5-5-20261001


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a model charges, in dollars per million tokens of each class of `Usage`.

    `cacheable_prefix_tokens` is the shortest prefix that its prompt cache keeps, None where that is not known. `source`
    is where the price was read, and its date. One price for prompts of any length: claude-haiku-5-5 charges five times
    as much for those past 100,000 tokens, which this does not say.
    """

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    cache_write_1h: Decimal
    cacheable_prefix_tokens: int | None = None
    source: str


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
        source = table["source"].text(_SOURCE, "the address or name of a price list")
        date = table["date"].text(_DATE, 'the date of the prices, "2026-11" or "2026-11-20"')
        models = table["usd_per_million_tokens"].members()
        return cls(prices={name: _price(node, source=f"{source}, {date}") for name, node in models.items()})

    def merged(self, other: PriceTable) -> PriceTable:
        """Both tables as one; where both name a model, `other` has the say."""
        return PriceTable(prices={**self.prices, **other.prices})

    def maybe(self, model: str) -> Price | None:
        """The price under a model's name, else under its name without the date at its end, else None."""
        dated = _DATED_NAME.fullmatch(model)
        return self.prices.get(model) or (self.prices.get(dated[1]) if dated else None)


def cost_usd(usage: Usage, price: Price) -> Decimal:
    """What a usage costs, in dollars, to the last digit; an estimate where the usage is one.

    The cost of a sum is the sum of the costs, as long as all of it has the one price.
    """
    millionths = (
        usage.input_tokens * price.input
        + usage.output_tokens * price.output
        + usage.cache_read_tokens * price.cache_read
        + usage.cache_write_tokens * price.cache_write
        + usage.cache_write_1h_tokens * price.cache_write_1h
    )
    return millionths.scaleb(_PER_MILLION)


def saved_by_cache_usd(usage: Usage, price: Price) -> Decimal:
    """How many dollars less the cache reads cost than the same tokens would have as input.

    What the writes cost above input, which made the reads possible, is not deducted.
    """
    return (usage.cache_read_tokens * (price.input - price.cache_read)).scaleb(_PER_MILLION)


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
            raise self.error(f"is {reprlib.repr(self.value)}", "Write a whole number above 0, or leave it out")
        return self.value

    def _member(self, name: str, value: Json) -> _Node:
        step = name.replace("~", "~0").replace("/", "~1")
        return _Node(value=value, file=self.file, place=f"{self.place}/{step}")


def _price(node: _Node, *, source: str) -> Price:
    fields = node.fields(*_AMOUNTS, optional=(_PREFIX,))
    needed = 'dollars per million tokens in quotes, "0.125", with at most six decimals'
    amounts = {name: Decimal(fields[name].text(_AMOUNT, needed)) for name in _AMOUNTS}
    prefix = fields[_PREFIX].count() if _PREFIX in fields else None
    return Price(**amounts, cacheable_prefix_tokens=prefix, source=source)
