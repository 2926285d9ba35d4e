"""What a stream comes to, as far as it was told: what is certain, and what is estimated."""

from __future__ import annotations

from dataclasses import replace

import pytest

from igent.accounting.usage import Usage
from igent.models.base import ModelEvent, PromptRead, ReplyEnd, Sent
from igent.models.tally import Tally
from tests.models.loopback import REQUEST

PROMPT = Usage(input_tokens=20, cache_read_tokens=3)
READ = PromptRead(usage=PROMPT)
END = ReplyEnd(stop_reason="end_turn", usage=PROMPT + Usage(output_tokens=7))
ASKED = Usage(input_tokens=3, estimated=True)  # of "Match." and "TASK"


def tally(*events: ModelEvent) -> Tally:
    tally = Tally(request=REQUEST)
    for event in events:
        tally.take(event)
    return tally


@pytest.mark.parametrize(
    ("events", "unread", "known"),
    [
        ([], False, Usage()),
        ([Sent()], False, None),
        ([Sent()], True, Usage()),
        ([Sent(), READ], True, None),
        ([Sent(), "text"], True, None),
        ([Sent(), READ, "text", END], False, END.usage),
        ([Sent(), READ, "text", END], True, END.usage),
    ],
)
def test_certain_is_what_was_counted_to_the_end_and_that_nothing_was_read(
    events: list[ModelEvent], unread: bool, known: Usage | None
) -> None:
    assert tally(*events).maybe_known(unread=unread) == known


@pytest.mark.parametrize(
    ("events", "usage"),
    [
        ([Sent()], ASKED),
        ([Sent(), "tex", "t!"], replace(ASKED, output_tokens=2)),
        ([Sent(), READ], replace(PROMPT, estimated=True)),
        ([Sent(), READ, "tex", "t!"], replace(PROMPT, output_tokens=2, estimated=True)),
        ([Sent(), READ, "tex", "t!", END], END.usage),
    ],
)
def test_what_nobody_counted_is_estimated(events: list[ModelEvent], usage: Usage) -> None:
    assert tally(*events).usage() == usage


@pytest.mark.parametrize(
    ("events", "calls"), [([], 0), ([Sent()], 1), ([Sent(calls=0)], 0), ([Sent(calls=0), Sent()], 1)]
)
def test_calls_are_counted_that_were_made_for_this_one(events: list[ModelEvent], calls: int) -> None:
    assert tally(*events).calls == calls


def test_half_a_character_stands_for_no_text() -> None:
    assert tally("a\ud83c", "\udf1eb").text == "a??b"
