"""Inputs from somebody who knows what reads them: a terminal, a spreadsheet, a file system."""

from __future__ import annotations

import json
from pathlib import Path

from tests.workflows.inputs import Inputs
from tests.workflows.runs import SAMPLE, registrations, write

__all__ = ["ACTS", "NAMES", "hostile"]

# A window's title, a cleared screen, a colour of the second control set, text that runs backwards, lines of its own,
# and the markup of the library that draws the progress bar.
ACTS = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe\r\nigent: all is well\u2028\x00\x7f[red]x[/red]"

_FORMULAS = ("=HYPERLINK(A1)", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\uff1d1", "\uff201", "x;=1", "x,=1", '"=1')
_PATHS = ("../../escaped", "/tmp/../escaped", "..", "a\x00b", "a\nb", "n" * 5_000, "matches.json", "~/x")
NAMES = (ACTS, *_PATHS, *_FORMULAS)


def hostile(folder: Path) -> Inputs:
    """The sample with ids that are paths and formulas, and names, notes and prose that act on a terminal."""
    rows = [dict(row) for row in registrations()[: len(NAMES) + 8]]
    for row in rows[:8]:
        row |= {"Notes": f"No loan please. {ACTS}", ACTS: 1}
    for row, name in zip(rows[8:], NAMES, strict=True):
        row["RegistrationNumber"] = name
    offers = json.loads(SAMPLE.offers.read_text())
    for product in (product for supplier in offers["SupplierOffers"] for product in supplier["Offers"]):
        product["ProductName"] += ACTS
    assert SAMPLE.incentives is not None
    prose = json.loads(SAMPLE.incentives.read_text())
    for one in prose["incentives"]:
        one["short_description"] = {"en": f"{one.get('short_description')} {ACTS}"}
    return Inputs(
        registrations=write(folder / "registrations.json", rows),
        offers=write(folder / "offers.json", offers),
        incentives=write(folder / "incentives.json", prose),
    )
