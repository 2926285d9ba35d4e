"""Where an incentive stands for a household, condition by condition, and what it pays."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.domain.incentives import Amount, Incentive, Programmes, StandingKind, amount_of, standing, standings
from igent.domain.records import Registration, Want
from tests.domain.builders import HOUSEHOLD, INCENTIVE, LAW, dollars, lines

TODAY = date(2025, 7, 1)
OWNERS = replace(INCENTIVE, owner_status=frozenset({"homeowner"}))
BY_YIELD = replace(INCENTIVE, timing="yearly-estimate")
LOW_INCOME = replace(INCENTIVE, low_income=True)
HERE, NOT_HERE = frozenset({HOUSEHOLD.area}), frozenset({"55999"})


def stands(incentive: Incentive, household: Registration = HOUSEHOLD, today: date = TODAY) -> tuple[str, str | None]:
    found = standing(incentive, household, today)
    assert found.incentive == incentive
    return found.kind, found.reason


def test_without_conditions_it_applies() -> None:
    assert stands(INCENTIVE) == ("applies", None)


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2024, 12, 31), ("excluded", "not-started")),
        (date(2025, 1, 1), ("applies", None)),
        (date(2025, 12, 31), ("applies", None)),
        (date(2026, 1, 1), ("excluded", "expired")),
    ],
)
def test_it_runs_from_its_first_to_its_last_day(today: date, expected: tuple[str, str | None]) -> None:
    incentive = replace(INCENTIVE, starts=date(2025, 1, 1), ends=date(2025, 12, 31))
    assert stands(incentive, today=today) == expected


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        ("homeowner", ("applies", None)),
        ("renter", ("excluded", "owner-status")),
        (None, ("undecided", "fact-missing: owner_status")),
    ],
)
def test_owner_status(owner: str | None, expected: tuple[str, str | None]) -> None:
    assert stands(OWNERS, replace(HOUSEHOLD, owner_status=owner)) == expected


@pytest.mark.parametrize(
    ("low_income", "kind"),
    [(False, "excluded"), (None, "undecided"), (True, "undecided")],
    ids=["no low income", "income unknown", "low by the programme's measure, which may not be the incentive's"],
)
def test_low_income(low_income: bool | None, kind: StandingKind) -> None:
    assert standing(LOW_INCOME, replace(HOUSEHOLD, low_income=low_income), TODAY).kind == kind


def test_a_missing_income_is_named() -> None:
    assert stands(LOW_INCOME, replace(HOUSEHOLD, low_income=None)) == ("undecided", "fact-missing: income")


@pytest.mark.parametrize(
    ("areas", "uncertain", "expected"),
    [
        (None, frozenset(), ("applies", None)),
        (HERE, frozenset(), ("applies", None)),
        (HERE, HERE, ("applies", None)),
        (NOT_HERE, HERE, ("undecided", "fact-missing: geography")),
        (NOT_HERE, frozenset(), ("excluded", "area")),
        (frozenset(), frozenset(), ("excluded", "area")),
    ],
    ids=["everywhere", "here", "here for sure", "here in part", "elsewhere", "nowhere"],
)
def test_area(areas: frozenset[str] | None, uncertain: frozenset[str], expected: tuple[str, str | None]) -> None:
    assert stands(replace(INCENTIVE, areas=areas, uncertain_areas=uncertain)) == expected


@pytest.mark.parametrize(
    ("incentive", "expected"),
    [
        (replace(INCENTIVE, paused=True), ("excluded", "paused")),
        (replace(INCENTIVE, product_types=frozenset({"Battery"})), ("excluded", "product")),
        (replace(INCENTIVE, product_types=frozenset({"Battery", "Solar"})), ("applies", None)),
        (replace(INCENTIVE, never_decided="ceiling"), ("undecided", "ceiling")),
        (BY_YIELD, ("undecided", "performance-based")),
        (replace(BY_YIELD, amount=None, prose="where the roof faces south"), ("undecided", "performance-based")),
        (replace(BY_YIELD, requires=frozenset({"I0"})), ("undecided", "prerequisite")),
        (replace(INCENTIVE, income_limit=True), ("undecided", "fact-missing: income")),
        (replace(INCENTIVE, amount=None), ("undecided", "amount-unclear")),
        (replace(INCENTIVE, requires=frozenset({"I0"})), ("undecided", "prerequisite")),
        (replace(INCENTIVE, prose="where the roof faces south"), ("open", None)),
        (replace(INCENTIVE, prose="up to", never_decided="ceiling"), ("undecided", "ceiling")),
        (replace(INCENTIVE, prose="in town", paused=True), ("excluded", "paused")),
    ],
)
def test_the_other_conditions(incentive: Incentive, expected: tuple[str, str | None]) -> None:
    assert stands(incentive) == expected


@LAW
@given(
    incentive=st.builds(
        replace,
        st.just(INCENTIVE),
        owner_status=st.sampled_from([None, frozenset({"homeowner"})]),
        low_income=st.booleans(),
        paused=st.booleans(),
        areas=st.sampled_from([None, HERE, NOT_HERE]),
        uncertain_areas=st.sampled_from([frozenset[str](), HERE]),
        never_decided=st.sampled_from([None, "ceiling"]),
        timing=st.sampled_from(["after-purchase", "yearly-estimate"]),
        income_limit=st.booleans(),
        prose=st.sampled_from([None, "a condition"]),
        requires=st.sampled_from([frozenset[str](), frozenset({"I0"})]),
    ),
    owner=st.sampled_from([None, "homeowner", "renter"]),
    low_income=st.sampled_from([None, True, False]),
)
def test_nothing_applies_or_is_open_while_a_structured_condition_is_unsettled(
    incentive: Incentive, owner: str | None, low_income: bool | None
) -> None:
    found = standing(incentive, replace(HOUSEHOLD, owner_status=owner, low_income=low_income), TODAY)
    settled = (
        not (incentive.low_income or incentive.paused or incentive.never_decided or incentive.requires)
        and not incentive.income_limit
        and incentive.timing != "yearly-estimate"
        and (incentive.owner_status is None or owner in incentive.owner_status)
        and (incentive.areas is None or HOUSEHOLD.area in incentive.areas)
    )
    assert (found.kind in ("applies", "open")) == settled
    assert (found.kind == "open") == (settled and incentive.prose is not None)
    assert (found.reason is None) == settled


def test_excluded_incentives_are_left_out_and_the_rest_keep_file_order() -> None:
    other = replace(INCENTIVE, id="I2", paused=True)
    last = replace(INCENTIVE, id="I0", prose="a condition")
    found = standings([INCENTIVE, other, last], HOUSEHOLD, TODAY)
    assert [(s.incentive.id, s.kind) for s in found] == [("I1", "applies"), ("I0", "open")]


@pytest.mark.parametrize("own", [INCENTIVE, replace(INCENTIVE, prose="a condition"), BY_YIELD])
def test_what_another_one_excludes_is_undecided(own: Incentive) -> None:
    barring = replace(INCENTIVE, id="I2", excludes=frozenset({"I1"}))
    found = standings([own, barring], HOUSEHOLD, TODAY)
    assert [(s.kind, s.reason) for s in found] == [("undecided", "not-combinable"), ("applies", None)]


def test_an_excluded_incentive_bars_nothing() -> None:
    barring = replace(INCENTIVE, id="I2", excludes=frozenset({"I1"}), ends=date(2024, 1, 1))
    assert [s.kind for s in standings([INCENTIVE, barring], HOUSEHOLD, TODAY)] == ["applies"]


def test_an_own_obstacle_is_named_before_the_combination() -> None:
    barring = replace(INCENTIVE, id="I2", excludes=frozenset({"I1"}))
    [own, _] = standings([replace(INCENTIVE, never_decided="ceiling"), barring], HOUSEHOLD, TODAY)
    assert own.reason == "ceiling"


@LAW
@given(
    st.lists(
        st.builds(
            replace,
            st.just(HOUSEHOLD),
            wants=st.sampled_from([(), HOUSEHOLD.wants, (Want(product_type="Battery", quantity=1),)]),
            area=st.sampled_from([HOUSEHOLD.area, "elsewhere"]),
            owner_status=st.sampled_from([None, "homeowner", "renter"]),
            low_income=st.sampled_from([None, True, False]),
            note=st.sampled_from([None, "a wish"]),
        ),
        max_size=20,
    )
)
def test_households_of_one_shape_share_what_each_would_have_by_itself(households: list[Registration]) -> None:
    renters = replace(INCENTIVE, id="I2", owner_status=frozenset({"renter"}), low_income_unclear=True)
    known = [INCENTIVE, renters, replace(INCENTIVE, id="I3", areas=HERE, prose="a condition"), BY_YIELD]
    programmes = Programmes(known, TODAY)
    assert [programmes.of(one) for one in households] == [standings(known, one, TODAY) for one in households]


SOLAR_AND_BATTERY = lines(Solar="10000", Battery="9000.55")
BOTH = frozenset({"Solar", "Battery"})
THIRTY_PERCENT = Amount(kind="percent", number=Decimal("0.3"))


def paying(kind: str, number: str, unit: str | None = None) -> Amount:
    amount = dollars(number)
    match kind:
        case "percent":
            return replace(amount, kind="percent")
        case "dollars_per_unit":
            return replace(amount, kind="dollars_per_unit", unit=unit)
    return amount


@pytest.mark.parametrize(
    ("amount", "types", "expected"),
    [
        (paying("dollar_amount", "500"), {"Solar"}, "500.00"),
        (paying("dollar_amount", "500"), BOTH, "500.00"),
        (paying("percent", "0.3"), {"Solar"}, "3000.00"),
        (paying("percent", "0.3"), BOTH, "5700.17"),
        (paying("percent", "0.15"), {"Battery"}, "1350.08"),
        (paying("dollars_per_unit", "0.5", "watt"), {"Solar"}, "2000.00"),
        (paying("dollars_per_unit", "100", "kilowatt"), {"Solar"}, "400.00"),
        (paying("dollars_per_unit", "10", "kilowatt_hour"), {"Battery"}, "270.00"),
        (paying("dollars_per_unit", "0.5", "watt"), BOTH, None),
        (paying("dollars_per_unit", "0.5", "square_foot"), {"Solar"}, None),
        (paying("dollars_per_unit", "0.5"), {"Solar"}, None),
    ],
)
def test_the_amount_by_kind(amount: Amount, types: frozenset[str], expected: str | None) -> None:
    found = amount_of(replace(INCENTIVE, amount=amount, product_types=frozenset(types)), SOLAR_AND_BATTERY)
    assert (None if found is None else str(found)) == expected


def test_a_product_of_unknown_size_has_no_amount_per_unit() -> None:
    [line] = lines(Solar="10000")
    unsized = replace(line, product=replace(line.product, capacity=None))
    per_watt = replace(INCENTIVE, amount=paying("dollars_per_unit", "0.5", "watt"))
    assert amount_of(per_watt, [unsized]) is None


@pytest.mark.parametrize("incentive", [replace(INCENTIVE, amount=None), replace(INCENTIVE, product_types=frozenset())])
def test_without_an_amount_or_an_eligible_line_nothing_is_computed(incentive: Incentive) -> None:
    assert amount_of(incentive, SOLAR_AND_BATTERY) is None


@pytest.mark.parametrize(
    ("bounded", "expected"),
    [
        (replace(THIRTY_PERCENT, maximum=Decimal(2500)), "2500.00"),
        (replace(THIRTY_PERCENT, minimum=Decimal(3500)), "3500.00"),
        (replace(THIRTY_PERCENT, minimum=Decimal(1), maximum=Decimal(9000)), "3000.00"),
        (replace(THIRTY_PERCENT, minimum=Decimal(3500), maximum=Decimal(3200)), "3200.00"),
    ],
    ids=["at most", "at least", "between", "the maximum has the last word"],
)
def test_an_amount_keeps_within_its_minimum_and_maximum(bounded: Amount, expected: str) -> None:
    assert str(amount_of(replace(INCENTIVE, amount=bounded), SOLAR_AND_BATTERY)) == expected


@LAW
@given(cents=st.integers(1, 10**8), thousandths=st.integers(0, 1000))
def test_a_percentage_is_exact_and_rounded_once(cents: int, thousandths: int) -> None:
    price = Decimal(cents).scaleb(-2)
    incentive = replace(INCENTIVE, amount=Amount(kind="percent", number=Decimal(thousandths).scaleb(-3)))
    exact = Decimal(cents * thousandths).scaleb(-5)
    assert amount_of(incentive, lines(Solar=str(price))) == exact.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
