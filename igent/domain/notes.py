"""A household's own words made fit to show: bounded, normalised, without invisible or identifying parts.

A note is data. What is removed here (tag characters, zero-width and control characters) could carry instructions that
a person reviewing the note would not see; what is masked could identify somebody.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["MAX_NOTE_CHARS", "NoteTooLongError", "clean_note", "occurs_in"]

# A wish fits in a few sentences; 2,000 characters (about 500 tokens) keep one household from crowding out its prompt.
MAX_NOTE_CHARS = 2_000

_HIDDEN = {"Cc", "Cf", "Co", "Cs", "Cn"}
_MASKS = (
    (re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE), "[link]"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "[email]"),
    (re.compile(r"(?<![\w$])\+?\d(?:[\s().-]{0,2}\d){6,14}(?!\w)"), "[phone]"),
)


class NoteTooLongError(ValueError):
    """The note is longer than `MAX_NOTE_CHARS`: a shortened note could mean another thing, so a person reads it."""


def clean_note(text: str) -> str | None:
    """The note as one line of visible text, or None where nothing is left. Raises `NoteTooLongError`."""
    visible = "".join(_visible(char) for char in unicodedata.normalize("NFC", text))
    note = " ".join(visible.split())
    if len(note) > MAX_NOTE_CHARS:
        raise NoteTooLongError(f"{len(note)} characters, at most {MAX_NOTE_CHARS} are shown to a model")
    for pattern, mask in _MASKS:
        note = pattern.sub(mask, note)
    return note or None


def occurs_in(words: str, note: str) -> bool:
    """Whether `words` are a quotation of the note: the same characters, letter case and runs of white space apart."""
    quotation = " ".join(words.split()).casefold()
    return bool(quotation) and quotation in note.casefold()


def _visible(char: str) -> str:
    if char.isspace():
        return " "
    return "" if unicodedata.category(char) in _HIDDEN else char
