from __future__ import annotations

import random
from math import inf, nan

import pytest

from igent import codec
from igent.accounting.calls import CallFacts
from igent.accounting.seen import Seen, Sums, kind
from igent.accounting.usage import Usage
from igent.domain.records import Json

MODEL = "claude-haiku-5-5"
KINDS = {"matcher": "match", "matcher2": "order", "critic": "critique"}
PLAIN, NOTED = (kind("matcher", noted=noted) for noted in (False, True))


def facts(
    agent: str = "matcher",
    *,
    prompt: int = 900,
    output: int = 40,
    seconds: float = 1.0,
    saved: bool = False,
    fault: str | None = None,
) -> CallFacts:
    took = Usage() if fault else Usage(input_tokens=prompt - 100, cache_read_tokens=100, output_tokens=output)
    return CallFacts(
        agent=agent,
        kind=KINDS[agent],
        model=MODEL,
        usage=Usage() if saved else took,
        saved=took if saved else None,
        seconds=seconds,
        fault=fault,
    )


def seen(*calls: CallFacts) -> Seen:
    found = Seen()
    for call in calls:
        found.add(call, prompt_chars=3_000)
    return found


def closed(*registrations: list[CallFacts], noted: bool = False) -> Seen:
    found = Seen()
    for calls in registrations:
        found.close(calls, noted=noted)
    return found


def test_sums_are_those_of_the_calls() -> None:
    found = seen(*(facts(output=output, seconds=output / 10) for output in (10, 20, 30)))
    assert found.of("matcher", MODEL, "output tokens") == Sums(3, 60, 1_400)
    assert found.of("matcher", MODEL, "seconds") == Sums(3, 6.0, 14.0)
    assert found.of(MODEL, "prompt characters").total == 9_000
    assert found.of(MODEL, "prompt tokens").total == 2_700


def test_a_variance_is_a_share_of_the_means_square() -> None:
    assert Sums(3, 60, 1_400).mean == 20
    assert Sums(3, 60, 1_400).variance == pytest.approx(200 / 3 / 400)
    assert (Sums().mean, Sums().variance) == (0, 0)


def test_agents_are_apart_and_what_is_not_seen_is_nothing() -> None:
    found = seen(facts("matcher"), facts("critic", output=7))
    assert found.of("critic", MODEL, "output tokens") == Sums(1, 7, 49)
    assert found.of("matcher2", MODEL, "output tokens") == Sums()
    assert found.answers == 2


def test_a_reply_from_the_cache_counts_as_what_it_took_without_a_time() -> None:
    found = seen(facts(output=40), facts(output=60, seconds=0.001, saved=True))
    assert found.of("matcher", MODEL, "output tokens").mean == 50
    assert found.of("matcher", MODEL, "seconds") == Sums(1, 1, 1)
    assert found.answers == 1


def test_a_replayed_reply_has_no_time() -> None:
    assert seen(facts(seconds=0.0), facts(seconds=3.0)).of("matcher", MODEL, "seconds") == Sums(1, 3, 9)


def test_what_a_provider_refused_does_not_count() -> None:
    refused = facts(fault="model-unavailable")
    assert seen(refused).as_record() == closed([refused]).as_record() == {}
    assert closed([refused, facts()]).calls("matcher", PLAIN) == Sums(1, 1, 1)


def test_calls_are_counted_by_kind_of_registration() -> None:
    found = closed([facts(), facts("matcher2")], [facts(), facts(), facts("critic"), facts("matcher2")])
    assert found.calls("matcher", PLAIN) == Sums(2, 3, 5)
    assert found.calls("critic", PLAIN) == Sums(2, 1, 1)
    assert found.calls("matcher", NOTED) == Sums()
    assert closed([facts()], noted=True).calls("matcher", NOTED) == Sums(1, 1, 1)


def test_who_is_asked_first_is_the_matcher_of_the_first_phase_that_asks() -> None:
    assert closed([facts("matcher2"), facts()]).calls("matcher2", PLAIN) == Sums(1, 1, 1)
    assert closed([facts("matcher2")]).calls("matcher2", kind("matcher2", noted=False)) == Sums(1, 1, 1)
    assert closed([]).as_record() == {}


def test_what_is_held_does_not_grow_with_the_run() -> None:
    draws = random.Random(1)
    found = seen(*(facts(output=draws.randrange(10, 99), seconds=draws.random()) for _ in range(3_000)))
    for number in range(1, 200):
        found.close([facts()] * number, noted=False)
    assert len(codec.dump(found.as_record())) < 1_000


def test_a_record_says_all_of_it() -> None:
    draws = random.Random(1)
    found = seen(*(facts(output=draws.randrange(10, 99), seconds=draws.random()) for _ in range(50)))
    found.close([facts(), facts("critic")], noted=True)
    record = codec.load(codec.dump(found.as_record()))
    assert Seen.from_record(record).as_record() == record
    assert Seen.from_record(record).calls("critic", NOTED) == Sums(1, 1, 1)


@pytest.mark.parametrize("row", [None, 1, [], [1, 2], [1, 2, 3, 4], [1, 2, -3], [1, 2, nan], [inf, 1, 1], ["1", 2, 3]])
def test_a_record_of_anything_else_is_refused(row: Json) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        Seen.from_record({"matcher": row})


@pytest.mark.parametrize("record", [None, [], "seen", 7])
def test_what_is_no_record_is_refused(record: Json) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        Seen.from_record(record)
