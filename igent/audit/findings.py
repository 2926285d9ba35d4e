"""What an audit finds: a written fact that the inputs do not bear out, with the places of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from igent.audit.claims import Found
from igent.domain.records import Json

__all__ = ["Code", "Finding", "counts_of", "differs", "maybe_meant"]

Code = Literal[
    "registration-unknown",
    "duplicate",
    "supplier-unknown",
    "area-not-served",
    "product-not-offered",
    "product-not-wanted",
    "quantity-differs",
    "price-differs",
    "source-differs",
    "payment-inconsistent",
    "balance",
    "capacity-exceeded",
    "match-missing",
    "order-missing",
    "order-supplier-differs",
    "line-missing",
    "incentive-unknown",
    "incentive-repeated",
    "incentive-expired",
    "incentive-not-eligible",
    "incentive-missing",
    "sum-differs",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fact that does not hold; `source` is its place in the output, then those of the input behind `expected`."""

    registration_id: str | None
    code: Code
    expected: Json
    found: Json
    source: tuple[str, ...]

    def as_record(self) -> dict[str, Json]:
        """The form in which `--json` prints it."""
        return {
            "registration_id": self.registration_id,
            "code": self.code,
            "expected": self.expected,
            "found": self.found,
            "source": [*self.source],
        }


def differs(code: Code, expected: Json, found: Found, registration_id: str | None, *places: str) -> Finding:
    """The finding about a value that was found; `places` are those of the input behind `expected`."""
    return Finding(
        registration_id=registration_id,
        code=code,
        expected=expected,
        found=found.value,
        source=(found.pointer, *places),
    )


def counts_of(findings: Iterable[Finding]) -> dict[str, int]:
    """How often each code was found, in the order of the codes' names."""
    return dict(sorted(Counter(finding.code for finding in findings).items()))


def maybe_meant(name: Json, known: Iterable[str]) -> str | None:
    """The known name that an unknown one may be a slip of, to be suggested and never used."""
    near = get_close_matches(str(name), [*known], n=1)
    return near[0] if near else None
