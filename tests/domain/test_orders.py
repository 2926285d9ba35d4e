"""Orders add up, by a recomputation from what they say; money that is not decided is listed and never deducted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.domain.grounds import Ground
from igent.domain.incentives import Amount, Incentive, Standing, StandingKind, Timing
from igent.domain.orders import Order, build_order, lends
from igent.domain.records import Finance, Json, Offer, Payment, Price, Want
from igent.domain.verify import OrderDecision, OrderTask, Ruling
from igent.markets.sbus.figures import figures_of
from igent.markets.sbus.prices import PriceRow
from tests.domain.builders import HOUSEHOLD, INCENTIVE, LAW, battery, dollars, panels, row, supplier

FINANCE = Finance(rate_percent=Decimal("7.73"), months=360, source="offers.json#/A/InterestRate")
HOME = replace(
    HOUSEHOLD, wants=(Want(product_type="Solar", quantity=11), Want(product_type="Battery", quantity=2)), note="a loan"
)
PANELS, BATTERY = row(10, "10000.10", instalment="60"), row(2, "8000", instalment="55.5")

TIMINGS: st.SearchStrategy[Timing] = st.sampled_from(["point-of-sale", "after-purchase"])
KINDS: st.SearchStrategy[StandingKind] = st.sampled_from(["applies", "undecided", "open"])
RULINGS: st.SearchStrategy[Ruling] = st.sampled_from(["yes", "no", "unsure"])
AMOUNTS = st.one_of(
    st.integers(0, 3_000_000).map(lambda cents: dollars(str(Decimal(cents).scaleb(-2)))),
    st.integers(0, 700).map(lambda parts: Amount(kind="percent", number=Decimal(parts).scaleb(-3))),
)


def offer(solar: PriceRow = PANELS, stored: PriceRow = BATTERY, *, finance: Finance | None = FINANCE) -> Offer:
    products = (panels("Sun", solar), battery("Box", stored))
    return Offer(id="o1", supplier=supplier("A", *products, finance=finance), products=products)


def order(
    *standings: Standing,
    payment: Payment = "cash",
    rulings: Mapping[str, Ruling] | None = None,
    chosen: Offer | None = None,
    low_income: bool = False,
) -> Order:
    bought = chosen or offer()
    task = OrderTask(registration=replace(HOME, low_income=low_income), offers=(bought,), standings=standings)
    grounds = tuple(Ground(id=key, words="condition") for key, ruling in (rulings or {}).items() if ruling == "yes")
    decision = OrderDecision(payment=payment, incentives=rulings or {}, grounds=grounds)
    return build_order(task, bought, decision, currency="USD")


BOTH = frozenset({"Solar", "Battery"})


def applies(amount: str = "500", *, timing: Timing = "after-purchase", name: str = "I1") -> Standing:
    incentive = replace(INCENTIVE, id=name, amount=dollars(amount), timing=timing, product_types=BOTH)
    return Standing(incentive=incentive, kind="applies")


def undecided(reason: str) -> Standing:
    return Standing(incentive=INCENTIVE, kind="undecided", reason=reason)


def entries(record: Mapping[str, Json], field: str = "incentives") -> list[dict[str, Json]]:
    found = record[field]
    assert isinstance(found, list)
    return [one for one in found if isinstance(one, dict)]


def total(found: Sequence[Mapping[str, Json]], field: str) -> Decimal:
    return sum((Decimal(str(one[field])) for one in found if field in one), Decimal(0))


@st.composite
def households_standings(draw: st.DrawFn) -> tuple[Standing, ...]:
    return tuple(
        Standing(
            incentive=Incentive(
                id=f"I{n}",
                name="n",
                source=f"#/{n}",
                product_types=draw(st.sets(st.sampled_from(["Solar", "Battery"]), min_size=1).map(frozenset)),
                timing=draw(TIMINGS),
                amount=draw(st.one_of(st.none(), AMOUNTS)),
                prose="a condition",
            ),
            kind=draw(KINDS),
            reason="ceiling" if draw(st.booleans()) else "fact-missing: income",
        )
        for n in range(draw(st.integers(0, 6)))
    )


@LAW
@given(standings=households_standings(), data=st.data())
def test_the_sums_follow_from_the_entries(standings: tuple[Standing, ...], data: st.DataObject) -> None:
    rulings = {f"i{n}": data.draw(RULINGS) for n in range(1, sum(s.kind == "open" for s in standings) + 1)}
    record = order(*standings, rulings=rulings).as_record()
    listed = entries(record)
    decided = [one for one in listed if "amount" in one]
    at_sale = [one for one in decided if one["timing"] == "point-of-sale"]
    subtotal = total(entries(record, "lines"), "price")
    assert Decimal(str(record["subtotal"])) == subtotal == Decimal("18000.10")
    assert Decimal(str(record["incentive_total"])) == total(decided, "amount")
    assert Decimal(str(record["amount_due"])) == subtotal - total(at_sale, "amount")
    assert Decimal(str(record["net_total"])) == subtotal - total(decided, "amount") >= 0
    assert all(("amount" in one) != ("undecided" in one) for one in listed)


@LAW
@given(standings=households_standings(), data=st.data())
def test_only_what_applies_or_was_ruled_yes_is_decided(standings: tuple[Standing, ...], data: st.DataObject) -> None:
    unsettled = [s.incentive.id for s in standings if s.kind == "open"]
    rulings = {name: data.draw(RULINGS) for name in unsettled}
    by_key = {f"i{n}": rulings[name] for n, name in enumerate(unsettled, start=1)}
    listed = {str(one["id"]): one for one in entries(order(*standings, rulings=by_key).as_record())}
    assert list(listed) == [s.incentive.id for s in standings if rulings.get(s.incentive.id) != "no"]
    for found in (s for s in standings if s.incentive.id in listed):
        may = found.kind == "applies" or rulings.get(found.incentive.id) == "yes"
        assert may or "amount" not in listed[found.incentive.id]


def test_an_order_says_whose_it_is_and_of_whom() -> None:
    record = order().as_record()
    assert [record[key] for key in ("registration_id", "campaign", "supplier_id", "currency", "payment_type")] == [
        "R1",
        "Summer",
        "A",
        "USD",
        "cash",
    ]
    assert "financing" not in record


def test_a_line_says_where_its_price_stands_and_what_was_wanted_where_that_differs() -> None:
    adjusted, exact = entries(order().as_record(), "lines")
    assert adjusted == {
        "product_type": "Solar",
        "product_name": "Sun",
        "quantity": 10,
        "price": "10000.10",
        "source": "offers.json#/10/CashPrice",
        "quantity_wanted": 11,
        "quantity_adjusted": True,
    }
    assert (exact["quantity"], exact["price"]) == (2, "8000.00")
    assert not {"quantity_wanted", "quantity_adjusted"} & exact.keys()


def test_a_decided_incentive_has_amount_basis_source_and_timing() -> None:
    [entry] = entries(order(applies(timing="point-of-sale")).as_record())
    assert entry == {
        "id": "I1",
        "name": "A rebate",
        "amount": "500.00",
        "basis": "rules",
        "source": "incentives.json#/0",
        "timing": "point-of-sale",
    }


def test_only_point_of_sale_money_lowers_what_the_supplier_is_paid() -> None:
    record = order(applies("1000", timing="point-of-sale", name="I1"), applies("200", name="I2")).as_record()
    sums = [record[key] for key in ("subtotal", "incentive_total", "amount_due", "net_total")]
    assert sums == ["18000.10", "1200.00", "17000.10", "16800.10"]


@pytest.mark.parametrize(
    ("reason", "at_most"), [("ceiling", "500.00"), ("ceiling-unclear", None), ("fact-missing: income", None)]
)
def test_an_undecided_incentive_has_its_reason_and_a_ceiling_its_bound(reason: str, at_most: str | None) -> None:
    record = order(undecided(reason)).as_record()
    [entry] = entries(record)
    assert (entry["undecided"], entry.get("at_most"), entry["source"]) == (reason, at_most, "incentives.json#/0")
    assert not {"amount", "timing"} & entry.keys()
    assert record["net_total"] == record["amount_due"] == record["subtotal"]


@pytest.mark.parametrize(
    ("ruling", "expected"),
    [("yes", ["judged by prose"]), ("no", []), ("unsure", ["prose-condition"])],
)
def test_a_condition_in_prose_goes_by_its_ruling(ruling: Ruling, expected: list[str]) -> None:
    judged = Standing(incentive=replace(INCENTIVE, prose="a condition"), kind="open")
    found = entries(order(judged, rulings={"i1": ruling}).as_record())
    assert [one.get("basis") or one.get("undecided") for one in found] == expected


TEXT = "10% for roofs facing south, $700 for others"
PICK = Standing(
    incentive=replace(
        INCENTIVE,
        product_types=BOTH,
        amount=None,
        prose=TEXT,
        prose_source="incentives.json#/0/text",
        figures=figures_of(TEXT, types=0),
    ),
    kind="open",
)


def picked(*grounds: Ground, standing: Standing = PICK) -> list[dict[str, Json]]:
    task = OrderTask(registration=HOME, offers=(offer(),), standings=(standing,))
    decision = OrderDecision(payment="cash", incentives={"i1": "yes"}, grounds=grounds)
    return entries(build_order(task, offer(), decision, currency="USD").as_record())


def test_a_judged_incentive_says_which_words_it_rests_on_and_which_name_its_amount() -> None:
    [entry] = picked(Ground(id="i1", words="Facing  SOUTH", amount="a1"))
    assert entry == {
        "id": "I1",
        "name": "A rebate",
        "amount": "1800.01",
        "basis": "judged by prose",
        "judgement": "plausible",
        "cited": {"text": "facing south", "start": 14, "end": 26, "source": "incentives.json#/0/text"},
        "amount_stated": {"text": "10%", "start": 0, "end": 3, "source": "incentives.json#/0/text"},
        "source": "incentives.json#/0",
        "timing": "after-purchase",
    }
    assert picked(Ground(id="i1", words="for others", amount="a2"))[0]["amount"] == "700.00"


@pytest.mark.parametrize(
    "grounds",
    [
        (),
        (Ground(id="i1", words="facing north", amount="a1"),),
        (Ground(id="i1", words="facing south"),),
        (Ground(id="i1", words="facing south", amount="a3"),),
        (Ground(id="i1", words="facing south", amount="a1", offers=("o2",)),),
    ],
)
def test_a_yes_without_proof_is_no_money(grounds: tuple[Ground, ...]) -> None:
    [entry] = picked(*grounds)
    assert (entry["undecided"], "amount" in entry) == ("prose-condition", False)


def test_what_was_picked_and_exceeds_the_price_still_says_what_it_rests_on() -> None:
    small = replace(PICK, incentive=replace(PICK.incentive, figures=figures_of("$1 or $99000 for others", types=0)))
    [entry] = picked(Ground(id="i1", words="for others", amount="a2"), standing=small)
    assert (entry["undecided"], entry["cited"], entry["amount_stated"]) == (
        "exceeds-price",
        {"text": "for others", "start": 33, "end": 43, "source": "incentives.json#/0/text"},
        {"text": "$99000", "start": 6, "end": 12, "source": "incentives.json#/0/text"},
    )


def test_a_ruling_per_offer_counts_for_the_offer_that_is_bought() -> None:
    judged = Standing(incentive=replace(INCENTIVE, prose="a condition"), kind="open")
    task = OrderTask(registration=HOME, offers=(offer(),), standings=(judged,))
    decision = OrderDecision(payment="cash", incentives={"i1": {"o1": "no", "o2": "yes"}})
    assert build_order(task, offer(), decision, currency="USD").grants == ()


def test_an_incentive_without_an_eligible_line_is_unclear() -> None:
    carport = replace(INCENTIVE, product_types=frozenset({"Carport"}))
    [entry] = entries(order(Standing(incentive=carport, kind="applies")).as_record())
    assert entry["undecided"] == "amount-unclear"


def test_what_would_exceed_the_price_is_undecided_with_what_is_left() -> None:
    record = order(applies("18000", name="I1"), applies("0.11", name="I2"), applies("0.10", name="I3")).as_record()
    _, over, fits = entries(record)
    assert (over["undecided"], over["at_most"]) == ("exceeds-price", "0.10")
    assert fits["amount"] == "0.10"
    assert record["net_total"] == "0.00"


def test_an_incentive_is_worth_no_more_than_what_it_is_for() -> None:
    battery = replace(INCENTIVE, amount=dollars("17000"), product_types=frozenset({"Battery"}))
    (over,) = entries(order(Standing(incentive=battery, kind="applies")).as_record())
    prices = {str(line["product_type"]): line["price"] for line in entries(order().as_record(), "lines")}
    assert (over["undecided"], over["at_most"]) == ("exceeds-price", prices["Battery"])


def test_a_loan_keeps_the_cash_prices_and_adds_financing() -> None:
    cash, loan = order().as_record(), order(payment="loan").as_record()
    financing = loan.pop("financing")
    assert loan == cash | {"payment_type": "loan"}
    assert financing == {
        "instalment": "115.50",
        "months": 360,
        "rate_percent": "7.73",
        "source": ["offers.json#/10/LoanInstallment", "offers.json#/2/LoanInstallment", FINANCE.source],
    }


@pytest.mark.parametrize(("low_income", "expected"), [(True, "95.50"), (False, "115.50")])
def test_a_low_income_household_has_the_lmi_instalment_where_there_is_one(low_income: bool, expected: str) -> None:
    solar = replace(PANELS, lmi_instalment=Price(amount=Decimal(40), source="#/LMILoanInstallment"))
    financing = order(payment="loan", chosen=offer(solar), low_income=low_income).as_record()["financing"]
    assert isinstance(financing, dict)
    assert financing["instalment"] == expected


@pytest.mark.parametrize("chosen", [offer(finance=None), offer(stored=row(2, "8000"))], ids=["supplier", "product"])
def test_who_quotes_no_loan_for_everything_does_not_lend(chosen: Offer) -> None:
    assert lends(offer(), HOME)
    assert not lends(chosen, HOME)
