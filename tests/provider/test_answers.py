"""What the provider says: the same to the same household, however its prompt is cut into blocks."""

from __future__ import annotations

import json

import pytest

from igent.dialogue.prompts import review_text
from igent.dialogue.replies import ReplyKind, find_answer
from igent.domain.verify import MatchDecision
from tests.agents.scripted import SBUS, match_task, opening, order_task
from tests.provider.answers import Verbosity, answer_to, dressed
from tests.provider.bodies import asking, block
from tests.provider.prompt import tokens_of

OPENING = opening(match_task("only S2"), SBUS)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("match", OPENING),
        ("order", opening(order_task(None), SBUS)),
        ("critique", review_text(OPENING, {"fit": [["o1"]]})),
    ],
)
def test_an_answer_fits_what_is_asked(kind: ReplyKind, text: str) -> None:
    assert find_answer(kind, answer_to(asking(block(text)))) is not None


@pytest.mark.parametrize("cut", [1, 20, len(OPENING) // 2])
def test_a_prompt_says_the_same_in_several_blocks(cut: int) -> None:
    assert answer_to(asking(block(OPENING[:cut]), block(OPENING[cut:]))) == answer_to(asking(block(OPENING)))


def test_a_repair_is_about_the_household_before_it() -> None:
    turns = [{"role": "assistant", "content": "{}"}, {"role": "user", "content": "VIOLATIONS\n[]"}]
    body = json.loads(asking(block(OPENING)))
    again = {**body, "messages": [*body["messages"], *turns]}
    assert answer_to(json.dumps(again).encode()) == answer_to(asking(block(OPENING)))


def test_what_shows_no_household_gets_an_empty_answer() -> None:
    assert answer_to(asking(block("ping"))) == "{}"


@pytest.mark.parametrize("verbosity", ["terse", "before", "after", "runaway"])
def test_prose_hides_no_answer(verbosity: Verbosity) -> None:
    text, stop_reason = dressed('{"fit":[["o1"]]}', verbosity, max_tokens=400)
    assert find_answer("match", text) == MatchDecision(fit=(("o1",),))
    assert (stop_reason, tokens_of(text) >= 400) == (
        ("max_tokens", True) if verbosity == "runaway" else ("end_turn", False)
    )
