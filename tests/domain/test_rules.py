"""Which offers a household may be given, under which ids, and why there are none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.domain.records import Registration, Supplier, Want
from igent.domain.rules import Catalogue, offers_of
from tests.domain.builders import HOUSEHOLD, LAW, battery, panels, row, supplier

P1, P2 = panels("P1", row(10, "1000"), row(12, "1200")), panels("P2", row(12, "1100"))
B1, B2 = battery("B1", row(1, "500")), battery("B2", row(1, "600"), row(2, "1100"))
BOTH = (("Solar", 10), ("Battery", 1))


def wanting(*wants: tuple[str, int]) -> Registration:
    return replace(HOUSEHOLD, wants=tuple(Want(product_type=kind, quantity=count) for kind, count in wants))


def shown(catalogue: Catalogue, registration: Registration) -> list[tuple[str, str, str]]:
    offers = catalogue.candidates(registration).offers
    return [(offer.id, offer.supplier.id, "+".join(p.name for p in offer.products)) for offer in offers]


def refusal(registration: Registration, *suppliers: Supplier) -> tuple[str | None, tuple[str, ...]]:
    found = Catalogue(suppliers).candidates(registration)
    assert found.offers == ()
    return found.outcome, found.codes


def test_a_supplier_of_another_area_is_no_candidate() -> None:
    elsewhere = replace(supplier("A", P1), areas=frozenset({"55999"}))
    assert shown(Catalogue([elsewhere, supplier("B", P1)]), wanting(("Solar", 10))) == [("o1", "B", "P1")]


def test_a_supplier_without_one_of_the_wanted_types_is_no_candidate() -> None:
    catalogue = Catalogue([supplier("A", P1), supplier("B", B1), supplier("C", B1, P1)])
    assert shown(catalogue, wanting(*BOTH)) == [("o1", "C", "P1+B1")]


def test_a_bundle_is_one_product_per_wanted_type_in_the_order_of_the_wants() -> None:
    catalogue = Catalogue([supplier("A", B1, P1, B2), supplier("B", P1, B1)])
    expected = [("o1", "A", "P1+B1"), ("o2", "A", "P1+B2"), ("o3", "B", "P1+B1")]
    assert shown(catalogue, wanting(*BOTH)) == expected


def test_a_battery_only_household_is_offered_batteries_only() -> None:
    assert shown(Catalogue([supplier("A", P1, B1)]), wanting(("Battery", 1))) == [("o1", "A", "B1")]


def test_capacity_plays_no_part() -> None:
    full = supplier("A", P1, capacity=1, used=1)
    assert shown(Catalogue([full]), wanting(("Solar", 10))) == [("o1", "A", "P1")]


def test_an_offer_keeps_its_id_whatever_quantity_is_wanted() -> None:
    catalogue = Catalogue([supplier("A", P2), supplier("B", P1)])
    assert shown(catalogue, wanting(("Solar", 12))) == [("o1", "A", "P2"), ("o2", "B", "P1")]
    assert shown(catalogue, wanting(("Solar", 9))) == [("o2", "B", "P1")]


@LAW
@given(quantities=st.permutations([9, 10, 11, 12, 13]))
def test_ids_do_not_depend_on_who_asked_before(quantities: list[int]) -> None:
    suppliers = [supplier("A", P2), supplier("B", P1)]
    catalogue = Catalogue(suppliers)
    for quantity in quantities:
        household = wanting(("Solar", quantity))
        assert shown(catalogue, household) == shown(Catalogue(suppliers), household)


@pytest.mark.parametrize("quantity", [9, 10, 11, 12, 13])
def test_a_quantity_with_a_row_at_most_one_away_is_offered(quantity: int) -> None:
    assert Catalogue([supplier("A", P1)]).candidates(wanting(("Solar", quantity))).offers


@pytest.mark.parametrize("quantity", [8, 14])
def test_a_larger_gap_is_for_a_person(quantity: int) -> None:
    refused = refusal(wanting(("Solar", quantity)), supplier("A", P1), supplier("B", P1))
    assert refused == ("review", ("quantity-not-offered",))


def test_one_missing_quantity_of_a_bundle_is_enough() -> None:
    refused = refusal(wanting(("Solar", 10), ("Battery", 3)), supplier("A", P1, B1))
    assert refused == ("review", ("quantity-not-offered",))


def test_a_household_that_wants_nothing_known_is_for_a_person() -> None:
    assert refusal(wanting(), supplier("A", P1)) == ("review", ("quantity-unknown",))


def test_an_area_without_suppliers_is_not_served() -> None:
    household = replace(wanting(("Solar", 10)), area="55999")
    assert refusal(household, supplier("A", P1)) == ("unmatched", ("area-not-served",))


def test_types_that_no_single_supplier_has_are_not_offered() -> None:
    assert refusal(wanting(*BOTH), supplier("A", P1), supplier("B", B1)) == ("unmatched", ("product-not-offered",))


def test_the_other_offers_are_those_of_suppliers_elsewhere() -> None:
    elsewhere = replace(supplier("A", P1), areas=frozenset({"55999"}))
    others = Catalogue([elsewhere, supplier("B", P1)]).elsewhere(wanting(("Solar", 10)))
    assert [offer.supplier.id for offer in others] == ["A"]


def test_no_other_offer_has_the_id_of_a_candidate() -> None:
    elsewhere = replace(supplier("A", P1), areas=frozenset({"55999"}))
    catalogue, household = Catalogue([elsewhere, supplier("B", P1)]), wanting(("Solar", 10))
    ids = [offer.id for offer in (*catalogue.candidates(household).offers, *catalogue.elsewhere(household))]
    assert len(ids) == len(set(ids))


def test_offers_are_numbered_in_file_order() -> None:
    offers = offers_of([supplier("B", P1, P2), supplier("A", P2)], [("Solar", "")])
    assert [(o.id, o.supplier.id, o.products[0].name) for o in offers] == [
        ("o1", "B", "P1"),
        ("o2", "B", "P2"),
        ("o3", "A", "P2"),
    ]


def test_an_offer_is_itself_and_no_other_catalogues() -> None:
    one, other = (Catalogue([supplier("A", P1)]).candidates(wanting(("Solar", 10))).offers for _ in range(2))
    assert ({*one} == {*one}, {*one} == {*other}) == (True, False)
