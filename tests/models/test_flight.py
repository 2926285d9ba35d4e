"""One call for several: each hears what is theirs, and what it took is told once, however the reply goes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igent.accounting.usage import Usage, estimate_tokens
from igent.dialogue.batch import batch_reply
from igent.errors import ModelRejected, ModelUnavailable
from igent.models.base import Message, ModelEvent, ModelRequest, PromptRead, ReplyEnd, Sent
from igent.models.flight import Flight, Seat
from igent.models.tally import Tally

GOOD = '{"fit":[["o1"]],"words":[],"why":""}'
TOOK = Usage(input_tokens=101, output_tokens=60, cache_read_tokens=50, cache_write_tokens=7)
PROMPT = replace(TOOK, output_tokens=0)
END = ReplyEnd(stop_reason="end_turn", usage=TOOK)


def request(text: str = "Which offers?") -> ModelRequest:
    messages = (Message(author="user", text=text),)
    return ModelRequest(agent="matcher", kind="match", system="Match.", messages=messages, max_tokens=100)


def flight_of(count: int) -> Flight:
    """A call for so many households, none of whose answers breaks a rule."""
    first, *others = (Seat(request()) for _ in range(count))
    if others:
        first.flight.board(others, request("Which offers for each?"))
    return first.flight


def flown(flight: Flight, *events: ModelEvent, error: Exception | None = None) -> list[list[object]]:
    """What each of its readers hears of a call that said this."""
    for event in events:
        flight.take(event)
    flight.close(error)
    return [heard(seat) for seat in flight.seats]


def heard(seat: Seat) -> list[object]:
    return [seat.events.get_nowait() for _ in range(seat.events.qsize())]


def told(flight: Flight) -> Usage:
    """What all of its readers were told together, and what is owed."""
    usages = [one.usage for seat in flight.seats for one in heard(seat) if isinstance(one, ReplyEnd)]
    return sum([*usages, *(seat.owed for seat in flight.seats)], start=Usage())


def test_who_is_alone_hears_everything_as_it_is() -> None:
    events: list[ModelEvent] = [Sent(), PromptRead(usage=PROMPT), "a", "b", END]
    assert flown(flight_of(1), *events) == [[*events, None]]


@pytest.mark.parametrize("error", [None, ModelUnavailable("m", "busy")])
def test_who_is_alone_hears_how_it_was_broken_off(error: Exception | None) -> None:
    assert flown(flight_of(1), Sent(), "a", error=error) == [[Sent(), "a", error]]


def test_each_hears_its_own_answer_and_a_share_and_the_last_one_the_rest() -> None:
    first, last = flown(flight_of(2), Sent(filled=request()), PromptRead(usage=PROMPT), batch_reply([GOOD, GOOD]), END)
    half = Usage(input_tokens=50, cache_read_tokens=25, cache_write_tokens=3)
    share = half + Usage(output_tokens=estimate_tokens(GOOD), estimated=True)
    rest = Usage(input_tokens=51, output_tokens=51, cache_read_tokens=25, cache_write_tokens=4)
    told = [PromptRead(usage=half), GOOD]
    assert first == [Sent(), *told, ReplyEnd(stop_reason="end_turn", usage=share), None]
    assert last == [Sent(calls=0), *told, ReplyEnd(stop_reason="end_turn", usage=rest), None]


def test_an_answer_is_heard_when_its_object_closes() -> None:
    flight, reply = flight_of(2), batch_reply([GOOD, GOOD])
    for character in reply[: reply.index("},{") + 1]:
        flight.take(character)
    assert [len(heard(seat)) for seat in flight.seats] == [3, 0]


def test_no_end_but_of_a_whole_answer_is_told() -> None:
    end = replace(END, stop_reason="max_tokens")
    ends = [one for each in flown(flight_of(2), Sent(), batch_reply([GOOD, GOOD]), end) for one in each[-2:-1]]
    assert [one.stop_reason for one in ends if isinstance(one, ReplyEnd)] == ["end_turn", "end_turn"]


ENTRIES = st.sampled_from([GOOD, "null", '{"fit":0}', '{"verdict":"approve"}', "{..."])
COUNTS = st.integers(0, 10**6)
PROMPTS = st.builds(Usage, input_tokens=COUNTS, cache_read_tokens=COUNTS, cache_write_1h_tokens=COUNTS)


@given(st.lists(ENTRIES, min_size=2, max_size=8), PROMPTS, COUNTS, st.booleans())
def test_all_are_told_what_was_counted_whoever_is_answered(
    entries: list[str], prompt: Usage, spare: int, counted_first: bool
) -> None:
    flight, text = flight_of(len(entries)), batch_reply(entries)
    # No fewer than the estimates of the answers, whatever else was said.
    took = prompt + Usage(output_tokens=estimate_tokens(text) + spare)
    begun: list[ModelEvent] = [Sent(), PromptRead(usage=prompt)] if counted_first else [Sent()]
    for event in (*begun, text):
        flight.take(event)
    flight.close(None)  # cut off: an estimate is shared out no worse
    assert told(flight) == replace(flight.usage(None), estimated=True)
    whole = flight_of(len(entries))
    for event in (Sent(), text, ReplyEnd(stop_reason="end_turn", usage=took)):
        whole.take(event)
    whole.close(None)
    assert replace(told(whole), estimated=False) == took


@given(st.lists(ENTRIES, min_size=2, max_size=8))
def test_one_call_is_counted_once_whoever_is_answered(entries: list[str]) -> None:
    flight = flight_of(len(entries))
    each = flown(flight, Sent(), batch_reply(entries), END)
    assert [events[0] for events in each] == [Sent(calls=1), *[Sent(calls=0)] * (len(entries) - 1)]
    assert [GOOD in events for events in each] == [entry == GOOD for entry in entries]
    assert [seat.done for seat in flight.seats] == [entry == GOOD for entry in entries]


def test_only_one_of_them_owes_and_hears_it_with_its_own_call() -> None:
    flight, own = flight_of(3), Usage(input_tokens=10)
    each = flown(flight, Sent(), PromptRead(usage=PROMPT), "{", END)
    owed = [TOOK, Usage(), Usage()]
    assert [events[1:] for events in each] == [[PromptRead(usage=one)] for one in owed]
    alone = Flight([flight.seats[0]], Tally(request=flight.seats[0].request))
    (events,) = flown(alone, Sent(), PromptRead(usage=own), GOOD, ReplyEnd(stop_reason="end_turn", usage=own))
    both = own + TOOK
    assert events == [Sent(), PromptRead(usage=both), GOOD, ReplyEnd(stop_reason="end_turn", usage=both), None]


@pytest.mark.parametrize(
    ("events", "error", "owed"),
    [
        ([], ModelUnavailable("m", "no connection"), Usage()),
        ([Sent()], ModelRejected("m", "too long"), Usage()),
        ([Sent()], ModelUnavailable("m", "429", unread=True), Usage()),
        ([Sent()], ModelUnavailable("m", "reset"), Usage.estimate(prompt=request("Which offers for each?").prompt)),
        ([Sent(), PromptRead(usage=PROMPT), "four"], None, PROMPT + Usage(output_tokens=1, estimated=True)),
    ],
)
def test_what_a_broken_call_took_is_owed_as_far_as_it_was_read(
    events: list[ModelEvent], error: Exception | None, owed: Usage
) -> None:
    flight = flight_of(2)
    each = flown(flight, *events, error=error)
    assert [seat.owed for seat in flight.seats] == [owed, Usage()]
    assert [len(heard) for heard in each] == [2 * len(events[:1])] * 2  # nothing, where it was never sent


def test_who_was_answered_last_hears_an_end_though_the_call_had_none() -> None:
    _, last = flown(flight_of(2), Sent(), batch_reply([GOOD, GOOD]), error=ModelUnavailable("m", "reset"))
    assert [type(one) for one in last] == [Sent, str, ReplyEnd, type(None)]


def test_an_answer_that_breaks_a_rule_is_none() -> None:
    strict = Seat(replace(request(), verified=lambda text: "o2" in text))
    strict.flight.board([Seat(request())], request())
    each = flown(strict.flight, Sent(), batch_reply([GOOD, GOOD]), END)
    assert [GOOD in events for events in each] == [False, True]


@pytest.mark.parametrize("number", ["2", "3", "64", '"x"'])
def test_an_answer_for_nobody_is_for_nobody(number: str) -> None:
    flight = flight_of(2)
    reply = f'{{"answers":[{{"h":1,{GOOD[1:]},{{"h":{number},{GOOD[1:]}]}}'
    flown(flight, Sent(), reply, END)
    assert [seat.done for seat in flight.seats] == [True, number == "2"]


def test_who_was_answered_ill_is_not_answered_by_a_second_entry() -> None:
    flight = flight_of(2)
    entries = ('"x":0}', GOOD[1:])
    flown(flight, Sent(), '{"answers":[' + ",".join(f'{{"h":1,{one}' for one in entries), END)
    assert flight.expecting == flight.seats


def test_nothing_more_comes_to_who_was_answered_but_for_the_last_one() -> None:
    flight = flight_of(2)
    for event in (Sent(), batch_reply([GOOD, GOOD])):
        flight.take(event)
    assert flight.expecting == flight.seats[1:]
    flight.close(None)
    assert flight.expecting == []


def test_what_is_left_is_never_below_nothing() -> None:
    end = ReplyEnd(stop_reason="end_turn", usage=Usage(input_tokens=4, output_tokens=3))
    *_, last, _ = flown(flight_of(2), Sent(), batch_reply([GOOD, GOOD]), end)[1]
    assert last == replace(end, usage=Usage(input_tokens=4))  # the first one's words were taken for more
