"""The incentives file in both formats: conditions as code, prose as prose, and no ceiling ever a promise."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from igent.domain.grounds import Ground
from igent.domain.incentives import Amount, standing
from igent.domain.orders import build_order
from igent.domain.records import Json, Offer
from igent.domain.verify import OrderDecision, OrderTask
from igent.errors import InputError
from igent.markets.sbus import read_incentives
from tests.domain.builders import HOUSEHOLD, panels, row, supplier
from tests.markets.builders import OWNER, TODAY, plain, public, read, stands


def ordered(entry: Json) -> tuple[Json, Json]:
    """What an order of 10 panels for $10,000 says of it: its `amount` and its `at_most`."""
    product = panels("P", row(10, "10000"))
    offer = Offer(id="o1", supplier=supplier("A", product), products=(product,))
    [incentive] = read(entry)
    task = OrderTask(registration=OWNER, offers=(offer,), standings=(standing(incentive, OWNER, TODAY),))
    grounds = tuple(Ground(id=key, words=str(one.incentive.prose)) for key, one in task.open_ids.items())
    decision = OrderDecision(payment="cash", incentives=dict.fromkeys(task.open_ids, "yes"), grounds=grounds)
    [grant] = (one.as_record() for one in build_order(task, offer, decision, currency="USD").grants)
    return grant.get("amount"), grant.get("at_most")


def refusal(document: Json) -> InputError:
    with pytest.raises(InputError) as caught:
        read_incentives(document, file="incentives.json")
    return caught.value


def test_a_public_entry_is_read() -> None:
    entry = public(owner_status=["homeowner", "renter"], start_date="2025-06", end_date="2026")
    [found] = read(entry)
    assert (found.id, found.name, found.source) == ("MN-1", "Federal", "incentives.json#/incentives/0")
    assert (found.starts, found.ends) == (date(2025, 6, 1), date(2026, 12, 31))
    assert (found.owner_status, found.product_types) == (frozenset({"homeowner", "renter"}), frozenset({"Solar"}))
    assert stands(entry) == ("applies", None)
    assert ordered(entry) == ("500.00", None)


@pytest.mark.parametrize(("methods", "timing"), [(["pos_rebate"], "point-of-sale"), (["tax_credit"], "after-purchase")])
def test_the_payment_method_says_when_it_is_paid(methods: list[Json], timing: str) -> None:
    [found] = read(public(payment_methods=methods))
    assert found.timing == timing


def test_an_entry_for_other_items_is_left_out() -> None:
    assert (
        read(public(items=["heat_pump"]), public(id="MN-2", items=["battery_storage_installation", "x"]))[0].id
        == "MN-2"
    )


@pytest.mark.parametrize(
    "entry",
    [
        public(amount={"type": "dollar_amount", "number": 500, "maximum": 500}),
        public("Up to $500 for rooftop solar."),
        public("Either $500 or nothing for rooftop solar."),
        public("5%, 10% or 15% of the cost.", amount={"type": "percent", "number": 0.15}),
        public("30% credit, worth $4,600 on average.", amount={"type": "percent", "number": 0.3}),
        plain("Up to $500 for solar"),
        plain("A maximum of 10% of the total cost"),
    ],
    ids=[
        "equal to its maximum",
        "up to",
        "either",
        "percentages",
        "average",
        "plain",
        "plain, percent",
    ],
)
def test_a_ceiling_is_never_a_decided_amount(entry: Json) -> None:
    amount, at_most = ordered(entry)
    assert stands(entry) == ("undecided", "ceiling")
    assert amount is None
    assert at_most is not None


def test_a_maximum_above_the_amount_only_bounds_it() -> None:
    amount: Json = {"type": "percent", "number": 0.08, "maximum": 600}
    assert ordered(public("8% of the cost of a rooftop solar installation.", amount=amount)) == ("600.00", None)


PER_KWH: list[Json] = [
    public("$0.03 per kWh.", amount={"type": "dollars_per_unit", "number": 0.03, "unit": "kilowatt_hour"}),
    public("Paid by yield.", payment_methods=["performance_rebate"]),
    plain("40¢ per kiloWatt hour produced"),
]


@pytest.mark.parametrize("entry", PER_KWH)
def test_what_is_paid_by_yield_is_never_a_decided_amount(entry: Json) -> None:
    assert stands(entry) == ("undecided", "performance-based")
    assert ordered(entry) == (None, None)


@pytest.mark.parametrize("entry", PER_KWH)
def test_what_is_paid_by_yield_is_a_yearly_estimate(entry: Json) -> None:
    [found] = read(entry)
    assert found.timing == "yearly-estimate"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (public(low_income="mn-80-ami"), ("undecided", "fact-missing: income")),
        (public(owner_status=["homeowner"]), ("undecided", "fact-missing: owner_status")),
        (public(end_date="2025"), ("excluded", "expired")),
        (public(paused=True), ("excluded", "paused")),
    ],
)
def test_structured_conditions_are_code(entry: Json, expected: tuple[str, str]) -> None:
    [found] = read(entry)
    unknown = standing(found, replace(HOUSEHOLD, owner_status=None, low_income=None), TODAY)
    assert (unknown.kind, unknown.reason) == expected


@pytest.mark.parametrize("text", ["$500 when paired with a battery.", "$500. Must face south.", "$500, town only."])
def test_a_condition_in_prose_is_left_to_judgement(text: str) -> None:
    assert stands(public(text)) == ("open", None)


@pytest.mark.parametrize(
    ("specs", "kind", "number"),
    [
        ("30% over the total cost of the installation", "percent", "0.3"),
        ("$1,500 rebate per household", "dollar_amount", "1500"),
    ],
)
def test_a_plain_amount_without_conditions_applies(specs: str, kind: str, number: str) -> None:
    [found] = read(plain(specs))
    assert isinstance(found.amount, Amount)
    assert (found.amount.kind, found.amount.number) == (kind, Decimal(number))
    assert stands(plain(specs)) == ("applies", None)


@pytest.mark.parametrize(
    ("entry", "area", "expected"),
    [
        (plain("$500 for roofs facing south"), "55407", ("open", None)),
        (plain("$500 rebate", LMI="TRUE"), "55407", ("undecided", "income-condition-unclear")),
        (plain("$200 per panel for roofs facing south"), "55407", ("undecided", "amount-unclear")),
        (plain("$300/kW installed"), "55407", ("undecided", "amount-unclear")),
        (plain("$" + "9" * 31), "55407", ("undecided", "amount-unclear")),
        (plain("$, see the list"), "55407", ("undecided", "amount-unclear")),
        (plain("$500 rebate", **{"Applicable community": "55407, 55419"}), "55407", ("applies", None)),
        (plain("$500 if shaded", **{"Applicable community": "ZIP 55407 and 55419."}), "55407", ("open", None)),
        (plain("$500", **{"Applicable community": "Edina (55407)"}), "55407", ("undecided", "fact-missing: geography")),
        (plain("$500", **{"Applicable community": "Edina (55407)"}), "55419", ("excluded", "area")),
        (plain("$500 for flat roofs, $800 for others"), "55407", ("open", None)),
        (plain("30% for flat roofs, at most $800"), "55407", ("undecided", "ceiling")),
        (plain("$500 for flat roofs, $2 per watt for others"), "55407", ("undecided", "amount-unclear")),
        (plain("10% of panels and 20% of batteries, if shaded"), "55407", ("undecided", "amount-unclear")),
        (plain("$500 rebate", **{"Applicable community": "55407, 55419"}), "55999", ("excluded", "area")),
        (plain("$500 rebate", **{"Applicable community": "Edina"}), "55407", ("undecided", "fact-missing: geography")),
        (plain("a generous sum"), "55407", ("undecided", "amount-unclear")),
        (plain("$500 rebate", **{"End date": "No end date"}), "55407", ("applies", None)),
        (plain("$500 rebate", **{"Start date": "1 June 2026"}), "55407", ("excluded", "not-started")),
    ],
)
def test_plain_conditions(entry: Json, area: str, expected: tuple[str, str | None]) -> None:
    assert stands(entry, area) == expected


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        (public(id=""), "/incentives/0, field 'id'"),
        (public(items=None), "/incentives/0, field 'items'"),
        (public(amount={"type": "barter", "number": 1}), "/incentives/0/amount, field 'type'"),
        (public(amount={"type": "percent"}), "/incentives/0/amount, field 'number'"),
        (public(end_date="soon"), "/incentives/0, field 'end_date'"),
        (plain(""), "/incentives/0, field 'Incentive specs'"),
        (3, "/incentives/0"),
    ],
)
def test_a_bad_entry_is_named_with_its_place(entry: Json, place: str) -> None:
    assert refusal({"incentives": [entry]}).place == place


@pytest.mark.parametrize("document", [None, {}, "x", {"incentives": {}}])
def test_a_file_without_a_list_is_refused(document: Json) -> None:
    assert refusal(document).problem == "holds no incentives"


def test_an_id_that_stands_there_twice_is_refused() -> None:
    assert "stands there again" in refusal([public(), public()]).problem


def test_a_text_that_names_a_higher_figure_leaves_even_the_ceiling_open() -> None:
    entry = public("$500 for rooftop solar, $800 with a battery.")
    assert stands(entry) == ("undecided", "ceiling-unclear")
    assert ordered(entry) == (None, None)


def test_a_text_is_kept_as_it_stands_with_its_place_and_its_amounts() -> None:
    [found] = read(plain("  $500 for flat roofs,\n$800 for others "))
    assert (found.prose, found.prose_source) == (
        "  $500 for flat roofs,\n$800 for others ",
        "incentives.json#/incentives/0/Incentive specs",
    )
    shown = {key: (figure.passage.text, figure.passage.start) for key, figure in found.choices.items()}
    assert (found.amount, shown) == (None, {"a1": ("$500", 2), "a2": ("$800", 23)})


def test_the_place_of_a_public_text_is_that_of_its_words() -> None:
    [found] = read(public("$500. Must face south."))
    assert (found.prose, found.prose_source) == (
        "$500. Must face south.",
        "incentives.json#/incentives/0/short_description/en",
    )
