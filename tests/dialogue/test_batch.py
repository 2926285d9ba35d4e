"""Several openings as one message and apart again, and the answers to it wherever they stand in whatever is said."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from igent import codec
from igent.dialogue.batch import MAX_BATCH, Answers, apart, batch_reply, maybe_shared, together
from igent.dialogue.prompts import NotAPromptError, Unfiltered, review_text, shared_chars
from igent.domain.records import Json
from igent.store.bundled import sample_data
from igent.workflows import Pace, make_settings
from igent.workflows.plan import plan_rows
from igent.workflows.session import prepare
from tests.agents.scripted import SBUS, household, match_task, opening, order_task
from tests.workflows.runs import AS_OF, quick

# What would end a section or a household, were it not JSON.
SCRAPS = ["\n", "\nREPLY\n", "\nNOTE\nnull", "HOUSEHOLDS\n", "\u2028", '"}]', '{"h":2}', "\\", "h"]
TEXTS = st.lists(st.sampled_from(SCRAPS) | st.text(max_size=5), max_size=4).map("".join)
VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | TEXTS
FACTS: st.SearchStrategy[dict[str, Json]] = st.dictionaries(TEXTS, VALUES, max_size=3)
TASK = order_task(incentives=2)


def opening_of(facts: dict[str, Json], *, note: str | None = None, whole: bool = False) -> str:
    """What a matcher of phase 2 is shown of a household with these facts."""
    task = replace(TASK, registration=replace(household(note), facts=facts))
    return opening(task, SBUS, Unfiltered(others=TASK.offers[:1], row=facts) if whole else None)


ONE, OTHER = opening_of({"roof": "flat"}), opening_of({"roof": "steep"})


@given(st.lists(FACTS, min_size=1, max_size=4), st.booleans())
def test_openings_that_were_put_together_come_apart_again(facts: list[dict[str, Json]], whole: bool) -> None:
    openings = [opening_of(each, whole=whole) for each in facts]
    assert apart(together(openings)) == openings


def first_questions(market: Literal["sbus", "enuk"], *, filtered: bool) -> list[str]:
    """What matchers are asked first about the households of the sample, notes and all."""
    data, switches = sample_data(market), {"context_filter": filtered}
    files: Any = {"registrations": data.registrations, "offers": data.offers}
    files |= {"incentives": data.incentives} if data.incentives else {}
    settings = make_settings("p1m1m2c", files, as_of=AS_OF, model="mock", market=market, switches=switches)

    async def asked() -> list[str]:
        session = await prepare(settings, Pace(), quick)
        judging, rows = session.judging(), plan_rows(session.inputs, session.survey, settings)
        return [request.messages[0].text async for row in rows for _, request in judging.openings(row)]

    return asyncio.run(asked())


@pytest.mark.parametrize("market", ["sbus", "enuk"])
@pytest.mark.parametrize("filtered", [True, False])
def test_real_openings_go_together_behind_their_common_beginning_and_come_apart_again(
    market: Literal["sbus", "enuk"], filtered: bool
) -> None:
    groups, sizes = defaultdict[str | None, list[str]](list), list[int]()
    for text in first_questions(market, filtered=filtered):
        groups[maybe_shared(text)].append(text)
    noted = groups.pop(None)
    assert all('\nNOTE\n"' in text for text in noted)
    for shared, texts in groups.items():
        message = together(texts[:MAX_BATCH])
        assert (apart(message), message[: shared_chars(message)]) == (texts[:MAX_BATCH], shared)
        sizes.append(len(texts))
    assert max(sizes) > 4


def test_a_batch_names_its_households_and_says_how_to_reply() -> None:
    lines = together([ONE, OTHER]).split("\n")
    assert lines[:-4] == ONE.split("\n")[:-4]
    assert (lines[-4], lines[-2]) == ("HOUSEHOLDS", "REPLY")
    told: Any = codec.load(lines[-3])
    assert [(one["h"], one["HOUSEHOLD"]["roof"]) for one in told] == [(1, "flat"), (2, "steep")]
    assert '{"answers":[{"h":1,...},{"h":2,...}]}' in str(codec.load(lines[-1]))


@pytest.mark.parametrize(
    "openings",
    [
        [ONE, opening_of({}, note="No batteries, please.")],
        [opening_of({}, note="null")],
        [ONE, opening(match_task(), SBUS)],
        [ONE, opening_of({}, whole=True)],
        [ONE, review_text(ONE, {"fit": None})],
        [ONE, "TASK"],
        [ONE] * (MAX_BATCH + 1),
        [],
    ],
    ids=["a note", "a note that says null", "other task", "other offers", "critic", "no opening", "too many", "none"],
)
def test_what_has_a_note_or_another_beginning_is_not_put_together(openings: list[str]) -> None:
    with pytest.raises(NotAPromptError, match="without a note"):
        together(openings)


@pytest.mark.parametrize("text", [ONE, review_text(ONE, {"fit": None}), "HOUSEHOLDS\n[]", ""])
def test_what_is_no_batch_has_no_openings(text: str) -> None:
    assert apart(text) == []


def found(*pieces: str) -> list[tuple[int, str]]:
    """What is found in a reply that comes in pieces."""
    answers = Answers()
    return [answer for piece in pieces for answer in answers.feed(piece)]


A, B, C = '{"fit":[["o1"]]}', '{"fit":null,"why":"[1] {x}"}', '{"payment":"cash","yes":[{"id":"i1"}]}'
TOLD = [(0, A), (1, B), (2, C)]


def entry(number: object, answer: str) -> str:
    """An answer with the number of its household."""
    return f'{{"h":{number},{answer[1:]}'


REPLY = batch_reply([A, B, C])


def test_the_answers_of_a_reply_are_found_in_its_order() -> None:
    assert found(REPLY) == TOLD


def test_an_answer_is_found_with_the_brace_that_completes_it() -> None:
    answers, first = Answers(), REPLY.index("},{") + 1
    assert answers.feed(REPLY[: first - 1]) == []
    assert answers.feed(REPLY[first - 1 : first]) == TOLD[:1]
    assert answers.feed(REPLY[first:]) == TOLD[1:]


ENTRIES = st.sampled_from(
    [
        *(entry(number, answer) for number, answer in enumerate((A, B, C), start=1)),
        '{"h":0}',
        '{"h":65}',
        '{"h":\uff11}',
        f'{{"h":{"9" * 5_000}}}',
        '{"h":[1]}',
        '{"h":1,"fit" [["o1"',
        '{"h":1,"why":"\\ud800"}',
        '{"h":"1"}',
        '{"h":true}',
        "{}",
        "null",
        "[]",
    ]
)
PROSE = st.sampled_from(
    ["", "Here [they] are, {each} by itself: ", "```json\n", "\ud83d", '{"answers":[...]}\n', "[ ["]
)
REPLIES = st.builds(
    lambda before, entries, after: f'{before}{{"answers": [ {", ".join(entries)} ]}}{after}',
    PROSE,
    st.lists(ENTRIES, max_size=6),
    PROSE,
)


@given(REPLIES, st.lists(st.integers(0, 400), max_size=6))
@example(REPLY, [*range(400)])
def test_how_a_reply_is_cut_does_not_matter(reply: str, cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(reply)]
    pieces = [reply[start:end] for start, end in pairwise(ends)]
    assert found(*pieces) == found(reply)


@given(PROSE, st.permutations(TOLD), PROSE)
def test_answers_are_found_in_any_order_and_whatever_is_said_around_them(
    before: str, told: Sequence[tuple[int, str]], after: str
) -> None:
    entries = ",".join(entry(place + 1, answer) for place, answer in told)
    assert found(f'{before}{{"answers":[{entries}]}}{after}') == told


@pytest.mark.parametrize("before", ["", "Here [they] are: ", "```json\n"])
def test_prose_before_the_list_delays_no_answer(before: str) -> None:
    assert found(before + REPLY[: REPLY.index("},{") + 1]) == TOLD[:1]


def test_a_list_behind_one_that_was_none_is_read() -> None:
    assert found('As {"answers":[{"h":1,...}]}: ', REPLY) == TOLD


@pytest.mark.parametrize(
    "ill",
    [
        entry(0, A),
        entry(MAX_BATCH + 1, A),
        entry("1.0", A),
        entry("\uff11", A),
        entry("9" * 5_000, A),
        entry('"1"', A),
        entry("true", A),
        '{"h":1,"why":"\\ud800"}',
        entry(1, A[:-1]),
        entry(1, A[:5]),
        A,
    ],
)
def test_an_entry_that_is_no_answer_is_passed_over_and_hides_no_other(ill: str) -> None:
    assert found(f'{{"answers":[{ill},{entry(2, B)}]}}') == [(1, B)]


def test_repeated_entries_are_all_told() -> None:
    assert found('{"answers":[{"h":1,"fit":null}', "," + REPLY[12:]) == [(0, '{"fit":null}'), *TOLD]
