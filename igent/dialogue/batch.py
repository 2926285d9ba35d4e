"""Several openings about the same candidates as one, and the answers to it one by one.

A batch begins as each of its openings does, byte for byte, so that a provider's cache serves both; then come the
households, each with an id, and what to reply. It is a way to ask, not another question: it can be taken apart into the
openings that it was made of. A household with a note is never in one, so that no other is judged beside its words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from igent import codec
from igent.dialogue.extract import JsonExtractor
from igent.dialogue.prompts import NotAPromptError, shared_chars
from igent.domain.records import Json

__all__ = ["Answers", "MAX_BATCH", "apart", "batch_reply", "maybe_shared", "together"]

MAX_BATCH = 64  # what a model can keep apart, and what a reply has tokens for

_HOUSEHOLDS, _REPLY = "HOUSEHOLDS\n", "\nREPLY\n"
_HOW = (
    "Judge each of HOUSEHOLDS by itself, as if it were the only one. Reply with one object "
    '{"answers":[{"id":"h1","answer":{...}}]}: an entry for each household, in their order, its answer in the form '
    "that one household is answered in."
)
_NO_NOTE = "\nNOTE\nnull"

_Own: TypeAlias = Mapping[str, Json]


def maybe_shared(opening: str) -> str | None:
    """What an opening shares with others that it can be asked with; None where it has a note or is no opening."""
    shared = shared_chars(opening)
    return opening[:shared] if shared and opening.endswith(_NO_NOTE) else None


def together(openings: Sequence[str]) -> str:
    """One message for openings that share the same beginning and have no note; their ids are h1, h2 and so on."""
    shared = maybe_shared(openings[0])
    if shared is None or any(maybe_shared(opening) != shared for opening in openings):
        raise NotAPromptError("only openings without a note and with the same beginning can be asked together")
    households: list[Json] = [
        {"id": f"h{place}", **_own(opening[len(shared) :])} for place, opening in enumerate(openings, start=1)
    ]
    return f"{shared}{_HOUSEHOLDS}{codec.dump(households).decode()}{_REPLY}{codec.dump(_HOW).decode()}"


def apart(message: str) -> list[str]:
    """The openings that `together` made a message of, in order; none for any other text."""
    shared = message[: shared_chars(message)]
    rest = message[len(shared) :]
    if not shared or not rest.startswith(_HOUSEHOLDS):
        return []
    households = codec.load(rest[len(_HOUSEHOLDS) : rest.index(_REPLY)])
    assert isinstance(households, list)
    return [shared + _sections(household) for household in households if isinstance(household, dict)]


def batch_reply(replies: Sequence[str]) -> str:
    """The reply to a batch whose households are answered by `replies`, in order, each as it stands."""
    entries = (f'{{"id":"h{place}","answer":{reply}}}' for place, reply in enumerate(replies, start=1))
    return f'{{"answers":[{",".join(entries)}]}}'


class Answers:
    """The answers in a reply to a batch while it arrives, each as its object closes; unread but for their place."""

    def __init__(self) -> None:
        self._extractor = JsonExtractor()
        self._in_list = False

    def feed(self, text: str) -> Iterator[tuple[int, str]]:
        """Take the next characters; each answer that they complete, as compact JSON, with its household's index."""
        if not self._in_list:
            # The list's own braces would otherwise hide its entries until all are there.
            _, mark, text = text.partition("[")
            self._in_list = bool(mark)
        for found in self._extractor.feed(text.encode("utf-8", "replace")):
            try:
                yield from _entries(codec.load(found))
            except codec.DecodeError:  # half a surrogate pair: no answer
                continue


def _entries(value: Json) -> Iterator[tuple[int, str]]:
    match value:
        case {"answers": list(entries)}:
            for entry in entries:
                yield from _entries(entry)
        case {"id": str(name), "answer": dict(answer)} if name[:1] == "h" and name[1:].isdecimal():
            yield int(name[1:]) - 1, codec.dump(answer).decode()


def _own(text: str) -> dict[str, Json]:
    """The sections of one household, but for the note that it does not have."""
    lines = text.removesuffix(_NO_NOTE).split("\n")
    return {heading: codec.load(line) for heading, line in zip(lines[::2], lines[1::2], strict=True)}


def _sections(household: _Own) -> str:
    own = (f"{heading}\n{codec.dump(value).decode()}" for heading, value in household.items() if heading != "id")
    return "\n".join(own) + _NO_NOTE
