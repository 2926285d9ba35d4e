"""Writes the sample data: of the solar and battery market, or with `--market enuk` of the energy market.

    python data/generate.py [--market sbus|enuk] [--count 100] [--seed 7] [--out data] [--format json|jsonl]

Registration i is drawn from the seed and i alone, so a longer file begins with the shorter one. The rare cases stand at
fixed places in every block of a hundred; everything else is drawn.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Final

if not __package__:  # run as a script, with this folder on the path instead of its parent
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from data.drawing import between, chance, draw, urn
from data.enuk.households import registrations as energy_registrations
from data.enuk.tariffs import offers as energy_offers
from data.incentives import COOPERATIVE, ELECTRIC, incentives
from data.offers import offers
from data.suppliers import CORE, NORTH, RIVER, SOLE_ZIP, SOUTH, UNSERVED_ZIP, Json
from data.texts import ASIDES, BLANK, ENGLISH, FAKE_OUTPUT, IGNORE_RULES, LOAN, LONG, PREFERRED, SPANISH

__all__ = ["COUNT", "SEED", "main", "registration", "registrations"]

COUNT: Final = 100
SEED: Final = 7

BLOCK: Final = 100  # the share of every rare case is its number of places in this many registrations
FIRST_NUMBER: Final = 10001
NOTE_STRIDE: Final = 19  # coprime to the number of texts: neighbours differ in theme, and repeats are far apart

NOTE_SHARE: Final = 0.33
ASIDE_SHARE: Final = 0.15
LMI_RATE: Final = 0.07
NO_OWNER_FIELD: Final = 0.05
NO_INCOME: Final = 0.3

ZIPS: Final = urn({code: weight for area, weight in ((CORE, 6), (NORTH, 4), (SOUTH, 4), (RIVER, 3)) for code in area})
STATUSES: Final = urn({"Undecided": 38, "Accepted": 36, "Confirmed": 16, "Declined": 7, "Cancelled": 3})
PITCHES: Final = urn({"Inclined": 80, "Sharp": 14, "Flat": 6})
ORIENTATIONS: Final = urn({"SouthWest": 36, "South": 34, "SouthEast": 8, "West": 10, "East": 10, None: 2})
STORIES: Final = urn({2: 62, 1: 32, 3: 6})
WANTS: Final = urn({"solar": 57, "both": 37, "battery": 6})
BATTERIES: Final[tuple[str | int, ...]] = urn({"1": 60, "2": 24, 1: 12, 2: 4})
OWNERS: Final = urn({"homeowner": 86, "renter": 6, None: 8})
HOME_SIZES: Final = (  # panels up to which a home is rather of this size
    (12, "SmallerThan1000Ft"),
    (16, "Between1000And1600Ft"),
    (21, "Between1600And2200Ft"),
    (28, "Between2200And2800Ft"),
    (60, "LargerThan2800Ft"),
)

_OPEN: Final[Mapping[str, Json]] = {"RegistrationStatus": "Accepted"}
_PLAIN: Final[Mapping[str, Json]] = {
    **_OPEN,
    "Product_KnowsAmountOfPanels": "0",
    "Product_AmountOfPanels": None,
    "Contact_LowMediumIncome": 0,
    "Contact_OwnerStatus": "homeowner",
    "Contact_HouseholdIncome": 92000,
    "Notes": None,
}
_NOTHING: Final[Mapping[str, Json]] = {
    **_PLAIN,
    "Proposal_OptimalAmountOfPanels": None,
    "Proposal_OptimalAmountOfBatteries": 0,
}


def _plain(status: str, code: str, *, panels: int | None, batteries: str) -> dict[str, Json]:
    return {
        **_PLAIN,
        "RegistrationStatus": status,
        **_place(code),
        "Proposal_OptimalAmountOfPanels": panels,
        "Proposal_OptimalAmountOfBatteries": batteries,
    }


def _place(code: str) -> dict[str, Json]:
    utility = COOPERATIVE if code in NORTH or code in RIVER[3:] else ELECTRIC
    return {"Contact_Zip": code, "Contact_state": "IA", "Contact_Utility": utility}


def _knows(panels: str | int | None) -> dict[str, Json]:
    return {**_OPEN, "Product_KnowsAmountOfPanels": "1", "Product_AmountOfPanels": panels}


PLACES: Final[Mapping[int, Mapping[str, Json]]] = {  # index within the block -> the fields that are not drawn
    0: _plain("Accepted", CORE[0], panels=18, batteries="0"),
    1: _plain("Undecided", SOUTH[0], panels=24, batteries="1"),
    2: _plain("Confirmed", RIVER[0], panels=12, batteries="0"),
    3: _plain("Accepted", NORTH[1], panels=None, batteries="1"),
    4: _plain("Accepted", CORE[2], panels=15, batteries="0")
    | {"Contact_LowMediumIncome": 1, "Contact_HouseholdIncome": 41500},
    8: {**_OPEN, **_place(CORE[1]), "Notes": PREFERRED},
    11: {**_NOTHING, "Proposal_OptimalAmountOfBatteries": "0"},
    14: {**_OPEN, **_place(SOUTH[2]), "Notes": LOAN},
    17: {**_OPEN, "Notes": IGNORE_RULES},
    23: _knows("59"),
    30: {**_OPEN, "Notes": BLANK},
    37: {**_OPEN, **_place(UNSERVED_ZIP)},
    41: {**_OPEN, **_place(SOLE_ZIP)},
    48: _NOTHING,
    52: {**_OPEN, "Notes": SPANISH[4]},
    57: _knows(60),
    64: {**_OPEN, "Notes": LONG},
    71: {**_OPEN, "Notes": FAKE_OUTPUT},
    78: _knows(None),
    86: {**_OPEN, "Notes": SPANISH[1]},
    93: {**_NOTHING, "Proposal_OptimalAmountOfBatteries": None},
}


def registration(index: int, *, seed: int) -> dict[str, Json]:
    """The registration at a 0-based index; it depends on nothing but `seed` and `index`."""
    rng = Random(f"{seed}:{index}")
    note = _note(rng, index + seed)
    row: dict[str, Json] = {
        "RegistrationNumber": f"SPUS{FIRST_NUMBER + index}",
        "CampaignName": "Two Rivers 1 Spring 2026",
        "RegistrationStatus": draw(rng, STATUSES),
        **_place(draw(rng, ZIPS)),
        **_house(rng),
        **_household(rng),
        **note,
        **PLACES.get(index % BLOCK, {}),
    }
    if row.get("Notes") is None:
        row.pop("Notes", None)
    return row


def registrations(count: int, *, seed: int) -> Iterator[dict[str, Json]]:
    """The first `count` registrations, made one at a time."""
    return (registration(index, seed=seed) for index in range(count))


def _house(rng: Random) -> dict[str, Json]:
    want = draw(rng, WANTS)
    panels = 8 + int(44 * rng.random() * rng.random())  # most are below 20, a few near 50
    counted, measured = chance(rng, 0.08), chance(rng, 0.24)
    told: str | int = str(panels) if chance(rng, 0.5) else panels
    return {
        "Product_RoofPitch": draw(rng, PITCHES),
        "Product_RoofOrientation": draw(rng, ORIENTATIONS),
        "Product_KnowsAmountOfPanels": "1" if counted and want != "battery" else "0",
        "Product_AmountOfPanels": told if counted and want != "battery" else None,
        "Product_CanEstimateRoofSurface": "1" if measured else "0",
        "Product_EstimatedRoofSizeFt": 50 * between(rng, 8, 40) if measured else None,
        "Product_HomeSize": None if chance(rng, 0.14) else next(size for most, size in HOME_SIZES if panels <= most),
        "Proposal_OptimalAmountOfPanels": None if want == "battery" else panels,
        "Proposal_OptimalAmountOfBatteries": "0" if want == "solar" else draw(rng, BATTERIES),
        "Product_NumberOfStories": draw(rng, STORIES),
    }


def _household(rng: Random) -> dict[str, Json]:
    low_income = chance(rng, LMI_RATE)
    income = 100 * (between(rng, 240, 580) if low_income else between(rng, 590, 2100))
    fields: dict[str, Json] = {
        "Contact_LowMediumIncome": int(low_income),
        "Contact_HouseholdIncome": None if chance(rng, NO_INCOME) else income,
    }
    if not chance(rng, NO_OWNER_FIELD):
        fields["Contact_OwnerStatus"] = draw(rng, OWNERS)
    return fields


def _note(rng: Random, position: int) -> dict[str, Json]:
    """A note for about a third; `position` walks the texts, so that a small file repeats few."""
    if not chance(rng, NOTE_SHARE):
        return {}
    place = position * NOTE_STRIDE % (len(ENGLISH) + len(SPANISH))
    text = (ENGLISH + SPANISH)[place]
    if place < len(ENGLISH) and chance(rng, ASIDE_SHARE):
        text = f"{text} {draw(rng, ASIDES)}"
    return {"Notes": text}


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the files of a market; existing ones of the same names are replaced."""
    parser = argparse.ArgumentParser(description="Write seeded sample data.")
    parser.add_argument("--market", choices=("sbus", "enuk"), default="sbus", help="default: %(default)s")
    parser.add_argument("--count", type=_positive, default=COUNT, help="registrations (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="default: %(default)s")
    parser.add_argument("--out", type=Path, help="folder (default: where the market's own are)")
    parser.add_argument("--format", choices=("json", "jsonl"), default="json", help="of the registrations")
    options = parser.parse_args(arguments)
    home = Path(__file__).parent
    energy = options.market == "enuk"
    out = options.out or (home / "enuk" if energy else home)
    out.mkdir(parents=True, exist_ok=True)
    lines = _array if options.format == "json" else _lines
    rows = (energy_registrations if energy else registrations)(options.count, seed=options.seed)
    _write(out / f"registrations.{options.format}", lines(rows))
    _write(out / "offers.json", [_pretty((energy_offers if energy else offers)(options.count))])
    if not energy:
        _write(out / "incentives.json", [_pretty(incentives())])


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _lines(rows: Iterable[Mapping[str, Json]]) -> Iterator[str]:
    encode = json.JSONEncoder(ensure_ascii=False).encode
    return (f"{encode(row)}\n" for row in rows)


def _array(rows: Iterable[Mapping[str, Json]]) -> Iterator[str]:
    """A JSON array with one row per line."""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    for position, row in enumerate(rows):
        yield f"{',' if position else '['}\n{encode(row)}"
    yield "\n]\n"


def _pretty(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _write(path: Path, pieces: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(pieces)


if __name__ == "__main__":
    main()
