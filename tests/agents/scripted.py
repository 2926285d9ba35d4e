"""What agents are tested with: a model that says what a test tells it to, and households to ask it about."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from decimal import Decimal
from typing import TypeAlias

from igent.accounting.usage import Usage
from igent.dialogue.prompts import Openings, Unfiltered
from igent.domain.incentives import Amount, Incentive, Standing
from igent.domain.records import Json, Offer, Registration, Supplier, Want
from igent.domain.rules import Catalogue
from igent.domain.verify import MatchTask, OrderTask
from igent.errors import IgentError
from igent.markets import MARKETS, Market
from igent.models.base import ModelEvent, ModelRequest, ReplyEnd, Sent, StopReason

__all__ = [
    "AREA",
    "SBUS",
    "SENT",
    "ScriptedModel",
    "Step",
    "USAGE",
    "candidates",
    "end",
    "household",
    "match_task",
    "open_standings",
    "opening",
    "order_task",
    "supplier_row",
    "suppliers_of",
]

SBUS = MARKETS["sbus"]
AREA = "55401"
USAGE = Usage(input_tokens=40, output_tokens=9)
SENT = Sent()

Step: TypeAlias = ModelEvent | IgentError | asyncio.Event | float


def opening(task: MatchTask | OrderTask, market: Market, unfiltered: Unfiltered | None = None) -> str:
    """The first message to an agent about one household."""
    return Openings(market).opening(task, unfiltered)


class ScriptedModel:
    """Each stream follows the next script: what a stream tells is told, errors are raised, events waited for.

    A number is how many seconds pass, by `clock`. `open` counts the streams that have begun and are neither ended nor
    closed; `waiting` is set once any waits. The streams are held on to, so that none is closed merely because nobody
    refers to it.
    """

    def __init__(self, *scripts: Sequence[Step]) -> None:
        self._scripts = deque(scripts)
        self.requests: list[ModelRequest] = []
        self._streams: list[AsyncGenerator[ModelEvent, None]] = []
        self.open = 0
        self.now_s = 0.0
        self.waiting = asyncio.Event()

    def clock(self) -> float:
        """The seconds that have passed."""
        return self.now_s

    @property
    def name(self) -> str:
        """The name in errors."""
        return "scripted"

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Follow the next script."""
        self.requests.append(request)
        stream = self._follow(self._scripts.popleft())
        self._streams.append(stream)
        return stream

    async def _follow(self, script: Sequence[Step]) -> AsyncGenerator[ModelEvent, None]:
        self.open += 1
        try:
            for step in script:
                if isinstance(step, asyncio.Event):
                    self.waiting.set()
                    await step.wait()
                elif isinstance(step, IgentError):
                    raise step
                elif isinstance(step, float):
                    self.now_s += step
                else:
                    yield step
        finally:
            self.open -= 1


def end(stop_reason: StopReason = "end_turn") -> ReplyEnd:
    """The last event of a stream that ended by itself."""
    return ReplyEnd(stop_reason=stop_reason, usage=USAGE)


def supplier_row(name: str, *, capacity: int = 5, used: int = 0, area: str = AREA, terms: str = "") -> dict[str, Json]:
    """A supplier of one solar product as an offers file has it."""
    product: dict[str, Json] = {
        "ProductType": "Solar",
        "ProductName": f"{name} panel",
        "ProductPrices": [{"Quantity": 10, "CashPrice": "9000.00"}],
    }
    row: dict[str, Json] = {"SupplierID": name, "Capacity": capacity, "Used": used, "ServiceAreas": [area]}
    return row | {"Offers": [product]} | ({"Terms": {"notes": terms}} if terms else {})


def suppliers_of(rows: Sequence[dict[str, Json]]) -> tuple[Supplier, ...]:
    """The suppliers of an offers file with these rows."""
    return SBUS.read_suppliers([*rows], file="offers.json")


def household(note: str | None = None) -> Registration:
    """A household that wants ten panels."""
    wants = (Want(product_type="Solar", quantity=10),)
    return Registration(
        id="R1", campaign="C", source="registrations.json#/0", area=AREA, wants=wants, note=note, facts={"roof": "flat"}
    )


def candidates(count: int = 3) -> tuple[Offer, ...]:
    """The offers `o1`, `o2`, ... of as many suppliers."""
    rows = [supplier_row(f"S{number}") for number in range(1, count + 1)]
    return Catalogue(suppliers_of(rows)).candidates(household()).offers


def open_standings(count: int) -> tuple[Standing, ...]:
    """Incentives `i1`, `i2`, ... whose condition is prose."""
    return tuple(
        Standing(
            incentive=Incentive(
                id=f"incentive-{number}",
                name=f"Rebate {number}",
                source=f"incentives.json#/{number}",
                product_types=frozenset({"Solar"}),
                timing="after-purchase",
                amount=Amount(kind="dollar_amount", number=Decimal(500)),
                prose="for careful households",
            ),
            kind="open",
        )
        for number in range(1, count + 1)
    )


def match_task(note: str | None = None, *, offers: int = 3) -> MatchTask:
    """Phase 1 for the household."""
    return MatchTask(registration=household(note), offers=candidates(offers))


def order_task(note: str | None = None, *, offers: int = 3, incentives: int = 0) -> OrderTask:
    """Phase 2 for the household."""
    return OrderTask(registration=household(note), offers=candidates(offers), standings=open_standings(incentives))
