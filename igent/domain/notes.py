"""A household's own words made fit to show: bounded, normalised, without invisible or identifying parts.

A note is data. What is removed here (tag characters, zero-width and control characters) could carry instructions that
a person reviewing the note would not see; what is masked could identify somebody.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from igent.domain.records import Json

__all__ = [
    "MAX_NOTE_CHARS",
    "MIN_QUOTATION_CHARS",
    "Mask",
    "NoteTooLongError",
    "Passage",
    "clean_note",
    "maybe_passage",
    "occurs_in",
]

Mask = tuple[re.Pattern[str], str]

# A wish fits in a few sentences; 2,000 characters (about 500 tokens) keep one household from crowding out its prompt.
MAX_NOTE_CHARS = 2_000

# Fewer characters are in nearly every note and are evidence of nothing.
MIN_QUOTATION_CHARS = 3

_HIDDEN = {"Cc", "Cf", "Co", "Cs", "Cn"}

# What Unicode calls default-ignorable beyond those categories: variation selectors, joiners and letters without a form
# (https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt, version 16).
_IGNORABLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")
_MASKABLE = re.compile(r"\d|@|www\.|https?:", re.IGNORECASE)  # without one of these there is nothing to mask
_MASKS = (
    (re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE), "[link]"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "[email]"),
    # Social security and card numbers, then telephone numbers: ten digits as North America groups them, seven with a
    # separator, what follows a plus sign, and any other run of seven digits that is no amount of dollars.
    (re.compile(r"(?<![\w$])\d{3}-\d{2}-\d{4}(?!\w)|(?<![\w$])\d{4}(?:[ -]?\d{4}){2,3}(?!\w)"), "[number]"),
    (
        re.compile(
            r"(?<![\w$,-])(?:\+\d[\d\s().-]{6,16}\d|(?:1[\s.-]?)?\(?\d{3}\)?[\s.-]?\d{3}[\s.-]?\d{4}|\d{3}[\s.-]\d{4}|\d{7,})"
            r"(?:\s?x\d+)?(?![\w-])"
        ),
        "[phone]",
    ),
)


class NoteTooLongError(ValueError):
    """The note is longer than `MAX_NOTE_CHARS`: a shortened note could mean another thing, so a person reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Words of a text and where they stand in it: characters counted from 0, the one at `end` not included."""

    text: str
    start: int
    end: int

    def as_record(self) -> dict[str, Json]:
        """The form in which prompts and orders show it."""
        return {"text": self.text, "start": self.start, "end": self.end}


def clean_note(text: str, masks: Sequence[Mask] = ()) -> str | None:
    """The note as one line of visible text, or None where nothing is left. Raises `NoteTooLongError`.

    `masks` go before those that every market has; what they match must hold a digit.
    """
    if text.isascii() and text.isalpha() and len(text) <= MAX_NOTE_CHARS:  # one word, as most facts: nothing to mask
        return text
    plain = text.isascii() and text.isprintable()
    visible = text if plain else "".join(map(_visible, _IGNORABLE.sub("", text)))
    note = " ".join((visible if plain else unicodedata.normalize("NFC", visible)).split())
    if _MASKABLE.search(note):
        for pattern, mask in (*masks, *_MASKS):
            note = pattern.sub(mask, note)
    if len(note) > MAX_NOTE_CHARS:
        raise NoteTooLongError(f"{len(note)} characters, at most {MAX_NOTE_CHARS} are shown to a model")
    return note or None


def occurs_in(words: str, note: str) -> bool:
    """Whether `words` are a quotation of the note: whole words of it, letter case and runs of white space apart."""
    quotation = " ".join(words.split()).casefold()
    if len(quotation) < MIN_QUOTATION_CHARS:
        return False
    return re.search(rf"(?<!\w){re.escape(quotation)}(?!\w)", note.casefold()) is not None


def maybe_passage(words: str, text: str) -> Passage | None:
    """The first place where a text has `words`, as `occurs_in` compares them, in the text's own writing; or None."""
    parts = words.split()
    if len(" ".join(parts)) < MIN_QUOTATION_CHARS:
        return None
    pattern = r"\s+".join(map(re.escape, parts))
    found = re.search(rf"(?<!\w){pattern}(?!\w)", text, re.IGNORECASE)
    return None if found is None else Passage(text=found[0], start=found.start(), end=found.end())


def _visible(char: str) -> str:
    if char.isspace():
        return " "
    return "" if unicodedata.category(char) in _HIDDEN else char
