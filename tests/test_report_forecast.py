from __future__ import annotations

from decimal import Decimal

from igent.accounting.estimate import Estimate
from igent.domain.records import Json
from igent.report import forecast_lines

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


def forecast(**changed: Json) -> dict[str, Json]:
    unasked: dict[str, Json] = {"outcome": "unmatched", "codes": ["withdrawn"], "count": 3, "ids": ["R1", "R2"]}
    return {"registrations": 100, "estimate": {**RECORD, **changed}, "unasked": [unasked]}


def test_a_forecast_is_told_in_lines() -> None:
    assert forecast_lines(forecast()) == [
        "asked     88 of 100 registrations",
        "calls     120: matcher 90, critic 30",
        "tokens    80,000 input, 4,000 output",
        "cost      $1.23, in 8 cases of 10 between $0.9000 and $1.50",
        "time      2.2 min, in 8 cases of 10 between 95.5 s and 2.2 h",
        "from      12 calls of run X",
        "no call   3 unmatched: withdrawn (R1, R2, ...)",
    ]


def test_a_cost_that_is_not_known_says_why() -> None:
    lines = forecast_lines(forecast(cost_usd=None, unpriced_models=["unheard-of"]))
    assert lines[3] == "cost      not known: no price for unheard-of"


def test_what_is_free_costs_nothing() -> None:
    free: Json = dict.fromkeys(("p10", "p50", "p90"), "0.000000")
    lines = forecast_lines(forecast(cost_usd=free, calls={}, tokens={}))
    assert lines[1:4] == ["calls     0", "tokens    none", "cost      $0"]
