"""What a "yes" to an incentive rests on: its own text, never a note, and an amount that code has read in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from igent.domain.incentives import Amount, Incentive
from igent.domain.notes import Passage, maybe_passage
from igent.domain.records import Json

__all__ = ["Ground", "Proof"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A ground that holds: the words that were relied on, the amount, and where the text names that amount.

    `stated` is None where the amount is a field of its own.
    """

    cited: Passage
    amount: Amount | None
    stated: Passage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a "yes" to incentive `id` rests on: `words` of its text and, of several amounts, the one that it is for.

    `offers` are those that it is about; empty for all of them.
    """

    id: str
    words: str
    amount: str | None = None
    offers: tuple[str, ...] = ()

    def as_record(self) -> dict[str, Json]:
        """The form of a reply, a critic's message and the audit; what is not said is left out."""
        amount: dict[str, Json] = {} if self.amount is None else {"amount": self.amount}
        offers: dict[str, Json] = {"offers": [*self.offers]} if self.offers else {}
        return {"id": self.id, "words": self.words} | amount | offers

    @classmethod
    def from_record(cls, record: Mapping[str, Json]) -> Ground:
        """The ground of such a record."""
        offers = cast("list[str]", record.get("offers", []))
        amount = cast("str | None", record.get("amount"))
        return cls(id=str(record["id"]), words=str(record["words"]), amount=amount, offers=tuple(offers))

    def prove(self, incentive: Incentive) -> Proof | tuple[str, str]:
        """Its proof; or the code of the rule that it breaks, and the part that breaks it."""
        cited = maybe_passage(self.words, incentive.prose or "")
        if not self.words.strip():
            return "incentive-words-missing", f"{self.id} needs the words of its text that its yes relies on"
        if cited is None:
            return "incentive-words-not-in-text", self.words
        if self.amount is not None and self.amount not in incentive.choices:
            return "incentive-amount-unknown", f"{self.id}: {self.amount}"
        if incentive.choices and self.amount is None:
            return "incentive-amount-missing", f"{self.id} needs the id of the amount that its yes is for"
        figure = incentive.choices[self.amount] if self.amount else next(iter(incentive.figures), None)
        return Proof(
            cited=cited,
            amount=figure.amount if figure else incentive.amount,
            stated=figure.passage if figure else None,
        )
