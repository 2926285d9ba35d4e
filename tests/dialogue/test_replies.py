"""What counts as an answer: the first complete object that fits its schema, and nothing that merely resembles one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.dialogue.replies import Answer, Critique, ReplyKind, find_answer, maybe_answer, order_reply
from igent.domain.records import Json
from igent.domain.rules import MAX_OFFERS
from igent.domain.verify import MatchDecision, OrderDecision

MATCH = '{"fit":[["o2","o5"],["o1"]],"words":["all black"],"why":"asked for"}'
ORDER = '{"payment":"loan","yes":["i1"],"no":["i2:o1"],"unsure":["i2:o2"],"words":["monthly"],"why":"asked for"}'
CRITIQUE = '{"verdict":"veto","codes":["tier-order","other"],"why":"wrong way round"}'

ANSWERS: dict[ReplyKind, tuple[str, Answer]] = {
    "match": (MATCH, MatchDecision(fit=(("o2", "o5"), ("o1",)), words=("all black",), why="asked for")),
    "order": (
        ORDER,
        OrderDecision(
            payment="loan",
            incentives={"i1": "yes", "i2": {"o1": "no", "o2": "unsure"}},
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
    ("order", '{"yes":["i1"]}'),
    ("order", '{"payment":"Cash"}'),
    ("order", '{"payment":""}'),
    ("order", '{"payment":"cash","incentives":{"i1":"yes"}}'),
    ("order", '{"payment":"cash","maybe":["i1"]}'),
    ("order", '{"payment":"cash","yes":"i1"}'),
    ("order", '{"payment":"cash","yes":null}'),
    ("order", '{"payment":"cash","yes":{"i1":"o1"}}'),
    ("order", '{"payment":"cash","yes":[1]}'),
    ("order", '{"payment":"cash","yes":[["i1"]]}'),
    ("order", '{"payment":"cash","yes":[""]}'),
    ("order", '{"payment":"cash","yes":[":"]}'),
    ("order", '{"payment":"cash","yes":["i1:"]}'),
    ("order", '{"payment":"cash","yes":[":o1"]}'),
    ("order", '{"payment":"cash","yes":["i1:o1:o2"]}'),
    ("order", '{"payment":"cash","yes":["i1"],"amount":"1000.00"}'),
    ("critique", '{"codes":["other"]}'),
    ("critique", '{"verdict":"APPROVE"}'),
    ("critique", '{"verdict":true}'),
    ("critique", '{"verdict":"veto","codes":["because"]}'),
    ("critique", '{"verdict":"veto","codes":"other"}'),
    ("critique", '{"verdict":"approve","fit":[["o1"]]}'),
]


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
        "characters of an incentive's id": ("order", {"payment": "cash", "yes": ["i" * size]}),
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
WORDS = st.lists(st.text(CHARACTERS, min_size=1, max_size=9), max_size=2)


@given(st.sampled_from(["cash", "loan", None]), BY_ID, WORDS)
def test_a_decision_that_is_written_as_a_reply_is_read_as_itself(
    payment: str | None, incentives: dict[str, Json], words: list[Json]
) -> None:
    record: dict[str, Json] = {"payment": payment, "incentives": incentives, "words": words}
    reply = order_reply({**record, "why": "so"})
    decision = find_answer("order", json.dumps(reply))
    assert isinstance(decision, OrderDecision)
    assert (decision.as_record(), decision.why) == (record, "so")
    assert [] not in reply.values()


@pytest.mark.parametrize("other", ["yes", "no", "unsure"])
@pytest.mark.parametrize("twice", [("i1", "i1"), ("i1:o1", "i1:o1"), ("i1", "i1:o1"), ("i1:o1", "i1")])
def test_nothing_is_ruled_on_twice(twice: tuple[str, str], other: str) -> None:
    lists: dict[str, list[str]] = {"yes": [twice[0]], "no": ["i2", "i3:o1"]}
    lists[other] = [*lists.get(other, []), twice[1]]
    assert find_answer("order", json.dumps({"payment": "cash", **lists})) is None


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
