"""What an audit finds: a written fact that the inputs do not bear out, with the places of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Literal

from igent.audit.claims import Found
from igent.domain.records import Json

__all__ = ["Code", "Finding", "Names", "alike_first", "counts_of", "differs"]

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
    "offer-dearer",
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
    "reason-differs",
    "sum-differs",
    "campaign-differs",
    "currency-differs",
    "order-id-differs",
]


# Names have some tens of characters; to compare two takes time that grows with the product of their lengths.
_COMPARED = 200


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
        return {**asdict(self), "source": [*self.source]}


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


def alike_first(name: Json, known: Sequence[str]) -> list[str]:
    """The known names, those most like another one first."""
    return get_close_matches(str(name)[:_COMPARED], known, n=len(known) or 1, cutoff=0)


class Names:
    """Known names, and which of them an unknown one may be a slip of: to be suggested, and never used."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = tuple(known)
        self._meant: dict[str, str | None] = {}

    def maybe_meant(self, name: Json) -> str | None:
        """The one that is most alike; None where none is. Each name is compared once, by its first `_COMPARED`."""
        text = str(name)[:_COMPARED]
        if text not in self._meant:
            self._meant[text] = next(iter(get_close_matches(text, self._known, n=1)), None)
        return self._meant[text]
