from __future__ import annotations

from dataclasses import replace

from igent.accounting.planned import PlannedPhase, PlannedRegistration
from tests.accounting.workloads import seat

MATCHER, CRITIC = seat("matcher"), replace(seat("critic"), system_chars=700)
PHASE = PlannedPhase(matcher=MATCHER, critic=CRITIC, prompt_chars=3_000, shared=(("system", 1_000), ("offers", 2_500)))


def test_a_critic_reads_the_matchers_prompt_behind_its_own_instructions_and_a_proposal() -> None:
    assert PHASE.chars_for(MATCHER) == 3_000
    assert PHASE.chars_for(CRITIC) == 3_000 - 300 + 100


def test_what_is_shared_is_shared_with_the_same_agent_alone() -> None:
    assert [*PHASE.shared_by(MATCHER)] == [("matcher system", 1_000), ("matcher offers", 2_500)]
    assert [*PHASE.shared_by(CRITIC)] == [("critic system", 700), ("critic offers", 2_200)]


def test_a_critic_may_speak_and_is_not_always_expected_to() -> None:
    assert (PHASE.seats, PHASE.expected) == ((MATCHER, CRITIC), (MATCHER,))
    assert replace(PHASE, critic_expected=True).expected == (MATCHER, CRITIC)


def test_what_the_response_cache_answers_is_not_asked() -> None:
    cached = replace(PHASE, cached=True)
    assert PlannedRegistration(noted=False, phases=(PHASE, cached)).asked == (PHASE,)
