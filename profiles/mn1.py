"""The registrations that whole runs are asked about: of `mn1`, which is beside the checkout, else the sample data."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import cast

from igent.store.bundled import sample_data
from igent.workflows import Inputs
from profiles.arms import DEFAULT
from profiles.runs import run

__all__ = ["asked"]

_MN1 = Path(__file__).parents[2] / "shared" / "data" / "mn1"
_PLACES = ("registrations", "offers", "incentives")


def asked(count: int, scratch: Path) -> Inputs:
    """The first `count` registrations that a run has proven, so that each makes its calls."""
    files: dict[str, Path] = {name: _MN1 / f"{name}.json" for name in _PLACES}
    if not _MN1.is_dir():
        sys.stderr.write(" (mn1 is not beside this checkout: the sample data is asked about instead)")
        sample = sample_data()
        assert sample.incentives is not None
        files = dict(zip(_PLACES, (sample.registrations, sample.offers, sample.incentives), strict=True))
    inputs = cast("Inputs", files)
    rehearsal = run(DEFAULT, scratch / "rehearsal", inputs=inputs, include_withdrawn=True).directory
    matches = json.loads((rehearsal / "matches.json").read_bytes())
    proven = {row["registration_id"] for row in matches if row["judgement"] == "proven"}
    rows = [row for row in json.loads(files["registrations"].read_bytes()) if row["RegistrationNumber"] in proven]
    path = scratch / "registrations.json"
    path.write_text(json.dumps(rows[:count]), encoding="utf-8")
    return {**inputs, "registrations": path}
