"""What the registrations of every market have in common: a programme's export has these fields, whatever it sells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from igent.domain.notes import Mask, NoteTooLongError, clean_note
from igent.domain.records import Json
from igent.markets.fields import FieldError, Fields

__all__ = [
    "ID_FIELD",
    "NOTE_FIELD",
    "PRIVATE",
    "SHARED",
    "check_note",
    "facts_of",
    "fields_of",
    "identify",
    "note_of",
    "withdrawn",
]

ID_FIELD = "RegistrationNumber"
NOTE_FIELD = "Notes"
_STATUS = "RegistrationStatus"

SHARED = frozenset({"CampaignName", ID_FIELD, NOTE_FIELD, _STATUS})
# Never shown as they stand, with or without the context filter: the note has its own section, cleaned.
PRIVATE = frozenset({ID_FIELD, NOTE_FIELD, _STATUS})

# The longest value of a fact in a programme's export has 23 characters; free text does not belong in them.
_FACT_CHARS = 64
_NOTE_CHARS = 1 << 20  # any that a row can hold: one too long to show is for a person, not a bad row
_PLAIN = (str, int, float)
_WITHDRAWN = {"declined", "cancelled"}


def identify(row: Json) -> str | None:
    """The registration's id, where a row has one that can be read."""
    try:
        return Fields(row, "").text(ID_FIELD) if isinstance(row, dict) else None
    except FieldError:
        return None


def fields_of(row: Json, *, pointer: str) -> Fields:
    """The fields of a row. Raises `FieldError` for one that is no object."""
    if not isinstance(row, dict):
        raise FieldError("", "is not an object")
    return Fields(row, pointer)


def withdrawn(fields: Fields) -> bool:
    """Whether the household has withdrawn."""
    return (fields.maybe_text(_STATUS) or "").lower() in _WITHDRAWN


def facts_of(fields: Fields, names: Iterable[str], masks: Sequence[Mask] = ()) -> dict[str, Json]:
    """The facts that a prompt may show: short plain values, cleaned like a note, numbers too."""
    facts: dict[str, Json] = {}
    for name in names:
        value = fields.values.get(name)
        if isinstance(value, _PLAIN) and value != "" and len(text := str(value)) <= _FACT_CHARS:
            cleaned = clean_note(text, masks)
            facts[name] = value if cleaned == text else cleaned
    return facts


def check_note(fields: Fields) -> None:
    """Raise the `FieldError` of a note that cannot be read."""
    fields.maybe_text(NOTE_FIELD, most=_NOTE_CHARS)


def note_of(fields: Fields, masks: Sequence[Mask] = ()) -> tuple[str | None, str | None]:
    """The note as models may see it, and the problem where they may not."""
    text = fields.maybe_text(NOTE_FIELD, most=_NOTE_CHARS)
    if text is None:
        return None, None
    try:
        return clean_note(text, masks), None
    except NoteTooLongError as exc:
        return None, str(exc)
