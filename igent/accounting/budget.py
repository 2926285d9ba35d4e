"""What a run may spend: room is reserved before a call for the most that it can take, and settled after it.

Arithmetic only: whoever finds no room waits or stops. As long as no call takes more than the most, what was spent and
what is reserved never pass a cap together, in whatever order calls begin and end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from igent.accounting.prices import Amounts, Bill, Price, PriceTable, prompt_tokens, usd_text
from igent.accounting.usage import Usage

__all__ = ["Booked", "Budget", "Most", "PROVIDER_TOKENS", "Reservation"]

# What a provider adds to a prompt: marks between turns, and how to answer in a form. The largest figure that one
# documents for such words is 530 (https://docs.anthropic.com/en/docs/tool-use-pricing-and-tokens, November 2026).
PROVIDER_TOKENS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Most:
    """The most tokens that a call can take; its prompt's include cached ones, its output's hidden ones."""

    prompt_tokens: int
    output_tokens: int

    @classmethod
    def of(cls, *, prompt_bytes: int, form_bytes: int, max_tokens: int) -> Most:
        """For a prompt and the schema of its reply, in UTF-8: a token stands for at least one byte."""
        return cls(prompt_tokens=prompt_bytes + form_bytes + PROVIDER_TOKENS, output_tokens=max_tokens)

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.prompt_tokens + self.output_tokens

    def usd(self, price: Price) -> Decimal:
        """The most that such a call can cost, in dollars: all of its prompt in the dearest class that igent uses.

        That is a write for 5 minutes, where writes cost more than input. A prompt that may be a long one counts at the
        dearer of both prices, for nobody knows its tokens yet.
        """
        return max(self._usd(price.amounts(tokens)) for tokens in (0, self.prompt_tokens))

    def _usd(self, rates: Amounts) -> Decimal:
        prompt = max(rates.input, rates.cache_read, rates.cache_write)
        return (self.prompt_tokens * prompt + self.output_tokens * rates.output).scaleb(-6)


@dataclass(frozen=True, slots=True, eq=False)
class Reservation:
    """Room for one call: the most of it, in dollars where its model has a price. No two are the same, however alike."""

    most: Most
    usd: Decimal | None
    price: Price | None

    @classmethod
    def of(cls, most: Most, price: Price | None) -> Reservation:
        """Room for a call that takes no more than `most`."""
        return cls(most=most, usd=None if price is None else most.usd(price), price=price)

    def bill(self, call: Usage | None) -> Bill:
        """What the call took; None where nobody knows, which counts as the most."""
        if call is not None:
            return Bill.of(call, self.price)
        usage = Usage(input_tokens=self.most.prompt_tokens, output_tokens=self.most.output_tokens, estimated=True)
        return Bill(usage=usage, usd=self.usd)


class Booked:
    """What calls took of a budget, as a journal has it: `spent`, and `open` where nobody settled them.

    Those were on their way when their process was killed, and may have taken the most.
    """

    def __init__(self, prices: PriceTable) -> None:
        self._prices, self.spent = prices, Bill()
        self._open: defaultdict[str, list[Reservation]] = defaultdict(list)

    def reserve(self, request: str, model: str, most: Most) -> None:
        """A call begins, by the digest of its request."""
        self._open[request].append(Reservation.of(most, self._prices.maybe(model)))

    def settle(self, request: str, call: Usage | None) -> None:
        """A call is over."""
        self.spent += self._open[request].pop().bill(call)
        if not self._open[request]:
            del self._open[request]

    @property
    def open(self) -> list[Bill]:
        """The most that each call took which nobody settled."""
        return [one.bill(None) for several in self._open.values() for one in several]


class Budget:
    """The caps of a run, None for no cap: `max_usd` dollars, and `max_tokens` tokens of all classes, cache reads too.

    `spent` is what was spent before, by the run that is resumed.
    """

    def __init__(
        self, *, max_usd: Decimal | None = None, max_tokens: int | None = None, spent: Bill | None = None
    ) -> None:
        self._max_usd, self._max_tokens = max_usd, max_tokens
        self._spent = spent or Bill()
        self._open: set[Reservation] = set()
        self._told: list[Callable[[], None]] = []

    @property
    def spent(self) -> Bill:
        """What was settled, and what was spent before."""
        return self._spent

    def maybe_reserve(self, most: Most, price: Price | None) -> Reservation | None:
        """Room for a call, which needs one `settle`; None where there is none now."""
        reservation = Reservation.of(most, price)
        if self._excess([*self._open, reservation]) is not None:
            return None
        self._open.add(reservation)
        return reservation

    def maybe_refusal(self, most: Most, price: Price | None) -> str | None:
        """Why there will never be room for a call, in words for the user; None where others may yet give some back."""
        return self._excess([Reservation.of(most, price)])

    def settle(self, reservation: Reservation, call: Usage | None) -> None:
        """Count what a call took, None for the most, and give its room back. Raises `KeyError` the second time."""
        self._open.remove(reservation)
        self._spent += reservation.bill(call)
        for tell in self._told:
            tell()

    def tell(self, told: Callable[[], None]) -> None:
        """Have `told` called whenever room is given back: to wake those who wait."""
        self._told.append(told)

    def _excess(self, wanted: Sequence[Reservation]) -> str | None:
        """Which cap these would pass, on top of what was spent, and how to go on."""
        return self._excess_usd(wanted) or self._excess_tokens(wanted)

    def _excess_usd(self, wanted: Sequence[Reservation]) -> str | None:
        if self._max_usd is None:
            return None
        spent, each = self._spent.usd, [one.usd for one in wanted if one.usd is not None]
        if spent is None or len(each) < len(wanted):
            return "what a model without a price takes is held to no cap in dollars: add its price, or cap the tokens"
        if spent + sum(each) <= self._max_usd:
            return None
        told = f"{usd_text(spent)} are spent and a call can take {usd_text(each[-1])}"
        return f"the cap of {self._max_usd:f} dollars is reached, {told}: raise --max-cost"

    def _excess_tokens(self, wanted: Sequence[Reservation]) -> str | None:
        spent = prompt_tokens(self._spent.usage) + self._spent.usage.output_tokens
        if self._max_tokens is None or spent + sum(one.most.tokens for one in wanted) <= self._max_tokens:
            return None
        told = f"{spent} are spent and a call can take {wanted[-1].most.tokens}"
        return f"the cap of {self._max_tokens} tokens is reached, {told}: raise --max-tokens"
