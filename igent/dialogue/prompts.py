"""What an agent is shown, as text, and the same text read back.

A prompt is the market's instructions (system) and an opening message of sections: a heading in capitals, then one line
of compact JSON. What many households share (OFFERS, INCENTIVES) comes first and is byte-identical for all of them; the
household comes last. Every value is JSON, so a note cannot end its own section. Capacity never appears.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal, TypeAlias

from igent import codec
from igent.domain.incentives import Incentive
from igent.domain.pricing import money, offer_total
from igent.domain.records import Json, Offer, Registration
from igent.domain.verify import MatchTask, OrderTask, Violation
from igent.markets.base import Facts, Market, Shown
from igent.markets.fields import Fields
from igent.markets.rows import facts_of

__all__ = [
    "NotAPromptError",
    "Openings",
    "Unfiltered",
    "offers_shown",
    "read_shown",
    "repair_text",
    "review_text",
    "shared_chars",
    "veto_text",
]

Section = Literal[
    "TASK",
    "OFFERS",
    "OTHER OFFERS",
    "INCENTIVES",
    "HOUSEHOLD",
    "REGISTRATION",
    "NOTE",
    "PROPOSAL",
    "VIOLATIONS",
    "VETO",
]
Task: TypeAlias = MatchTask | OrderTask

# Candidate sets whose text is kept, at a few kilobytes each: those of the areas that a window's households live in.
_KEPT_SETS = 512

_OPENING = re.compile(r'TASK\n"(?:match|order)"\nOFFERS\n(\[.*\])\n')
# Whichever comes first. Every value is one line, so that no such line stands within one.
_HOUSEHOLD = re.compile(r"^(?:REGISTRATION|HOUSEHOLDS?)\n", re.MULTILINE)

# Sections that many households have alike, which are read once, too.
_SHARED = ("OFFERS", "INCENTIVES")
_shared = lru_cache(maxsize=_KEPT_SETS)(codec.load)


class NotAPromptError(ValueError):
    """Text that no opening message has: a bug in whoever passed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfiltered:
    """What a prompt shows besides when the context filter is off: the other offers and the row's known fields.

    Of these it shows short plain values, cleaned like a note: they are as untrusted.
    """

    others: tuple[Offer, ...]
    row: Facts


class Openings:
    """Renders the first messages to agents of a market; what many households share it renders once."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._offers = lru_cache(maxsize=_KEPT_SETS)(partial(_offers, market))

    def opening(self, task: Task, unfiltered: Unfiltered | None = None) -> str:
        """The first message to an agent about one household."""
        market = self._market
        lines = [_line("TASK", "order" if isinstance(task, OrderTask) else "match"), self._offers(task.offers)]
        if unfiltered is not None:
            lines.append(_line("OTHER OFFERS", [market.offer_facts(offer) for offer in unfiltered.others]))
        if isinstance(task, OrderTask):
            lines.append(_line("INCENTIVES", _incentives(task)))
        if unfiltered is not None:
            row = facts_of(Fields(dict(unfiltered.row), ""), unfiltered.row, market.MASKS)
            lines.append(_line("REGISTRATION", row))
        lines += [
            _line("HOUSEHOLD", _household(task, market, whole=unfiltered is not None)),
            _line("NOTE", task.registration.note),
        ]
        return "\n".join(lines)


def review_text(opening_text: str, proposal: Mapping[str, Json]) -> str:
    """The first message to a critic: what the matcher was shown and the typed part of what it proposes."""
    return f"{opening_text}\n{_line('PROPOSAL', dict(proposal))}"


def repair_text(violations: Sequence[Violation]) -> str:
    """The message that asks for another answer, with nothing but the broken rules."""
    return _line("VIOLATIONS", [violation.as_record() for violation in violations])


def veto_text(codes: Sequence[str]) -> str:
    """The message that asks for another answer after a critic's veto."""
    return _line("VETO", [*codes])


def shared_chars(text: str) -> int:
    """How many characters, from the first on, an opening or a critic's message shares with those of other households.

    They end before the heading of what is the household's own; 0 for any other text.
    """
    own = _HOUSEHOLD.search(text) if _OPENING.match(text) else None
    return own.start() if own else 0


def offers_shown(text: str) -> str:
    """The line of offers of an opening or a critic's message, the same for the same candidates; "" for other text."""
    found = _OPENING.match(text)
    return found[1] if found else ""


def read_shown(text: str) -> Shown:
    """What an opening or a critic's message shows. Raises `NotAPromptError` for any other text."""
    lines = text.split("\n")
    try:
        parts = {
            heading: _shared(line) if heading in _SHARED else codec.load(line)
            for heading, line in zip(lines[::2], lines[1::2], strict=False)
        }
    except codec.DecodeError as exc:
        raise NotAPromptError(str(exc)) from exc
    offers, household, note = parts.get("OFFERS"), parts.get("HOUSEHOLD"), parts.get("NOTE")
    incentives, proposal = parts.get("INCENTIVES", []), parts.get("PROPOSAL")
    if (
        parts.get("TASK") not in ("match", "order")
        or not isinstance(offers, list)
        or not isinstance(household, dict)
        or not isinstance(incentives, list)
    ):
        raise NotAPromptError("the text is not an opening message")
    return Shown(
        task=str(parts.get("TASK")),
        offers=tuple([offer for offer in offers if isinstance(offer, dict)]),
        household=household,
        note=note if isinstance(note, str) else None,
        incentives=tuple([item for item in incentives if isinstance(item, dict)]),
        proposal=proposal if isinstance(proposal, dict) else None,
    )


def _line(heading: Section, value: Json) -> str:
    return f"{heading}\n{codec.dump(value).decode()}"


def _offers(market: Market, offers: tuple[Offer, ...]) -> str:
    return _line("OFFERS", [market.offer_facts(offer) for offer in offers])


def _incentives(task: OrderTask) -> Json:
    return [_incentive(key, standing.incentive) for key, standing in task.open_ids.items()]


def _incentive(key: str, incentive: Incentive) -> dict[str, Json]:
    """What is shown of an incentive; its amounts where there are several to pick from, as its text writes them."""
    shown: dict[str, Json] = {"id": key, "name": incentive.name, "text": incentive.prose}
    amounts: list[Json] = [{"id": name, **one.passage.as_record()} for name, one in incentive.choices.items()]
    return shown | {"amounts": amounts} if amounts else shown


def _household(task: Task, market: Market, *, whole: bool) -> dict[str, Json]:
    """The allow-listed facts, unless it is to be `whole` only where a judgement may rest on them.

    That is where there is a note or an incentive to rule on. What the offers cost this household is told only where it
    has wishes that could be about cost.
    """
    registration: Registration = task.registration
    wants: dict[str, Json] = {want.product_type: want.quantity for want in registration.wants}
    facts: dict[str, Json] = {market.AREA: registration.area, "wants": wants}
    if whole or registration.note is not None or (isinstance(task, OrderTask) and task.open_ids):
        facts |= registration.facts
    if registration.note is None:
        return facts
    return facts | {"totals": {offer.id: money(offer_total(offer, registration)) for offer in task.offers}}
