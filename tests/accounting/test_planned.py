from __future__ import annotations

from dataclasses import replace

from igent.accounting.planned import PlannedPhase
from tests.accounting.workloads import seat

MATCHER, CRITIC = seat("matcher"), replace(seat("critic"), system_chars=700)
PHASE = PlannedPhase(matcher=MATCHER, critic=CRITIC, text_chars=2_000, shared="offers", shared_chars=1_500)


def test_a_critic_reads_the_matchers_prompt_behind_its_own_instructions_and_a_proposal() -> None:
    assert [*PHASE.turns] == [(MATCHER, True, 3_000), (CRITIC, False, 700 + 2_000 + 100)]


def test_a_critic_may_speak_and_is_not_always_expected_to() -> None:
    assert [expected for _, expected, _ in replace(PHASE, critic_expected=True).turns] == [True, True]
    assert [*replace(PHASE, critic=None).turns] == [(MATCHER, True, 3_000)]


def test_what_is_shared_is_shared_with_the_same_agent_alone() -> None:
    assert [*PHASE.beginnings(MATCHER)] == [("matcher", 1_000), ("matcher offers", 2_500)]
    assert [*PHASE.beginnings(CRITIC)] == [("critic", 700), ("critic offers", 2_200)]
    assert [*replace(PHASE, shared_chars=0).beginnings(MATCHER)] == [("matcher", 1_000)]
