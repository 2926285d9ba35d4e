"""A fingerprint is compared with one that an earlier version has taken: the same rows keep theirs."""

from __future__ import annotations

from datetime import date

import pytest

from igent import codec
from igent.domain.orders import unsourced
from igent.domain.records import Json
from igent.workflows import Pace, Rim, make_settings
from igent.workflows.fingerprint import Fingerprints
from igent.workflows.plan import plan_rows
from igent.workflows.session import prepare


# Taken by version 0.2.0; they change with the sample data, and with nothing else.
@pytest.mark.parametrize(
    ("market", "filtered", "expected"),
    [
        ("sbus", True, "e8d59c2f3af97389"),
        ("sbus", False, "b051118f39f48cae"),
        ("enuk", True, "55d36e92931ce54e"),
    ],
)
async def test_the_sample_registrations_have_the_fingerprints_that_they_had(
    market: str, filtered: bool, expected: str
) -> None:
    switches = {"context_filter": filtered}
    settings = make_settings("p1m1m2c", {}, as_of=date(2026, 3, 31), market=market, model="rules", switches=switches)
    session = await prepare(settings, Pace(), Rim())
    prints = Fingerprints(session)
    found = [prints.of(planned) async for planned in plan_rows(session.inputs, session.survey, settings)]
    rest_on_inputs = [[one[part] for part in ("record", "offers", "incentives")] for one in found]
    assert codec.digest(rest_on_inputs)[:16] == expected


def test_what_a_record_says_has_no_pointers_at_any_depth() -> None:
    record: Json = {
        "id": "x",
        "source": "a",
        "lines": [{"price": "1", "source": "b", "parts": [{"n": 1, "vat_source": "c"}]}],
    }
    assert unsourced(record) == {"id": "x", "lines": [{"price": "1", "parts": [{"n": 1}]}]}
