"""What a request is known by, and how a text is cut into pieces."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.models.base import Message, ModelRequest, chunks

ASKED = Message(author="user", text="TASK")
REPLIED = Message(author="assistant", text="{}")
REQUEST = ModelRequest(
    agent="matcher", kind="match", system="Match.", messages=(ASKED, REPLIED), max_tokens=512, model="small"
)

OTHERS = {
    "agent": replace(REQUEST, agent="matcher2"),
    "kind": replace(REQUEST, kind="order"),
    "instructions": replace(REQUEST, system="Match!"),
    "text": replace(REQUEST, messages=(ASKED, Message(author="assistant", text="{ }"))),
    "author": replace(REQUEST, messages=(ASKED, Message(author="user", text="{}"))),
    "order of messages": replace(REQUEST, messages=(REPLIED, ASKED)),
    "one message less": replace(REQUEST, messages=(ASKED,)),
    "bound": replace(REQUEST, max_tokens=513),
    "model": replace(REQUEST, model="other"),
    "no model": replace(REQUEST, model=None),
    "effort": replace(REQUEST, effort="low"),
    "thinking": replace(REQUEST, thinking=True),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_a_digest_tells_apart_whatever_a_model_is_shown_or_told(other: ModelRequest) -> None:
    assert other.digest != REQUEST.digest
    assert other != REQUEST


HOW = {
    "when": replace(REQUEST, priority=7),
    "how often": replace(REQUEST, attempt=3),
    "what may be kept": replace(REQUEST, verified=lambda _: True),
    "where a prompt is cached": replace(REQUEST, cache_at=frozenset({"system", "shared"})),
}


@pytest.mark.parametrize("other", HOW.values(), ids=HOW.keys())
def test_neither_a_digest_nor_equality_depends_on_how_a_call_is_made(other: ModelRequest) -> None:
    assert other.digest == REQUEST.digest
    assert other == REQUEST
    assert hash(other) == hash(REQUEST)


def test_how_replies_are_verified_is_not_in_the_form_of_a_request() -> None:
    assert "verified" not in repr(HOW["what may be kept"])


@given(st.lists(st.text(max_size=4), max_size=4), st.lists(st.text(max_size=4), max_size=4))
def test_messages_that_join_to_the_same_text_have_digests_of_their_own(one: list[str], other: list[str]) -> None:
    digests = {
        replace(REQUEST, messages=tuple(Message(author="user", text=text) for text in texts)).digest
        for texts in (one, other)
    }
    assert len(digests) == (1 if one == other else 2)


def test_the_prompt_is_all_that_the_model_reads() -> None:
    assert REQUEST.prompt == "Match.\nTASK\n{}"


@given(st.text(), st.integers(1, 20))
def test_chunks_concatenate_to_the_text(text: str, size: int) -> None:
    pieces = chunks(text, size)
    assert "".join(pieces) == text
    assert [len(piece) for piece in pieces[:-1]] == [size] * (len(pieces) - 1 if pieces else 0)
    assert all(0 < len(piece) <= size for piece in pieces)
