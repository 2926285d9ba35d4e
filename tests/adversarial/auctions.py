"""Small auctions for adversaries: a few households with notes, suppliers with hardly a place, answers agreed on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, cast

from hypothesis import strategies as st

from igent.dialogue.prompts import read_shown
from igent.dialogue.replies import ReplyKind
from igent.domain.allocation import AllocationRule
from igent.markets.base import Shown
from igent.store.bundled import sample_data
from igent.workflows import Pace, make_settings
from igent.workflows.plan import plan_rows
from igent.workflows.session import prepare
from tests.adversarial.answers import answers
from tests.workflows.inputs import Inputs
from tests.workflows.runs import AS_OF, SAMPLE, quick, write

__all__ = ["Auction", "Market", "auctions", "believed"]

Market = Literal["sbus", "enuk"]

CONSTELLATIONS = ("p1m1c1_p2m2c2", "p1m1c1m2c2", "p1m1m2c", "p1r_p2r", "p1m1_p2m2")
_NOTES = (
    "We would like panels that are made in America",
    "The lowest price please, and a long warranty",
    "Could we pay monthly, with a loan?",
    "Ring 555-123-4567 before ten: no e\u0301lan\u200b, but a lo\u00adng\ufe0f warranty",
    None,
)
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class _Household:
    """A row of a registrations file, and what each phase shows of it; nothing where nobody is asked."""

    row: Mapping[str, Any]
    shown: tuple[Shown, ...]

    def __repr__(self) -> str:
        return f"{self.row['RegistrationNumber']}: {self.row.get('Notes')}"


@dataclass(frozen=True, slots=True)
class Auction:
    """What is drawn: who takes part, the (capacity, used) of each supplier, and what was agreed to answer."""

    market: Market
    constellation: str
    hold_reviews: bool
    strict: bool
    households: Sequence[_Household]
    places: Sequence[tuple[int, int]]
    agreed: Mapping[tuple[int, ReplyKind], Sequence[str]]

    def written(self, folder: Path) -> Inputs:
        """Its files."""
        given = _sample(self.market)
        document = json.loads(given.offers.read_text("utf-8"))
        for supplier, (capacity, used) in zip(document["SupplierOffers"], self.places, strict=True):
            supplier |= {"Capacity": capacity, "Used": used}
        return replace(
            given,
            registrations=write(folder / "registrations.json", [one.row for one in self.households]),
            offers=write(folder / "offers.json", document),
            hold_reviews=self.hold_reviews,
        )

    def constellation_at(self, folder: Path, allocation: AllocationRule) -> str:
        """Its constellation, with a rule of allocation."""
        text = (_ROOT / f"constellations/{self.constellation}.yaml").read_text("utf-8")
        own = folder / f"{self.constellation}.yaml"
        own.write_text(text.replace("allocation: balanced", f"allocation: {allocation}"), "utf-8")
        return str(own)


@st.composite
def auctions(draw: st.DrawFn, market: Market) -> Auction:
    """Up to four households, each with up to three answers of a kind, which come again where they do not suffice."""
    known = _households(market)
    number = st.integers(0, len(known) - 1)
    numbers = draw(st.lists(number, min_size=1, max_size=4, unique_by=lambda n: known[n].row["RegistrationNumber"]))
    households = [known[number] for number in sorted(numbers)]
    agreed = dict[tuple[int, ReplyKind], Sequence[str]]()
    for index, each in enumerate(sorted(numbers)):
        agreed |= {(index, kind): draw(some) for kind, some in _answers(market, each).items()}
    suppliers = len(_sample(market).suppliers)
    place = st.tuples(st.integers(1, 3), st.integers(0, 1))
    return Auction(
        market=market,
        constellation=draw(st.sampled_from(CONSTELLATIONS)),
        hold_reviews=draw(st.booleans()),
        strict=draw(st.sampled_from([False, False, True])),
        households=households,
        places=draw(st.lists(place, min_size=suppliers, max_size=suppliers)),
        agreed=agreed,
    )


def believed(market: Market) -> Auction:
    """An auction with a household whose agents are of one mind: what nobody can prove wrong is plausible."""
    household = next(one for one in _households(market) if one.row["Notes"] and len(one.shown) == 2)
    match, order = household.shown
    words = [" ".join(str(match.note).split()[:4])]
    said: dict[ReplyKind, dict[str, Any]] = {
        "match": {"fit": [[match.offers[0]["id"]]], "words": words},
        "order": {"payment": "cash", "words": words, "no": [one["id"] for one in order.incentives]},
        "critique": {"verdict": "approve"},
    }
    return Auction(
        market=market,
        constellation="p1m1c1_p2m2c2",
        hold_reviews=False,
        strict=False,
        households=[household],
        places=[(1, 0) for _ in _sample(market).suppliers],
        agreed={(0, kind): [json.dumps(answer)] for kind, answer in said.items()},
    )


@cache
def _sample(market: Market) -> Inputs:
    if market == "sbus":
        return SAMPLE
    given = sample_data("enuk")
    return Inputs(registrations=given.registrations, offers=given.offers)


@cache
def _answers(market: Market, number: int) -> Mapping[ReplyKind, st.SearchStrategy[list[str]]]:
    """What agents could agree on to answer about a household; nothing where nobody is asked."""
    shown = _households(market)[number].shown
    found = {one: st.lists(answers(one, each), min_size=1, max_size=3) for each in shown if (one := _kind(each))}
    return found | ({"critique": st.lists(answers("critique", shown[0]), min_size=1, max_size=2)} if shown else {})


def _kind(shown: Shown) -> ReplyKind:
    return "match" if shown.task == "match" else "order"


@cache
def _households(market: Market) -> Sequence[_Household]:
    """The sample's households, each without a note and with each of the notes."""
    given = _sample(market)
    rows = [{**row, "Notes": note} for row in given.rows[:50] if row is not None for note in _NOTES]
    numbered = [row | {"RegistrationNumber": str(number)} for number, row in enumerate(rows)]
    with TemporaryDirectory() as folder:
        inputs = replace(given, registrations=write(Path(folder) / "registrations.json", numbered))
        found = asyncio.run(_shown(inputs, market))
    return [_Household(row, shown) for row, shown in zip(rows, found, strict=True)]


async def _shown(inputs: Inputs, market: Market) -> list[tuple[Shown, ...]]:
    files = {"registrations": inputs.registrations, "offers": inputs.offers}
    files |= {"incentives": inputs.incentives} if inputs.incentives else {}
    settings = make_settings("p1m1_p2m2", cast("Any", files), as_of=AS_OF, market=market)
    session = await prepare(settings, Pace(), quick)
    judging, found = session.judging(), list[tuple[Shown, ...]]()
    async with aclosing(plan_rows(session.inputs, session.survey, settings)) as rows:
        async for planned in rows:
            asked = (request.messages[0].text for _, request in judging.openings(planned))
            found.append(tuple(map(read_shown, asked)))
    return found
