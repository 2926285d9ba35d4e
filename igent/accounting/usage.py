"""How many tokens model calls used, as the provider counted them or, where it did not, as estimated here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter

from igent.domain.records import Json

__all__ = ["CHARACTERS_PER_TOKEN", "Usage", "estimate_tokens"]

# The usual rule of thumb for English text. An estimate is marked as one wherever it goes.
CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts of one call or the sum of several; `Usage()` is none at all.

    The counts are disjoint: `input_tokens` were neither read from nor written to the provider's prompt cache, so a
    prompt's length is the sum of all but the output. `cache_write_tokens` were written for 5 minutes,
    `cache_write_1h_tokens` for 1 hour. `estimated` says that some count in it is an estimate.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    estimated: bool = False

    @property
    def counts(self) -> tuple[int, ...]:
        """The counts, in the order of the fields."""
        return _counted(self)

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            cache_write_1h_tokens=self.cache_write_1h_tokens + other.cache_write_1h_tokens,
            estimated=self.estimated or other.estimated,
        )

    def part(self, parts: int) -> Usage:
        """An equal part of it, rounded down."""
        return Usage(**{name: getattr(self, name) // parts for name in _COUNTS}, estimated=self.estimated)

    def less(self, told: Usage) -> Usage:
        """What is left of it beside another, no count below 0."""
        counts = {name: max(0, getattr(self, name) - getattr(told, name)) for name in _COUNTS}
        return Usage(**counts, estimated=self.estimated)

    def as_record(self) -> dict[str, Json]:
        """The JSON form, by field name."""
        return {name: getattr(self, name) for name in _FIELDS}

    @classmethod
    def from_record(cls, record: Json) -> Usage:
        """The usage of `as_record`. Raises `ValueError` for anything that is not six such fields.

        Journals from before writes for 1 hour were counted lack that field, which is then 0.
        """
        counts = {"cache_write_1h_tokens": 0, **record} if isinstance(record, dict) else {}
        estimated = counts.pop("estimated", None)
        told = {name: count for name, count in counts.items() if isinstance(count, int) and count >= 0}
        if not isinstance(estimated, bool) or not told.keys() == counts.keys() == _COUNTS:
            raise ValueError(f"a record of usage cannot be {record!r}")
        return cls(**told, estimated=estimated)

    @classmethod
    def estimate(cls, *, prompt: str = "", reply: str = "") -> Usage:
        """About what a call takes that nobody counted."""
        return cls(input_tokens=estimate_tokens(prompt), output_tokens=estimate_tokens(reply), estimated=True)


_FIELDS = tuple(each.name for each in fields(Usage))
_COUNTS = {*_FIELDS} - {"estimated"}
_counted: Callable[[Usage], tuple[int, ...]] = attrgetter(*_FIELDS[:-1])


def estimate_tokens(text: str) -> int:
    """About how many tokens `text` is: one per four characters, rounded up.

    Only for text whose stream was stopped before its count arrived, and for models that count nothing.
    """
    return -(-len(text) // CHARACTERS_PER_TOKEN)
