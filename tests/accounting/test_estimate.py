from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from igent import codec
from igent.accounting.estimate import Estimate, against
from igent.domain.records import Json

ESTIMATE = Estimate(
    registrations=88,
    calls={"matcher": 90, "critic": 30},
    tokens={"input_tokens": 80_000, "output_tokens": 4_000, "cache_read_tokens": 0, "cache_write_tokens": 0},
    cost_usd=(Decimal("0.9"), Decimal("1.23456749"), Decimal("1.5")),
    seconds=(Decimal("95.5"), Decimal("130.12345"), Decimal(8000)),
    unpriced_models=(),
    basis="12 calls of run X",
)
RECORD = ESTIMATE.as_record()


def test_a_record_has_dollars_as_text_and_seconds_as_numbers() -> None:
    assert RECORD["cost_usd"] == {"p10": "0.900000", "p50": "1.234567", "p90": "1.500000"}
    assert RECORD["seconds"] == {"p10": 95.5, "p50": 130.123, "p90": 8000.0}


def test_a_record_comes_back_from_json() -> None:
    assert Estimate.from_record(codec.load(codec.dump(RECORD))).as_record() == RECORD


def test_an_unknown_cost_comes_back_as_unknown() -> None:
    record: dict[str, Json] = {**RECORD, "cost_usd": None, "unpriced_models": ["unheard-of"]}
    assert Estimate.from_record(record).as_record() == record


@pytest.mark.parametrize(
    "changed",
    [
        {"registrations": "88"},
        {"calls": {"matcher": -1}},
        {"tokens": {"input_tokens": 1.5}},
        {"cost_usd": {"p10": "1", "p50": "2"}},
        {"cost_usd": {"p10": "1", "p50": "3", "p90": "2"}},
        {"cost_usd": {"p10": "1", "p50": "1e400", "p90": "2"}},
        {"seconds": {"p10": -1, "p50": 2, "p90": 3}},
        {"seconds": {"p10": True, "p50": 2, "p90": 3}},
        {"seconds": None},
        {"unpriced_models": "none"},
        {"basis": None},
    ],
)
def test_a_record_of_anything_else_is_refused(changed: Any) -> None:
    with pytest.raises(ValueError, match=r"cannot be|is not"):
        Estimate.from_record({**RECORD, **changed})


@pytest.mark.parametrize("record", [None, [], {}, "estimate"])
def test_what_is_no_record_is_refused(record: Json) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        Estimate.from_record(record)


def test_what_came_of_a_run_is_held_against_the_middle() -> None:
    assert against(RECORD, cost_usd=Decimal("2.469134"), seconds=65.0615, calls=150) == {
        "cost": 2.0,
        "seconds": 0.5,
        "calls": 1.25,
    }


def test_what_is_not_known_is_held_against_nothing() -> None:
    free = ESTIMATE.from_record({**RECORD, "cost_usd": None, "calls": {}}).as_record()
    assert against(free, cost_usd=Decimal(1), seconds=0, calls=3) == {"cost": None, "seconds": 0.0, "calls": None}
    assert against(RECORD, cost_usd=None, seconds=0, calls=0)["cost"] is None
