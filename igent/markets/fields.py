"""Reading one JSON object field by field: a value of the right kind or a `FieldError` that names the field."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from igent.domain.records import Json
from igent.errors import InputError

__all__ = ["FieldError", "Fields", "MAX_COUNT", "alike", "object_at", "refuse_currency"]

# Beyond these a number is a slip of the keyboard: a million pieces, a billion dollars.
MAX_COUNT = 1_000_000
MAX_MONEY = Decimal(10) ** 9
# An id is typed and printed; the longest text of a schema in use, an incentive's prose, has a thousand characters.
MAX_ID_CHARS = 128
MAX_TEXT_CHARS = 10_000

_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")


class FieldError(ValueError):
    """A field that cannot be read: its name, what was found and what is expected, and the object that it is in."""

    def __init__(self, field: str, problem: str, pointer: str = "") -> None:
        self.field, self.problem, self.pointer = field, problem, pointer
        super().__init__(f"{field}: {problem}")


@dataclass(frozen=True, slots=True)
class Fields:
    """One JSON object; `pointer` is where it stands (`offers.json#/SupplierOffers/0`)."""

    values: Mapping[str, Json]
    pointer: str

    def error(self, field: str, problem: str) -> FieldError:
        """What is wrong with a field of this object."""
        return FieldError(field, problem, self.pointer)

    def identifier(self, field: str) -> str:
        """A text that somebody can copy: short, and without characters that cannot be seen."""
        value = self.text(field)
        if len(value) > MAX_ID_CHARS:
            raise self.error(field, f"has {len(value)} characters; at most {MAX_ID_CHARS} are needed")
        if not value.isprintable():
            raise self.error(field, "has characters that cannot be seen; type it again")
        return value

    def text(self, field: str) -> str:
        """A string that is not blank; a whole number counts as its digits."""
        value = self.maybe_text(field)
        if value is None:
            raise self.error(field, "is missing or empty; a text is needed")
        return value

    def maybe_text(self, field: str, *, most: int = MAX_TEXT_CHARS) -> str | None:
        """A string of at most so many characters, or None where the field is missing, null or blank."""
        value = self.values.get(field)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if value is not None and not isinstance(value, str):
            raise self.error(field, f"is {_kind(value)}; a text is needed")
        if value is None:
            return None
        if len(value) > most:
            raise self.error(field, f"has {len(value)} characters; at most {most} are needed")
        return value.strip() or None

    def count(self, field: str) -> int:
        """A whole number of at least 0."""
        value = self.maybe_count(field)
        if value is None:
            raise self.error(field, "is missing; a whole number is needed")
        return value

    def maybe_count(self, field: str) -> int | None:
        """A whole number of at least 0 given as a number or a string of digits; None where missing, null or blank."""
        value = self.values.get(field)
        if value is None or (type(value) is int and 0 <= value <= MAX_COUNT):
            return value
        number = self._number(field)
        if number is None:
            return None
        if number != number.to_integral_value() or not 0 <= number <= MAX_COUNT:
            raise self.error(field, f"is {number}; a whole number from 0 to {MAX_COUNT} is needed")
        return int(number)

    def amount(self, field: str) -> Decimal:
        """An amount of money of at least 0."""
        value = self.maybe_amount(field)
        if value is None:
            raise self.error(field, "is missing; an amount is needed")
        return value

    def maybe_amount(self, field: str) -> Decimal | None:
        """An amount of at least 0, exactly as it was written; None where missing, null or blank."""
        number = self._number(field)
        if number is not None and not 0 <= number <= MAX_MONEY:
            raise self.error(field, f"is {number}; an amount from 0 to {MAX_MONEY:.0f} is needed")
        return number

    def maybe_flag(self, field: str) -> bool | None:
        """True for true, 1, "1"; False for false, 0, "0"; None where missing, null or blank."""
        value = self.values.get(field)
        if isinstance(value, str):
            value = {"1": True, "0": False, "true": True, "false": False, "": None}.get(value.strip().lower(), value)
        if value is None or isinstance(value, bool):
            return value
        if value in (0, 1):
            return bool(value)
        raise self.error(field, f"is {_kind(value)}; 0 or 1 is needed")

    def items(self, field: str) -> list[Json]:
        """A JSON array."""
        value = self.values.get(field)
        if not isinstance(value, list):
            raise self.error(field, f"is {_kind(value)}; an array is needed")
        return value

    def child(self, field: str, index: int) -> Fields:
        """The object at `index` of an array field."""
        value = self.items(field)[index]
        pointer = f"{self.pointer}/{field}/{index}"
        if not isinstance(value, dict):
            raise self.error(field, f"item {index} is {_kind(value)}; an object is needed")
        return Fields(value, pointer)

    def children(self, field: str) -> list[Fields]:
        """The objects of an array field."""
        return [self.child(field, index) for index in range(len(self.items(field)))]

    def mapping(self, field: str) -> dict[str, Json]:
        """An object field; empty where it is missing or null."""
        value = self.values.get(field)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.error(field, f"is {_kind(value)}; an object is needed")
        return value

    def _number(self, field: str) -> Decimal | None:
        value = self.values.get(field)
        text = value.strip() if isinstance(value, str) else None
        if value is None or text == "":
            return None
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise self.error(field, f"is {_kind(value)}; a number is needed")
        if text is not None and not _NUMBER.fullmatch(text):
            raise self.error(field, f"is a text of {len(text)} characters; a number is needed")
        # repr() of a float is the shortest text that reads back as it, so a price keeps the digits it was written with.
        number = Decimal(repr(value) if text is None else text)
        if not number.is_finite():
            raise self.error(field, "is not finite; a number is needed")
        return number


def object_at(value: Json, *, file: str, path: str) -> Fields:
    """The object at a place of a file that must hold one. Raises `InputError`."""
    if not isinstance(value, dict):
        raise InputError(file=file, place=path, problem=f"is {_kind(value)}", remedy="An object is needed here")
    return Fields(value, f"{file}#{path}")


def alike(text: str) -> str:
    """One text for those that a person takes for the same: whatever their case, spaces and Unicode form."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def refuse_currency(fields: Fields, currency: str) -> None:
    """Raise `FieldError` where an object, or anything in it, names another currency than that of the market."""
    for key, value in fields.values.items():
        if key.lower() == "currency" and value not in (currency, None, ""):
            raise fields.error(key, f"is {str(value)[:40]!r}; all prices of this market are in {currency}")
        inner = value if isinstance(value, list) else [value]
        for index, one in enumerate(inner):
            if isinstance(one, dict):
                place = f"/{index}" if inner is value else ""
                refuse_currency(Fields(one, f"{fields.pointer}/{key}{place}"), currency)


def _kind(value: Json) -> str:
    names = {type(None): "missing or null", bool: "true or false", str: "a text", list: "an array", dict: "an object"}
    return names.get(type(value), "a number")
