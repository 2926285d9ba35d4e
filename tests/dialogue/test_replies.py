"""What counts as an answer: the first complete object that fits its schema, and nothing that merely resembles one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.dialogue.extract import MAX_OBJECT_BYTES
from igent.dialogue.replies import Answer, Critique, ReplyKind, find_answer, maybe_answer, order_reply
from igent.domain.grounds import Ground
from igent.domain.records import Json
from igent.domain.rules import MAX_OFFERS
from igent.domain.verify import MatchDecision, OrderDecision

MATCH = '{"fit":[["o2","o5"],["o1"]],"words":["all black"],"why":"asked for"}'
YES = '{"id":"i1","words":"facing south"},{"id":"i3","words":"tall","amount":"a2","offers":["o1","o2"]}'
ORDER = f'{{"payment":"loan","yes":[{YES}],"no":["i2:o1"],"unsure":["i2:o2"],"words":["monthly"],"why":"asked for"}}'
CRITIQUE = '{"verdict":"veto","codes":["tier-order","other"],"why":"wrong way round"}'

ANSWERS: dict[ReplyKind, tuple[str, Answer]] = {
    "match": (MATCH, MatchDecision(fit=(("o2", "o5"), ("o1",)), words=("all black",), why="asked for")),
    "order": (
        ORDER,
        OrderDecision(
            payment="loan",
            incentives={"i1": "yes", "i3": {"o1": "yes", "o2": "yes"}, "i2": {"o1": "no", "o2": "unsure"}},
            grounds=(
                Ground(id="i1", words="facing south"),
                Ground(id="i3", words="tall", amount="a2", offers=("o1", "o2")),
            ),
            words=("monthly",),
            why="asked for",
        ),
    ),
    "critique": (CRITIQUE, Critique(verdict="veto", codes=["tier-order", "other"], why="wrong way round")),
}
KINDS: list[ReplyKind] = ["match", "order", "critique"]

LEAST: dict[ReplyKind, str] = {
    "match": '{"fit":null}',
    "order": '{"payment":null}',
    "critique": '{"verdict":"undecided"}',
}

REFUSED: list[tuple[ReplyKind, str]] = [
    ("match", "{}"),
    ("match", '{"fit":[["o1"]],"price":"100.00"}'),
    ("match", '{"fit":["o1"]}'),
    ("match", '{"fit":"o1"}'),
    ("match", '{"fit":[[1]]}'),
    ("match", '{"fit":[[null]]}'),
    ("match", '{"fit":[[true]]}'),
    ("match", '{"fit":{"o1":1}}'),
    ("match", '{"Fit":[["o1"]]}'),
    ("match", '{"fit":[["o1"]],"words":"all black"}'),
    ("match", '{"fit":[["o1"]],"words":[""]}'),
    ("match", '{"fit":[["o1"]],"words":null}'),
    ("match", '{"fit":[["o1"]],"why":null}'),
    ("match", '{"fit":[["o1"]],"why":7}'),
    ("match", '{"answer":{"fit":[["o1"]]}}'),
    ("order", "{}"),
    ("order", '{"yes":[{"id":"i1","words":"tall"}]}'),
    ("order", '{"payment":"cash","yes":["i1"]}'),
    ("order", '{"payment":"Cash"}'),
    ("order", '{"payment":""}'),
    ("order", '{"payment":"cash","incentives":{"i1":"yes"}}'),
    ("order", '{"payment":"cash","maybe":["i1"]}'),
    ("order", '{"payment":"cash","yes":"i1"}'),
    ("order", '{"payment":"cash","yes":null}'),
    ("order", '{"payment":"cash","yes":{"i1":"o1"}}'),
    ("order", '{"payment":"cash","yes":[1]}'),
    ("order", '{"payment":"cash","yes":[["i1"]]}'),
    ("order", '{"payment":"cash","no":[""]}'),
    ("order", '{"payment":"cash","no":[":"]}'),
    ("order", '{"payment":"cash","no":["i1:"]}'),
    ("order", '{"payment":"cash","no":[":o1"]}'),
    ("order", '{"payment":"cash","no":["i1:o1:o2"]}'),
    ("order", '{"payment":"cash","no":["i1"],"amount":"1000.00"}'),
    ("order", '{"payment":"cash","yes":[{"id":"i1"}]}'),
    ("order", '{"payment":"cash","yes":[{"id":"i1:o1","words":"tall"}]}'),
    ("order", '{"payment":"cash","yes":[{"id":"i1","words":null}]}'),
    ("order", '{"payment":"cash","yes":[{"id":"i1","words":"tall","amount":500}]}'),
    ("order", '{"payment":"cash","yes":[{"id":"i1","words":"tall","offers":[""]}]}'),
    ("order", '{"payment":"cash","yes":[{"id":"i1","words":"tall","start":0}]}'),
    ("critique", '{"codes":["other"]}'),
    ("critique", '{"verdict":"APPROVE"}'),
    ("critique", '{"verdict":true}'),
    ("critique", '{"verdict":"veto","codes":["because"]}'),
    ("critique", '{"verdict":"veto","codes":"other"}'),
    ("critique", '{"verdict":"approve","fit":[["o1"]]}'),
]


def granted(**changes: object) -> dict[str, object]:
    return {"id": "i1", "words": "tall", **changes}


def of_size(kind: str, size: int) -> tuple[ReplyKind, str]:
    """An answer with one part of the given size."""
    ids = [f"o{number}" for number in range(size)]
    fields: dict[str, tuple[ReplyKind, object]] = {
        "characters of an id": ("match", {"fit": [["o" * size]]}),
        "ids of a tier": ("match", {"fit": [ids]}),
        "tiers": ("match", {"fit": [[each] for each in ids]}),
        "quotations": ("match", {"fit": [["o1"]], "words": ids}),
        "characters of a quotation": ("order", {"payment": "cash", "words": ["w" * size]}),
        "characters of a reason": ("order", {"payment": "cash", "why": "w" * size}),
        "incentives": ("order", {"payment": "cash", "no": ids}),
        "offers of an incentive": ("order", {"payment": "cash", "unsure": [f"i1:{each}" for each in ids]}),
        "characters of an incentive's id": ("order", {"payment": "cash", "no": ["i" * size]}),
        "incentives that are granted": ("order", {"payment": "cash", "yes": [granted(id=each) for each in ids]}),
        "characters of a granted one's id": ("order", {"payment": "cash", "yes": [granted(id="i" * size)]}),
        "characters that it quotes": ("order", {"payment": "cash", "yes": [granted(words="w" * size)]}),
        "characters of its amount": ("order", {"payment": "cash", "yes": [granted(amount="a" * size)]}),
        "offers that it is for": ("order", {"payment": "cash", "yes": [granted(offers=ids)]}),
        "characters of its offer's id": ("order", {"payment": "cash", "no": ["i1:" + "o" * size]}),
        "codes": ("critique", {"verdict": "veto", "codes": ["other"] * size}),
        "characters of a critic's reason": ("critique", {"verdict": "approve", "why": "w" * size}),
    }
    found, value = fields[kind]
    return found, json.dumps(value)


BOUNDS = {
    "characters of an id": 16,
    "ids of a tier": MAX_OFFERS,
    "tiers": MAX_OFFERS,
    "quotations": 16,
    "characters of a quotation": 300,
    "characters of a reason": 1_000,
    "incentives": MAX_OFFERS,
    "offers of an incentive": MAX_OFFERS,
    "characters of an incentive's id": 16,
    "incentives that are granted": MAX_OFFERS,
    "characters of a granted one's id": 16,
    "characters that it quotes": 300,
    "characters of its amount": 16,
    "offers that it is for": MAX_OFFERS,
    "characters of its offer's id": 16,
    "codes": 8,
    "characters of a critic's reason": 1_000,
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_is_read_as_it_stands(kind: ReplyKind) -> None:
    text, answer = ANSWERS[kind]
    assert maybe_answer(kind, text.encode()) == answer
    assert find_answer(kind, text) == answer


RULINGS = st.sampled_from(["yes", "no", "unsure"])
CHARACTERS = st.characters(codec="utf-8", exclude_characters=":")
IDS = st.text(CHARACTERS, min_size=1, max_size=16)
BY_ID = st.dictionaries(IDS, RULINGS | st.dictionaries(IDS, RULINGS, min_size=1, max_size=4), max_size=4)
GROUNDS = st.fixed_dictionaries({"words": st.text(max_size=9)}, optional={"amount": IDS})
WORDS = st.lists(st.text(CHARACTERS, min_size=1, max_size=9), max_size=2)


def grounded(incentives: dict[str, Json], ground: dict[str, Json]) -> dict[str, Json]:
    """The grounds of the rulings' yeses, one for all the offers that an incentive is granted for."""
    found: list[Json] = []
    for name, ruling in incentives.items():
        offers: list[Json] = [o for o, each in ruling.items() if each == "yes"] if isinstance(ruling, dict) else []
        if ruling == "yes" or offers:
            found.append({"id": name, **ground} | ({"offers": offers} if offers else {}))
    return {"grounds": found} if found else {}


@given(st.sampled_from(["cash", "loan", None]), BY_ID, GROUNDS, WORDS)
def test_a_decision_that_is_written_as_a_reply_is_read_as_itself(
    payment: str | None, incentives: dict[str, Json], ground: dict[str, Json], words: list[Json]
) -> None:
    record: dict[str, Json] = {"payment": payment, "incentives": incentives, "words": words}
    record |= grounded(incentives, ground)
    reply = order_reply({**record, "why": "so"})
    decision = find_answer("order", json.dumps(reply))
    assert isinstance(decision, OrderDecision)
    assert (decision.as_record(), decision.why) == (record, "so")
    assert [] not in reply.values()


@pytest.mark.parametrize("other", ["yes", "no", "unsure"])
@pytest.mark.parametrize("twice", [("i1", "i1"), ("i1:o1", "i1:o1"), ("i1", "i1:o1"), ("i1:o1", "i1")])
def test_nothing_is_ruled_on_twice(twice: tuple[str, str], other: str) -> None:
    lists: dict[str, list[object]] = {"yes": [as_yes(twice[0])], "no": ["i2", "i3:o1"]}
    assert find_answer("order", json.dumps({"payment": "cash", **lists})) is not None
    lists[other] = [*lists.get(other, []), as_yes(twice[1]) if other == "yes" else twice[1]]
    assert find_answer("order", json.dumps({"payment": "cash", **lists})) is None


def as_yes(entry: str) -> dict[str, object]:
    name, _, offer = entry.partition(":")
    return granted(id=name, offers=[offer] if offer else [])


def test_an_offer_is_not_granted_the_same_twice() -> None:
    assert find_answer("order", json.dumps({"payment": "cash", "yes": [granted(offers=["o1", "o1"])]})) is None


def test_empty_parts_of_a_yes_are_as_if_left_out() -> None:
    texts = [json.dumps({"payment": "cash", "yes": [each]}) for each in (granted(amount="", offers=[]), granted())]
    assert find_answer("order", texts[0]) == find_answer("order", texts[1]) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_only_rulings_quotations_codes_and_reasons_may_be_left_out(kind: ReplyKind) -> None:
    least = json.loads(LEAST[kind])
    assert maybe_answer(kind, LEAST[kind].encode()) is not None
    for key in least:
        rest = {name: value for name, value in least.items() if name != key}
        assert maybe_answer(kind, json.dumps(rest).encode()) is None


@pytest.mark.parametrize(("kind", "text"), REFUSED)
def test_what_does_not_fit_the_schema_is_no_answer(kind: ReplyKind, text: str) -> None:
    assert find_answer(kind, text) is None


@pytest.mark.parametrize(("part", "most"), BOUNDS.items())
def test_an_answer_has_bounds(part: str, most: int) -> None:
    kind, within = of_size(part, most)
    assert maybe_answer(kind, within.encode()) is not None
    assert maybe_answer(kind, of_size(part, most + 1)[1].encode()) is None


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_of_another_kind_is_no_answer(kind: ReplyKind) -> None:
    others = [text for other, (text, _) in ANSWERS.items() if other != kind]
    assert [find_answer(kind, text) for text in others] == [None, None]


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_object_that_fits_is_the_answer(kind: ReplyKind) -> None:
    text, answer = ANSWERS[kind]
    before = 'Let me see {each} {} {"fit":7} [{"thought":true}] '
    assert find_answer(kind, f"{before}{text}\nOr rather: {LEAST[kind]}") == answer
    assert find_answer(kind, f"{before}{LEAST[kind]} {text}") == find_answer(kind, LEAST[kind]) != answer


def test_an_answer_inside_another_object_is_not_taken_out_of_it() -> None:
    assert find_answer("match", f'{{"draft":{MATCH}}}') is None


@pytest.mark.parametrize("around", ["```json\n%s\n```", "Sure! %s APPROVE", "\ufeff%s", "%s %s", "{%s}", '"%s"'])
@pytest.mark.parametrize("kind", KINDS)
def test_prose_and_fences_around_an_answer_do_not_matter(kind: ReplyKind, around: str) -> None:
    text, answer = ANSWERS[kind]
    assert find_answer(kind, around.replace("%s", text)) == answer


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_answer_is_no_answer(kind: ReplyKind) -> None:
    text = ANSWERS[kind][0]
    assert [find_answer(kind, text[:end]) for end in range(len(text))] == [None] * len(text)


@given(st.sampled_from(KINDS), st.text(), st.text())
def test_no_text_around_an_answer_changes_what_is_read_but_another_answer(
    kind: ReplyKind, before: str, after: str
) -> None:
    text, answer = ANSWERS[kind]
    assert find_answer(kind, f"{before.replace('{', '(')}{text}{after}") == answer


@given(st.sampled_from(KINDS), st.binary() | st.text().map(str.encode))
def test_no_bytes_are_an_error(kind: ReplyKind, candidate: bytes) -> None:
    assert maybe_answer(kind, candidate) is None


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_character_in_the_prose_is_no_error(kind: ReplyKind) -> None:
    text, answer = ANSWERS[kind]
    assert find_answer(kind, f"\ud83c {text}") == answer


def test_an_object_past_the_bound_is_no_answer_even_where_it_is_all_of_the_reply() -> None:
    longest = '{"fit":' + " " * (MAX_OBJECT_BYTES - len('{"fit":null}')) + "null}"
    assert find_answer("match", longest) == MatchDecision(fit=None)
    assert find_answer("match", longest.replace(":", ": ")) is None
