"""The provider's prompt cache: what is told of it is what a bill would say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.provider.bodies import LONG, asking, block
from tests.provider.prompt import read_prompt, tokens_of
from tests.provider.state import Played, Provider, Settings

FORM = {"format": {"type": "json_schema", "schema": {"type": "object"}}}
PREFIX = tokens_of("null" + LONG)  # no form of the reply, then the block
REST = tokens_of("null" + LONG + "Please go.") - PREFIX


class Billed:
    """A provider with a clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.provider = Provider(Settings(prompt_cache=True, answer=lambda _: "{}", clock=lambda: self.now))

    def ask(self, body: bytes) -> tuple[int, int, int]:
        """A whole exchange; the tokens that were read, written, and neither."""
        played = self.provider.message(body, keyed=True)
        self.provider.begin(played)
        return told(played)


def told(played: Played) -> tuple[int, int, int]:
    usage = usage_of(played)
    return usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"], usage["input_tokens"]


def usage_of(played: Played) -> dict[str, Any]:
    event = json.loads(played.script.parts[0].data.split(b"data: ")[1])
    usage: dict[str, Any] = event["message"]["usage"]
    return usage


SHARED = asking(system=[block(LONG, "5m")])


def test_a_prefix_is_written_once_and_then_read() -> None:
    billed = Billed()
    assert [billed.ask(SHARED) for _ in range(3)] == [(0, PREFIX, REST), (PREFIX, 0, REST), (PREFIX, 0, REST)]


def test_a_prefix_can_be_read_once_the_first_response_has_begun() -> None:
    billed = Billed()
    first, second = (billed.provider.message(SHARED, keyed=True) for _ in range(2))
    assert told(first) == told(second) == (0, PREFIX, REST)
    billed.provider.begin(first)
    assert told(billed.provider.message(SHARED, keyed=True)) == (PREFIX, 0, REST)


@pytest.mark.parametrize(("tokens", "kept"), [(511, 0), (512, 512)])
def test_a_prefix_below_the_minimum_is_not_kept_and_nobody_says_so(tokens: int, kept: int) -> None:
    billed, short = Billed(), asking(system=[block("x" * int(tokens * 3.6 - 4), "5m")])
    assert [billed.ask(short)[:2] for _ in range(2)] == [(0, kept), (kept, 0)]


def test_without_a_breakpoint_nothing_is_kept() -> None:
    billed, plain = Billed(), asking(system=[block(LONG)])
    assert [billed.ask(plain) for _ in range(2)] == [(0, 0, PREFIX + REST)] * 2


def test_reading_a_prefix_lets_it_live_as_long_again() -> None:
    billed, found = Billed(), list[int]()
    billed.ask(SHARED)
    for wait_s in (299, 299, 300):
        billed.now += wait_s
        found.append(told(billed.provider.message(SHARED, keyed=True))[0])
    assert found == [PREFIX, PREFIX, 0]


def test_an_hour_is_written_apart_and_lasts_as_long() -> None:
    billed, body = Billed(), asking(block(LONG, "5m"), block("Household."), system=[block(LONG, "1h")])
    played = billed.provider.message(body, keyed=True)
    billed.provider.begin(played)
    second = tokens_of("null" + LONG * 2) - PREFIX
    lifetimes = {"ephemeral_5m_input_tokens": second, "ephemeral_1h_input_tokens": PREFIX}
    assert usage_of(played)["cache_creation"] == lifetimes
    billed.now += 3_599
    assert billed.ask(body)[:2] == (PREFIX, second)


def test_what_two_prompts_share_is_read_by_the_second() -> None:
    billed = Billed()
    bodies = [asking(block(LONG, "5m"), block(name), system=[block(LONG, "5m")]) for name in ("First.", "Other.")]
    both = tokens_of("null" + LONG * 2)
    assert [billed.ask(body)[:2] for body in bodies] == [(0, both), (both, 0)]


def test_another_instruction_model_form_or_manner_is_another_prefix() -> None:
    billed = Billed()
    body = json.loads(asking(block(LONG, "5m")))
    others: list[dict[str, Any]] = [
        {},
        {"system": "Order."},
        {"model": "claude-opus-5-5"},
        {"output_config": FORM},
        {"thinking": {"type": "disabled"}},
    ]
    bodies = [json.dumps({**body, **other}).encode() for other in others]
    assert [billed.ask(each)[0] for each in bodies] == [0] * len(bodies)


def test_a_breakpoint_finds_what_was_kept_within_twenty_blocks_before_it() -> None:
    for between, read in ((18, PREFIX), (19, 0)):
        billed = Billed()
        billed.ask(SHARED)
        many = asking(*[block("y")] * between, block("z", "5m"), system=[block(LONG, "5m")])
        last_only = json.dumps({**json.loads(many), "system": [block(LONG)]}).encode()
        assert billed.ask(last_only)[0] == read


@given(st.lists(st.tuples(st.integers(1, 4_000), st.sampled_from([None, "5m", "1h"])), min_size=1, max_size=4))
def test_every_token_of_a_prompt_is_counted_once(sizes: list[tuple[int, str | None]]) -> None:
    ordered = sorted(sizes, key=lambda size: size[1] != "1h")
    body = asking(*[block("x" * size, ttl) for size, ttl in ordered])
    billed, total = Billed(), read_prompt(json.loads(body)).tokens
    assert [sum(billed.ask(body)) for _ in range(2)] == [total, total]
