from __future__ import annotations

import random
from math import inf, nan

import pytest

from igent import codec
from igent.accounting.calls import CallFacts
from igent.accounting.history import History, Spread, value_at
from igent.accounting.observed import Observed
from igent.accounting.usage import Usage
from igent.domain.records import Json

MODEL = "claude-haiku-5-5"


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
        kind="match",
        model=MODEL,
        usage=Usage() if saved else took,
        saved=took if saved else None,
        seconds=seconds,
        first_seconds=seconds / 2,
        fault=fault,
    )


def seen(*calls: CallFacts) -> Observed:
    observed = Observed()
    for call in calls:
        observed.add(call, prompt_chars=3_000)
    return observed


def outputs(history: History) -> Spread:
    return history.figures["matcher", MODEL].output_tokens


def test_figures_are_those_of_the_calls() -> None:
    history = seen(*(facts(output=output, seconds=output / 10) for output in (10, 20, 30, 40, 50))).history()
    figures = history.figures["matcher", MODEL]
    assert (figures.prompt_chars, figures.prompt_tokens) == (15_000, 4_500)
    assert figures.output_tokens.mean == 30
    assert figures.output_tokens.deviation == pytest.approx(15.811388)
    assert figures.output_tokens.quantiles == tuple(range(10, 51, 2))
    assert figures.seconds is not None
    assert figures.seconds.mean == 3
    assert figures.first_seconds is not None
    assert figures.first_seconds.mean == 1.5


def test_agents_and_models_are_apart() -> None:
    assert seen(facts("matcher"), facts("critic")).history().figures.keys() == {("matcher", MODEL), ("critic", MODEL)}


def test_a_reply_from_the_cache_counts_as_what_it_took_without_a_time() -> None:
    history = seen(facts(output=40), facts(output=60, seconds=0.001, saved=True)).history()
    figures = history.figures["matcher", MODEL]
    assert figures.output_tokens.mean == 50
    assert figures.seconds is not None
    assert figures.seconds.count == 1


def test_what_a_provider_refused_does_not_count() -> None:
    refused = facts(fault="model-unavailable")
    observed = seen(refused)
    observed.close([refused, facts()], noted=False)
    assert observed.history() == History(figures={}, patterns={True: (), False: (({"matcher": 1}, 1),)})


def test_courses_are_counted_apart_for_households_with_a_note() -> None:
    observed = Observed()
    for _ in range(3):
        observed.close([facts(), facts("matcher2")], noted=False)
    observed.close([facts(), facts(), facts("matcher2"), facts("critic")], noted=True)
    observed.close([], noted=True)
    assert observed.history().patterns == {
        False: (({"matcher": 1, "matcher2": 1}, 3),),
        True: (({"critic": 1, "matcher": 2, "matcher2": 1}, 1),),
    }


def test_memory_is_bounded_and_sums_are_not() -> None:
    observed = seen(*(facts(output=output) for output in range(3_000)))
    for number in range(1, 200):
        observed.close([facts()] * number, noted=False)
    history = observed.history()
    assert outputs(history).mean == 1_499.5
    assert outputs(history).quantiles[-1] == 999
    assert len(history.patterns[False]) == 64


def test_a_record_says_all_of_it() -> None:
    draws = random.Random(1)
    observed = seen(*(facts(output=draws.randrange(10, 99), seconds=draws.random()) for _ in range(50)))
    observed.close([facts(), facts("critic")], noted=True)
    record = codec.load(codec.dump(observed.as_record()))
    assert History.from_record(record).as_record() == record


def test_nothing_seen_has_a_record_too() -> None:
    assert History.from_record(Observed().as_record()) == Observed().history()


def test_a_single_value_is_all_there_is() -> None:
    (only,) = {*outputs(seen(facts(output=40)).history()).quantiles}
    assert only == 40


def test_draws_between_quantiles_have_the_mean_of_all_values() -> None:
    draws = random.Random(1)
    values = [round(100 * draws.lognormvariate(0, 1)) for _ in range(400)]
    spread = outputs(seen(*(facts(output=value) for value in values)).history())
    drawn = [value_at(spread.quantiles, draws.random()) * spread.scale for _ in range(20_000)]
    assert sum(drawn) / len(drawn) == pytest.approx(sum(values) / len(values), rel=0.05)


def spread(**changed: Json) -> dict[str, Json]:
    good: dict[str, Json] = {"count": 2, "mean": 1.0, "deviation": 0.5, "quantiles": [*map(float, range(21))]}
    return good | changed


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {},
        {"agents": {}},
        {"agents": {}, "registrations": {"noted": [], "plain": [[{"matcher": -1}, 1]]}},
        {"agents": {}, "registrations": {"noted": [], "plain": [[{"matcher": 10**9}, 1]]}},
        {"agents": {}, "registrations": {"noted": [], "plain": [[{}, 1]]}},
        {"agents": {"matcher": 1}, "registrations": {"noted": [], "plain": []}},
        {"agents": {"matcher": {MODEL: {}}}, "registrations": {"noted": [], "plain": []}},
    ],
)
def test_a_record_of_anything_else_is_refused(record: Json) -> None:
    with pytest.raises(ValueError, match=r"cannot be|is not a number"):
        History.from_record(record)


@pytest.mark.parametrize(
    "record",
    [
        spread(count=0),
        spread(mean=nan),
        spread(mean=-1.0),
        spread(deviation=inf),
        spread(quantiles=[1.0] * 20),
        spread(quantiles=[*map(float, range(21, 0, -1))]),
        spread(quantiles=[True] * 21),
    ],
)
def test_a_spread_that_cannot_be_one_is_refused(record: Json) -> None:
    with pytest.raises(ValueError, match=r"cannot be|is not a number"):
        Spread.from_record(record)
