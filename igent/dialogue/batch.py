"""Several openings about the same candidates as one, and the answers to it one by one.

A batch begins as each of its openings does, byte for byte, so that a provider's cache serves all batches of a candidate
set; then come the households, each with a number, and what to reply. It is a way to ask, not another question: it can
be taken apart into the openings that it was made of. A household with a note is never in one, so that no other is
judged beside its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import cast

from igent import codec
from igent.dialogue.extract import JsonExtractor
from igent.dialogue.prompts import NotAPromptError, shared_chars
from igent.domain.records import Json

__all__ = ["Answers", "MAX_BATCH", "apart", "batch_reply", "maybe_shared", "together"]

MAX_BATCH = 64  # what a model can keep apart, and what a reply has tokens for

_HOUSEHOLDS, _REPLY = "HOUSEHOLDS\n", "\nREPLY\n"
_HOW = (
    "Judge each of HOUSEHOLDS by itself, as if it were the only one. Reply with one object "
    '{"answers":[{"h":1,...},{"h":2,...}]}: for each household, in their order, its number and its answer, in the form '
    "that one household is answered in."
)
_NO_NOTE = "\nNOTE\nnull"

# The list of answers: the first bracket that opens one of objects.
_LIST = re.compile(r"\[(?=\s*\{)")


def maybe_shared(opening: str) -> str | None:
    """What an opening shares with others that it can be asked with; None where it has a note or is no opening."""
    shared = shared_chars(opening)
    return opening[:shared] if shared and opening.endswith(_NO_NOTE) else None


def together(openings: Sequence[str]) -> str:
    """One message for openings that share the same beginning and have no note; their numbers begin with 1.

    Raises `NotAPromptError` for any others.
    """
    beginnings = {maybe_shared(opening) for opening in openings}
    shared = beginnings.pop() if len(beginnings) == 1 else None
    if shared is None or len(openings) > MAX_BATCH:
        raise NotAPromptError(f"only {MAX_BATCH} openings without a note, all with one beginning, can go together")
    owns = (_own(opening[len(shared) :]) for opening in openings)
    households: list[Json] = [{"h": number, **own} for number, own in enumerate(owns, start=1)]
    return f"{shared}{_HOUSEHOLDS}{codec.dump(households).decode()}{_REPLY}{codec.dump(_HOW).decode()}"


def apart(message: str) -> list[str]:
    """The openings that `together` has made a message of, in order; none for any other prompt."""
    shared = message[: shared_chars(message)]
    if not message.startswith(_HOUSEHOLDS, len(shared)):
        return []
    households = codec.load(message[len(shared) :].removeprefix(_HOUSEHOLDS).partition("\n")[0])
    return [shared + _sections(household) for household in cast(list[dict[str, Json]], households)]


def batch_reply(replies: Sequence[str]) -> str:
    """The reply to a batch whose households are answered by `replies`, in order, each beginning with its number."""
    entries = (f'{{"h":{number},{reply.removeprefix("{")}' for number, reply in enumerate(replies, start=1))
    return f'{{"answers":[{",".join(entries)}]}}'


class Answers:
    """The answers in a reply to a batch while it arrives, each as its object closes; unread but for their place.

    How the reply is cut never changes what is found. Without a list of objects nothing is.
    """

    def __init__(self) -> None:
        self._extractor = JsonExtractor()
        self._before: str | None = ""

    def feed(self, text: str) -> list[tuple[int, str]]:
        """Take the next characters; each answer that they complete, as compact JSON, with its household's index."""
        if self._before is not None:
            # What is around the list would otherwise be one object, and hide the entries until all are there.
            self._before += text
            if (begun := _LIST.search(self._before)) is None:
                return []
            text, self._before = self._before[begun.end() :], None
        found = self._extractor.feed(text.encode("utf-8", "replace"))
        return [answer for each in found for answer in _entries(_maybe_loaded(each))]


def _maybe_loaded(found: bytes) -> Json:
    try:
        return codec.load(found)
    except codec.DecodeError:  # half a surrogate pair: no answer
        return None


def _entries(value: Json) -> Iterator[tuple[int, str]]:
    match value:
        case {"answers": list(entries)}:  # a second list, behind one that was none
            for entry in entries:
                yield from _entries(entry)
        case {"h": int(number), **answer} if number is not True and 1 <= number <= MAX_BATCH:
            yield number - 1, codec.dump(answer).decode()


def _own(text: str) -> dict[str, Json]:
    """The sections of one household, but for the note that it does not have."""
    lines = text.removesuffix(_NO_NOTE).split("\n")
    return {heading: codec.load(line) for heading, line in zip(lines[::2], lines[1::2], strict=True)}


def _sections(household: dict[str, Json]) -> str:
    own = (f"{heading}\n{codec.dump(value).decode()}" for heading, value in household.items() if heading != "h")
    return "\n".join(own) + _NO_NOTE
