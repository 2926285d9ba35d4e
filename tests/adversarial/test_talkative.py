"""What a model writes freely is read by nobody but itself, in every constellation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from igent.models.base import ModelRequest
from tests.adversarial.judged import judged
from tests.adversarial.talkative import TalkativeModel, canary
from tests.workflows.runs import SAMPLE, rows_of

# With how many agents each has.
CONSTELLATIONS = {"p1m1_p2m2": 2, "p1m1m2c": 3, "p1m1c1_p2m2c2": 4, "p1m1c1m2c2": 4, "p1r_p2r": 2}


def asked(folder: Path, constellation: str) -> list[ModelRequest]:
    """What agents were asked about some households, critics about all that is proven, too."""
    model = TalkativeModel()
    result = judged(model, folder / "run", SAMPLE, constellation, max_items=25, critic="always")
    assert {"proven", "plausible"} <= {match["judgement"] for match in rows_of(result, "matches.json")}
    return model.requests


def overheard(requests: Iterable[ModelRequest]) -> Iterator[tuple[str, str]]:
    """Who was asked with words of whom."""
    requests = [*requests]
    agents = {request.agent for request in requests}
    for request in requests:
        said = request.system + "".join(message.text for message in request.messages)
        yield from ((request.agent, other) for other in agents - {request.agent} if canary(other) in said)


@pytest.mark.parametrize("constellation", CONSTELLATIONS)
def test_no_agent_is_asked_with_a_word_that_another_has_made_up(tmp_path: Path, constellation: str) -> None:
    requests = asked(tmp_path, constellation)
    mending = {one.agent for one in requests if any(canary(one.agent) in message.text for message in one.messages)}
    assert len(mending) == CONSTELLATIONS[constellation], "each agent reads its own words again where it mends them"
    assert [*overheard(requests)] == []
