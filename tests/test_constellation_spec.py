"""Overrides obey the rules of a file, and an explanation says who is asked."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from igent.constellation import SWITCHES, Constellation, explain, parse_constellation, with_overrides
from igent.dialogue.batch import MAX_BATCH
from igent.errors import OptionError

FOLDER = Path(__file__).parents[1] / "constellations"


def _bundled(name: str) -> Constellation:
    return parse_constellation((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), file=f"{name}.yaml")


def test_explain_names_the_agents_the_policy_and_the_switches() -> None:
    assert explain(_bundled("p1m1c1m2c2")).splitlines() == [
        "p1m1c1m2c2: Two matchers and two critics in one conversation, where later agents see the earlier turns.",
        "  phase1 (match): matcher, then critic",
        "  phase2 (order): matcher2 (matcher), then critic2 (critic)",
        "  critic: when-unproven; rounds: at most 2",
        "  conversation: shared; allocation: balanced",
        "  on: early_json, context_filter, prompt_caching, response_cache, critic_skip",
        "  off: parallel_phases",
    ]


def test_explain_names_the_model_of_an_agent_that_has_its_own() -> None:
    spec = _bundled("p1m1_p2m2")
    first = replace(spec.phases[0], agents=(replace(spec.phases[0].matcher, model="claude-haiku-4-5"),))
    assert "phase1 (match): matcher on claude-haiku-4-5\n" in explain(replace(spec, phases=(first, spec.phases[1])))


def test_explain_says_none_where_no_switch_is_on() -> None:
    spec = with_overrides(_bundled("p1m1_p2m2"), switches=dict.fromkeys(SWITCHES, False))
    assert "\n  on: none\n" in explain(spec)


def test_a_value_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        _bundled("p1m1_p2m2").critic = "never"  # type: ignore[misc]


def test_explain_tells_of_batches_where_there_are_any() -> None:
    spec = _bundled("p1m1_p2m2")
    line = "  batch: at most 8 households a call, in a reply of 1000 tokens"
    assert explain(with_overrides(spec, batch={"max_items": 8, "max_tokens": 1_000})).splitlines()[-1] == line
    assert "batch" not in explain(with_overrides(spec, batch={"max_tokens": 1_000}))


def test_a_batch_is_changed_in_the_parts_that_are_stated() -> None:
    spec = _bundled("p1m1_p2m2")
    changed = with_overrides(spec, batch={"max_items": MAX_BATCH, "max_tokens": None}).optimization.batch
    assert (changed.max_items, changed.max_tokens) == (MAX_BATCH, spec.optimization.batch.max_tokens)
    assert with_overrides(spec, batch={"max_items": None, "max_tokens": None}) == spec


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        ({"max_items": 0}, "a batch's max_items cannot be 0. Allowed: a whole number from 1 to 64"),
        ({"max_items": MAX_BATCH + 1}, "a batch's max_items cannot be 65. Allowed: a whole number from 1 to 64"),
        ({"max_tokens": 15}, "a batch's max_tokens cannot be 15. Allowed: a whole number from 16 to 8192"),
        ({"max_items": 2, "max_tokens": 9_000}, "a batch's max_tokens cannot be 9000. Allowed"),
    ],
)
def test_an_impossible_batch_is_refused(batch: dict[str, int | None], words: str) -> None:
    with pytest.raises(OptionError, match=re.escape(words)):
        with_overrides(_bundled("p1m1_p2m2"), batch=batch)


def test_overrides_change_what_they_name_and_nothing_else() -> None:
    spec = _bundled("p1m1c1_p2m2c2")
    changed = with_overrides(spec, critic="never", switches={"early_json": False})
    assert (changed.critic, changed.optimization.early_json) == ("never", False)
    assert with_overrides(changed, critic="when-unproven", switches={"early_json": True}) == spec
    assert with_overrides(spec) == spec


@pytest.mark.parametrize(
    ("name", "switches", "words"),
    [
        ("p1m1_p2m2", {"early_jsn": True}, "'early_json'? allowed: parallel_phases"),
        ("p1m1_p2m2", {"batch": True}, "there is no switch 'batch'"),
        ("p1m1c1m2c2", {"parallel_phases": True}, "in a shared conversation"),
    ],
)
def test_an_impossible_override_is_refused(name: str, switches: dict[str, bool], words: str) -> None:
    with pytest.raises(OptionError, match=re.escape(words)):
        with_overrides(_bundled(name), switches=switches)
