"""What a yes rests on: a place in its own text, and an amount that stands in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.domain.grounds import Ground, Proof
from igent.domain.notes import Passage
from igent.markets.sbus.figures import figures_of
from tests.domain.builders import INCENTIVE, LAW

SEVERAL = "$500 for every home;  $800 for roofs facing\tSouth, or 10% where İzmir Straße is shaded"
ONE = "$500 for roofs facing south"


def prove(text: str, words: str, amount: str | None = None) -> Proof | tuple[str, str]:
    figures = figures_of(text, types=1)
    found = replace(INCENTIVE, prose=text, figures=figures, amount=figures[0].amount if len(figures) == 1 else None)
    return Ground(id="i1", words=words, amount=amount).prove(found)


def test_a_proof_has_the_texts_own_words_and_their_place() -> None:
    proof = prove(ONE, "ROOFS  facing south")
    assert isinstance(proof, Proof)
    assert proof.cited == Passage(text="roofs facing south", start=9, end=27)


def test_the_one_amount_of_a_text_needs_no_id() -> None:
    proof = prove(ONE, "facing south")
    assert isinstance(proof, Proof)
    assert (proof.stated, proof.amount) == (Passage(text="$500", start=0, end=4), figures_of(ONE, types=1)[0].amount)


def test_an_amount_that_is_a_field_of_its_own_stands_nowhere_in_the_text() -> None:
    proof = Ground(id="i1", words="careful").prove(replace(INCENTIVE, prose="for careful people"))
    assert proof == Proof(cited=Passage(text="careful", start=4, end=11), amount=INCENTIVE.amount, stated=None)


CHANGES: list[Callable[[str], str]] = [str.strip, str.upper, str.lower, str.title, lambda words: f"{words}x"]
TEXTS = st.sampled_from([SEVERAL, ONE]) | st.text(st.sampled_from("ab İß$5%0 \t,."), max_size=40)


@LAW
@given(TEXTS, st.data())
def test_whatever_is_accepted_stands_in_the_text_where_it_says(text: str, data: st.DataObject) -> None:
    start, end = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
    change = data.draw(st.sampled_from(CHANGES))
    words = change(text[start:end])
    proof = prove(text, words, data.draw(st.sampled_from([None, "a1", "a2", "a3"])))
    if isinstance(proof, Proof):
        assert text[proof.cited.start : proof.cited.end] == proof.cited.text
        assert len(proof.cited.text.split()) == len(words.split())
        assert proof.cited.text.split() == words.split() or proof.cited.text.lower().split() == words.lower().split()
        assert proof.stated is None or text[proof.stated.start : proof.stated.end] == proof.stated.text


@LAW
@given(st.integers(0, len(SEVERAL)), st.integers(0, len(SEVERAL)))
def test_whole_words_of_the_text_are_found_however_they_are_spaced(one: int, other: int) -> None:
    parts = SEVERAL.split()
    start, end = sorted((one % len(parts), other % len(parts)))
    proof = prove(SEVERAL, "\n".join(parts[start : end + 1]), "a1")
    assert isinstance(proof, Proof) or len(" ".join(parts[start : end + 1])) < 3


@pytest.mark.parametrize(
    "ground",
    [Ground(id="i1", words="w"), Ground(id="i2", words="w", amount="a1"), Ground(id="i1", words="w", offers=("o1",))],
)
def test_a_ground_is_read_back_from_its_record(ground: Ground) -> None:
    assert Ground.from_record(ground.as_record()) == ground
