"""What was asked, what was answered, and what each answer was worth."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from igent.domain.codes import in_words
from igent.story.text import Row, as_list, as_row, as_rows, as_text

__all__ = ["calls_made", "phase_lines", "unplaced"]


def phase_lines(phase: Row) -> Iterator[str]:
    """One phase, turn by turn."""
    yield f"PHASE {phase['phase']}: {phase.get('verdict', phase.get('error', 'not held'))}"
    seen = set[str]()
    for number, turn in enumerate(as_rows(phase.get("turns")), start=1):
        yield from _question(number, turn, seen)
        if turn.get("reply") is not None:
            unusable = f" ({turn['unusable']})" if turn["unusable"] else ""
            yield f"      replied{unusable}: {turn['reply']}"
        if "verdict" in turn:
            yield f"      {'verified' if turn['speaker'] == 'matcher' else 'ruled'}: {turn['verdict']}{_why(turn)}"
    if phase.get("decision"):
        yield f"  decision {as_text(phase['decision'])}"


def _why(turn: Row) -> str:
    """What a verdict rests on; a detail is the part of the answer that breaks the rule."""
    pairs = zip_longest(as_list(turn.get("codes")), as_list(turn.get("details")))
    told = [in_words(str(code)) + (f" [{as_text(detail)}]" if detail else "") for code, detail in pairs]
    return f": {'; '.join(told)}" if told else ""


def _question(number: int, turn: Row, seen: set[str]) -> Iterator[str]:
    """What an agent was asked; its instructions only the first time."""
    if "agent" not in turn:
        yield f"  {number}. {turn.get('speaker')}: its prompt cannot be rendered from the inputs as they are now"
        return
    agent, digest = str(turn["agent"]), str(turn["request"])[:12]
    same = "as it was asked" if turn["as_asked"] else "NOT as it was asked, or it was never answered"
    yield f"  {number}. {agent} on {turn['model']}, request {digest}: {same}"
    if agent not in seen:
        seen.add(agent)
        yield from _quoted("system", str(turn["system"]))
    for message in as_rows(turn["messages"]):
        yield from _quoted(str(message["author"]), str(message["text"]))


def _quoted(author: str, text: str) -> Iterator[str]:
    yield f"      {author}"
    yield from (f"      | {line}" for line in text.split("\n"))


def unplaced(story: Row) -> Iterator[str]:
    """The replies whose questions cannot be rendered any more."""
    replies = as_rows(story["unplaced_replies"])
    if replies:
        yield "REPLIES to requests that cannot be rendered from the inputs as they are now"
        yield from (f"  {one['agent']}, request {str(one['request'])[:12]}: {one['text']}" for one in replies)


def calls_made(story: Row) -> Iterator[str]:
    """What each call took."""
    calls = as_rows(story["calls"])
    if calls:
        yield "CALLS"
    for call in calls:
        usage = as_row(call["usage"])
        tokens = ", ".join(f"{count} {name.removesuffix('_tokens')}" for name, count in usage.items() if count)
        came = "from the cache of replies" if call["from_cache"] else f"{call['seconds']:.2f} s; {tokens} tokens"
        came += "" if call["calls"] or call["from_cache"] else "; in a call with other households"
        fault = f"; failed: {call['fault']}" if call["fault"] else ""
        yield f"  {call['agent']} on {call['model']}, request {str(call['request'])[:12]}: {came}{fault}"
